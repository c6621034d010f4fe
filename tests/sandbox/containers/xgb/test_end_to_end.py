"""XGBoost through the sandbox with boto3: train, deploy, invoke, transform, two hosts, and bad input."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import tarfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xgboost

from sagewizard import algorithms
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.containers.xgb.conftest import Rows
else:
    Rows = Any

BUCKET = "sagemaker-us-east-1-123456789012"
ROLE = "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
BINARY = {"num_round": "20", "objective": "binary:logistic", "eval_metric": "auc"}
_NUMBERS = itertools.count(1)
_PAUSE = threading.Event()


def as_csv(features: Any, labels: Any = None) -> str:
    rows = features if labels is None else np.column_stack([labels, features])
    return "".join(",".join(repr(float(value)) for value in row) + "\n" for row in rows)


@dataclass
class Service:
    """The clients of one sandbox, and the data in its bucket."""

    clients: Any

    def __post_init__(self) -> None:
        self.s3, self.sagemaker = self.clients("s3"), self.clients("sagemaker")
        self.runtime, self.logs = self.clients("sagemaker-runtime"), self.clients("logs")

    def put(self, key: str, text: str) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())

    def get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def wait(self, describe: Any, member: str, **name: str) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            found: dict[str, Any] = describe(**name)
            if found[member] not in ("InProgress", "Stopping", "Creating"):
                return found
            _PAUSE.wait(0.02)
        raise AssertionError(f"{name} did not end")

    def train(
        self,
        hyperparameters: dict[str, str],
        version: str = "1.0-1",
        *,
        train: str = "data/train/",
        validation: str | None = "data/validation/",
        hosts: int = 1,
        sharded: bool = False,
        content_type: str = "text/csv",
        checkpoints: str | None = None,
    ) -> dict[str, Any]:
        name = f"xgb-{next(_NUMBERS)}"
        places = {"train": train} | ({"validation": validation} if validation else {})
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification={
                "TrainingImage": algorithms.image_uri("xgboost", "us-east-1", version),
                "TrainingInputMode": "File",
            },
            InputDataConfig=[
                {
                    "ChannelName": channel,
                    "ContentType": content_type,
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": f"s3://{BUCKET}/{place}",
                            "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
                        }
                    },
                }
                for channel, place in places.items()
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ResourceConfig={"InstanceCount": hosts, "InstanceType": "ml.m4.xlarge", "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            HyperParameters=hyperparameters,
            **({"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/{checkpoints}"}} if checkpoints else {}),
        )
        return self.wait(self.sagemaker.describe_training_job, "TrainingJobStatus", TrainingJobName=name)

    def log(self, name: str) -> dict[str, list[str]]:
        """The messages of each host."""
        group = "/aws/sagemaker/TrainingJobs"
        streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")[
            "logStreams"
        ]
        return {
            stream["logStreamName"].split("/")[1].rsplit("-", 1)[0]: [
                event["message"]
                for event in self.logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
                )["events"]
            ]
            for stream in streams
        }

    def files(self, job: dict[str, Any]) -> dict[str, bytes]:
        """What the model archive of a job holds."""
        key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
        with tarfile.open(fileobj=io.BytesIO(self.get(key))) as archive:
            return {
                member.name: stream.read()
                for member in archive
                if (stream := archive.extractfile(member)) is not None
            }

    def model(self, job: dict[str, Any], version: str) -> str:
        name = f"model-{next(_NUMBERS)}"
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={
                "Image": algorithms.image_uri("xgboost", "us-east-1", version),
                "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
            },
        )
        return name

    def transform(self, model: str, prefix: str) -> tuple[dict[str, Any], str]:
        name = f"transform-{next(_NUMBERS)}"
        self.sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=model,
            BatchStrategy="MultiRecord",
            TransformInput={
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}"}
                },
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{name}", "AssembleWith": "Line"},
            TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
        )
        describe = self.sagemaker.describe_transform_job
        return self.wait(describe, "TransformJobStatus", TransformJobName=name), name


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, clients_of: Any, cancer: Rows) -> Iterator[Service]:
    """A sandbox of its own with breast cancer in its bucket."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), data=None)
    address = launcher.ensure(settings)
    clients = clients_of(address.url, address.credentials)
    made = Service(clients)
    made.put("data/train/train.csv", as_csv(*cancer.train))
    made.put("data/validation/validation.csv", as_csv(*cancer.validation))
    features, labels = cancer.train
    for part in range(4):
        made.put(f"data/parts/{part}.csv", as_csv(features[part::4], labels[part::4]))
    yield made
    clients.close()
    launcher.stop(settings, force=True)


