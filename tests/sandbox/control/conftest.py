"""A control plane over real stores and a compute plane of this file, called by boto3 without a socket."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from sagewizard.clock import SystemClock
from sagewizard.sandbox.control.app import SageMakerApplication
from sagewizard.sandbox.control.service_model import service_model
from sagewizard.sandbox.services import ACCOUNT_ID, REGION, ROLE_ARN, Pace, Services
from sagewizard.sandbox.store.database import Database
from sagewizard.sandbox.store.logs import LogStore
from sagewizard.sandbox.store.metrics import MetricStore
from sagewizard.sandbox.store.objects import ObjectStore
from sagewizard.target import Credentials

BUCKET = "bucket"
IMAGE = f"382416733822.dkr.ecr.{REGION}.amazonaws.com/linear-learner:1"


@dataclass
class Outcome:
    status: str = "Completed"
    failure_reason: str | None = None
    model_artifact: str | None = None
    final_metrics: list[dict[str, Any]] = field(default_factory=list)
    started: float | None = None
    ended: float | None = None


@dataclass
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


class FakeServer:
    """Answers with its variant's name; what it does can be changed by the test."""

    def __init__(self, compute: FakeCompute, spec: Any) -> None:
        self.compute, self.spec = compute, spec
        self.started = self.stopped = False
        self.seen: list[tuple[bytes, dict[str, str]]] = []

    def start(self, cancel: threading.Event) -> str | None:
        self.compute.may_start.wait(10)
        self.started = True
        return self.compute.ping_failure.get(self.spec.model["ModelName"])

    def invoke(self, body: bytes, headers: dict[str, str]) -> Reply:
        self.seen.append((body, dict(headers)))
        return self.compute.answer(self, body)

    def stop(self) -> None:
        self.stopped = True


class FakeCompute:
    def __init__(self, services: Services) -> None:
        self.services = services
        self.on_train: Any = None
        self.on_transform: Any = None
        self.may_start = threading.Event()
        self.may_start.set()
        self.ping_failure: dict[str, str] = {}
        self.servers: list[FakeServer] = []
        self.trained: list[str] = []
        self.answer: Any = lambda server, body: Reply(
            200, {"content-type": "application/json"}, server.spec.variant_name.encode()
        )

    def warm(self) -> None:
        pass

    def train(
        self, request: dict[str, Any], on_status: Any, stop: threading.Event, on_metric: Any = None
    ) -> Outcome:
        self.trained.append(request["TrainingJobName"])
        if self.on_train is not None:
            return self.on_train(request, on_status, stop)
        return self.complete(request, on_status)

    def complete(self, request: dict[str, Any], on_status: Any) -> Outcome:
        start = self.services.clock.now()
        on_status("Starting", "Starting the training job")
        on_status("Starting", "Preparing the instances for training")
        on_status("Downloading", "Downloading input data")
        on_status("Training", "Training image download completed. Training in progress.")
        on_status("Uploading", "Uploading generated training model")
        bucket, _, path = request["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").partition("/")
        key = f"{path.rstrip('/')}/{request['TrainingJobName']}/output/model.tar.gz"
        self.services.objects.put(bucket, key, b"model")
        metrics = [{"MetricName": "train:progress", "Value": 100.0, "Timestamp": start}]
        return Outcome("Completed", None, f"s3://{bucket}/{key}", metrics, start, start + 61.4)

    def transform(self, request: Any, model: Any, on_status: Any, stop: threading.Event) -> Outcome:
        if self.on_transform is not None:
            return self.on_transform(request, model, on_status, stop)
        on_status("InProgress", "Starting the transform job")
        on_status("InProgress", "Transforming")
        now = self.services.clock.now()
        return Outcome("Completed", None, started=now, ended=now)

    def server(self, spec: Any) -> FakeServer:
        self.servers.append(FakeServer(self, spec))
        return self.servers[-1]

    def close(self) -> None:
        pass


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()


@dataclass
class Sandbox:
    """One server's life: its application, and boto3 clients that reach it without a socket."""

    services: Services
    compute: FakeCompute
    app: SageMakerApplication

    def client(self, service: str = "sagemaker", region: str = REGION, validate: bool = True) -> Any:
        client = boto3.client(
            service,
            region_name=region,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            endpoint_url="http://127.0.0.1:1",
            config=Config(retries={"max_attempts": 0}, parameter_validation=validate),
        )
        client.meta.events.register("before-send", lambda request, **_: self.send(request, region))
        return client

    def send(self, request: Any, region: str) -> AWSResponse:
        body = request.body if request.body is not None else b""
        answer = self.call(request.method, request.url, dict(request.headers), body, region)
        return AWSResponse(request.url, answer.status_code, dict(answer.headers), _Raw(answer.get_data()))

    def call(self, method: str, url: str, headers: Any, body: Any, region: str = REGION) -> Any:
        headers = {
            key: value.decode() if isinstance(value, bytes) else value for key, value in headers.items()
        }
        content = body if isinstance(body, bytes) else body.encode()
        builder = EnvironBuilder(url, method=method, headers=headers, data=content)
        environ = builder.get_environ()
        environ["sagewizard.region"] = region
        return self.app.handle(Request(environ))

    def settle(self) -> None:
        """Wait until no job and no endpoint is at work."""
        control = self.app._control
        for job in list(control.jobs._jobs.values()):
            assert job.done.wait(20)
            job.thread.join(20)
        for thread in list(control.hosting._threads):
            thread.join(20)
            assert not thread.is_alive()

    def restart(self, **options: Any) -> Sandbox:
        """A new application over the same stores, as after kill -9: nothing of the old one is closed."""
        compute = FakeCompute(self.services)
        return Sandbox(
            self.services, compute, SageMakerApplication(self.services, compute=compute, **options)
        )


