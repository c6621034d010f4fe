"""Tuning jobs with real training: Linear Learner in processes, and a real server that is killed."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from sagewizard.sandbox import launcher
from sagewizard.sandbox.compute.launcher import ProcessLauncher
from sagewizard.sandbox.control.app import SageMakerApplication
from sagewizard.sandbox.control.processes import ProcessCompute

BUCKET = "sagemaker-us-east-1-123456789012"
NAMES = {"HyperParameterTuningJobName": "tuning"}


def table(rows, seed):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, 4))
    noisy = features[:, 0] + 0.5 * features[:, 1] + 0.4 * generator.normal(size=rows)
    lines = np.column_stack([(noisy > 0).astype(float), features])
    return "\n".join(",".join(f"{value:.5f}" for value in line) for line in lines).encode()


def channels(requests, bucket):
    return [requests.channel(name, uri=f"s3://{bucket}/data/{name}") for name in ("train", "validation")]


@pytest.fixture
def real(tuning, tmp_path, requests):
    """Tuning jobs whose children are processes of the real algorithm."""
    sandbox = tuning.sandbox
    process_launcher = ProcessLauncher(tmp_path / "compute", os.environ)
    sandbox.compute = ProcessCompute(sandbox.services, process_launcher)
    sandbox.app = SageMakerApplication(sandbox.services, process_launcher)
    sandbox.app.recover()
    for seed, name in enumerate(("train", "validation")):
        sandbox.services.objects.put("bucket", f"data/{name}/part.csv", table(400, seed))
    plain = tuning.definition
    tuning.definition = lambda **changes: plain(InputDataConfig=channels(requests, "bucket"), **changes)
    return tuning


def test_linear_learner_is_tuned_by_what_its_log_says_and_the_best_is_better_than_most(real):
    answer = real.run(settings=real.settings(8, 2, Strategy="Bayesian"))
    assert answer["HyperParameterTuningJobStatus"] == "Completed", answer.get("FailureReason")
    assert answer["TrainingJobStatusCounters"]["Completed"] == 8
    client = real.sandbox.client()
    scores = []
    for child in real.children():
        job = client.describe_training_job(TrainingJobName=child["TrainingJobName"])
        metrics = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
        value = child["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
        assert metrics["ObjectiveMetric"] == metrics["validation:binary_f_beta"] == value
        scores.append(value)
        stream = client.list_tags(ResourceArn=job["TrainingJobArn"])
        assert stream["Tags"] == []
    best = answer["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == max(scores) > 0.8
    model = f"out/{best['TrainingJobName']}/output/model.tar.gz"
    assert real.sandbox.services.objects.head("bucket", model) is not None


def test_children_with_values_the_algorithm_refuses_fail_with_its_words_and_end_the_tuning_job(real):
    settings = real.settings(3, 2)
    settings["ParameterRanges"] = {
        "ContinuousParameterRanges": [{"Name": "wd", "MinValue": "-3", "MaxValue": "-1"}]
    }
    answer = real.run(settings=settings)
    assert answer["FailureReason"].startswith("All training jobs failed.")
    reasons = {child["FailureReason"].partition(":")[0] for child in real.children()}
    assert reasons <= {"ClientError", "AlgorithmError"}


def test_a_stopped_tuning_job_ends_its_processes(real):
    slow = {
        "predictor_type": "binary_classifier",
        "epochs": "1000000",
        "early_stopping_patience": "1000000",
    }
    client = real.start(settings=real.settings(9, 2), definition=real.definition(StaticHyperParameters=slow))
    launched = real.sandbox.compute._launcher
    deadline = time.monotonic() + 30
    while len(launched._children) < 2 and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    client.stop_hyper_parameter_tuning_job(**NAMES)
    real.wait()
    answer = real.describe()
    assert answer["HyperParameterTuningJobStatus"] == "Stopped"
    assert answer["TrainingJobStatusCounters"]["Stopped"] == 2
    assert not any(child.alive for child in launched._children)


@pytest.mark.slow
def test_a_server_killed_again_and_again_goes_on_and_loses_or_repeats_no_job(home, requests, tuning):
    clients = home.start()
    s3 = clients("s3")
    for seed, name in enumerate(("train", "validation")):
        s3.put_object(Bucket=BUCKET, Key=f"data/{name}/part.csv", Body=table(3000, seed))
    definition = tuning.definition(
        InputDataConfig=channels(requests, BUCKET),
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        StaticHyperParameters={
            "predictor_type": "binary_classifier",
            "epochs": "70",
            "early_stopping_patience": "70",
        },
    )
    request = tuning.request(settings=tuning.settings(10, 2, Strategy="Bayesian"), definition=definition)
    client = clients("sagemaker")
    client.create_hyper_parameter_tuning_job(**request)

    def counted():
        answer = client.describe_hyper_parameter_tuning_job(**NAMES)
        return answer, answer["TrainingJobStatusCounters"]

    def until(done):
        deadline = time.monotonic() + 60
        while not done(*counted()):
            assert time.monotonic() < deadline, counted()
            threading.Event().wait(0.02)

    for completed in (2, 5):
        until(lambda _, now, least=completed: now["Completed"] >= least and now["InProgress"] > 0)
        os.kill(launcher.status(home.settings)["pid"], signal.SIGKILL)
        client = home.start()("sagemaker")
    until(lambda answer, _: answer["HyperParameterTuningJobStatus"] != "InProgress")

    answer, now = counted()
    assert answer["HyperParameterTuningJobStatus"] == "Completed", answer.get("FailureReason")
    assert now["Completed"] == 10 and now["NonRetryableError"] == now["InProgress"] == 0
    assert 1 <= now["RetryableError"] <= 4
    children = client.list_training_jobs_for_hyper_parameter_tuning_job(**NAMES, MaxResults=100)[
        "TrainingJobSummaries"
    ]
    assert len(children) == 10 + now["RetryableError"] == len({c["TrainingJobName"] for c in children})
    lost = [child for child in children if child["TrainingJobStatus"] == "Failed"]
    done = [child for child in children if child["TrainingJobStatus"] == "Completed"]
    tried = [str(child["TunedHyperParameters"]) for child in done]
    assert len(set(tried)) == 10
    assert {str(child["TunedHyperParameters"]) for child in lost} <= set(tried)
    assert all("The sandbox was stopped while" in child["FailureReason"] for child in lost)
    listed = client.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    assert {job["TrainingJobName"] for job in listed} == {child["TrainingJobName"] for child in children}
