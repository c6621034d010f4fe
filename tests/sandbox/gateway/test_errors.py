from __future__ import annotations

import http.client
import io
import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagewizard.sandbox.gateway.app import Gateway
from sagewizard.sandbox.gateway.errors import AwsError, Protocol, render, xml_text


def failure(call: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    found: dict[str, Any] = caught.value.response
    return found


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "named"),
    [
        ("sagemaker", "list_models", {}, "ListModels"),
        (
            "sagemaker-runtime",
            "invoke_endpoint",
            {"EndpointName": "e", "Body": b""},
            "/endpoints/e/invocations",
        ),
        ("pricing", "describe_services", {}, "pricing"),
        ("iam", "generate_organizations_access_report", {"EntityPath": "o" * 19}, "GenerateOrganizations"),
        ("cloudwatch", "list_managed_insight_rules", {"ResourceARN": "arn"}, "ListManagedInsightRules"),
        ("lambda", "list_capacity_providers", {}, "lambda"),
        ("s3control", "list_jobs", {"AccountId": "123456789012"}, "s3control"),
    ],
)
def test_what_is_not_there_is_an_aws_error_that_names_it(
    clients: Any, sandbox: Any, service: str, operation: str, arguments: dict[str, Any], named: str
) -> None:
    client = clients(service)
    if service == "s3control":
        client = clients(
            "s3control", endpoint_url=sandbox.services.endpoint_url.replace("127.0.0.1", "localhost")
        )
        client.meta.events.register("before-sign.s3-control", _to_loopback)
    found = failure(lambda: getattr(client, operation)(**arguments))
    assert found["Error"]["Code"] in {"UnknownOperationException", "NotImplemented"}
    assert named in found["Error"]["Message"]
    assert "html" not in str(found).lower()


def _to_loopback(request: Any, **_: Any) -> None:
    request.url = request.url.replace("123456789012.localhost", "127.0.0.1")


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("s3", "list_buckets", "InternalError"),
        ("iam", "list_roles", "InternalFailure"),
        ("logs", "describe_log_groups", "InternalFailure"),
        ("lambda", "list_functions", "InternalFailure"),
        ("cloudwatch", "list_metrics", "InternalFailure"),
    ],
)
def test_an_exception_inside_is_an_aws_error_with_an_id_that_is_in_the_log(
    clients: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    service: str,
    operation: str,
    code: str,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(Gateway, "_answer", fail)
    with caplog.at_level(logging.ERROR):
        found = failure(lambda: getattr(clients(service), operation)())
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == (code, 500)
    assert "secret" not in str(found)
    identity = found["Error"]["Message"].rpartition(" ")[2].rstrip(".")
    assert len(identity) == 36
    assert identity in caplog.text
    assert "a secret of the inside" in caplog.text


def test_a_full_disk_is_said_to_be_one(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    monkeypatch.setattr(os, "write", full)
    found = failure(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"new"))
    monkeypatch.undo()
    assert "disk" in found["Error"]["Message"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


def test_a_connection_goes_on_after_a_refused_body(sandbox: Any) -> None:
    connection = http.client.HTTPConnection(sandbox.services.endpoint_url.removeprefix("http://"))
    for body in (b"x" * 3_000_000, io.BytesIO(b"GET / HTTP/1.1\r\n\r\n" * 50_000)):
        for _ in range(2):
            connection.request("PUT", "/b/k", body, {"Host": "127.0.0.1", "Transfer-Encoding": "chunked"}
                               if isinstance(body, io.BytesIO) else {"Host": "127.0.0.1"},
                               encode_chunked=isinstance(body, io.BytesIO))  # fmt: skip
            response = connection.getresponse()
            assert (response.status, b"AccessDenied" in response.read()) == (403, True)
    connection.close()


def test_a_body_above_the_limit_is_refused(
    sandbox: Any, clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagewizard.sandbox.gateway.app._LARGEST_BODY", 1000)
    large = failure(lambda: clients("logs").describe_log_groups(logGroupNamePrefix="x" * 2000))
    assert large["Error"]["Code"] == "RequestEntityTooLargeException"


@pytest.mark.parametrize("protocol", list(Protocol))
def test_an_error_has_the_same_words_in_every_protocol(protocol: Protocol) -> None:
    response = render(AwsError("Code", "a <b> & \x00 ü", 418), protocol, "id", "/r")
    assert response.status_code == 418
    assert b"Code" in response.data
    assert "ü".encode() in response.data or b"\\u00fc" in response.data
    assert response.mimetype != "text/html"


def test_text_that_xml_cannot_hold_is_replaced() -> None:
    assert xml_text("a\x00<&>\t\r\n\ud800") == "a�&lt;&amp;&gt;\t&#13;\n?"