@pytest.fixture
def make_sandbox(tmp_path):
    opened: list[Sandbox] = []

    def make(clock: Any = None, pace: Pace | None = None, **options: Any) -> Sandbox:
        clock = clock or SystemClock()
        folder = tmp_path / str(len(opened))
        database = Database(folder / "sandbox.db")
        services = Services(
            folder=folder,
            account_id=ACCOUNT_ID,
            region=REGION,
            credentials=Credentials("key", "secret"),
            endpoint_url="http://127.0.0.1:1",
            database=database,
            objects=ObjectStore(folder / "objects", database, clock),
            logs=LogStore(folder / "logs", clock),
            clock=clock,
            pace=pace or Pace.instant(),
            metrics=MetricStore(database, clock),
        )
        services.objects.create_bucket(BUCKET, REGION)
        services.objects.put(BUCKET, "train/part-0", b"1,2\n")
        services.objects.put(BUCKET, "model.tar.gz", b"model")
        compute = FakeCompute(services)
        sandbox = Sandbox(services, compute, SageMakerApplication(services, compute=compute, **options))
        opened.append(sandbox)
        return sandbox

    yield make
    for sandbox in opened:
        if isinstance(sandbox.compute, FakeCompute):
            sandbox.compute.may_start.set()
        sandbox.app.close()
        sandbox.services.logs.close()
        sandbox.services.database.close()


@pytest.fixture
def sandbox(make_sandbox):
    return make_sandbox()


@pytest.fixture
def sagemaker(sandbox):
    return sandbox.client()


@pytest.fixture
def requests():
    return Requests()


class Requests:
    """Well-formed inputs of the Create operations."""

    image = IMAGE
    bucket = BUCKET

    def training_job(self, name: str = "job-1", **changes: Any) -> dict[str, Any]:
        return {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE_ARN,
            "InputDataConfig": [self.channel()],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            "HyperParameters": {"predictor_type": "binary_classifier"},
        } | changes

    def channel(
        self, name: str = "train", uri: str = f"s3://{BUCKET}/train", **changes: Any
    ) -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": uri} | changes
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": "text/csv"}

    def model(self, name: str = "model-1", **changes: Any) -> dict[str, Any]:
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
        return {"ModelName": name, "ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": container} | changes

    def endpoint_config(
        self, name: str = "config-1", *weights: float, model: str = "model-1"
    ) -> dict[str, Any]:
        variants = [
            {
                "VariantName": "AllTraffic" if len(weights) < 2 else f"variant-{index}",
                "ModelName": model,
                "InstanceType": "ml.m4.xlarge",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": weight,
            }
            for index, weight in enumerate(weights or (1.0,), 1)
        ]
        return {"EndpointConfigName": name, "ProductionVariants": variants}

    def transform_job(self, name: str = "transform-1", **changes: Any) -> dict[str, Any]:
        return {
            "TransformJobName": name,
            "ModelName": "model-1",
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train"}},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/transformed"},
            "TransformResources": {"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
        } | changes


def _check(shape: Any, value: Any, path: str, problems: list[str]) -> None:
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            problems.append(f"{path}: not a structure")
            return
        problems.extend(f"{path}.{name}: unknown" for name in value if name not in shape.members)
        problems.extend(f"{path}.{name}: missing" for name in shape.required_members if name not in value)
        for name, item in value.items():
            if name in shape.members:
                _check(shape.members[name], item, f"{path}.{name}", problems)
    elif kind == "list":
        for index, item in enumerate(value):
            _check(shape.member, item, f"{path}[{index}]", problems)
    elif kind == "map":
        for key, item in value.items():
            _check(shape.value, item, f"{path}[{key}]", problems)
    else:
        kinds = {
            "string": str,
            "boolean": bool,
            "integer": int,
            "long": int,
            "float": (int, float),
            "double": (int, float),
            "timestamp": (int, float),
        }
        good = isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))
        if not good:
            problems.append(f"{path}: {value!r} is not a {kind}")
        elif shape.metadata.get("enum") and value not in shape.metadata["enum"]:
            problems.append(f"{path}: {value!r} is not in the enum")
        elif kind in ("integer", "long") and value < shape.metadata.get("min", value):
            problems.append(f"{path}: {value!r} is too small")


