from __future__ import annotations

import datetime
import http.client
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

BUCKET = "sagemaker-us-east-1-123456789012"


def ask(
    sandbox: Any, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(sandbox.services.endpoint_url.removeprefix("http://"))
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def signed(
    sandbox: Any, host: str = "127.0.0.1", path: str = "/", service: str = "s3", **extra: str
) -> dict[str, str]:
    keys = Credentials(sandbox.services.credentials.access_key, sandbox.services.credentials.secret_key)
    request = AWSRequest("GET", f"http://{host}{path}", headers={"Host": host, **extra})
    (S3SigV4Auth if service == "s3" else SigV4Auth)(keys, service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


def s3_code(answer: bytes) -> str:
    root = ElementTree.fromstring(answer)
    assert root.tag == "Error"
    assert root.findtext("RequestId")
    return root.findtext("Code") or ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1", "[::1]:80", "127.0.0.1:65535"])
def test_loopback_hosts_are_answered(sandbox: Any, host: str) -> None:
    status, answer = ask(sandbox, "GET", "/", signed(sandbox, host))
    assert (status, BUCKET.encode() in answer) == (200, True)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:80",
        "127.0.0.1@evil.example",
        "169.254.169.254",
        "0.0.0.0",
        "127.0.0.1 ",
        "127.0.0.1, evil.example",
        "",
    ],
)
def test_a_foreign_host_is_refused_even_with_the_right_signature(sandbox: Any, host: str) -> None:
    headers = signed(sandbox, "127.0.0.1") | {"Host": host}
    status, answer = ask(sandbox, "GET", "/", headers)
    if host == "127.0.0.1 ":  # HTTP takes the blanks around a header away
        assert status == 200
    else:
        assert (status, s3_code(answer)) == (403, "AccessDenied")
        assert BUCKET.encode() not in answer


