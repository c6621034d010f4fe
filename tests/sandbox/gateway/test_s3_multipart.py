from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

MIB = 1 << 20


def code_of(call: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    code: str = caught.value.response["Error"]["Code"]
    return code


def begin(s3: Any, bucket: str, **options: Any) -> dict[str, str]:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **options)
    return {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}


def send(s3: Any, upload: dict[str, str], number: int, data: bytes, **options: Any) -> dict[str, Any]:
    answer = s3.upload_part(**upload, PartNumber=number, Body=data, **options)
    kept = {name: value for name, value in answer.items() if name == "ETag" or name.startswith("Checksum")}
    kept.pop("ChecksumType", None)
    return {"PartNumber": number, **kept}


def complete(s3: Any, upload: dict[str, str], *parts: dict[str, Any], **options: Any) -> Any:
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": list(parts)}, **options)


def test_parts_become_an_object(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket, ContentType="text/csv", Metadata={"m": "1"}, Tagging="t=1")
    two, one = send(s3, upload, 2, b"end"), send(s3, upload, 1, b"a" * (5 * MIB))
    answer = complete(s3, upload, one, two)
    joined = hashlib.md5(b"a" * (5 * MIB)).digest() + hashlib.md5(b"end").digest()
    assert answer["ETag"] == f'"{hashlib.md5(joined).hexdigest()}-2"'
    found = s3.get_object(Bucket=bucket, Key="k")
    assert found["Body"].read() == b"a" * (5 * MIB) + b"end"
    assert (found["ContentType"], found["Metadata"], found["TagCount"]) == ("text/csv", {"m": "1"}, 1)
    assert code_of(lambda: complete(s3, upload, one, two)) == "NoSuchUpload"


def test_the_checksum_of_the_whole_is_that_of_the_parts_checksums(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32")
    first, last = b"a" * (5 * MIB), b"end"
    parts = [
        send(s3, upload, number, data, ChecksumAlgorithm="CRC32")
        for number, data in enumerate([first, last], 1)
    ]
    answer = complete(s3, upload, *parts)
    sums = b"".join(zlib.crc32(data).to_bytes(4, "big") for data in (first, last))
    expected = base64.b64encode(zlib.crc32(sums).to_bytes(4, "big")).decode() + "-2"
    assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (expected, "COMPOSITE")


def test_a_full_object_checksum_is_checked(s3: Any, bucket: str) -> None:
    data = [b"a" * (5 * MIB), b"end"]
    whole = base64.b64encode(zlib.crc32(b"".join(data)).to_bytes(4, "big")).decode()
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = [send(s3, upload, number, piece) for number, piece in enumerate(data, 1)]
    wrong = code_of(
        lambda: complete(s3, upload, *parts, ChecksumCRC32="AAAAAA==", ChecksumType="FULL_OBJECT")
    )
    assert wrong == "BadDigest"
    answer = complete(s3, upload, *parts, ChecksumCRC32=whole, ChecksumType="FULL_OBJECT")
    assert answer["ChecksumCRC32"] == whole
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == b"".join(data)


def test_wrong_completions_have_s3s_own_errors(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    small, end = send(s3, upload, 1, b"small"), send(s3, upload, 2, b"end")
    assert code_of(lambda: complete(s3, upload, small, end)) == "EntityTooSmall"
    assert code_of(lambda: complete(s3, upload, end, small)) == "InvalidPartOrder"
    assert code_of(lambda: complete(s3, upload, {"PartNumber": 3, "ETag": end["ETag"]})) == "InvalidPart"
    assert code_of(lambda: complete(s3, upload, {"PartNumber": 1, "ETag": '"0"'})) == "InvalidPart"
    assert code_of(lambda: complete(s3, upload)) == "MalformedXML"
    assert code_of(lambda: send(s3, upload, 10_001, b"")) == "InvalidArgument"
    gone = {**upload, "UploadId": "no-such-upload"}
    assert code_of(lambda: send(s3, gone, 1, b"")) == "NoSuchUpload"
    assert code_of(lambda: s3.list_parts(**gone)) == "NoSuchUpload"
    assert code_of(lambda: s3.create_multipart_upload(Bucket="no-such-bucket", Key="k")) == "NoSuchBucket"
    complete(s3, upload, small)


def test_aborted_uploads_are_gone(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"x")
    s3.abort_multipart_upload(**upload)
    assert code_of(lambda: complete(s3, upload, part)) == "NoSuchUpload"
    assert code_of(lambda: s3.abort_multipart_upload(**upload)) == "NoSuchUpload"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_parts_and_uploads_are_listed_in_pages(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    for number in (1, 3, 4):
        send(s3, upload, number, b"x" * number)
    pages = s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 2})
    assert [(part["PartNumber"], part["Size"]) for got in pages for part in got["Parts"]] == [
        (1, 1),
        (3, 3),
        (4, 4),
    ]
    others = [s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"] for key in ("a ü", "z")]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    found = [(entry["Key"], entry["UploadId"]) for got in pages for entry in got["Uploads"]]
    assert found == [("a ü", others[0]), ("k", upload["UploadId"]), ("z", others[1])]


def test_parts_can_be_copied_from_objects(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789" * MIB)
    upload = begin(s3, bucket)
    source = {"Bucket": bucket, "Key": "source"}
    ranges = ["bytes=0-5242879", "bytes=5242880-10485759"]
    parts = [
        s3.upload_part_copy(**upload, PartNumber=number, CopySource=source, CopySourceRange=text)
        for number, text in enumerate(ranges, 1)
    ]
    complete(
        s3,
        upload,
        *({"PartNumber": n, "ETag": part["CopyPartResult"]["ETag"]} for n, part in enumerate(parts, 1)),
    )
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"0123456789" * MIB
    wrong = code_of(
        lambda: s3.upload_part_copy(
            **begin(s3, bucket), PartNumber=1, CopySource=source, CopySourceRange="bytes=0-99999999"
        )
    )
    assert wrong == "InvalidArgument"


def test_a_condition_on_completing_holds(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"new")
    assert code_of(lambda: complete(s3, upload, part, IfNoneMatch="*")) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"