@pytest.fixture
def check_output(sandbox):
    """Call an operation raw and compare the JSON that comes back with the service's own output shape."""
    import json

    def check(operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        answer = sandbox.call(
            "POST", "http://127.0.0.1/", {"X-Amz-Target": f"SageMaker.{operation}"}, json.dumps(payload)
        )
        assert answer.status_code == 200, answer.get_data()
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
        output = json.loads(answer.get_data() or b"{}")
        problems: list[str] = []
        _check(service_model().operation_model(operation).output_shape, output, operation, problems)
        assert not problems, problems
        return output

    return check


class Tuning:
    """Tuning jobs of one sandbox: their requests, and a training that plays what the test says."""

    def __init__(self, sandbox: Sandbox, requests: Requests) -> None:
        self.sandbox, self.requests = sandbox, requests
        self.score: Any = lambda values: float(values["learning_rate"])
        self.curve: Any = None
        self.fail: Any = lambda number: None
        self.release = threading.Event()
        self.release.set()
        self.begun = threading.Semaphore(0)
        self.seen: list[dict[str, Any]] = []
        self.running = self.most = 0
        self._lock = threading.Lock()
        sandbox.compute.train = self.train  # type: ignore[method-assign]

    def settings(self, jobs: int = 4, parallel: int = 2, **changes: Any) -> dict[str, Any]:
        objective = {"Type": "Maximize", "MetricName": "validation:binary_f_beta"}
        numbers = {"Name": "mini_batch_size", "MinValue": "100", "MaxValue": "2000"}
        return {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": objective,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "1e-5", "MaxValue": "1"}],
                "IntegerParameterRanges": [numbers],
            },
            "RandomSeed": 1,
        } | changes

    def definition(self, **changes: Any) -> dict[str, Any]:
        job = self.requests.training_job()
        for member in ("TrainingJobName", "HyperParameters"):
            del job[member]
        static = {"predictor_type": "binary_classifier", "epochs": "9"}
        return job | {"StaticHyperParameters": static} | changes

    def request(
        self, name: str = "tuning", settings: Any = None, definition: Any = None, **changes: Any
    ) -> dict[str, Any]:
        return {
            "HyperParameterTuningJobName": name,
            "HyperParameterTuningJobConfig": settings or self.settings(),
            "TrainingJobDefinition": definition or self.definition(),
        } | changes

    def start(self, name: str = "tuning", **options: Any) -> Any:
        client = self.sandbox.client()
        client.create_hyper_parameter_tuning_job(**self.request(name, **options))
        return client

    def wait(self) -> None:
        for tuner in list(self.sandbox.app._control.tuners._tuners.values()):
            tuner.thread.join(120)
            assert not tuner.thread.is_alive()
        self.sandbox.settle()

    def run(self, name: str = "tuning", **options: Any) -> dict[str, Any]:
        self.start(name, **options)
        self.wait()
        return self.describe(name)

    def describe(self, name: str = "tuning") -> dict[str, Any]:
        client = self.sandbox.client()
        described: dict[str, Any] = client.describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name
        )
        return described

    def children(self, name: str = "tuning", **options: Any) -> list[dict[str, Any]]:
        answer = self.sandbox.client().list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name, MaxResults=100, **options
        )
        found: list[dict[str, Any]] = answer["TrainingJobSummaries"]
        return found

    def train(self, request: dict[str, Any], on_status: Any, stop: Any, on_metric: Any = None) -> Outcome:
        with self._lock:
            self.seen.append(request)
            number = len(self.seen)
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            return self._play(number, request, on_status, stop, on_metric)
        finally:
            with self._lock:
                self.running -= 1

    def _play(self, number: int, request: Any, on_status: Any, stop: Any, on_metric: Any) -> Outcome:
        on_status("Training", "Training image download completed. Training in progress.")
        self.begun.release()
        values, now = request["HyperParameters"], self.sandbox.services.clock.now()
        last = None
        for value in self.curve(number, values) if self.curve else [self.score(values)]:
            if stop.is_set() or value is None:
                break
            last = value
            on_metric("ObjectiveMetric", value, now)
            if self.curve:
                stop.wait(0.02)
        while not self.release.is_set() and not stop.wait(0.01):
            pass
        reason = self.fail(number)
        if reason is not None:
            return Outcome("Failed", reason, started=now, ended=now)
        outcome = self.sandbox.compute.complete(request, on_status)
        if last is not None:
            outcome.final_metrics.append({"MetricName": "ObjectiveMetric", "Value": last, "Timestamp": now})
        if stop.is_set():
            outcome.status = "Stopped"
        return outcome


@pytest.fixture
def tuning(make_sandbox, requests):
    made = Tuning(make_sandbox(concurrent_jobs=8), requests)
    yield made
    made.release.set()
