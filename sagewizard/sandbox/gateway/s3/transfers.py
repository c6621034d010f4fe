"""Objects in and out: put, get, head, delete, copy, tags, attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from werkzeug import Response

from sagewizard.sandbox.gateway.errors import AwsError
from sagewizard.sandbox.gateway.http import FileBody
from sagewizard.sandbox.gateway.s3 import wire
from sagewizard.sandbox.gateway.s3.body import Body
from sagewizard.sandbox.gateway.s3.conditions import check_read, matches, piece, precondition, write_condition
from sagewizard.sandbox.store.objects import DEFAULT_CONTENT_TYPE, NoSuchBucket, NoSuchKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from sagewizard.sandbox.gateway.s3.wire import Call
    from sagewizard.sandbox.store.objects import ObjectInfo, ObjectStore

_META = "x-amz-meta-"
_LARGEST_METADATA = 2048
_STORED_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)
_OVERRIDES = {
    f"response-{name}": name
    for name in ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
}


def described(call: Call) -> tuple[str, dict[str, str], dict[str, str], dict[str, str]]:
    """Read what a PUT says: content type, user metadata, stored headers, tags; raises AwsError."""
    headers = call.headers
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        raise wire.not_implemented("server-side encryption with customer keys")
    metadata = {name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)}
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > _LARGEST_METADATA:
        raise AwsError(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            fields={"Size": str(size), "MaxSizeAllowed": str(_LARGEST_METADATA)},
        )
    stored = {name: headers[name] for name in _STORED_HEADERS if headers.get(name)}
    codings = [part.strip() for part in stored.get("content-encoding", "").split(",")]
    kept = ",".join(part for part in codings if part and part != "aws-chunked")
    stored.pop("content-encoding", None)
    if kept:
        stored["content-encoding"] = kept
    if stored.get("x-amz-storage-class") == "STANDARD":
        del stored["x-amz-storage-class"]
    tags = check_tags(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True))
    return headers.get("content-type") or DEFAULT_CONTENT_TYPE, metadata, stored, tags


def check_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Check the tags of an object against S3's limits; raises AwsError."""
    if len(pairs) > 10:
        raise AwsError("BadRequest", "Object tags cannot be greater than 10")
    if len({name for name, _ in pairs}) != len(pairs):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
    for name, value in pairs:
        if not 1 <= len(name) <= 128:
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid", fields={"TagKey": name})
        if len(value) > 256:
            raise AwsError("InvalidTag", "The TagValue you have provided is invalid", fields={"TagKey": name})
    return dict(pairs)


