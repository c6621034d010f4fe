from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError

from sagewizard.clock import SystemClock
from sagewizard.sandbox.services import ROLE_ARN


def error_of(call, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_job_runs_to_completed_with_every_field_the_sdks_read(sandbox, sagemaker, requests):
    arn = sagemaker.create_training_job(**requests.training_job("My-Job"))["TrainingJobArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:123456789012:training-job/my-job"
    sandbox.settle()
    job = sagemaker.describe_training_job(TrainingJobName="My-Job")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert [(t["Status"], t["StatusMessage"]) for t in job["SecondaryStatusTransitions"]] == [
        ("Starting", "Preparing the instances for training"),
        ("Downloading", "Downloading input data"),
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
        ("Completed", "Training job completed"),
    ]
    ends = [t["EndTime"] for t in job["SecondaryStatusTransitions"]]
    starts = [t["StartTime"] for t in job["SecondaryStatusTransitions"]]
    assert starts[1:] == ends[:-1] and starts == sorted(starts)
    assert job["OutputDataConfig"]["KmsKeyId"] == ""
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == "s3://bucket/out/My-Job/output/model.tar.gz"
    names = [item["Name"] for item in job["AlgorithmSpecification"]["MetricDefinitions"]]
    assert "train:progress" in names and "validation:objective_loss" in names
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] == 61
    assert (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds() == pytest.approx(
        61.4, abs=0.01
    )
    assert job["FinalMetricDataList"][0]["MetricName"] == "train:progress"
    assert job["ResourceConfig"]["InstanceCount"] == 1
    assert "FailureReason" not in job


def test_input_in_a_bucket_of_another_region_is_refused(sandbox, sagemaker, requests):
    objects = sandbox.services.objects
    objects.create_bucket("far-away", "eu-west-1")
    objects.put("far-away", "train/part-0", b"1,2\n")
    given = requests.training_job("a", InputDataConfig=[requests.channel(uri="s3://far-away/train")])
    code, text = error_of(sagemaker.create_training_job, **given)
    assert code == "ValidationException"
    assert "the bucket exists in the selected region (us-east-1)" in text
    assert "must be addressed using the specified endpoint" in text


def test_debugger_rules_are_said_to_be_unevaluated_and_the_job_runs(
    sandbox, sagemaker, requests, check_output
):
    rule = {"RuleConfigurationName": "LossNotDecreasing", "RuleEvaluatorImage": "image"}
    given = requests.training_job("a") | {
        "DebugRuleConfigurations": [rule],
        "ProfilerRuleConfigurations": [rule | {"RuleConfigurationName": "ProfilerReport"}],
    }
    sagemaker.create_training_job(**given)
    sandbox.settle()
    job = check_output("DescribeTrainingJob", {"TrainingJobName": "a"})
    assert job["TrainingJobStatus"] == "Completed"
    for member, name in (
        ("DebugRuleEvaluationStatuses", "LossNotDecreasing"),
        ("ProfilerRuleEvaluationStatuses", "ProfilerReport"),
    ):
        (status,) = job[member]
        assert (status["RuleConfigurationName"], status["RuleEvaluationStatus"]) == (name, "Error")
        assert "no Debugger rules" in status["StatusDetails"]


def test_every_answer_agrees_with_the_service_model(sandbox, sagemaker, requests, check_output):
    check_output("CreateTrainingJob", requests.training_job("a"))
    check_output("DescribeTrainingJob", {"TrainingJobName": "a"})
    sandbox.settle()
    check_output("DescribeTrainingJob", {"TrainingJobName": "a"})
    assert check_output("ListTrainingJobs", {})["TrainingJobSummaries"][0]["TrainingEndTime"] > 0


def test_a_taken_name_is_resource_in_use_whatever_its_case(sandbox, sagemaker, requests):
    sagemaker.create_training_job(**requests.training_job("job"))
    code, text = error_of(sagemaker.create_training_job, **requests.training_job("JOB"))
    assert code == "ResourceInUse"
    assert text == (
        "Training job names must be unique within an AWS account and region, and a training job with this"
        " name already exists (arn:aws:sagemaker:us-east-1:123456789012:training-job/job)"
    )
    sandbox.services.objects.create_bucket("far-away", "eu-west-1")
    sandbox.services.objects.put("far-away", "train/part-0", b"1,2\n")
    there = requests.training_job("job", InputDataConfig=[requests.channel(uri="s3://far-away/train")])
    sandbox.client(region="eu-west-1").create_training_job(**there)


def test_eight_threads_that_create_one_name_have_one_success(sandbox, requests):
    clients = [sandbox.client() for _ in range(8)]
    barrier, results = threading.Barrier(8), []

    def create(client):
        barrier.wait(10)
        try:
            client.create_training_job(**requests.training_job("same"))
            results.append("created")
        except ClientError as error:
            results.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=create, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    sandbox.settle()
    assert sorted(results) == ["ResourceInUse"] * 7 + ["created"]
    assert sandbox.compute.trained == ["same"]


@pytest.mark.parametrize("call", ["describe_training_job", "stop_training_job", "delete_training_job"])
def test_an_unknown_job_is_requested_resource_not_found(sagemaker, call):
    answer = error_of(getattr(sagemaker, call), TrainingJobName="nope")
    assert answer == ("ValidationException", "Requested resource not found.")


@pytest.mark.parametrize("uri", ["s3://bucket/nothing", "s3://no-such-bucket/train", "s3://bucket/train/zzz"])
def test_missing_input_objects_are_refused_in_the_services_words(sagemaker, requests, uri):
    bucket = uri.split("/")[2]
    answer = error_of(
        sagemaker.create_training_job,
        **requests.training_job(InputDataConfig=[requests.channel(uri=uri)]),
    )
    assert answer[0] == "ValidationException"
    assert answer[1] == (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket'
        " exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that the"
        f' role "{ROLE_ARN}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )
    assert sagemaker.list_training_jobs()["TrainingJobSummaries"] == []


def test_a_manifest_must_be_there_by_its_whole_key(sagemaker, requests):
    for uri, good in (("s3://bucket/train/part-0", True), ("s3://bucket/train/part", False)):
        channel = requests.channel(uri=uri, S3DataType="ManifestFile")
        wanted = requests.training_job(f"m-{good}", InputDataConfig=[channel])
        if good:
            sagemaker.create_training_job(**wanted)
        else:
            assert "No S3 objects found" in error_of(sagemaker.create_training_job, **wanted)[1]


def test_an_unknown_image_is_refused_and_says_what_there_is(sagemaker, requests):
    algorithm = {"TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/nope:1", "TrainingInputMode": "File"}
    code, text = error_of(
        sagemaker.create_training_job, **requests.training_job(AlgorithmSpecification=algorithm)
    )
    assert code == "ValidationException"
    assert text.startswith("Requested image 1.dkr.ecr.us-east-1.amazonaws.com/nope:1 not found.")
    assert "linear-learner" in text and "sagemaker-scikit-learn" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 0}},
            "greater than or equal to 1",
        ),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 5}},
            "EnableManagedSpotTraining",
        ),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "must have a TrainingImage"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, "Duplicate tag keys"),
    ],
)
def test_requests_that_contradict_themselves_are_refused(sagemaker, requests, changes, words):
    code, text = error_of(sagemaker.create_training_job, **requests.training_job(**changes))
    assert code == "ValidationException" and words in text