@pytest.fixture(scope="module")
def trained(service: Service) -> dict[str, Any]:
    """A finished job of the tutorial's image."""
    job = service.train(BINARY)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return job


def test_a_job_reports_metrics_logs_tabs_as_the_service_does_and_saves_a_pickle(
    service: Service, trained: dict[str, Any], cancer: Rows
) -> None:
    names = [metric["MetricName"] for metric in trained["FinalMetricDataList"]]
    assert names == ["train:auc", "validation:auc"]
    lines = service.log(trained["TrainingJobName"])["algo-1"]
    assert lines[-1].startswith("[19]#011train-auc:") and "#011validation-auc:" in lines[-1]
    definitions = trained["AlgorithmSpecification"]["MetricDefinitions"]
    assert {
        "Name": "validation:error",
        "Regex": algorithms.get("xgboost").metric("validation:error").regex,
    } in definitions  # type: ignore[union-attr]
    files = service.files(trained)
    assert list(files) == ["xgboost-model"]
    booster = pickle.loads(files["xgboost-model"])
    same = {"objective": "binary:logistic", "tree_method": "exact", "base_score": 0.5, "nthread": 1}
    plain = xgboost.train(same, xgboost.DMatrix(cancer.train[0], label=cancer.train[1]), 20)
    rows = xgboost.DMatrix(cancer.test[0])
    assert np.array_equal(booster.predict(rows), plain.predict(rows))


def test_an_endpoint_answers_csv_and_json_and_refuses_odd_requests(
    service: Service, trained: dict[str, Any], cancer: Rows
) -> None:
    model = service.model(trained, "1.0-1")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m4.xlarge",
    }
    service.sagemaker.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[variant])
    service.sagemaker.create_endpoint(EndpointName=model, EndpointConfigName=model)
    found = service.wait(service.sagemaker.describe_endpoint, "EndpointStatus", EndpointName=model)
    assert found["EndpointStatus"] == "InService", found

    def invoke(body: str, content_type: str = "text/csv", **more: str) -> tuple[str, str]:
        reply = service.runtime.invoke_endpoint(
            EndpointName=model, Body=body.encode(), ContentType=content_type, **more
        )
        return reply["ContentType"], reply["Body"].read().decode()

    booster = pickle.loads(service.files(trained)["xgboost-model"])
    scores = booster.predict(xgboost.DMatrix(cancer.test[0][:3])).tolist()
    body = as_csv(cancer.test[0][:3])
    assert invoke(body) == ("text/csv; charset=utf-8", ",".join(map(str, scores)))
    content_type, text = invoke(body, Accept="application/json")
    assert content_type == "application/json"
    assert json.loads(text) == {"predictions": [{"score": score} for score in scores]}

    refusals = [
        (
            "1,2",
            "text/csv",
            400,
            "Unable to evaluate payload provided: Feature size of csv inference data 2 is ",
        ),
        (
            "a,b",
            "text/csv",
            415,
            "Loading csv data failed with Exception, please ensure data is in csv format:",
        ),
        ("{}", "application/json", 415, "application/json is not an accepted ContentType: csv, libsvm, "),
    ]
    for body, content_type, status, text in refusals:
        with pytest.raises(service.runtime.exceptions.ModelError) as caught:
            invoke(body, content_type)
        assert caught.value.response["OriginalStatusCode"] == status
        assert caught.value.response["OriginalMessage"].startswith(text)
        message = caught.value.response["Error"]["Message"]
        assert message.startswith(f'Received client error ({status}) from primary with message "{text}')
    service.sagemaker.delete_endpoint(EndpointName=model)


