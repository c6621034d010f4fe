"""The control plane over the real compute plane: real processes, a real algorithm, real serving."""

from __future__ import annotations

import json
import os
import threading

import numpy as np
import pytest
from botocore.exceptions import ClientError

from sagewizard.sandbox.compute.launcher import ProcessLauncher
from sagewizard.sandbox.control.app import SageMakerApplication
from sagewizard.sandbox.control.processes import ProcessCompute


@pytest.fixture
def real(make_sandbox, tmp_path):
    sandbox = make_sandbox()
    launcher = ProcessLauncher(tmp_path / "compute", os.environ)
    sandbox.compute = ProcessCompute(sandbox.services, launcher)
    sandbox.app = SageMakerApplication(sandbox.services, launcher)
    sandbox.app.recover()
    generator = np.random.default_rng(7)
    rows = generator.normal(size=(400, 4))
    labels = (rows[:, 0] + 0.5 * rows[:, 1] > 0).astype(float)
    table = np.column_stack([labels, rows])
    text = "\n".join(",".join(f"{value:.5f}" for value in row) for row in table) + "\n"
    sandbox.services.objects.put("bucket", "data/train/part.csv", text.encode())
    sandbox.rows, sandbox.labels = rows, labels
    return sandbox


def csv_of(rows):
    return "\n".join(",".join(f"{value:.5f}" for value in row) for row in rows).encode()


def train(sandbox, requests, name="job-1", **hyperparameters):
    values = {
        "predictor_type": "binary_classifier",
        "feature_dim": "4",
        "mini_batch_size": "50",
        "epochs": "3",
    }
    sagemaker = sandbox.client()
    sagemaker.create_training_job(
        **requests.training_job(
            name,
            InputDataConfig=[requests.channel(uri="s3://bucket/data/train")],
            HyperParameters=values | hyperparameters,
        )
    )
    sandbox.settle()
    return sagemaker.describe_training_job(TrainingJobName=name)


def test_train_deploy_predict_and_tear_down(real, requests):
    job = train(real, requests)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    metrics = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
    assert metrics["train:progress"] == 100.0
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == "s3://bucket/out/job-1/output/model.tar.gz"
    sagemaker = real.client()
    container = {"Image": requests.image, "ModelDataUrl": artifact}
    sagemaker.create_model(**requests.model(PrimaryContainer=container))
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    real.settle()
    endpoint = sagemaker.describe_endpoint(EndpointName="e")
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    runtime = real.client("sagemaker-runtime")
    reply = runtime.invoke_endpoint(EndpointName="e", Body=csv_of(real.rows[:100]), ContentType="text/csv")
    predicted = [item["predicted_label"] for item in json.loads(reply["Body"].read())["predictions"]]
    assert np.mean(np.array(predicted) == real.labels[:100]) > 0.9
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="e", Body=b"1,2,3\n", ContentType="text/csv")
    assert caught.value.response["OriginalStatusCode"] == 400
    assert "feature dimension" in caught.value.response["OriginalMessage"]
    sagemaker.delete_endpoint(EndpointName="e")
    real.settle()
    with pytest.raises(ClientError):
        sagemaker.describe_endpoint(EndpointName="e")
    streams = real.services.logs.streams("/aws/sagemaker/TrainingJobs", "job-1/")
    assert len(streams) == 1


def test_an_endpoint_serves_again_after_a_restart(real, requests, tmp_path):
    artifact = train(real, requests)["ModelArtifacts"]["S3ModelArtifacts"]
    sagemaker = real.client()
    container = {"Image": requests.image, "ModelDataUrl": artifact}
    sagemaker.create_model(**requests.model(PrimaryContainer=container))
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    real.settle()
    runtime = real.client("sagemaker-runtime")
    body = csv_of(real.rows[:3])
    before = runtime.invoke_endpoint(EndpointName="e", Body=body, ContentType="text/csv")["Body"].read()
    real.app.close()
    real.app = SageMakerApplication(real.services, ProcessLauncher(tmp_path / "compute-2", os.environ))
    real.app.recover()
    after = runtime.invoke_endpoint(EndpointName="e", Body=body, ContentType="text/csv")["Body"].read()
    assert after == before


