"""A real sandbox with a plan of faults: what a client meets, and that the plan survives a kill."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.exceptions import ConnectionError as BotoConnectionError
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from sagewizard.errors import SandboxError
from sagewizard.sandbox import launcher
from sagewizard.sandbox.faults import naming

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKET = launcher.BUCKET
DROPPED = (ConnectionClosedError, BotoConnectionError)


def once(clients: Any) -> Any:
    """Make clients that try every call once."""
    return lambda service: clients(service, config={"retries": {"total_max_attempts": 1, "mode": "standard"}})


@pytest.fixture
def world(home: Any) -> Callable[[str], Any]:
    """Start the sandbox and let it follow a plan, given without its first line."""

    def made(plan: str) -> Any:
        clients = once(home.start())
        launcher.set_faults(home.settings, f"format_version: 1\n{plan}".encode())
        return clients

    return made


def code_of(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_each_service_words_an_error_as_its_own(world: Any) -> None:
    clients = world(
        "faults:\n- {calls: '*', error: throttled, times: 3}\n"
        "- {calls: '*', error: expired-token, after: 3}\n"
    )
    sagemaker, s3, sts = clients("sagemaker"), clients("s3"), clients("sts")
    assert code_of(sagemaker.list_models) == ("ThrottlingException", 400)
    assert code_of(s3.list_buckets) == ("SlowDown", 503)
    assert code_of(sts.get_caller_identity) == ("Throttling", 400)
    assert code_of(sagemaker.list_models) == ("ExpiredTokenException", 400)
    assert code_of(s3.list_buckets) == ("ExpiredToken", 400)
    assert code_of(sts.get_caller_identity) == ("ExpiredToken", 403)


def test_a_code_and_a_sentence_of_ones_own_pass_through(world: Any) -> None:
    sagemaker = world(
        "faults:\n- calls: ListModels\n  error: AccessDeniedException\n"
        "  message: '{action} is not for {user}'\n  status: 403\n"
    )("sagemaker")
    with pytest.raises(
        ClientError, match="sagemaker:ListModels is not for arn:aws:sts::123456789012:assumed-role"
    ):
        sagemaker.list_models()


def test_a_lost_answer_was_carried_out_and_a_lost_request_was_not(world: Any) -> None:
    clients = world(
        "faults:\n- {calls: 's3:PutObject', drop: after, times: 1}\n"
        "- {calls: 's3:PutObject', drop: before, after: 1, times: 1}\n"
    )
    s3 = clients("s3")
    with pytest.raises(DROPPED):
        s3.put_object(Bucket=BUCKET, Key="first", Body=b"1")
    with pytest.raises(DROPPED):
        s3.put_object(Bucket=BUCKET, Key="second", Body=b"2")
    s3.put_object(Bucket=BUCKET, Key="third", Body=b"3")
    kept = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert kept == ["first", "third"]


def test_quotas_refuse_with_the_services_sentence(world: Any) -> None:
    sagemaker = world("quotas: {ml.m5.large for training job usage: 1}")("sagemaker")
    clients_s3 = world("quotas: {ml.m5.large for training job usage: 1}")("s3")
    clients_s3.put_object(Bucket=BUCKET, Key="train/a.csv", Body=b"1,2\n")
    request = {
        "TrainingJobName": "too-many",
        "AlgorithmSpecification": {
            "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1",
            "TrainingInputMode": "File",
        },
        "RoleArn": launcher.ROLE_ARN,
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "HyperParameters": {"predictor_type": "binary_classifier", "mini_batch_size": "1"},
    }
    with pytest.raises(ClientError) as caught:
        sagemaker.create_training_job(**request)
    error = caught.value.response["Error"]
    assert error["Code"] == "ResourceLimitExceeded"
    assert error["Message"].startswith(
        "The account-level service limit 'ml.m5.large for training job usage' is 1 Instances, with current "
        "utilization of 0 Instances and a request delta of 2 Instances."
    )
    assert sagemaker.list_training_jobs()["TrainingJobSummaries"] == []


def test_the_plan_outlives_the_server_and_ends_when_told(home: Any, world: Any) -> None:
    clients = world("faults: [{calls: ListModels, error: internal}]")
    assert code_of(clients("sagemaker").list_models) == ("InternalFailure", 500)
    (fault,) = launcher.status(home.settings)["faults"]
    assert fault == {"calls": ["ListModels"], "matched": 1, "hit": 1}
    os.kill(launcher.status(home.settings)["pid"], signal.SIGKILL)
    clients = once(home.start())
    assert code_of(clients("sagemaker").list_models) == ("InternalFailure", 500)
    launcher.set_faults(home.settings, None)
    assert clients("sagemaker").list_models()["Models"] == []
    assert "faults" not in launcher.status(home.settings)


def test_a_plan_that_is_wrong_is_refused_and_the_old_one_stays(home: Any, world: Any) -> None:
    clients = world("faults: [{calls: ListModels, error: internal}]")
    with pytest.raises(SandboxError, match="no key 'fault'"):
        launcher.set_faults(home.settings, b"format_version: 1\nfault: []\n")
    assert code_of(clients("sagemaker").list_models) == ("InternalFailure", 500)


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("invocations", "InvokeEndpoint"),
        ("async-invocations", "InvokeEndpointAsync"),
        ("invocations-response-stream", "InvokeEndpointWithResponseStream"),
    ],
)
def test_a_plan_tells_the_ways_to_ask_an_endpoint_apart(path: str, operation: str) -> None:
    request = EnvironBuilder(f"/endpoints/e/{path}", method="POST").get_request(Request)
    assert naming.operation_of(request, "sagemaker", b"") == f"sagemaker:{operation}"
