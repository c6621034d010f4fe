"""A whole sandbox with a gateway, and short ways to run scripts, serve with them and read logs."""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from sagewizard.sandbox.server import Sandbox
from sagewizard.sandbox.services import BUCKET, ROLE_ARN

if TYPE_CHECKING:
    from collections.abc import Mapping

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def pack(files: Mapping[str, str | bytes]) -> bytes:
    """A .tar.gz of files, as the SDK uploads it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@dataclass
class Bench:
    """The sandbox as its client sees it."""

    server: Sandbox
    clients: Any
    image: str = SKLEARN
    bucket: str = BUCKET
    role: str = ROLE_ARN

    def __post_init__(self) -> None:
        self.s3, self.sagemaker, self.logs = (self.clients(name) for name in ("s3", "sagemaker", "logs"))
        self.runtime = self.clients("sagemaker-runtime")
        self._count = 0

    def name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count}"

    def put(self, key: str, content: str | bytes) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def get(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def wait(self, describe: Any, ending: tuple[str, ...], member: str, seconds: float = 90) -> Any:
        limit = time.monotonic() + seconds
        while (answer := describe())[member] not in ending:
            assert time.monotonic() < limit, answer
            time.sleep(0.05)
        return answer

    def train(
        self,
        script: str | Mapping[str, str],
        hyperparameters: Mapping[str, str] | None = None,
        inputs: Mapping[str, str] | None = None,
        image: str | None = None,
        environment: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """Run a script to its end; the answer of DescribeTrainingJob."""
        name = self.name("script")
        files = {"train.py": script} if isinstance(script, str) else script
        source = self.put(f"{name}/source/sourcedir.tar.gz", pack(files))
        given = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{source}"'}
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": image or self.image, "TrainingInputMode": "File"},
            "RoleArn": self.role,
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "HyperParameters": {
                key: value for key, value in {**given, **(hyperparameters or {})}.items() if value
            },
            "Environment": dict(environment or {}),
            "InputDataConfig": [
                {
                    "ChannelName": channel,
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
                }
                for channel, uri in (inputs or {}).items()
            ],
        } | changes
        if not request["InputDataConfig"]:
            del request["InputDataConfig"]
        if "MetricDefinitions" in changes:
            request["AlgorithmSpecification"]["MetricDefinitions"] = request.pop("MetricDefinitions")
        self.sagemaker.create_training_job(**request)
        return self.ended(name)

    def ended(self, name: str) -> dict[str, Any]:
        return self.wait(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=name),
            ("Completed", "Failed", "Stopped"),
            "TrainingJobStatus",
        )

    def log(self, group: str, prefix: str) -> str:
        """All that the streams of a job hold."""
        streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
        events: list[Any] = []
        for stream in streams:
            answer = self.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )
            events += answer["events"]
        return "\n".join(event["message"] for event in events)

    def job_log(self, job: Mapping[str, Any]) -> str:
        return self.log("/aws/sagemaker/TrainingJobs", f"{job['TrainingJobName']}/")

    def deploy(self, container: Mapping[str, Any], expect: str = "InService") -> str:
        """Make model, configuration and endpoint; the endpoint's name once it is as expected."""
        name = self.name("endpoint")
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=self.role, PrimaryContainer=dict(container)
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        answer = self.wait(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name),
            ("InService", "Failed"),
            "EndpointStatus",
        )
        assert answer["EndpointStatus"] == expect, (
            answer,
            self.log(f"/aws/sagemaker/Endpoints/{name}", "AllTraffic/"),
        )
        return name

    def invoke(self, endpoint: str, body: bytes, content_type: str, accept: str = "") -> bytes:
        extra = {"Accept": accept} if accept else {}
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType=content_type, **extra
        )
        return answer["Body"].read()


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory, clients_of: Any) -> Any:
    server = Sandbox(tmp_path_factory.mktemp("scripts"))
    server.start()
    clients = clients_of(server.services.endpoint_url, server.services.credentials)
    try:
        yield Bench(server, clients)
    finally:
        clients.close()
        server.close()


@pytest.fixture(scope="package")
def iris_csv() -> str:
    """Iris as CSV, the class first."""
    from sklearn.datasets import load_iris

    data = load_iris()
    return "".join(
        f"{label}," + ",".join(map(str, row)) + "\n"
        for row, label in zip(data.data.tolist(), data.target.tolist(), strict=True)
    )
