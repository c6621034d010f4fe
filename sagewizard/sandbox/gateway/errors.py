"""Errors in the protocol of the service that was asked: AWS JSON, REST-JSON, CBOR, query XML or S3 XML."""

from __future__ import annotations

import json
import secrets
from enum import Enum
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from werkzeug import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug import Request

_QUERY_SERVICES = {
    "autoscaling", "cloudformation", "ec2", "elasticache", "elasticbeanstalk", "elasticloadbalancing",
    "iam", "monitoring", "rds", "redshift", "ses", "sns", "sqs", "sts",
}  # fmt: skip


class Protocol(Enum):
    """How a service writes its errors."""

    JSON = "json"
    REST_JSON = "rest-json"
    CBOR = "cbor"
    QUERY = "query"
    S3 = "s3"


class AwsError(Exception):
    """An error as AWS words it: code, message, HTTP status, and what an S3 error names beside them."""

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})


def protocol_of(request: Request, service: str) -> Protocol:
    """Tell the protocol from what was sent; without any sign of one it is S3's, as AWS does it."""
    if "smithy-protocol" in request.headers:
        return Protocol.CBOR
    if "X-Amz-Target" in request.headers:
        return Protocol.JSON
    if service == "s3":
        return Protocol.S3
    if service in _QUERY_SERVICES or request.mimetype == "application/x-www-form-urlencoded":
        return Protocol.QUERY
    if service or request.mimetype == "application/json" or request.path.startswith("/endpoints/"):
        return Protocol.REST_JSON
    return Protocol.S3


def request_id() -> str:
    """Make an id of the form AWS uses; the same one stands in the answer and in the server's log."""
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def render(error: AwsError, protocol: Protocol, identity: str, resource: str = "") -> Response:
    """Write an error in a protocol."""
    headers = {"x-amzn-RequestId": identity, **error.headers}
    if protocol is Protocol.S3:
        fields = {"Code": error.code, "Message": error.message, "Resource": resource, **error.fields}
        fields["RequestId"] = identity
        inner = "".join(f"<{name}>{xml_text(value)}</{name}>" for name, value in fields.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
        headers |= {"x-amz-request-id": identity}
        content_type = "application/xml"
    elif protocol is Protocol.QUERY:
        kind = "Sender" if error.status < 500 else "Receiver"
        body = (
            "<ErrorResponse><Error>"
            f"<Type>{kind}</Type><Code>{xml_text(error.code)}</Code>"
            f"<Message>{xml_text(error.message)}</Message>"
            f"</Error><RequestId>{identity}</RequestId></ErrorResponse>"
        ).encode()
        content_type = "text/xml"
    elif protocol is Protocol.CBOR:
        body = _cbor({"__type": error.code, "message": error.message})
        headers |= {"smithy-protocol": "rpc-v2-cbor"}
        content_type = "application/cbor"
    else:
        headers["x-amzn-errortype"] = error.code
        body = json.dumps({"__type": error.code, "message": error.message, "Message": error.message}).encode()
        content_type = "application/x-amz-json-1.1" if protocol is Protocol.JSON else "application/json"
    return Response(body, status=error.status, headers=headers, content_type=content_type)


def xml_text(value: str) -> str:
    """Escape a text for XML 1.0; a character XML has no way to write becomes U+FFFD."""
    clean = "".join(c if c >= " " or c in "\t\n\r" else "�" for c in value)
    return escape(clean).replace("\r", "&#13;").encode("utf-8", "replace").decode()


def _cbor(fields: Mapping[str, str]) -> bytes:
    """Encode a flat map of texts (RFC 8949: major type 5 of major type 3)."""
    parts = [bytes([0xA0 + len(fields)])]
    for pair in fields.items():
        for text in pair:
            data = text.encode("utf-8", "replace")
            parts += [b"\x79", len(data[:65535]).to_bytes(2, "big"), data[:65535]]
    return b"".join(parts)
