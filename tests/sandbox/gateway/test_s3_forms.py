"""Uploads by HTML form, signed by `generate_presigned_post`."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

if TYPE_CHECKING:
    from tests.sandbox.conftest import Clients


def send(post: dict[str, Any], data: bytes = b"hello", **fields: str) -> urllib3.BaseHTTPResponse:
    form = {**post["fields"], **fields, "file": ("note.txt", data, "text/plain")}
    with urllib3.PoolManager() as pool:
        return pool.request("POST", post["url"], fields=form, redirect=False, retries=False)


@pytest.fixture(params=["s3", "s3v4"])
def made(clients: Clients, bucket: str, request: pytest.FixtureRequest) -> Any:
    client = clients("s3", config={"signature_version": request.param, "s3": {"addressing_style": "path"}})

    def make(key: str, **options: Any) -> Any:
        return client.generate_presigned_post(bucket, key, **options)

    return make


def test_a_form_uploads_under_both_signatures(made: Any, s3: Any, bucket: str) -> None:
    wanted = {"Content-Type": "text/x-note", "x-amz-meta-who": "me", "success_action_status": "201"}
    post = made("forms/${filename}", Fields=wanted, Conditions=[{n: v} for n, v in wanted.items()])
    answer = send(post)
    assert (answer.status, answer.headers["content-type"]) == (201, "application/xml")
    assert b'<Key>forms/note.txt</Key><ETag>"5d41402abc4b2a76b9719d911017c592"' in answer.data
    found = s3.get_object(Bucket=bucket, Key="forms/note.txt")
    assert (found["ContentType"], found["Metadata"]) == ("text/x-note", {"who": "me"})
    assert found["Body"].read() == b"hello"
    large = bytes(range(256)) * 12_000  # more than is kept in memory
    assert send(made("forms/plain"), large).status == 204
    assert s3.get_object(Bucket=bucket, Key="forms/plain")["Body"].read() == large
    told = {"success_action_redirect": "http://localhost/done"}
    begins = ["starts-with", "$success_action_redirect", "http://localhost/"]
    answer = send(made("k", Fields=told, Conditions=[begins]))
    assert answer.status == 303 and answer.headers["location"].startswith("http://localhost/done?bucket=")


@pytest.mark.parametrize(
    ("options", "data", "fields", "said"),
    [
        ({}, b"hello", {"x-amz-meta-b": "1"}, (403, "Extra input fields: x-amz-meta-b")),
        ({}, b"hello", {"key": "another"}, (403, "Policy Condition failed: [")),
        ({"ExpiresIn": -5}, b"hello", {}, (403, "Policy expired.")),
        ({"Conditions": [["content-length-range", 1, 3]]}, b"hello", {}, (400, "<Code>EntityTooLarge")),
        ({"Conditions": [["content-length-range", 9, 99]]}, b"hi", {}, (400, "<Code>EntityTooSmall")),
        ({"Conditions": [["starts-with", "$acl", "b"]]}, b"", {"acl": "c"}, (403, "failed")),
        ({}, b"hello", {"x-amz-signature": "0", "signature": "0"}, (403, "SignatureDoesNotMatch")),
        ({}, b"hello", {"policy": ""}, (403, "AccessDenied")),
    ],
)  # fmt: skip
def test_a_form_that_its_policy_does_not_allow_stores_nothing(
    made: Any, s3: Any, bucket: str, options: Any, data: bytes, fields: Any, said: Any
) -> None:
    answer = send(made("refused", **options), data, **fields)
    assert (answer.status, said[1] in answer.data.decode()) == (said[0], True), answer.data
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="refused")


def test_a_policy_that_somebody_has_written_anew_is_not_signed(made: Any, bucket: str) -> None:
    post = made("mine")
    policy = json.loads(base64.b64decode(post["fields"]["policy"]))
    policy["conditions"] = [["starts-with", "$key", ""], {"bucket": bucket}]
    forged = base64.b64encode(json.dumps(policy).encode()).decode()
    assert b"SignatureDoesNotMatch" in send(post, policy=forged).data


def test_nothing_else_is_reached_by_a_form_without_a_signature(made: Any) -> None:
    post = made("mine")
    for url in (f"{post['url']}?delete", f"{post['url']}/key?uploads", f"{post['url']}?X-Amz-Signature=1"):
        assert send({**post, "url": url}).status in (400, 403)
    assert send({**post, "url": f"{post['url']}/key"}).status == 405
