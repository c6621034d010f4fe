"""Owns which objects an S3 data source means: URIs, prefixes, manifests, and names below the root."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sagewizard.sandbox.store.objects import NoSuchBucket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sagewizard.sandbox.store.objects import ObjectInfo, ObjectStore

# An address of S3: the bucket before the host or first in the path, the region after a dot or a dash.
_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?",
)
LARGEST_MANIFEST = 20 << 20  # the service's own limit is 20 MB


class ClientFailure(Exception):  # noqa: N818 - named after the failure reason it becomes
    """The job fails because of what it was given; the text is the FailureReason without `ClientError: `."""


@dataclass(frozen=True, slots=True)
class Source:
    """One object of a data source, and its name relative to the source's root (slashes, as in the key)."""

    info: ObjectInfo
    relative: str


def parse_uri(uri: str) -> tuple[str, str]:
    """Split an S3 URI or an https:// address of S3 into bucket and key; ClientFailure when it is neither."""
    bucket, key = split_s3_uri(uri)
    if not bucket:
        raise ClientFailure(f"'{uri}' is not an S3 URI of the form s3://bucket/key")
    return bucket, key


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Split `s3://bucket/key`, or an https:// address of S3; the bucket is empty when it is neither.

    The service takes addresses of both styles, `https://bucket.s3.REGION.amazonaws.com/key` and
    `https://s3.REGION.amazonaws.com/bucket/key`, with a dash before the region too.
    """
    scheme, _, rest = uri.partition("://")
    first, _, key = rest.partition("/")
    if scheme.lower() == "s3":
        return first, key
    host = _HOST.fullmatch(first.lower()) if scheme.lower() == "https" else None
    if host is None:
        return "", ""
    bucket = host["bucket"]
    if bucket is None:
        bucket, _, key = key.partition("/")
    return bucket, unquote(key)


def join_uri(uri: str, *parts: str) -> str:
    """Append parts to an S3 URI, with exactly one slash between each."""
    return "/".join([uri.rstrip("/"), *parts])


def relative_name(prefix: str, key: str) -> str:
    """Return what of a key is below a prefix: an object named exactly keeps its last part.

    A prefix that ends within a name (`data/tr` for `data/train.csv`) counts from its last slash.
    """
    if key == prefix:
        return key.rsplit("/", 1)[-1]
    below = key[len(prefix) :]
    if prefix == "" or prefix.endswith("/"):
        return below
    if below.startswith("/"):
        return below[1:]
    return key[prefix.rfind("/") + 1 :]


def select(objects: ObjectStore, source: Mapping[str, Any]) -> Iterator[Source]:
    """Yield the objects of an `S3DataSource`, in key order or in the manifest's; folder markers are left out.

    ClientFailure when there are none, when a manifest is wrong or names what is not there.
    """
    kind, uri = source.get("S3DataType", "S3Prefix"), str(source["S3Uri"])
    if kind == "S3Prefix":
        yield from _below(objects, uri)
    elif kind == "ManifestFile":
        yield from _listed(objects, uri)
    else:
        raise ClientFailure(
            f"Data download failed:S3DataType {kind} is not available in the sandbox."
            " Use S3Prefix or ManifestFile for this channel"
        )


def _below(objects: ObjectStore, uri: str) -> Iterator[Source]:
    bucket, prefix = parse_uri(uri)
    found = False
    try:
        for info in objects.list(bucket, prefix):
            if info.key.endswith("/") and info.size == 0:
                continue
            found = True
            yield Source(info, relative_name(prefix, info.key))
    except NoSuchBucket:
        raise ClientFailure(_missing(uri, "NoSuchBucket: The specified bucket does not exist")) from None
    if not found:
        raise ClientFailure(
            f'Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source.'
        )


def _listed(objects: ObjectStore, uri: str) -> Iterator[Source]:
    """Objects of a manifest: `[{"prefix": "s3://bucket/path/"}, "name", ...]`."""
    entries = read_manifest(objects, uri)
    prefix = str(entries[0]["prefix"])
    for name in entries[1:]:
        bucket, key = parse_uri(prefix + name)
        info = _head(objects, bucket, key)
        if info is None:
            raise ClientFailure(_missing(prefix + name, "NoSuchKey: The specified key does not exist."))
        yield Source(info, name.lstrip("/"))


def read_manifest(objects: ObjectStore, uri: str) -> list[Any]:
    """Read and check a manifest: first an object with `prefix`, then at least one name."""

    def wrong(what: str) -> ClientFailure:
        return ClientFailure(f"Data download failed:The manifest {uri} is not valid: {what}")

    info = _head(objects, *parse_uri(uri))
    if info is None:
        raise ClientFailure(_missing(uri, "NoSuchKey: The specified key does not exist."))
    if info.size > LARGEST_MANIFEST:
        raise wrong(f"it is {info.size:,} bytes long, and {LARGEST_MANIFEST:,} is the most")
    with objects.open(info) as stream:
        content = stream.read()
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise wrong(f"it is not JSON ({error})") from None
    if not isinstance(entries, list) or not entries:
        raise wrong('it must be a JSON array that begins with {"prefix": "s3://bucket/path/"}')
    first = entries[0]
    if not isinstance(first, dict) or not isinstance(first.get("prefix"), str):
        raise wrong('its first element must be {"prefix": "s3://bucket/path/"}')
    try:
        parse_uri(first["prefix"])
    except ClientFailure as error:
        raise wrong(f"its prefix {error}") from None
    if len(entries) == 1:
        raise wrong("it names no objects")
    for number, name in enumerate(entries[1:], start=2):
        if not isinstance(name, str) or not name:
            raise wrong(f"its element {number} must be the name of an object below the prefix")
    return entries


def _head(objects: ObjectStore, bucket: str, key: str) -> ObjectInfo | None:
    try:
        return objects.head(bucket, key)
    except NoSuchBucket:
        return None


def _missing(uri: str, why: str) -> str:
    return f"Data download failed:Unable to download object {uri} ({why})"


def local_path(relative: str, uri: str) -> PurePosixPath:
    """Return where an object goes below its channel's folder; ClientFailure for one that would leave it.

    Empty parts (`a//b`) and `.` are dropped, as a file system would.
    """
    path = PurePosixPath("/".join(part for part in relative.split("/") if part not in ("", ".")))
    if ".." in path.parts or "\0" in relative or not path.parts:
        raise ClientFailure(
            f"Data download failed:The object {uri} has a key that leads outside its channel's folder"
        )
    return path


def uri_of(info: ObjectInfo) -> str:
    """Return the S3 URI of an object."""
    return f"s3://{info.bucket}/{info.key}"
