from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


def error_of(call, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def ready(sagemaker, requests):
    sagemaker.create_model(**requests.model())
    return sagemaker


def test_a_transform_job_completes_with_the_model_it_was_created_with(sandbox, ready, requests, check_output):
    seen = {}
    plain = sandbox.compute.transform

    def transform(request, model, on_status, stop):
        seen.update(request=request, model=model)
        sandbox.compute.on_transform = None
        return plain(request, model, on_status, stop)

    sandbox.compute.on_transform = transform
    check_output("CreateTransformJob", requests.transform_job(Tags=[{"Key": "a", "Value": "b"}]))
    sandbox.settle()
    job = check_output("DescribeTransformJob", {"TransformJobName": "transform-1"})
    assert job["TransformJobStatus"] == "Completed"
    assert job["TransformEndTime"] >= job["TransformStartTime"] >= job["CreationTime"] - 1
    assert job["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert job["TransformOutput"]["KmsKeyId"] == "" and job["TransformOutput"]["AssembleWith"] == "None"
    assert seen["request"]["TransformJobArn"] == ARN + "transform-job/transform-1"
    assert seen["model"]["PrimaryContainer"]["ModelDataUrl"] == "s3://bucket/model.tar.gz"
    summary = check_output("ListTransformJobs", {"StatusEquals": "Completed"})["TransformJobSummaries"][0]
    assert summary["TransformEndTime"] == job["TransformEndTime"]
    assert ready.list_tags(ResourceArn=job["TransformJobArn"])["Tags"] == [{"Key": "a", "Value": "b"}]


def test_taken_and_unknown_names(sandbox, ready, requests):
    ready.create_transform_job(**requests.transform_job())
    code, text = error_of(ready.create_transform_job, **requests.transform_job())
    assert code == "ResourceInUse"
    assert text == (
        "Job name must be unique within an AWS account and region, and a job with this name already exists"
        f" ({ARN}transform-job/transform-1)"
    )
    code, text = error_of(ready.create_transform_job, **requests.transform_job("t2", ModelName="x"))
    assert (code, text) == ("ValidationException", f'Could not find model "{ARN}model/x".')
    assert "Could not find" in error_of(ready.describe_transform_job, TransformJobName="x")[1]
    assert "Could not find" in error_of(ready.stop_transform_job, TransformJobName="x")[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MaxConcurrentTransforms": 20, "MaxPayloadInMB": 6}, "must not exceed 100"),
        ({"MaxConcurrentTransforms": 17}, "must not exceed 100"),
        ({"MaxPayloadInMB": 101}, "MaxPayloadInMB must not be greater than 100"),
        (
            {"DataProcessing": {"JoinSource": "Input"}},
            "TransformInput.ContentType and TransformOutput.Accept",
        ),
        (
            {
                "DataProcessing": {"JoinSource": "Input"},
                "TransformOutput": {"S3OutputPath": "s3://bucket/o", "Accept": "text/csv"},
            },
            "TransformInput.SplitType and TransformOutput.AssembleWith",
        ),
        ({"DataProcessing": {"InputFilter": "$" * 64}}, "dataProcessing.inputFilter"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(sandbox, requests, ready, changes, words):
    unchecked = sandbox.client(validate=False)
    code, text = error_of(unchecked.create_transform_job, **requests.transform_job(**changes))
    assert code == "ValidationException" and words in text
    assert ready.list_transform_jobs()["TransformJobSummaries"] == []


def test_sizes_at_the_limit_are_accepted(ready, requests):
    for name, concurrent, payload in (("a", 1, 100), ("b", 16, 6), ("c", 100, 1), ("d", 100, 0)):
        job = requests.transform_job(name, MaxConcurrentTransforms=concurrent, MaxPayloadInMB=payload)
        ready.create_transform_job(**job)


def test_missing_input_is_refused(ready, requests):
    wanted = requests.transform_job()
    wanted["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://bucket/nothing"
    assert error_of(ready.create_transform_job, **wanted)[1].startswith(
        'No S3 objects found under S3 URL "s3://bucket/nothing" given in input data source.'
    )


def test_stop_makes_it_stopping_then_stopped(sandbox, ready, requests):
    running, release = threading.Event(), threading.Event()

    def transform(request, model, on_status, stop):
        running.set()
        assert stop.wait(120) and release.wait(120)
        sandbox.compute.on_transform = None
        outcome = sandbox.compute.transform(request, model, on_status, stop)
        outcome.status = "Stopped"
        return outcome

    sandbox.compute.on_transform = transform
    ready.create_transform_job(**requests.transform_job())
    assert running.wait(120)
    ready.stop_transform_job(TransformJobName="transform-1")
    assert ready.describe_transform_job(TransformJobName="transform-1")["TransformJobStatus"] == "Stopping"
    assert sandbox.app.busy() == ["transform job transform-1"]
    release.set()
    sandbox.settle()
    assert ready.describe_transform_job(TransformJobName="transform-1")["TransformJobStatus"] == "Stopped"
    assert error_of(ready.stop_transform_job, TransformJobName="transform-1")[1] == (
        "The request was rejected because the transform job is in status Stopped"
    )


def test_a_failed_transform_says_why_in_describe_and_list(sandbox, ready, requests):
    plain = sandbox.compute.transform

    def transform(request, model, on_status, stop):
        sandbox.compute.on_transform = None
        outcome = plain(request, model, on_status, stop)
        outcome.status, outcome.failure_reason = "Failed", "ClientError: bad row"
        return outcome

    sandbox.compute.on_transform = transform
    ready.create_transform_job(**requests.transform_job())
    sandbox.settle()
    assert (
        ready.describe_transform_job(TransformJobName="transform-1")["FailureReason"]
        == "ClientError: bad row"
    )
    assert ready.list_transform_jobs()["TransformJobSummaries"][0]["FailureReason"] == "ClientError: bad row"