@pytest.mark.parametrize(
    "extra", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_page_in_a_browser_is_refused(sandbox: Any, extra: dict[str, str]) -> None:
    status, answer = ask(sandbox, "GET", "/", signed(sandbox) | extra)
    assert (status, s3_code(answer)) == (403, "AccessDenied")


def test_no_answer_allows_other_origins(sandbox: Any, clients: Any) -> None:
    for service, operation in [("iam", "list_roles"), ("s3", "list_buckets"), ("sts", "get_caller_identity")]:
        headers = getattr(clients(service), operation)()["ResponseMetadata"]["HTTPHeaders"]
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("service", "operation", "key_code", "secret_code"),
    [
        ("s3", "list_buckets", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
        ("sagemaker", "list_models", "UnrecognizedClientException", "InvalidSignatureException"),
        ("iam", "list_roles", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("lambda", "list_functions", "UnrecognizedClientException", "InvalidSignatureException"),
        ("cloudwatch", "list_metrics", "UnrecognizedClientException", "InvalidSignatureException"),
        ("logs", "describe_log_groups", "UnrecognizedClientException", "InvalidSignatureException"),
    ],
)
def test_a_wrong_key_or_secret_is_refused_in_the_services_own_words(
    clients: Any, service: str, operation: str, key_code: str, secret_code: str
) -> None:
    for wrong, code in (
        ({"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"}, key_code),
        ({"aws_secret_access_key": "wrong"}, secret_code),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(clients(service, **wrong), operation)()
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_request_without_a_signature_is_refused(sandbox: Any) -> None:
    assert s3_code(ask(sandbox, "GET", "/", {"Host": "localhost"})[1]) == "AccessDenied"
    target = {"Host": "localhost", "X-Amz-Target": "SageMaker.ListModels"}
    status, answer = ask(sandbox, "POST", "/", target, b"{}")
    assert (status, json.loads(answer)["__type"]) == (403, "MissingAuthenticationTokenException")
    status, answer = ask(sandbox, "GET", "/moto-api/data.json", {"Host": "localhost"})
    assert (status, s3_code(answer)) == (403, "AccessDenied")


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic abc",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request",
        "AWS4-HMAC-SHA256 Credential=ü/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=ü",
    ],
)
def test_a_malformed_authorization_is_an_error_and_no_failure(sandbox: Any, authorization: str) -> None:
    headers = {"Host": "localhost", "Authorization": authorization.encode().decode("latin-1")}
    status, answer = ask(sandbox, "GET", "/", headers)
    assert status in {400, 403}
    assert s3_code(answer) in {"AuthorizationHeaderMalformed", "InvalidAccessKeyId", "AccessDenied"}


def test_what_was_signed_cannot_be_changed(sandbox: Any) -> None:
    headers = signed(sandbox, path="/?prefix=a")
    assert ask(sandbox, "GET", "/?prefix=a", headers)[0] == 200
    assert s3_code(ask(sandbox, "GET", "/?prefix=b", headers)[1]) == "SignatureDoesNotMatch"
    assert s3_code(ask(sandbox, "DELETE", "/?prefix=a", headers)[1]) == "SignatureDoesNotMatch"
    extra = signed(sandbox, **{"x-amz-meta-a": "1"})
    assert s3_code(ask(sandbox, "GET", "/", extra | {"x-amz-meta-a": "2"})[1]) == "SignatureDoesNotMatch"


def test_a_signature_that_leaves_out_the_host_is_refused(sandbox: Any) -> None:
    headers = signed(sandbox)
    parts = headers["Authorization"].replace("SignedHeaders=host;", "SignedHeaders=")
    assert (
        s3_code(ask(sandbox, "GET", "/", headers | {"Authorization": parts})[1])
        == "AuthorizationHeaderMalformed"
    )


def test_a_body_other_than_the_signed_one_is_refused(sandbox: Any) -> None:
    keys = Credentials(sandbox.services.credentials.access_key, sandbox.services.credentials.secret_key)
    headers = {"Host": "127.0.0.1", "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}
    request = AWSRequest("POST", "http://127.0.0.1/", headers=headers, data=b'{"limit":1}')
    SigV4Auth(keys, "logs", "us-east-1").add_auth(request)
    sent = dict(request.headers.items())
    assert ask(sandbox, "POST", "/", sent, b'{"limit":1}')[0] == 200
    status, answer = ask(sandbox, "POST", "/", sent, b'{"limit":2}')
    assert (status, json.loads(answer)["__type"]) == (403, "InvalidSignatureException")


@pytest.mark.parametrize("path", [f"/{BUCKET}?delete=", f"/{BUCKET}?policy=", f"/{BUCKET}/k?tagging="])
def test_a_small_s3_body_other_than_the_signed_one_is_refused(sandbox: Any, s3: Any, path: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"1")
    keys = Credentials(sandbox.services.credentials.access_key, sandbox.services.credentials.secret_key)
    method = "POST" if "delete" in path else "PUT"
    request = AWSRequest(method, f"http://127.0.0.1{path}", headers={"Host": "127.0.0.1"}, data=b"<signed/>")
    S3SigV4Auth(keys, "s3", "us-east-1").add_auth(request)
    forged = b"<Delete><Object><Key>k</Key></Object></Delete>"
    status, answer = ask(sandbox, method, path, dict(request.headers.items()), forged)
    assert (status, s3_code(answer)) == (400, "XAmzContentSHA256Mismatch")
    assert s3.head_object(Bucket=BUCKET, Key="k")["ContentLength"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Delete>",
        b"not xml",
        b"\xff\xfe",
        b"<Delete></Delete>",
        b"<Other><Object><Key>k</Key></Object></Other>",
        b'<!DOCTYPE d [<!ENTITY a "k"><!ENTITY b "&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
        b'<?xml version="1.0" encoding="nonsense"?><Delete/>',
    ],
)
def test_hostile_xml_is_refused(sandbox: Any, body: bytes) -> None:
    keys = Credentials(sandbox.services.credentials.access_key, sandbox.services.credentials.secret_key)
    path = f"/{BUCKET}?delete="
    request = AWSRequest("POST", f"http://127.0.0.1{path}", headers={"Host": "127.0.0.1"}, data=body)
    S3SigV4Auth(keys, "s3", "us-east-1").add_auth(request)
    status, answer = ask(sandbox, "POST", path, dict(request.headers.items()), body)
    assert (status, s3_code(answer)) == (400, "MalformedXML")


def test_presigned_urls_expire(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Credentials(sandbox.services.credentials.access_key, sandbox.services.credentials.secret_key)
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: long_ago)
    request = AWSRequest("GET", f"http://127.0.0.1/{BUCKET}/k")
    S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=60).add_auth(request)
    answer = ask(sandbox, "GET", request.url.removeprefix("http://127.0.0.1"), {"Host": "127.0.0.1"})[1]
    assert (s3_code(answer), b"expired" in answer) == ("AccessDenied", True)


def test_a_changed_presigned_url_is_refused(sandbox: Any, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a"})
    path = url.removeprefix(sandbox.services.endpoint_url)
    assert ask(sandbox, "GET", path, {"Host": "127.0.0.1"}) == (200, b"1")
    assert (
        s3_code(ask(sandbox, "GET", path.replace("/a?", "/b?"), {"Host": "127.0.0.1"})[1])
        == "SignatureDoesNotMatch"
    )
    assert s3_code(ask(sandbox, "DELETE", path, {"Host": "127.0.0.1"})[1]) == "SignatureDoesNotMatch"


def test_the_status_page_needs_the_key(sandbox: Any) -> None:
    path, host = "/_sagewizard/status", {"Host": "127.0.0.1"}
    key = sandbox.services.credentials.access_key
    status, answer = ask(sandbox, "GET", path, host | {"X-SageWizard-Key": key})
    fields = json.loads(answer)
    assert (status, fields["busy"], fields["instance"]) == (200, [], sandbox.instance)
    assert fields["memory"] > 10_000_000
    for headers in (
        host,
        host | {"X-SageWizard-Key": "x"},
        {"Host": "evil.example", "X-SageWizard-Key": key},
    ):
        assert ask(sandbox, "GET", path, headers)[0] == 403