def test_two_channels_of_one_name_are_refused(sagemaker, requests):
    wanted = requests.training_job(InputDataConfig=[requests.channel(), requests.channel()])
    assert "Duplicate channel name train" in error_of(sagemaker.create_training_job, **wanted)[1]


def test_built_in_algorithms_keep_their_own_metric_definitions(sagemaker, requests):
    algorithm = {
        "TrainingImage": requests.image,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "mine", "Regex": "(.*)"}],
    }
    code, text = error_of(
        sagemaker.create_training_job, **requests.training_job(AlgorithmSpecification=algorithm)
    )
    assert code == "ValidationException" and text.startswith("You can't override the metric definitions")


def test_stop_makes_a_running_job_stopping_then_stopped(sandbox, sagemaker, requests):
    running = threading.Event()

    def train(request, on_status, stop):
        on_status("Downloading", "Downloading input data")
        on_status("Training", "Training image download completed. Training in progress.")
        running.set()
        assert stop.wait(120)
        return type(sandbox.compute.complete(request, on_status))("Stopped", started=1.0, ended=5.2)

    release = threading.Event()
    original = train

    def held(request, on_status, stop):
        outcome = original(request, on_status, stop)
        assert release.wait(120)
        return outcome

    sandbox.compute.on_train = held
    sagemaker.create_training_job(**requests.training_job())
    assert running.wait(120)
    sagemaker.stop_training_job(TrainingJobName="job-1")
    job = sagemaker.describe_training_job(TrainingJobName="job-1")
    assert job["TrainingJobStatus"] == "Stopping"
    sagemaker.stop_training_job(TrainingJobName="job-1")
    release.set()
    sandbox.settle()
    job = sagemaker.describe_training_job(TrainingJobName="job-1")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    messages = [t["StatusMessage"] for t in job["SecondaryStatusTransitions"]]
    assert messages[-3:] == [
        "Stopping the training job",
        "Uploading generated training model",
        "Training job stopped",
    ]
    assert job["BillableTimeInSeconds"] == 4
    assert error_of(sagemaker.stop_training_job, TrainingJobName="job-1") == (
        "ValidationException",
        "The request was rejected because the training job is in status Stopped",
    )