def test_a_job_with_a_bad_hyperparameter_fails_and_says_why(real, requests):
    job = train(real, requests, mini_batch_siz="10")
    assert job["TrainingJobStatus"] == "Failed"
    assert "mini_batch_siz" in job["FailureReason"]
    assert real.services.objects.head("bucket", "out/job-1/output/model.tar.gz") is None


def test_a_batch_transform_predicts_every_row_of_every_object(real, requests):
    artifact = train(real, requests)["ModelArtifacts"]["S3ModelArtifacts"]
    real.services.objects.put("bucket", "batch/a.csv", csv_of(real.rows[:30]) + b"\n")
    real.services.objects.put("bucket", "batch/deep/b.csv", csv_of(real.rows[30:50]) + b"\n")
    sagemaker = real.client()
    container = {"Image": requests.image, "ModelDataUrl": artifact}
    sagemaker.create_model(**requests.model(PrimaryContainer=container))
    wanted = requests.transform_job(BatchStrategy="MultiRecord")
    wanted["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://bucket/batch"
    wanted["TransformOutput"] |= {"Accept": "application/jsonlines", "AssembleWith": "Line"}
    sagemaker.create_transform_job(**wanted)
    real.settle()
    job = sagemaker.describe_transform_job(TransformJobName="transform-1")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert job["TransformEndTime"] >= job["TransformStartTime"] >= job["CreationTime"]
    labels = []
    for name in ("a.csv.out", "deep/b.csv.out"):
        info = real.services.objects.head("bucket", f"transformed/{name}")
        with real.services.objects.open(info) as stream:
            labels += [json.loads(line)["predicted_label"] for line in stream.read().splitlines() if line]
    assert len(labels) == 50
    assert np.mean(np.array(labels) == real.labels[:50]) > 0.9


@pytest.fixture
def training(real, requests):
    """Start a job that would train for hours, and return once its process trains."""
    begun = threading.Event()
    plain = real.app._control.compute.train

    def train(request, on_status, stop, on_metric=None):
        def heard(status, message):
            on_status(status, message)
            if status == "Training":
                begun.set()

        return plain(request, heard, stop)

    real.app._control.compute.train = train

    def start(**changes):
        values = {
            "predictor_type": "binary_classifier",
            "mini_batch_size": "1",
            "epochs": "1000000",
            "early_stopping_patience": "1000000",
        }
        sagemaker = real.client()
        channel = requests.channel(uri="s3://bucket/data/train")
        sagemaker.create_training_job(
            **requests.training_job("long", InputDataConfig=[channel], HyperParameters=values, **changes)
        )
        assert begun.wait(120)
        return sagemaker

    return start


def test_a_job_stopped_while_it_trains_is_stopped_and_its_process_gone(real, training):
    sagemaker = training()
    sagemaker.stop_training_job(TrainingJobName="long")
    real.settle()
    job = sagemaker.describe_training_job(TrainingJobName="long")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "FailureReason" not in job and job["BillableTimeInSeconds"] >= 1
    assert not any(child.alive for child in real.compute._launcher._children)


def test_a_job_that_trains_beyond_its_max_runtime_is_stopped_by_the_clock(real, training):
    sagemaker = training(StoppingCondition={"MaxRuntimeInSeconds": 1})
    real.settle()
    job = sagemaker.describe_training_job(TrainingJobName="long")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_closing_the_server_ends_the_processes_and_the_job_says_why(real, training):
    sagemaker = training()
    assert real.app.busy() == ["training job long"]
    real.app.close()
    job = sagemaker.describe_training_job(TrainingJobName="long")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: The sandbox was stopped while")
    assert not any(child.alive for child in real.compute._launcher._children)