def test_a_transform_writes_a_prediction_a_line(
    service: Service, trained: dict[str, Any], cancer: Rows
) -> None:
    service.put("batch/in.csv", as_csv(cancer.test[0]))
    job, name = service.transform(service.model(trained, "1.0-1"), "batch/")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    lines = service.get(f"{name}/in.csv.out").decode().splitlines()
    booster = pickle.loads(service.files(trained)["xgboost-model"])
    assert [float(line) for line in lines] == booster.predict(xgboost.DMatrix(cancer.test[0])).tolist()


def test_a_transform_over_a_corrupt_object_does_the_good_ones_and_fails(
    service: Service, trained: dict[str, Any], cancer: Rows
) -> None:
    service.put("mixed/a-good.csv", as_csv(cancer.test[0][:5]))
    service.put("mixed/b-bad.csv", "no,numbers,here\n")
    service.put("mixed/c-good.csv", as_csv(cancer.test[0][5:9]))
    job, name = service.transform(service.model(trained, "1.0-1"), "mixed/")
    assert job["TransformJobStatus"] == "Failed" and job["FailureReason"]
    listed = service.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/").get("Contents", [])
    assert [entry["Key"] for entry in listed] == [f"{name}/a-good.csv.out", f"{name}/c-good.csv.out"]


