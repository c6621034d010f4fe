"""What S3 requests and answers are made of: addresses, XML, times, quoting, the errors that repeat."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote_to_bytes
from xml.etree import ElementTree as Xml

from werkzeug import Response

from sagewizard.sandbox.gateway.errors import AwsError, xml_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from werkzeug import Request

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
LONGEST_KEY = 1024
_LARGEST_XML = 8 << 20
OWNER = "<Owner><ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID></Owner>"
_JUMPSTART = ("jumpstart-cache-", "jumpstart-private-cache-")


@dataclass(frozen=True, slots=True)
class Call:
    """One S3 request taken apart: bucket and key decoded, query, headers by lower-case name."""

    request: Request
    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    region: str
    payload: str | None

    @property
    def resource(self) -> str:
        """Bucket and key as an error names them."""
        return f"/{self.bucket}/{self.key}" if self.key else f"/{self.bucket}"

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        """Read an integer from the query; larger than `highest` counts as `highest`. Raises AwsError."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.isdecimal() or len(text) > 10 or int(text) < lowest:
            raise AwsError(
                "InvalidArgument",
                f"Provided {name} not an integer or within integer range",
                fields={"ArgumentName": name, "ArgumentValue": text},
            )
        return min(int(text), highest)


def parse(request: Request, label: str) -> Call:
    """Take a request apart; `label` is the bucket of a virtual host, if any. Raises AwsError."""
    raw_path, _, raw_query = request.environ["REQUEST_URI"].partition("?")
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
        query = dict(parse_qsl(raw_query, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from None
    path = path.removeprefix("/")
    bucket, key = (label, path) if label else path.partition("/")[::2]
    if len(key.encode()) > LONGEST_KEY:
        raise AwsError(
            "KeyTooLongError",
            "Your key is too long",
            fields={"Size": str(len(key.encode())), "MaxSizeAllowed": str(LONGEST_KEY)},
        )
    environ = request.environ
    return Call(
        request=request,
        method=request.method,
        bucket=bucket,
        key=key,
        query=query,
        headers=environ["sagewizard.headers"],
        region=environ["sagewizard.region"],
        payload=environ["sagewizard.payload"],
    )


def element(name: str, value: object) -> str:
    """Write `<name>value</name>`; the value is escaped, True and False become lower case."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{xml_text(text)}</{name}>"


def document(name: str, parts: Iterable[str], status: int = 200) -> Response:
    """Answer with an XML document in S3's namespace."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{"".join(parts)}</{name}>'
    return Response(text.encode("utf-8", "replace"), status=status, content_type="application/xml")


def empty(status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer without a body."""
    response = Response(b"", status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


def read_xml(request: Request) -> Xml.Element:
    """Read a small XML body, without namespaces; raises AwsError MalformedXML for anything that is not one.

    A document type is refused, because entities are the way XML is made to grow.
    """
    malformed = AwsError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
    body = request.stream.read(_LARGEST_XML + 1)
    check_payload(request.environ["sagewizard.payload"], body)
    if len(body) > _LARGEST_XML or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise malformed
    try:
        root = Xml.fromstring(body)  # noqa: S314  no document type, so nothing to expand or to fetch
    except (Xml.ParseError, ValueError, LookupError):
        raise malformed from None
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def check_payload(signed: str | None, body: bytes) -> None:
    """Compare a body with the SHA-256 in its signature; raises AwsError."""
    if signed is not None and len(signed) == 64 and sha256(body).hexdigest() != signed.lower():
        raise AwsError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )


def quoted(text: str, encoding: str) -> str:
    """Write a key, prefix or marker in a listing, percent-encoded where the client asked for `url`."""
    return quote(text, safe="/") if encoding == "url" else text


def iso_time(seconds: float) -> str:
    """Write a time as S3's XML has it, in milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


def http_time(seconds: float) -> str:
    """Write a time as HTTP headers have it, in whole seconds."""
    return formatdate(int(seconds), usegmt=True)


def read_http_time(text: str) -> float | None:
    """Read an HTTP time; None when it is none, which RFC 9110 wants ignored."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError):
        return None


def no_such_bucket(bucket: str) -> AwsError:
    """Say that there is no such bucket, and what is missing with it where the bucket is one of AWS's own."""
    text = "The specified bucket does not exist"
    if bucket.startswith(_JUMPSTART):
        text += (
            f": {bucket} holds the models of SageMaker JumpStart, which the sandbox does not have. Train one"
            " with a built-in algorithm or a script of your own instead."
        )
    return AwsError("NoSuchBucket", text, 404, fields={"BucketName": bucket})


def no_such_key(key: str) -> AwsError:
    """Say that there is no such object."""
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, fields={"Key": key})


def no_such_upload(identity: str) -> AwsError:
    """Say that there is no such upload."""
    text = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
        "aborted or completed."
    )
    return AwsError("NoSuchUpload", text, 404, fields={"UploadId": identity})


def invalid_argument(message: str, name: str, value: str) -> AwsError:
    """Say that a parameter has a value it cannot have."""
    return AwsError("InvalidArgument", message, fields={"ArgumentName": name, "ArgumentValue": value})


def not_implemented(what: str) -> AwsError:
    """Say that the sandbox does not have something S3 has."""
    text = f"A header or query you provided implies functionality that the sandbox does not have: {what}"
    return AwsError("NotImplemented", text, 501)
