"""The multipart operations: create, upload and copy parts, complete, abort, and the two listings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sagewizard.sandbox.gateway.errors import AwsError
from sagewizard.sandbox.gateway.s3 import wire
from sagewizard.sandbox.gateway.s3.body import ALGORITHMS, Body, declared_checksums, joined_checksums
from sagewizard.sandbox.gateway.s3.conditions import write_condition
from sagewizard.sandbox.gateway.s3.transfers import described
from sagewizard.sandbox.store.objects import NoSuchBucket
from sagewizard.sandbox.store.uploads import (
    SMALLEST_PART,
    InvalidPart,
    NoSuchUpload,
    PartsOutOfOrder,
    PartTooSmall,
    UploadStore,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from werkzeug import Response

    from sagewizard.sandbox.gateway.s3.transfers import Transfers
    from sagewizard.sandbox.gateway.s3.wire import Call
    from sagewizard.sandbox.store.objects import ObjectStore
    from sagewizard.sandbox.store.payloads import Staged
    from sagewizard.sandbox.store.uploads import Part, Upload

_MOST_PARTS = 10_000
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_OWNERS = wire.OWNER.replace("Owner>", "Initiator>") + wire.OWNER


class Multipart:
    """Multipart uploads over an ObjectStore."""

    def __init__(self, objects: ObjectStore, uploads: UploadStore, transfers: Transfers) -> None:
        self._objects, self._uploads, self._transfers = objects, uploads, transfers

    def create(self, call: Call) -> Response:
        """CreateMultipartUpload."""
        content_type, metadata, headers, tags = described(call)
        algorithm = call.headers.get("x-amz-checksum-algorithm", "").lower()
        if algorithm and algorithm not in ALGORITHMS:
            text = "Checksum algorithm provided is unsupported."
            raise AwsError("InvalidRequest", text)
        full = algorithm == "crc64nvme"
        kind = call.headers.get("x-amz-checksum-type", "FULL_OBJECT" if full else "COMPOSITE").upper()
        try:
            upload = self._uploads.create(
                call.bucket,
                call.key,
                content_type=content_type,
                metadata=metadata,
                headers=headers,
                tags=tags,
                checksum_algorithm=algorithm,
                checksum_type=kind if algorithm else "",
            )
        except NoSuchBucket:
            raise wire.no_such_bucket(call.bucket) from None
        response = wire.document("InitiateMultipartUploadResult", self._names(call, upload))
        if algorithm:
            response.headers["x-amz-checksum-algorithm"] = algorithm.upper()
            response.headers["x-amz-checksum-type"] = kind
        return response

    def upload_part(self, call: Call) -> Response:
        """UploadPart."""
        upload, number = self._upload(call), self._number(call)
        body = Body(call)
        staged = self._objects.payloads.stage(body)
        part = self._add(upload, number, staged, body.checksums)
        sums = {f"x-amz-checksum-{name}": value for name, value in part.checksums.items()}
        return wire.empty(200, {"ETag": f'"{part.etag}"', **sums})

    def copy_part(self, call: Call) -> Response:
        """UploadPartCopy."""
        upload, number = self._upload(call), self._number(call)
        source = self._transfers.copy_source(call)
        start, end = 0, source.size
        text = call.headers.get("x-amz-copy-source-range", "")
        if text:
            match = _RANGE.fullmatch(text)
            if match is None or not int(match[1]) <= int(match[2]) < source.size:
                raise wire.invalid_argument(
                    f"Range specified is not valid for source object of size: {source.size}",
                    "x-amz-copy-source-range",
                    text,
                )
            start, end = int(match[1]), int(match[2]) + 1
        try:
            staged = self._objects.payloads.copy_range(source.path, start, end)
        except FileNotFoundError:
            raise wire.no_such_key(source.key) from None
        part = self._add(upload, number, staged, {})
        fields = [
            wire.element("LastModified", wire.iso_time(part.modified)),
            wire.element("ETag", f'"{part.etag}"'),
        ]
        return wire.document("CopyPartResult", fields)

    def complete(self, call: Call) -> Response:
        """CompleteMultipartUpload."""
        upload = self._upload(call)
        wanted = self._wanted(call)
        declared = declared_checksums(call.headers)

        def checksums(parts: Sequence[Part], path: Path) -> dict[str, str]:
            kind = upload.checksum_type
            return joined_checksums(upload.checksum_algorithm, kind, parts, path, declared)

        try:
            info = self._uploads.complete(
                upload, wanted, checksums=checksums, condition=write_condition(call.headers, call.key)
            )
        except PartsOutOfOrder:
            text = "The list of parts was not in ascending order. Parts must be ordered by part number."
            raise AwsError("InvalidPartOrder", text, fields={"UploadId": upload.id}) from None
        except InvalidPart as error:
            raise AwsError(
                "InvalidPart",
                "One or more of the specified parts could not be found. The part may not have been uploaded, "
                "or the specified entity tag may not match the part's entity tag.",
                fields={"UploadId": upload.id, "PartNumber": str(error.number), "ETag": error.etag},
            ) from None
        except PartTooSmall as error:
            raise AwsError(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                fields={
                    "ProposedSize": str(error.part.size),
                    "MinSizeAllowed": str(SMALLEST_PART),
                    "PartNumber": str(error.part.number),
                    "ETag": error.part.etag,
                },
            ) from None
        except NoSuchUpload:
            raise wire.no_such_upload(upload.id) from None
        fields = [
            wire.element("Location", f"{call.request.host_url}{call.bucket}/{wire.quoted(call.key, 'url')}"),
            wire.element("Bucket", call.bucket),
            wire.element("Key", call.key),
            wire.element("ETag", f'"{info.etag}"'),
            *(wire.element(f"Checksum{name.upper()}", value) for name, value in info.checksums.items()),
        ]
        if info.checksums:
            fields.append(wire.element("ChecksumType", upload.checksum_type))
        return wire.document("CompleteMultipartUploadResult", fields)

    def abort(self, call: Call) -> Response:
        """AbortMultipartUpload."""
        try:
            self._uploads.abort(self._upload(call))
        except NoSuchUpload as error:
            raise wire.no_such_upload(str(error)) from None
        return wire.empty(204)

    def list_parts(self, call: Call) -> Response:
        """ListParts."""
        upload = self._upload(call)
        marker = call.number("part-number-marker", 0, 0, _MOST_PARTS)
        limit = call.number("max-parts", 1000, 1, 1000)
        rest = [part for part in self._uploads.parts(upload) if part.number > marker]
        shown = rest[:limit]
        parts = [
            *self._names(call, upload),
            _OWNERS,
            wire.element("StorageClass", "STANDARD"),
            wire.element("PartNumberMarker", marker),
            wire.element("NextPartNumberMarker", shown[-1].number if shown else 0),
            wire.element("MaxParts", limit),
            wire.element("IsTruncated", len(rest) > limit),
        ]
        if upload.checksum_algorithm:
            parts.append(wire.element("ChecksumAlgorithm", upload.checksum_algorithm.upper()))
            parts.append(wire.element("ChecksumType", upload.checksum_type))
        parts += [_part(part) for part in shown]
        return wire.document("ListPartsResult", parts)

    def list_uploads(self, call: Call) -> Response:
        """ListMultipartUploads."""
        query = call.query
        if query.get("delimiter"):
            raise wire.not_implemented("delimiter in ListMultipartUploads")
        limit = call.number("max-uploads", 1000, 1, 1000)
        prefix, encoding = query.get("prefix", ""), query.get("encoding-type", "")
        key_marker, id_marker = query.get("key-marker", ""), query.get("upload-id-marker", "")
        try:
            rows = self._uploads.list(call.bucket, prefix, key_marker, id_marker, limit + 1)
        except NoSuchBucket:
            raise wire.no_such_bucket(call.bucket) from None
        shown = rows[:limit]
        parts = [
            wire.element("Bucket", call.bucket),
            wire.element("KeyMarker", wire.quoted(key_marker, encoding)),
            wire.element("UploadIdMarker", id_marker),
            wire.element("Prefix", wire.quoted(prefix, encoding)),
            wire.element("MaxUploads", limit),
            wire.element("IsTruncated", len(rows) > limit),
        ]
        if encoding:
            parts.append(wire.element("EncodingType", encoding))
        if len(rows) > limit:
            parts.append(wire.element("NextKeyMarker", wire.quoted(shown[-1].key, encoding)))
            parts.append(wire.element("NextUploadIdMarker", shown[-1].id))
        for upload in shown:
            fields = [
                wire.element("Key", wire.quoted(upload.key, encoding)),
                wire.element("UploadId", upload.id),
                _OWNERS,
                wire.element("StorageClass", "STANDARD"),
                wire.element("Initiated", wire.iso_time(upload.initiated)),
            ]
            parts.append(f"<Upload>{''.join(fields)}</Upload>")
        return wire.document("ListMultipartUploadsResult", parts)

    def _upload(self, call: Call) -> Upload:
        if not self._objects.bucket_exists(call.bucket):
            raise wire.no_such_bucket(call.bucket)
        try:
            return self._uploads.get(call.bucket, call.key, call.query["uploadId"])
        except NoSuchUpload as error:
            raise wire.no_such_upload(str(error)) from None

    def _add(self, upload: Upload, number: int, staged: Staged, sums: dict[str, str]) -> Part:
        try:
            return self._uploads.add_part(upload, number, staged, sums)
        except NoSuchUpload:
            raise wire.no_such_upload(upload.id) from None

    @staticmethod
    def _number(call: Call) -> int:
        text = call.query.get("partNumber", "")
        if not text.isdecimal() or len(text) > 6 or not 1 <= int(text) <= _MOST_PARTS:
            raise wire.invalid_argument(
                f"Part number must be an integer between 1 and {_MOST_PARTS}, inclusive", "partNumber", text
            )
        return int(text)

    @staticmethod
    def _wanted(call: Call) -> list[tuple[int, str]]:
        root = wire.read_xml(call.request)
        wanted: list[tuple[int, str]] = []
        for node in root.findall("Part"):
            number, etag = node.findtext("PartNumber", ""), node.findtext("ETag", "")
            if not number.isdecimal() or len(number) > 6:
                wanted = []
                break
            wanted.append((int(number), etag.strip().strip('"')))
        if not wanted:
            raise AwsError(
                "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema",
            )
        return wanted

    @staticmethod
    def _names(call: Call, upload: Upload) -> list[str]:
        return [
            wire.element("Bucket", call.bucket),
            wire.element("Key", call.key),
            wire.element("UploadId", upload.id),
        ]


def _part(part: Part) -> str:
    fields = [
        wire.element("PartNumber", part.number),
        wire.element("LastModified", wire.iso_time(part.modified)),
        wire.element("ETag", f'"{part.etag}"'),
        wire.element("Size", part.size),
        *(wire.element(f"Checksum{name.upper()}", value) for name, value in part.checksums.items()),
    ]
    return f"<Part>{''.join(fields)}</Part>"