@pytest.mark.parametrize("version", ["1.7-1", "3.0-5"])
def test_two_hosts_train_one_model_together(service: Service, cancer: Rows, version: str) -> None:
    settings = {**BINARY, "num_round": "5"}
    kept = f"kept/{version}"
    job = service.train(
        settings, version, train="data/parts/", validation=None, hosts=2, sharded=True, checkpoints=kept
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    listed = service.s3.list_objects_v2(Bucket=BUCKET, Prefix=kept)["Contents"]
    assert [entry["Key"] for entry in listed] == [f"{kept}/xgboost-checkpoint.{n}" for n in range(5)]
    logs = service.log(job["TrainingJobName"])
    assert sorted(logs) == ["algo-1", "algo-2"]
    rows = [
        int(line.split("Train matrix has ")[1].split(" ")[0])
        for log in logs.values()
        for line in log
        if "Train matrix" in line
    ]
    assert sum(rows) == 369 and len(rows) == 2, "each host has its share of the objects"
    assert any(
        "Distributed node training with 2 hosts: ['algo-1', 'algo-2']" in line for line in logs["algo-2"]
    )
    assert sum("#011train-auc:" in line for line in logs["algo-1"]) == 5
    assert not any("#011train-auc:" in line for line in logs["algo-2"]), "the master reports for both"
    files = service.files(job)
    assert list(files) == ["xgboost-model"]
    together = xgboost.Booster()
    together.load_model(bytearray(files["xgboost-model"]))
    method = {"tree_method": "approx", "base_score": 0.5} if version == "1.7-1" else {}
    alone = xgboost.train(
        {"objective": "binary:logistic", "nthread": 1, **method},
        xgboost.DMatrix(cancer.train[0], label=cancer.train[1]),
        5,
    )
    test = xgboost.DMatrix(cancer.test[0])
    difference = np.abs(together.predict(test) - alone.predict(test))
    # The groups of values are merged sketches, so borders may differ; a model of half the rows is far off.
    assert np.median(difference) < 0.02
    assert ((together.predict(test) > 0.5) == cancer.test[1]).mean() > 0.9


def test_a_host_without_data_leaves_and_the_others_train(service: Service) -> None:
    job = service.train(
        {**BINARY, "num_round": "3"}, "1.7-1", train="data/train/", validation=None, hosts=2, sharded=True
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    logs = service.log(job["TrainingJobName"])
    assert any("Host algo-2 does not have training data." in line for line in logs["algo-2"])
    assert logs["algo-2"][-1].endswith("Host algo-2 not being used for distributed training.")
    assert sum("#011train-auc:" in line for line in logs["algo-1"]) == 3


def test_one_hosts_failure_is_the_jobs(service: Service) -> None:
    service.put("data/torn/0.csv", "1,2,3\n0,3,4\n")
    service.put("data/torn/1.csv", "7,2,3\n0,3,4\n")
    job = service.train(BINARY, "3.0-5", train="data/torn/", validation=None, hosts=2, sharded=True)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: label must be in [0,1] for logistic regression"


BAD = "bad/{}/"


@pytest.mark.parametrize(
    ("rows", "settings", "version", "reason"),
    [
        (
            "63.0,22.5,1\n39.0,10.0,0\n",
            BINARY,
            "1.0-1",
            "ClientError: label must be in [0,1] for logistic regression",
        ),
        (
            "5,1,2\n1,2,3\n",
            {"num_round": "2", "objective": "multi:softmax", "num_class": "3"},
            "1.7-1",
            "ClientError: SoftmaxMultiClassObj: label must be in [0, num_class).",
        ),
        (
            "class,a,b\n1,2,3\n",
            BINARY,
            "1",
            (
                "ClientError: Non-numeric value 'c' found in the header line 'class,a,b\n...' of file "
                "'rows.csv'. CSV format require no header line in it. If header line is already removed, "
                "XGBoost "
                "does not accept non-numeric value in the data."
            ),
        ),
        (
            "1,2\n0,3\n",
            {**BINARY, "silent": "1"},
            "1.7-1",
            "ClientError: Extraneous hyperparameter found: silent",
        ),
        (
            "1,2\n0,3\n",
            {**BINARY, "depth": "1"},
            "1.0-1",
            "ClientError: Extraneous hyperparameter found: depth",
        ),
        ("", BINARY, "1.0-1", "ClientError: No data in training channel path /opt/ml/input/data/train"),
    ],
    ids=["label not first", "label out of range", "header in 0.72", "silent in 1.7", "unknown name", "empty"],
)
def test_bad_input_fails_the_job_with_the_containers_sentence(
    service: Service, rows: str, settings: dict[str, str], version: str, reason: str
) -> None:
    place = BAD.format(next(_NUMBERS))
    service.put(f"{place}rows.csv", rows)
    job = service.train(settings, version, train=place, validation=None)
    assert job["TrainingJobStatus"] == "Failed" and job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"] == reason


def test_unequal_widths_and_libsvm_that_is_csv_fail_the_job(service: Service) -> None:
    service.put("bad/wide/rows.csv", "1,2,3\n0,3,4\n")
    job = service.train({"num_round": "2"}, train="bad/wide/")
    assert job["FailureReason"].startswith(
        "ClientError: feature_names mismatch: ['f0', 'f1'] ['f0', 'f1', 'f2', "
    )
    job = service.train({"num_round": "2"}, train="bad/wide/", validation=None, content_type="text/libsvm")
    assert job["FailureReason"] == (
        "ClientError: First line '1,2,3\n...' of file 'rows.csv' is not 'LIBSVM' format. "
        "Please ensure the file is in 'LIBSVM' format."
    )


def test_text_and_a_header_are_missing_values_in_newer_images_and_the_log_says_so(service: Service) -> None:
    service.put("bad/header/rows.csv", "class,a,b\n1,2,x\n0,3,4\n")
    job = service.train(BINARY, train="bad/header/", validation=None)
    assert job["TrainingJobStatus"] == "Completed"
    lines = service.log(job["TrainingJobName"])["algo-1"]
    assert "INFO:root:Train matrix has 3 rows" in lines
    assert any(
        line.startswith("Sandbox: the first line of /opt/ml/input/data/train/rows.csv") for line in lines
    )


def test_a_prefix_with_nothing_under_it_is_refused_at_once(service: Service) -> None:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        service.train(BINARY, train="nowhere/")
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        f'No S3 objects found under S3 URL "s3://{BUCKET}/nowhere/" given in input data'
    )