def test_a_job_that_ran_for_its_max_runtime_is_stopped_with_that_status(make_sandbox, requests):
    class Impatient(SystemClock):
        def wait(self, cancel, seconds):
            assert seconds == 3600
            return cancel.is_set()

    sandbox = make_sandbox(clock=Impatient())

    def train(request, on_status, stop):
        on_status("Downloading", "Downloading input data")
        assert stop.wait(120)
        return type(sandbox.compute.complete(request, on_status))("Stopped")

    sandbox.compute.on_train = train
    sagemaker = sandbox.client()
    sagemaker.create_training_job(**requests.training_job())
    sandbox.settle()
    job = sagemaker.describe_training_job(TrainingJobName="job-1")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["SecondaryStatusTransitions"][-1]["StatusMessage"] == (
        "Training job runtime exceeded MaxRuntimeInSeconds provided"
    )


def test_jobs_beyond_the_cap_wait_as_pending_and_run_in_order(make_sandbox, requests):
    sandbox = make_sandbox(concurrent_jobs=1)
    sagemaker = sandbox.client()
    release = threading.Event()
    sandbox.compute.on_train = lambda request, on_status, stop: (
        release.wait(10),
        sandbox.compute.complete(request, on_status),
    )[1]
    for name in ("a", "b", "c"):
        sagemaker.create_training_job(**requests.training_job(name))
    waiting = sandbox.app._control.jobs._jobs["us-east-1", "training-job", "b"]
    sagemaker.stop_training_job(TrainingJobName="b")
    assert waiting.done.wait(120)
    release.set()
    sandbox.settle()
    assert sandbox.compute.trained == ["a", "c"]
    b = sagemaker.describe_training_job(TrainingJobName="b")
    assert b["TrainingJobStatus"] == "Stopped" and "BillableTimeInSeconds" not in b
    c = sagemaker.describe_training_job(TrainingJobName="c")
    assert "Training job waiting for capacity" in [
        t["StatusMessage"] for t in c["SecondaryStatusTransitions"]
    ]
    assert c["TrainingJobStatus"] == "Completed"


def test_a_job_whose_model_was_not_stored_is_failed_and_never_completed(sandbox, sagemaker, requests):
    def train(request, on_status, stop):
        outcome = sandbox.compute.complete(request, on_status)
        sandbox.services.objects.delete("bucket", "out/job-1/output/model.tar.gz")
        return outcome

    sandbox.compute.on_train = train
    sagemaker.create_training_job(**requests.training_job())
    sandbox.settle()
    job = sagemaker.describe_training_job(TrainingJobName="job-1")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: The model was not stored at s3://bucket/out")


def test_failure_reasons_are_cut_at_1024_characters(sandbox, sagemaker, requests):
    def train(request, on_status, stop):
        outcome = sandbox.compute.complete(request, on_status)
        outcome.status, outcome.failure_reason = "Failed", "AlgorithmError: " + "x" * 2000
        return outcome

    sandbox.compute.on_train = train
    sagemaker.create_training_job(**requests.training_job())
    sandbox.settle()
    job = sagemaker.describe_training_job(TrainingJobName="job-1")
    assert len(job["FailureReason"]) == 1024 and job["FailureReason"].startswith("AlgorithmError: xxx")
    assert job["SecondaryStatusTransitions"][-1]["StatusMessage"] == "Training job failed"


def test_a_compute_plane_that_breaks_ends_the_job(sandbox, sagemaker, requests):
    def train(request, on_status, stop):
        raise OSError("no space left on device")

    sandbox.compute.on_train = train
    sagemaker.create_training_job(**requests.training_job())
    sandbox.settle()
    job = sagemaker.describe_training_job(TrainingJobName="job-1")
    assert job["TrainingJobStatus"] == "Failed" and "no space left" in job["FailureReason"]


def test_only_ended_jobs_can_be_deleted_and_their_name_is_free_again(sandbox, sagemaker, requests):
    release = threading.Event()
    sandbox.compute.on_train = lambda request, on_status, stop: (
        release.wait(10),
        sandbox.compute.complete(request, on_status),
    )[1]
    sagemaker.create_training_job(**requests.training_job())
    assert error_of(sagemaker.delete_training_job, TrainingJobName="job-1")[0] == "ResourceInUse"
    release.set()
    sandbox.settle()
    sagemaker.delete_training_job(TrainingJobName="job-1")
    sagemaker.create_training_job(**requests.training_job())


def test_a_spot_job_is_described_with_what_the_sdk_reads_of_its_savings(sandbox, sagemaker, requests):
    spot = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        "CheckpointConfig": {"S3Uri": f"s3://{requests.bucket}/checkpoints"},
    }
    sagemaker.create_training_job(**requests.training_job("spot", **spot))
    sandbox.settle()
    job = sagemaker.describe_training_job(TrainingJobName="spot")
    assert {name: job[name] for name in spot} == spot
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] > 0
