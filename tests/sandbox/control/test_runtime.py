from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from sagewizard.sandbox.compute.serving import InvocationFailed, InvocationTimeout

LOG = (
    "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group="
    "/aws/sagemaker/Endpoints/e in account 123456789012 for more information."
)


@pytest.fixture
def runtime(sandbox, sagemaker, requests):
    sagemaker.create_model(**requests.model())
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    return sandbox.client("sagemaker-runtime")


def answer_with(sandbox, status=200, body=b"", **headers):
    reply = type(sandbox.compute.answer(sandbox.compute.servers[0], b""))
    sandbox.compute.answer = lambda server, request: reply(
        status, {name.lower(): value for name, value in headers.items()}, body
    )


def test_bodies_and_headers_go_both_ways(sandbox, runtime):
    answer_with(
        sandbox,
        200,
        b"0.5\n",
        **{"Content-Type": "text/csv", "X-Amzn-SageMaker-Custom-Attributes": "trace=1"},
    )
    reply = runtime.invoke_endpoint(
        EndpointName="e",
        Body=b"1,2\n",
        ContentType="text/csv",
        Accept="text/csv",
        CustomAttributes="c000b4f9",
        InferenceId="id-1",
    )
    assert reply["Body"].read() == b"0.5\n"
    assert (reply["ContentType"], reply["InvokedProductionVariant"]) == ("text/csv", "AllTraffic")
    assert reply["CustomAttributes"] == "trace=1"
    body, headers = sandbox.compute.servers[0].seen[-1]
    assert body == b"1,2\n"
    assert headers == {
        "Content-Type": "text/csv",
        "Accept": "text/csv",
        "X-Amzn-SageMaker-Custom-Attributes": "c000b4f9",
        "X-Amzn-SageMaker-Inference-Id": "id-1",
    }


@pytest.mark.parametrize(
    ("status", "side"), [(400, "client"), (415, "client"), (500, "server"), (503, "server")]
)
def test_what_a_container_refuses_is_a_model_error(sandbox, runtime, status, side):
    text = "The feature dimension of the input: 4 does not match"
    answer_with(sandbox, status, text.encode())
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="e", Body=b"1")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["Error"]["Message"] == (
        f'Received {side} error ({status}) from primary with message "{text}". See {LOG}'
    )
    assert response["OriginalStatusCode"] == status
    assert response["OriginalMessage"] == text
    assert (
        response["LogStreamArn"] == "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e"
    )


def test_a_container_that_does_not_answer_in_time_is_server_error_zero(sandbox, runtime):
    def late(server, body):
        raise InvocationTimeout

    sandbox.compute.answer = late
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="e", Body=b"1")
    assert caught.value.response["Error"]["Message"].startswith(
        'Received server error (0) from primary with message "Your invocation timed out while waiting for a'
        " response from container primary. "
    )


def test_a_container_that_breaks_off_is_a_model_error_and_the_next_request_is_answered(sandbox, runtime):
    good = sandbox.compute.answer

    def broken(server, body):
        raise InvocationFailed("The container closed the connection.", 503)

    sandbox.compute.answer = broken
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="e", Body=b"1")
    assert caught.value.response["OriginalStatusCode"] == 503
    sandbox.compute.answer = good
    assert runtime.invoke_endpoint(EndpointName="e", Body=b"1")["Body"].read() == b"AllTraffic"


def test_an_unknown_endpoint_has_the_services_text(runtime):
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint(EndpointName="nope", Body=b"")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["Error"]["Message"] == "Endpoint nope of account 123456789012 not found."
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_endpoint_of_another_region_is_not_found(sandbox, runtime):
    with pytest.raises(ClientError) as caught:
        sandbox.client("sagemaker-runtime", "eu-west-1").invoke_endpoint(EndpointName="e", Body=b"")
    assert "not found" in str(caught.value)


def test_six_megabytes_are_the_most_a_body_can_be(sandbox, runtime):
    assert runtime.invoke_endpoint(EndpointName="e", Body=b"x" * 6291456)["Body"].read() == b"AllTraffic"
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint(EndpointName="e", Body=b"x" * 6291457)
    assert caught.value.response["Error"] == {
        "Code": "ValidationError",
        "Message": "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must"
        " have length less than or equal to 6291456",
    }
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint(EndpointName="e", Body=b"x" * 7_000_000)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "HTTP content length exceeded 6295552 bytes." in str(caught.value)
    assert max(len(body) for body, _ in sandbox.compute.servers[0].seen) == 6291456


def test_operations_of_the_runtime_that_are_not_here_are_named(sandbox, runtime):
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint_async(EndpointName="e", InputLocation="s3://bucket/x")
    assert "InvokeEndpointAsync" in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("body", [b"", b"1,2\n", b"x" * 2_100_000])
def test_a_streamed_answer_is_the_plain_one_in_parts(sandbox, runtime, body):
    answer_with(sandbox, 200, body, **{"Content-Type": "text/csv; charset=utf-8"})
    reply = runtime.invoke_endpoint_with_response_stream(
        EndpointName="e", Body=b"3", ContentType="text/csv", Accept="text/csv"
    )
    assert reply["ContentType"] == "text/csv; charset=utf-8"
    assert reply["InvokedProductionVariant"] == "AllTraffic"
    parts = [event["PayloadPart"]["Bytes"] for event in reply["Body"]]
    assert b"".join(parts) == body
    assert len(parts) == max(1, -(-len(body) // (1 << 20)))
    assert sandbox.compute.servers[0].seen[-1][1]["Accept"] == "text/csv"


def test_what_a_container_refuses_is_a_model_error_of_a_stream_too(sandbox, runtime):
    answer_with(sandbox, 415, b"no")
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"")
    assert caught.value.response["OriginalStatusCode"] == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/endpoints/e/invocations", 404),
        ("POST", "/endpoints/e", 404),
        ("POST", "/endpoints/a_b/invocations", 400),
        ("POST", f"/endpoints/{'a' * 64}/invocations", 400),
        ("POST", "/endpoints/%2e%2e/invocations", 400),
        ("POST", "/endpoints/a%0d%0aX/invocations", 400),
    ],
)
def test_paths_that_name_no_endpoint_are_refused(sandbox, method, path, status):
    answer = sandbox.call(method, f"http://127.0.0.1{path}", {}, b"")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["x-amzn-ErrorType"]


def test_attributes_that_no_header_can_carry_are_encoded_or_refused(sandbox, runtime):
    answer_with(sandbox, 200, b"", **{"X-Amzn-SageMaker-Custom-Attributes": "a\r\nSet-Cookie: b é"})
    reply = runtime.invoke_endpoint(EndpointName="e", Body=b"1")
    assert reply["CustomAttributes"] == "a%0D%0ASet-Cookie: b %C3%A9"
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint(EndpointName="e", Body=b"1", CustomAttributes="x" * 1025)
    assert "customAttributes" in str(caught.value)
