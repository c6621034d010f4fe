from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.clock import SystemClock
from sagewizard.sandbox.gateway.s3.listing import page
from sagewizard.sandbox.store.database import Database
from sagewizard.sandbox.store.objects import ObjectStore


def code_of(call: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    code: str = caught.value.response["Error"]["Code"]
    return code


def test_the_default_bucket_is_there_from_the_start(s3: Any) -> None:
    assert s3.head_bucket(Bucket="sagemaker-us-east-1-123456789012")["BucketRegion"] == "us-east-1"


def test_a_bucket_is_made_found_and_deleted(s3: Any, bucket: str) -> None:
    assert bucket in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=bucket).get("LocationConstraint") is None
    s3.put_object(Bucket=bucket, Key="k")
    assert code_of(lambda: s3.delete_bucket(Bucket=bucket)) == "BucketNotEmpty"
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert code_of(lambda: s3.head_bucket(Bucket=bucket)) == "404"


def test_making_ones_own_bucket_again_is_as_in_aws(s3: Any, bucket: str, clients: Any) -> None:
    s3.create_bucket(Bucket=bucket)
    paris = clients("s3", region="eu-west-3")
    constraint = {"LocationConstraint": "eu-west-3"}
    name = f"{bucket}-paris"
    paris.create_bucket(Bucket=name, CreateBucketConfiguration=constraint)
    assert paris.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-3"
    again = code_of(lambda: paris.create_bucket(Bucket=name, CreateBucketConfiguration=constraint))
    assert again == "BucketAlreadyOwnedByYou"
    assert code_of(lambda: paris.create_bucket(Bucket="x" + name)) == "IllegalLocationConstraintException"


@pytest.mark.parametrize(
    "name", ["ab", "Upper", "a..b", "192.168.0.1", "a_b", "-ab", "ab-", "x" * 64, "xn--abc"]
)
def test_a_bad_bucket_name_is_refused(clients: Any, name: str) -> None:
    s3 = clients("s3")
    s3.meta.events.unregister("before-parameter-build.s3", _validator())
    assert code_of(lambda: s3.create_bucket(Bucket=name)) == "InvalidBucketName"


def _validator() -> Any:
    from botocore.handlers import validate_bucket_name

    return validate_bucket_name


def test_buckets_are_listed_in_pages(s3: Any, bucket: str) -> None:
    for letter in "abc":
        s3.create_bucket(Bucket=f"{bucket}-{letter}")
    first = s3.list_buckets(Prefix=f"{bucket}-", MaxBuckets=2)
    assert [entry["Name"][-1] for entry in first["Buckets"]] == ["a", "b"]
    token = first["ContinuationToken"]
    rest = s3.list_buckets(Prefix=f"{bucket}-", MaxBuckets=2, ContinuationToken=token)
    assert [entry["Name"][-1] for entry in rest["Buckets"]] == ["c"]


def test_listings_page_through_objects_and_prefixes(s3: Any, bucket: str) -> None:
    keys = ["a", "b/1", "b/2", "c & d/ü", "e+f", "g"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for operation, delimited in [("list_objects_v2", 5), ("list_objects", 5), ("list_object_versions", 5)]:
        for size in (1, 2, 3, 1000):
            pages = s3.get_paginator(operation).paginate(
                Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}
            )
            found: list[str] = []
            for got in pages:
                entries = got.get("Versions" if operation == "list_object_versions" else "Contents", [])
                found += [entry["Key"] for entry in entries]
                found += [entry["Prefix"] for entry in got.get("CommonPrefixes", [])]
            assert sorted(found) == ["a", "b/", "c & d/", "e+f", "g"], (operation, size)
            assert len(found) == delimited
    listed = s3.list_objects_v2(Bucket=bucket, StartAfter="b/1", FetchOwner=True)
    assert [entry["Key"] for entry in listed["Contents"]] == keys[2:]
    assert "ID" in listed["Contents"][0]["Owner"]
    assert s3.list_objects_v2(Bucket=bucket, Prefix="b/")["KeyCount"] == 2
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert {entry["VersionId"] for entry in versions} == {"null"}
    assert all(entry["IsLatest"] for entry in versions)
    wrong = code_of(lambda: s3.list_objects_v2(Bucket=bucket, ContinuationToken="%"))
    assert wrong == "InvalidArgument"


@given(
    keys=st.sets(st.text("ab/\U0010ffff", min_size=1, max_size=5), max_size=25),
    prefix=st.text("ab/", max_size=2),
    delimiter=st.sampled_from(["", "/", "b", "a/"]),
    limit=st.integers(1, 4),
)
def test_pages_put_together_are_the_whole_listing(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], prefix: str, delimiter: str, limit: int
) -> None:
    folder = tmp_path_factory.mktemp("list")
    database = Database(folder / "state.db")
    store = ObjectStore(folder / "objects", database, SystemClock())
    store.create_bucket("bucket", "us-east-1")
    with database.transaction():
        for key in keys:
            store.put("bucket", key, b"")
    expected: list[str] = []
    for key in sorted((key for key in keys if key.startswith(prefix)), key=str.encode):
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        name = prefix + head + delimiter if found else key
        if not expected or expected[-1] != name:
            expected.append(name)
    listed: list[str] = []
    after = ""
    while True:
        got = page(store, "bucket", prefix, delimiter, after, limit)
        names = sorted([info.key for info in got.objects] + got.prefixes, key=str.encode)
        listed += names
        assert len(got) <= limit
        if not got.truncated:
            break
        after = got.last
    assert listed == expected
    database.close()


def test_the_configuration_of_a_bucket_is_kept(s3: Any, bucket: str) -> None:
    policy = '{"Version":"2012-10-17","Statement":[]}'
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.put_bucket_cors(
        Bucket=bucket,
        CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
    )
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"][0]["AllowedMethods"] == ["GET"]
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert code_of(lambda: s3.get_bucket_policy(Bucket=bucket)) == "NoSuchBucketPolicy"


def test_a_bucket_may_be_named_in_the_host(sandbox: Any, s3: Any, bucket: str) -> None:
    import http.client

    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    port = int(sandbox.services.endpoint_url.rpartition(":")[2])
    keys = Credentials(sandbox.services.credentials.access_key, sandbox.services.credentials.secret_key)
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def send(method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        request = AWSRequest(method, f"http://{bucket}.localhost:{port}{path}", data=body)
        S3SigV4Auth(keys, "s3", "us-east-1").add_auth(request)
        headers = {**dict(request.headers.items()), "Host": f"{bucket}.localhost:{port}"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    assert send("PUT", "/in/host", b"1")[0] == 200
    assert send("GET", "/in/host") == (200, b"1")
    assert s3.get_object(Bucket=bucket, Key="in/host")["Body"].read() == b"1"
    assert b"<Key>in/host</Key>" in send("GET", "/?list-type=2")[1]
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    assert send("PUT", "/?tagging", tags)[0] in {200, 204}
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    connection.close()
