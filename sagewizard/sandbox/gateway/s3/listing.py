"""Listings: buckets, objects in versions 1 and 2, object versions."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sagewizard.sandbox.gateway.example_buckets import is_example_bucket
from sagewizard.sandbox.gateway.s3 import wire
from sagewizard.sandbox.store.objects import successor

if TYPE_CHECKING:
    from werkzeug import Response

    from sagewizard.sandbox.gateway.s3.wire import Call
    from sagewizard.sandbox.store.objects import ObjectInfo, ObjectStore

_MOST = 1000


@dataclass(slots=True)
class Page:
    """One page: objects and common prefixes, whether there is more, the name the next page starts after."""

    objects: list[ObjectInfo] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last: str = ""

    def __len__(self) -> int:
        return len(self.objects) + len(self.prefixes)


def page(objects: ObjectStore, bucket: str, prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """List what comes after `after`, common prefixes rolled up; one jump in the index per common prefix."""
    found = Page()
    lowest: str | None = max(after, prefix)
    strict = after >= prefix and bool(after)
    rolled = _common(after, prefix, delimiter) if after.startswith(prefix) else ""
    if rolled and rolled == after:  # The page before ended with this prefix: go on behind all of it.
        lowest, strict = successor(after), False
    while lowest is not None and limit:
        jump = False
        for info in objects.scan(bucket, prefix, lowest, strict=strict):
            if len(found) == limit:
                found.truncated = True
                return found
            common = _common(info.key, prefix, delimiter)
            if common:
                found.prefixes.append(common)
                found.last = common
                lowest, strict, jump = successor(common), False, True
                break
            found.objects.append(info)
            found.last = info.key
        if not jump:
            break
    return found


def list_v1(objects: ObjectStore, call: Call) -> Response:
    """ListObjects."""
    prefix, delimiter, encoding, limit = _arguments(call)
    marker = call.query.get("marker", "")
    found = page(objects, call.bucket, prefix, delimiter, marker, limit)
    parts = [
        wire.element("Name", call.bucket),
        wire.element("Prefix", wire.quoted(prefix, encoding)),
        wire.element("Marker", wire.quoted(marker, encoding)),
        wire.element("MaxKeys", limit),
        wire.element("IsTruncated", found.truncated),
        *_common_parts(found, delimiter, encoding),
        *(_contents(info, encoding, owner=True) for info in found.objects),
    ]
    if found.truncated and delimiter:
        parts.append(wire.element("NextMarker", wire.quoted(found.last, encoding)))
    return wire.document("ListBucketResult", parts)


def list_v2(objects: ObjectStore, call: Call) -> Response:
    """ListObjectsV2."""
    prefix, delimiter, encoding, limit = _arguments(call)
    start_after, token = call.query.get("start-after", ""), call.query.get("continuation-token")
    after = start_after if token is None else _read_token(token)
    found = page(objects, call.bucket, prefix, delimiter, after, limit)
    parts = [
        wire.element("Name", call.bucket),
        wire.element("Prefix", wire.quoted(prefix, encoding)),
        wire.element("MaxKeys", limit),
        wire.element("KeyCount", len(found)),
        wire.element("IsTruncated", found.truncated),
        *_common_parts(found, delimiter, encoding),
    ]
    owner = call.query.get("fetch-owner", "").lower() == "true"
    parts += [_contents(info, encoding, owner=owner) for info in found.objects]
    if start_after:
        parts.append(wire.element("StartAfter", wire.quoted(start_after, encoding)))
    if token is not None:
        parts.append(wire.element("ContinuationToken", token))
    if found.truncated:
        parts.append(wire.element("NextContinuationToken", _token(found.last)))
    return wire.document("ListBucketResult", parts)


def list_versions(objects: ObjectStore, call: Call) -> Response:
    """ListObjectVersions: every object is its own and only version, `null`."""
    prefix, delimiter, encoding, limit = _arguments(call)
    marker = call.query.get("key-marker", "")
    found = page(objects, call.bucket, prefix, delimiter, marker, limit)
    parts = [
        wire.element("Name", call.bucket),
        wire.element("Prefix", wire.quoted(prefix, encoding)),
        wire.element("KeyMarker", wire.quoted(marker, encoding)),
        wire.element("VersionIdMarker", call.query.get("version-id-marker", "")),
        wire.element("MaxKeys", limit),
        wire.element("IsTruncated", found.truncated),
        *_common_parts(found, delimiter, encoding),
    ]
    for info in found.objects:
        version = wire.element("VersionId", "null") + wire.element("IsLatest", value=True)
        parts.append(f"<Version>{version}{_fields(info, encoding)}{wire.OWNER}</Version>")
    if found.truncated:
        parts.append(wire.element("NextKeyMarker", wire.quoted(found.last, encoding)))
        parts.append(wire.element("NextVersionIdMarker", "null"))
    return wire.document("ListVersionsResult", parts)


def list_buckets(objects: ObjectStore, call: Call) -> Response:
    """ListBuckets."""
    prefix = call.query.get("prefix", "")
    limit = call.number("max-buckets", 10_000, 1, 10_000)
    after = _read_token(call.query["continuation-token"]) if "continuation-token" in call.query else ""
    region = call.query.get("bucket-region", "")
    found = [
        bucket
        for bucket in objects.buckets()
        if bucket.name.startswith(prefix)
        and bucket.name > after
        and region in {"", bucket.region}
        and not is_example_bucket(bucket.name)  # somebody else's
    ]
    entries = [
        f"<Bucket>{wire.element('Name', bucket.name)}"
        f"{wire.element('CreationDate', wire.iso_time(bucket.created))}"
        f"{wire.element('BucketRegion', bucket.region)}</Bucket>"
        for bucket in found[:limit]
    ]
    parts = [wire.OWNER, f"<Buckets>{''.join(entries)}</Buckets>"]
    if prefix:
        parts.append(wire.element("Prefix", prefix))
    if len(found) > limit:
        parts.append(wire.element("ContinuationToken", _token(found[limit - 1].name)))
    return wire.document("ListAllMyBucketsResult", parts)


def _arguments(call: Call) -> tuple[str, str, str, int]:
    encoding = call.query.get("encoding-type", "")
    if encoding not in {"", "url"}:
        raise wire.invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", encoding)
    limit = call.number("max-keys", _MOST, 0, _MOST)
    return call.query.get("prefix", ""), call.query.get("delimiter", ""), encoding, limit


def _common(key: str, prefix: str, delimiter: str) -> str:
    """Return the common prefix a key rolls up to; empty when it stands for itself."""
    if not delimiter:
        return ""
    end = key.find(delimiter, len(prefix))
    return key[: end + len(delimiter)] if end >= 0 else ""


def _common_parts(found: Page, delimiter: str, encoding: str) -> list[str]:
    parts = [wire.element("Delimiter", wire.quoted(delimiter, encoding))] if delimiter else []
    parts += [wire.element("EncodingType", encoding)] if encoding else []
    return parts + [
        f"<CommonPrefixes>{wire.element('Prefix', wire.quoted(prefix, encoding))}</CommonPrefixes>"
        for prefix in found.prefixes
    ]


def _contents(info: ObjectInfo, encoding: str, *, owner: bool) -> str:
    return f"<Contents>{_fields(info, encoding)}{wire.OWNER if owner else ''}</Contents>"


def _fields(info: ObjectInfo, encoding: str) -> str:
    parts = [
        wire.element("Key", wire.quoted(info.key, encoding)),
        wire.element("LastModified", wire.iso_time(info.modified)),
        wire.element("ETag", f'"{info.etag}"'),
        *(wire.element("ChecksumAlgorithm", name.upper()) for name in info.checksums),
        wire.element("Size", info.size),
        wire.element("StorageClass", info.headers.get("x-amz-storage-class", "STANDARD")),
    ]
    return "".join(parts)


def _token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _read_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        text = "The continuation token provided is incorrect"
        raise wire.invalid_argument(text, "continuation-token", token) from None
