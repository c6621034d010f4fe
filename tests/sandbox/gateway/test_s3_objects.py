from __future__ import annotations

import base64
import hashlib
import http.client
import io
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.sandbox.server import Sandbox

HOSTILE_KEYS = [
    "../../etc/passwd",
    "a//b/",
    "/",
    "ü +%20&?#=.txt",
    "a\tb",
    "..",
    "x" * 1024,
    "☃/🎉",
    "a;b,c'd\"e<>",
]


def code_of(call: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_every_key_comes_back_under_its_own_name(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=b"data")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"data"
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.delete_object(Bucket=bucket, Key=key)
    assert code_of(lambda: s3.get_object(Bucket=bucket, Key=key)) == ("NoSuchKey", 404)


def test_what_is_said_of_an_object_is_kept(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"data",
        ContentType="text/csv",
        ContentEncoding="gzip",
        CacheControl="no-store",
        ContentDisposition='attachment; filename="x"',
        ContentLanguage="fr",
        Metadata={"Owner_Name": "me", "a-b": "c  d"},
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId="key-1",
    )
    found = s3.head_object(Bucket=bucket, Key="k")
    assert found["ContentType"] == "text/csv"
    assert found["ContentEncoding"] == "gzip"
    assert found["CacheControl"] == "no-store"
    assert found["ContentDisposition"] == 'attachment; filename="x"'
    assert found["ContentLanguage"] == "fr"
    assert found["Metadata"] == {"owner_name": "me", "a-b": "c  d"}
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", "key-1")
    assert found["ContentLength"] == 4
    assert found["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'


def test_an_empty_object_is_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="empty")
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""
    assert s3.head_object(Bucket=bucket, Key="empty")["ContentLength"] == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("bytes=0-3", b"0123"),
        ("bytes=5-", b"56789"),
        ("bytes=-3", b"789"),
        ("bytes=-100", b"0123456789"),
        ("bytes=8-100", b"89"),
    ],
)
def test_ranges_are_cut_out(s3: Any, bucket: str, given: str, expected: bytes) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    found = s3.get_object(Bucket=bucket, Key="k", Range=given)
    assert found["Body"].read() == expected
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 206
    start = b"0123456789".index(expected)
    assert found["ContentRange"] == f"bytes {start}-{start + len(expected) - 1}/10"


@pytest.mark.parametrize("given", ["bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=-"])
def test_a_range_that_is_none_gives_the_whole(s3: Any, bucket: str, given: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    assert s3.get_object(Bucket=bucket, Key="k", Range=given)["Body"].read() == b"0123456789"


def test_a_range_behind_the_end_is_refused(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"01")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert code_of(lambda: s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-")) == ("InvalidRange", 416)
    assert code_of(lambda: s3.get_object(Bucket=bucket, Key="empty", Range="bytes=0-")) == (
        "InvalidRange",
        416,
    )


def test_conditions_on_reading(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    later, earlier = modified + timedelta(hours=1), modified - timedelta(hours=1)

    def get(**condition: Any) -> Callable[[], Any]:
        return lambda: s3.get_object(Bucket=bucket, Key="k", **condition)

    for allowed in (
        {"IfMatch": etag},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": earlier},
        {"IfUnmodifiedSince": later},
        {"IfMatch": etag, "IfUnmodifiedSince": earlier},
        {"IfNoneMatch": '"other"', "IfModifiedSince": later},
    ):
        assert get(**allowed)()["Body"].read() == b"1"
    assert code_of(get(IfMatch='"other"')) == ("PreconditionFailed", 412)
    assert code_of(get(IfUnmodifiedSince=earlier)) == ("PreconditionFailed", 412)
    assert code_of(get(IfNoneMatch=etag)) == ("304", 304)
    assert code_of(get(IfModifiedSince=modified)) == ("304", 304)


def test_conditions_on_writing(s3: Any, bucket: str) -> None:
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    again = code_of(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*"))
    assert again == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first)
    assert code_of(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=first))[1] == 412
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_what_is_not_there_has_s3s_own_errors(s3: Any, bucket: str) -> None:
    assert code_of(lambda: s3.get_object(Bucket=bucket, Key="no")) == ("NoSuchKey", 404)
    assert code_of(lambda: s3.head_object(Bucket=bucket, Key="no")) == ("404", 404)
    for call in (
        lambda: s3.get_object(Bucket="no-such-bucket", Key="k"),
        lambda: s3.put_object(Bucket="no-such-bucket", Key="k", Body=b"x" * 3_000_000),
        lambda: s3.delete_object(Bucket="no-such-bucket", Key="k"),
        lambda: s3.list_objects_v2(Bucket="no-such-bucket"),
        lambda: s3.delete_bucket(Bucket="no-such-bucket"),
        lambda: s3.get_bucket_policy(Bucket="no-such-bucket"),
    ):
        assert code_of(call) == ("NoSuchBucket", 404)
    assert code_of(lambda: s3.head_bucket(Bucket="no-such-bucket")) == ("404", 404)
    assert code_of(lambda: s3.put_object(Bucket=bucket, Key="x" * 1025)) == ("KeyTooLongError", 400)
    assert code_of(lambda: s3.get_object(Bucket=bucket, Key="k", VersionId="abc")) == ("NoSuchVersion", 404)
    assert code_of(lambda: s3.get_object_acl(Bucket=bucket, Key="k")) == ("NotImplemented", 501)


def test_the_md5_is_checked_and_a_damaged_object_is_not_kept(s3: Any, bucket: str) -> None:
    good = base64.b64encode(hashlib.md5(b"data").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ContentMD5=good)
    wrong = code_of(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"datb", ContentMD5=good))
    assert wrong == ("BadDigest", 400)
    assert code_of(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="no")) == (
        "InvalidDigest",
        400,
    )
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("CRC32", zlib.crc32(b"data").to_bytes(4, "big")),
        ("SHA1", hashlib.sha1(b"data").digest()),
        ("SHA256", hashlib.sha256(b"data").digest()),
    ],
)
def test_checksums_are_checked_kept_and_shown(s3: Any, bucket: str, algorithm: str, digest: bytes) -> None:
    member, value = f"Checksum{algorithm}", base64.b64encode(digest).decode()
    answer = s3.put_object(Bucket=bucket, Key="k", Body=b"data", ChecksumAlgorithm=algorithm)
    assert answer[member] == value
    found = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (found[member], found["ChecksumType"]) == (value, "FULL_OBJECT")
    wrong = code_of(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"other", **{member: value}))
    assert wrong == ("BadDigest", 400)
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ETag", "ObjectSize", "StorageClass"]
    )
    assert attributes["Checksum"][member] == value
    assert (attributes["ObjectSize"], attributes["StorageClass"]) == (4, "STANDARD")


