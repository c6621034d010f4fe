"""Processing jobs in the control plane: what is refused, what is described and listed, recovery."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
REASON = "InternalServerError: The sandbox was stopped while this job was running. Start the job again."


@dataclass
class Outcome:
    status: str = "Completed"
    failure_reason: str | None = None
    exit_message: str | None = None
    started: float | None = None
    ended: float | None = None


def wanted(requests, name="processing-1", **changes):
    source = {
        "S3Uri": f"s3://{requests.bucket}/train",
        "LocalPath": "/opt/ml/processing/input",
        "S3DataType": "S3Prefix",
    }
    output = {
        "S3Uri": f"s3://{requests.bucket}/out",
        "LocalPath": "/opt/ml/processing/output",
        "S3UploadMode": "EndOfJob",
    }
    cluster = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
    return {
        "ProcessingJobName": name,
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "x.py"]},
        "RoleArn": "arn:aws:iam::123456789012:role/Any",
        "ProcessingInputs": [{"InputName": "in", "S3Input": source}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
    } | changes


@pytest.fixture
def sandbox(sandbox):
    """A sandbox whose processing jobs end as the test says."""
    sandbox.compute.outcome = Outcome()
    sandbox.compute.processed = []

    def process(request, on_status, stop):
        sandbox.compute.processed.append(request)
        on_status("InProgress", "Processing")
        return sandbox.compute.outcome

    sandbox.compute.process = process
    return sandbox


def test_a_job_is_described_as_it_was_asked_for_with_the_services_defaults(
    sandbox, sagemaker, requests, check_output
):
    arn = sagemaker.create_processing_job(
        **wanted(requests, Environment={"A": "b"}, Tags=[{"Key": "team", "Value": "x"}])
    )["ProcessingJobArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:123456789012:processing-job/processing-1"
    sandbox.settle()
    job = check_output("DescribeProcessingJob", {"ProcessingJobName": "processing-1"})
    assert job["ProcessingJobStatus"] == "Completed" and job["Environment"] == {"A": "b"}
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    (source,) = job["ProcessingInputs"]
    assert source["S3Input"]["S3InputMode"] == "File" and source["AppManaged"] is False
    assert source["S3Input"]["S3DataDistributionType"] == "FullyReplicated"
    assert sandbox.compute.processed[0]["ProcessingJobArn"] == arn
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "x"}]


def test_the_end_of_a_job_is_described_and_listed(sandbox, sagemaker, requests, check_output):
    sandbox.compute.outcome = Outcome("Failed", "AlgorithmError: , exit code: 1", "sorry", 5.0, 9.0)
    sagemaker.create_processing_job(**wanted(requests))
    sandbox.settle()
    job = check_output("DescribeProcessingJob", {"ProcessingJobName": "processing-1"})
    assert (job["FailureReason"], job["ExitMessage"]) == ("AlgorithmError: , exit code: 1", "sorry")
    assert (job["ProcessingStartTime"], job["ProcessingEndTime"]) == (5.0, 9.0)
    sandbox.compute.outcome = Outcome()
    sagemaker.create_processing_job(**wanted(requests, "other"))
    sandbox.settle()
    listed = check_output("ListProcessingJobs", {"StatusEquals": "Failed"})["ProcessingJobSummaries"]
    assert [(item["ProcessingJobName"], item["ExitMessage"]) for item in listed] == [
        ("processing-1", "sorry")
    ]
    first = sagemaker.list_processing_jobs(MaxResults=1, SortBy="Name", SortOrder="Ascending")
    second = sagemaker.list_processing_jobs(
        MaxResults=1, SortBy="Name", SortOrder="Ascending", NextToken=first["NextToken"]
    )
    names = [page["ProcessingJobSummaries"][0]["ProcessingJobName"] for page in (first, second)]
    assert names == ["other", "processing-1"] and "NextToken" not in second


def change(request, path, value):
    """Set or (with None) remove a member deep in a request."""
    *folders, last = path
    place = request
    for step in folders:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return request


INPUT = ("ProcessingInputs", 0, "S3Input")
OUTPUT = ("ProcessingOutputConfig", "Outputs", 0)
CLUSTER = ("ProcessingResources", "ClusterConfig")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("AppSpecification", "ImageUri"), "nonsense:1", "Requested image nonsense:1 not found."),
        (("AppSpecification", "ContainerEntrypoint"), None, "must have a ContainerEntrypoint"),
        ((*INPUT, "LocalPath"), "/tmp/x", "LocalPath of input in must be a folder below /opt/ml/processing/"),
        ((*INPUT, "LocalPath"), "/opt/ml/processing/../model", "must be a folder below"),
        ((*INPUT, "LocalPath"), None, "must be a folder below"),
        ((*INPUT, "S3Uri"), "s3://bucket/nothing", 'No S3 objects found under S3 URL "s3://bucket/nothing"'),
        (INPUT, None, "Input in must have an S3Input."),
        ((*OUTPUT, "S3Output", "LocalPath"), "relative", "LocalPath of output out must be a folder below"),
        ((*OUTPUT, "S3Output"), None, "Output out must have an S3Output."),
        ((*OUTPUT, "FeatureStoreOutput"), {"FeatureGroupName": "g"}, "goes to the Feature Store"),
        ((*CLUSTER, "InstanceType"), None, "must have an InstanceType and an InstanceCount"),
        ((*CLUSTER, "InstanceType"), "ml.tiny", "Member must satisfy enum value set"),
        ((*CLUSTER, "InstanceCount"), 101, "Member must have value less than or equal to 100"),
    ],
)
def test_what_cannot_run_is_refused_when_it_is_asked_for(sandbox, requests, path, value, words):
    client = sandbox.client(validate=False)
    with pytest.raises(ClientError) as caught:
        client.create_processing_job(**change(wanted(requests), path, value))
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert words in caught.value.response["Error"]["Message"]
    assert not sandbox.client().list_processing_jobs()["ProcessingJobSummaries"]


def test_more_instances_than_there_are_is_a_limit(sagemaker, requests):
    with pytest.raises(ClientError) as caught:
        sagemaker.create_processing_job(**change(wanted(requests), (*CLUSTER, "InstanceCount"), 9))
    assert caught.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    assert "'ml.m5.xlarge for processing job usage' is 8 Instances" in str(caught.value)


def test_a_name_is_taken_once(sandbox, sagemaker, requests):
    sagemaker.create_processing_job(**wanted(requests))
    with pytest.raises(ClientError) as caught:
        sagemaker.create_processing_job(**wanted(requests, "Processing-1"))
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"


@pytest.mark.parametrize("operation", ["describe_processing_job", "stop_processing_job"])
def test_a_job_that_is_not_there_is_named(sagemaker, operation):
    with pytest.raises(ClientError, match="Could not find requested job with name: nobody"):
        getattr(sagemaker, operation)(ProcessingJobName="nobody")


def test_jobs_of_a_server_that_was_killed_are_failed_or_stopped(sandbox, sagemaker, requests):
    release, running = threading.Event(), threading.Semaphore(0)

    def hang(request, on_status, stop):
        on_status("InProgress", "Processing")
        running.release()
        release.wait(20)
        raise OSError("the machine is gone")

    sandbox.compute.process = hang
    for name in ("runs", "stops"):
        sagemaker.create_processing_job(**wanted(requests, name))
        assert running.acquire(timeout=120)
    sagemaker.stop_processing_job(ProcessingJobName="stops")
    assert sorted(sandbox.app.busy()) == ["processing job runs", "processing job stops"]
    again = sandbox.restart()
    again.app.recover()
    client = again.client()
    runs, stops = (client.describe_processing_job(ProcessingJobName=name) for name in ("runs", "stops"))
    assert (runs["ProcessingJobStatus"], runs["FailureReason"]) == ("Failed", REASON)
    assert stops["ProcessingJobStatus"] == "Stopped" and "FailureReason" not in stops
    release.set()
    sandbox.settle()
    assert client.describe_processing_job(ProcessingJobName="runs")["FailureReason"] == REASON


def test_a_job_beyond_its_time_is_stopped_by_the_clock(sandbox, sagemaker, requests):
    def until_stopped(request, on_status, stop):
        on_status("InProgress", "Processing")
        assert stop.wait(20)
        return Outcome("Stopped")

    sandbox.compute.process = until_stopped
    sagemaker.create_processing_job(**wanted(requests, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    sandbox.settle()
    job = sagemaker.describe_processing_job(ProcessingJobName="processing-1")
    assert (
        job["ProcessingJobStatus"] == "Stopped" and "MaxRuntimeInSeconds, 1 seconds" in job["FailureReason"]
    )