class Transfers:
    """The object operations over an ObjectStore."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def put(self, call: Call) -> Response:
        """PutObject."""
        content_type, metadata, headers, tags = described(call)
        self._require(call.bucket)
        condition = write_condition(call.headers, call.key)
        body = Body(call)
        staged = self._objects.payloads.stage(body)
        try:
            info = self._objects.commit(
                call.bucket,
                call.key,
                staged,
                content_type=content_type,
                metadata=metadata,
                headers=headers,
                checksums=body.checksums,
                tags=tags,
                condition=condition,
            )
        except NoSuchBucket:
            raise wire.no_such_bucket(call.bucket) from None
        return wire.empty(200, {"ETag": f'"{info.etag}"', **_encryption(info), **_sums(info)})

    def get(self, call: Call) -> Response:
        """GetObject and HeadObject, with ranges, part numbers and conditions."""
        self._require(call.bucket)
        self._check_version(call)
        try:
            info, file = self._objects.read(call.bucket, call.key)
        except NoSuchKey:
            raise wire.no_such_key(call.key) from None
        try:
            not_modified = check_read(call, info)
            headers = _headers_of(info, call.query)
            if not_modified:
                file.close()
                kept = {n: v for n, v in headers.items() if n in {"ETag", "Last-Modified", "cache-control"}}
                return wire.empty(304, kept)
            start, size, partial = piece(call, info)
            if partial:
                headers["Content-Range"] = f"bytes {start}-{start + size - 1}/{info.size}"
            elif call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
                headers |= _sums(info)
            if "partNumber" in call.query and info.part_sizes:
                headers["x-amz-mp-parts-count"] = str(len(info.part_sizes))
        except BaseException:
            file.close()
            raise
        response = Response(
            FileBody(file, start, size), status=206 if partial else 200, direct_passthrough=True
        )
        response.automatically_set_content_length = False
        del response.headers["Content-Type"]
        response.headers.update({**headers, "Content-Length": str(size)})
        if call.method == "HEAD":
            file.close()
        return response

    def delete(self, call: Call) -> Response:
        """DeleteObject."""
        self._require(call.bucket)
        self._check_version(call)
        self._objects.delete(call.bucket, call.key)
        return wire.empty(204)

    def delete_many(self, call: Call) -> Response:
        """DeleteObjects."""
        self._require(call.bucket)
        root = wire.read_xml(call.request)
        entries = [(node.findtext("Key"), node.findtext("VersionId")) for node in root.findall("Object")]
        if root.tag != "Delete" or not 1 <= len(entries) <= 1000 or any(key is None for key, _ in entries):
            raise AwsError(
                "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema",
            )
        quiet = (root.findtext("Quiet") or "").lower() == "true"
        parts = []
        with self._objects.database.transaction():
            for key, version in entries:
                name = wire.element("Key", key)
                if version not in {None, "", "null"}:
                    code = wire.element("Code", "NoSuchVersion")
                    text = wire.element("Message", "The specified version does not exist.")
                    parts.append(f"<Error>{name}{wire.element('VersionId', version)}{code}{text}</Error>")
                    continue
                self._objects.delete(call.bucket, key or "")
                if not quiet:
                    parts.append(f"<Deleted>{name}</Deleted>")
        return wire.document("DeleteResult", parts)

    def copy(self, call: Call) -> Response:
        """CopyObject: the new object is a second name of the same bytes."""
        content_type, metadata, headers, tags = described(call)
        self._require(call.bucket)
        source = self.copy_source(call)
        replaces = call.headers.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE"
        if (source.bucket, source.key) == (call.bucket, call.key) and not replaces:
            raise AwsError(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without "
                "changing the object's metadata, storage class, website redirect location or encryption "
                "attributes.",
            )
        if not replaces:
            content_type, metadata, headers = source.content_type, source.metadata, source.headers
        if call.headers.get("x-amz-tagging-directive", "COPY").upper() != "REPLACE":
            tags = source.tags
        try:
            staged = self._objects.payloads.duplicate(source.path, source.size, source.etag)
            # A copy is one piece, so its ETag is the MD5 of all bytes even when the source came in parts.
            if source.part_sizes:
                staged.discard()
                staged = self._objects.payloads.copy_range(source.path, 0, source.size)
        except FileNotFoundError:
            raise wire.no_such_key(source.key) from None
        info = self._objects.commit(
            call.bucket,
            call.key,
            staged,
            content_type=content_type,
            metadata=metadata,
            headers=headers,
            checksums=source.checksums if not source.part_sizes else {},
            tags=tags,
            condition=write_condition(call.headers, call.key),
        )
        parts = [
            wire.element("LastModified", wire.iso_time(info.modified)),
            wire.element("ETag", f'"{info.etag}"'),
        ]
        parts += [wire.element(f"Checksum{name.upper()}", value) for name, value in info.checksums.items()]
        return wire.document("CopyObjectResult", parts)

    def copy_source(self, call: Call) -> ObjectInfo:
        """Find the object that `x-amz-copy-source` names, and check the conditions on it; raises AwsError."""
        text, _, version = call.headers["x-amz-copy-source"].partition("?versionId=")
        bucket, _, key = unquote(text).removeprefix("/").partition("/")
        if not bucket or not key:
            raise wire.invalid_argument("Invalid copy source object key", "x-amz-copy-source", text)
        self._require(bucket)
        info = self._objects.head(bucket, key)
        if info is None or version not in {"", "null"}:
            raise wire.no_such_key(key)
        given = call.headers
        prefix = "x-amz-copy-source-if-"
        since = wire.read_http_time(given.get(prefix + "modified-since", ""))
        until = wire.read_http_time(given.get(prefix + "unmodified-since", ""))
        if (
            (prefix + "match" in given and not matches(given[prefix + "match"], info.etag))
            or (prefix + "none-match" in given and matches(given[prefix + "none-match"], info.etag))
            or (since is not None and int(info.modified) <= since)
            or (until is not None and int(info.modified) > until)
        ):
            raise precondition("x-amz-copy-source-If-*")
        return info

    def get_tags(self, call: Call) -> Response:
        """GetObjectTagging."""
        info = self._head(call)
        pairs = "".join(
            f"<Tag>{wire.element('Key', name)}{wire.element('Value', value)}</Tag>"
            for name, value in info.tags.items()
        )
        return wire.document("Tagging", [f"<TagSet>{pairs}</TagSet>"])

    def put_tags(self, call: Call) -> Response:
        """PutObjectTagging."""
        self._head(call)
        tags = read_tags(wire.read_xml(call.request))
        self._set_tags(call, tags)
        return wire.empty(200)

    def delete_tags(self, call: Call) -> Response:
        """DeleteObjectTagging."""
        self._set_tags(call, {})
        return wire.empty(204)

    def attributes(self, call: Call) -> Response:
        """GetObjectAttributes."""
        info = self._head(call)
        wanted = {part.strip() for part in call.headers.get("x-amz-object-attributes", "").split(",")}
        parts = []
        if "ETag" in wanted:
            parts.append(wire.element("ETag", info.etag))
        if "Checksum" in wanted and info.checksums:
            sums = [wire.element(f"Checksum{name.upper()}", value) for name, value in info.checksums.items()]
            parts.append(f"<Checksum>{''.join(sums)}</Checksum>")
        if "ObjectParts" in wanted and info.part_sizes:
            parts.append(f"<ObjectParts>{wire.element('PartsCount', len(info.part_sizes))}</ObjectParts>")
        if "StorageClass" in wanted:
            parts.append(wire.element("StorageClass", info.headers.get("x-amz-storage-class", "STANDARD")))
        if "ObjectSize" in wanted:
            parts.append(wire.element("ObjectSize", info.size))
        response = wire.document("GetObjectAttributesResponse", parts)
        response.headers["Last-Modified"] = wire.http_time(info.modified)
        return response

    def _head(self, call: Call) -> ObjectInfo:
        self._require(call.bucket)
        self._check_version(call)
        info = self._objects.head(call.bucket, call.key)
        if info is None:
            raise wire.no_such_key(call.key)
        return info

    def _set_tags(self, call: Call, tags: Mapping[str, str]) -> None:
        self._require(call.bucket)
        try:
            self._objects.set_tags(call.bucket, call.key, tags)
        except NoSuchKey:
            raise wire.no_such_key(call.key) from None

    def _require(self, bucket: str) -> None:
        if not self._objects.bucket_exists(bucket):
            raise wire.no_such_bucket(bucket)

    def _check_version(self, call: Call) -> None:
        version = call.query.get("versionId", "null")
        if version != "null":
            text = "The specified version does not exist."
            raise AwsError("NoSuchVersion", text, 404, fields={"Key": call.key, "VersionId": version})


def read_tags(root: Element) -> dict[str, str]:
    """Read a `Tagging` document; raises AwsError."""
    return check_tags(
        [(node.findtext("Key") or "", node.findtext("Value") or "") for node in root.findall("TagSet/Tag")]
    )


def _headers_of(info: ObjectInfo, query: Mapping[str, str]) -> dict[str, str]:
    headers = {
        "ETag": f'"{info.etag}"',
        "Last-Modified": wire.http_time(info.modified),
        "Accept-Ranges": "bytes",
        "Content-Type": query.get("response-content-type") or info.content_type,
        **info.headers,
        **_encryption(info),
    }
    headers |= {_META + name: value for name, value in info.metadata.items()}
    headers |= {header: query[name] for name, header in _OVERRIDES.items() if query.get(name)}
    if info.tags:
        headers["x-amz-tagging-count"] = str(len(info.tags))
    # What a URL or an upload says must not end the header it stands in.
    return {name: value.replace("\r", " ").replace("\n", " ") for name, value in headers.items()}


def _encryption(info: ObjectInfo) -> dict[str, str]:
    """S3 encrypts everything since 2023 and says so; here the header is all there is of it."""
    name = "x-amz-server-side-encryption"
    return {name: info.headers.get(name, "AES256")}


def _sums(info: ObjectInfo) -> dict[str, str]:
    sums = {f"x-amz-checksum-{name}": value for name, value in info.checksums.items()}
    if sums:
        composite = any("-" in value for value in info.checksums.values())
        sums["x-amz-checksum-type"] = "COMPOSITE" if composite else "FULL_OBJECT"
    return sums