def send(sandbox: Sandbox, headers: dict[str, str], body: bytes, path: str) -> tuple[int, bytes]:
    """Send a PUT signed by hand, so that its body can be anything."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    keys = sandbox.services.credentials
    request = AWSRequest("PUT", sandbox.services.endpoint_url + path, headers=headers)

    class Signer(S3SigV4Auth):
        def payload(self, request: Any) -> str:
            return headers["x-amz-content-sha256"]

    Signer(Credentials(keys.access_key, keys.secret_key), "s3", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(sandbox.services.endpoint_url.removeprefix("http://"))
    try:
        connection.request("PUT", path, body, dict(request.headers.items()))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def chunked(data: bytes, trailer: str = "", signature: str = "") -> bytes:
    return b"".join(
        [
            *(
                b"%x%s\r\n%s\r\n" % (len(piece), signature.encode(), piece)
                for piece in (data[:5], data[5:])
                if piece
            ),
            b"0%s\r\n" % signature.encode(),
            f"{trailer}\r\n".encode() if trailer else b"",
            b"\r\n",
        ]
    )


def test_aws_chunked_bodies_are_decoded_and_their_trailer_checked(
    sandbox: Sandbox, s3: Any, bucket: str
) -> None:
    data = b"hello chunked world"
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked,gzip",
        "x-amz-decoded-content-length": str(len(data)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    path = f"/{bucket}/k"
    assert send(sandbox, headers, chunked(data, f"x-amz-checksum-crc32:{crc}"), path)[0] == 200
    found = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (found["Body"].read(), found["ContentEncoding"], found["ChecksumCRC32"]) == (data, "gzip", crc)
    status, answer = send(sandbox, headers, chunked(data, "x-amz-checksum-crc32:AAAAAA=="), path)
    assert (status, b"<Code>BadDigest</Code>" in answer) == (400, True)
    signed = headers | {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    del signed["x-amz-trailer"]
    assert send(sandbox, signed, chunked(data, signature=";chunk-signature=00"), path)[0] == 200


def test_an_aws_chunked_body_may_come_in_http_chunks_as_arrow_sends_it(
    sandbox: Sandbox, s3: Any, bucket: str
) -> None:
    data = b"hello chunked world"
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(data)),
        "x-amz-trailer": "x-amz-checksum-crc64nvme",
        "transfer-encoding": "chunked",
    }
    whole = chunked(data, "x-amz-checksum-crc64nvme:AAAAAAAAAAA=")
    # The borders of the two kinds of chunks have nothing to do with each other.
    pieces = [whole[start : start + 7] for start in range(0, len(whole), 7)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    assert send(sandbox, headers, body, f"/{bucket}/k")[0] == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhel",
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        chunked(b"too short"),
        b"",
        b"-5\r\n\r\n",
    ],
)
def test_a_broken_chunked_body_is_refused(sandbox: Sandbox, s3: Any, bucket: str, body: bytes) -> None:
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "19",
    }
    status, answer = send(sandbox, headers, body, f"/{bucket}/k")
    assert (status, b"<Code>IncompleteBody</Code>" in answer) == (400, True)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_body_other_than_the_signed_one_is_refused(sandbox: Sandbox, s3: Any, bucket: str) -> None:
    headers = {"x-amz-content-sha256": hashlib.sha256(b"signed").hexdigest()}
    status, answer = send(sandbox, headers, b"forged", f"/{bucket}/k")
    assert (status, b"<Code>XAmzContentSHA256Mismatch</Code>" in answer) == (400, True)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_copying_takes_everything_along_or_replaces_it(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket, Key="ä +1", Body=b"data", Metadata={"m": "1"}, ContentType="text/csv", Tagging="t=1"
    )
    source = {"Bucket": bucket, "Key": "ä +1"}
    answer = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert answer["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
    copy = s3.get_object(Bucket=bucket, Key="copy")
    assert (copy["Body"].read(), copy["Metadata"], copy["ContentType"]) == (b"data", {"m": "1"}, "text/csv")
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(
        Bucket=bucket, Key="new", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"}
    )
    assert s3.head_object(Bucket=bucket, Key="new")["Metadata"] == {"n": "2"}
    s3.delete_object(Bucket=bucket, Key="ä +1")
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"data"
    itself = {"Bucket": bucket, "Key": "copy"}
    assert code_of(lambda: s3.copy_object(Bucket=bucket, Key="copy", CopySource=itself)) == (
        "InvalidRequest",
        400,
    )
    assert code_of(lambda: s3.copy_object(Bucket=bucket, Key="x", CopySource=source)) == ("NoSuchKey", 404)
    unmet = code_of(
        lambda: s3.copy_object(Bucket=bucket, Key="x", CopySource=itself, CopySourceIfMatch='"0"')
    )
    assert unmet == ("PreconditionFailed", 412)


def test_tags_are_put_read_and_deleted(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Tagging="a=1&b=%26")
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]}
    assert tags == {"a": "1", "b": "&"}
    assert s3.head_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "<c>", "Value": ""}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "<c>", "Value": ""}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    many = {"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]}
    assert code_of(lambda: s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=many))[0] == "BadRequest"


def test_many_are_deleted_at_once(s3: Any, bucket: str) -> None:
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"<{number}>")
    doomed = [{"Key": f"<{number}>"} for number in range(4)] + [{"Key": "not-there"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed})
    assert sorted(entry["Key"] for entry in answer["Deleted"]) == sorted(entry["Key"] for entry in doomed)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["<4>"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "<4>"}], "Quiet": True})
    assert "Deleted" not in quiet
    versioned = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a", "VersionId": "v1"}]})
    assert versioned["Errors"][0]["Code"] == "NoSuchVersion"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls_read_and_write(clients: Any, s3: Any, bucket: str, version: str) -> None:
    import urllib.request

    signer = clients("s3", config={"signature_version": version})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    key = "dir/ü +.txt"
    put = signer.generate_presigned_url(
        "put_object", Params={"Bucket": bucket, "Key": key, "ContentType": "text/x"}
    )
    request = urllib.request.Request(put, b"uploaded", {"Content-Type": "text/x"}, method="PUT")
    with opener.open(request) as answer:
        assert answer.status == 200
    parameters = {"Bucket": bucket, "Key": key, "ResponseContentType": "text/y"}
    with opener.open(signer.generate_presigned_url("get_object", Params=parameters)) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"uploaded", "text/y")
    assert s3.head_object(Bucket=bucket, Key=key)["ContentType"] == "text/x"


def test_files_go_up_and_down_whatever_their_size(s3: Any, bucket: str) -> None:
    data = bytes(range(256)) * 65_536  # 16 MiB: boto3 sends it in two parts
    s3.upload_fileobj(io.BytesIO(data), bucket, "big", ExtraArgs={"Metadata": {"m": "1"}})
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-2"')
    back = io.BytesIO()
    s3.download_fileobj(bucket, "big", back)
    assert back.getvalue() == data
    part = s3.get_object(Bucket=bucket, Key="big", PartNumber=2)
    assert (part["PartsCount"], part["Body"].read()) == (2, data[8 << 20 :])


def test_metadata_has_a_limit(s3: Any, bucket: str) -> None:
    large = code_of(lambda: s3.put_object(Bucket=bucket, Key="k", Metadata={"m": "x" * 2048}))
    assert large == ("MetadataTooLarge", 400)
