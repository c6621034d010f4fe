"""Who may come in: the Host must be this machine, the request signed (SigV4) with the sandbox's key."""

from __future__ import annotations

import calendar
import hmac
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.auth import HmacV1Auth, S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials as BotoCredentials

from sagewizard.sandbox.gateway.errors import AwsError, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.target import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"
_HOST = re.compile(
    r"(?:127\.0\.0\.1|localhost|\[::1\]|(?P<label>[a-z0-9][a-z0-9.\-]*)\.localhost)(?::\d{1,5})?",
    re.IGNORECASE,
)
_LONGEST_EXPIRY = 604_800
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature says of its request: `payload` is the SHA-256 the body must have, or a marker."""

    region: str
    service: str
    payload: str | None
    presigned: bool


def check_host(host: str) -> str:
    """Return the bucket label of `<label>.localhost`, empty for the plain names; raises AwsError for others.

    A page in a browser can be made to reach 127.0.0.1 under a name of its own (DNS rebinding); the Host
    header still shows that name.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        raise AwsError(
            "AccessDenied",
            "The sandbox only answers to 127.0.0.1 and localhost, not to other host names.",
            403,
        )
    return (match["label"] or "").lower()


class Verifier:
    """Checks SigV4 signatures, in the Authorization header or in a presigned URL, against one key pair.

    The access key alone would not do: it stands in every presigned URL and in debug logs. The whole check
    costs 0.1 ms with botocore's own canonical form, so it is done for every request; bodies are covered
    by the SHA-256 in the signature, which S3 clients send as a header and which is checked while the body
    streams through.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._access_key = credentials.access_key
        self._keys = BotoCredentials(credentials.access_key, credentials.secret_key)

    def verify(
        self,
        method: str,
        uri: str,
        headers: Mapping[str, str],
        body: bytes | None,
        protocol: Protocol,
        bucket: str = "",
    ) -> Scope:
        """Check a request; `uri` and `headers` (lower-case names) as sent. Raises AwsError.

        `body` is None when it is not read yet: then its SHA-256 must be among the signed headers.
        `bucket` is the one a virtual host names.
        """
        authorization = headers.get("authorization", "")
        query = uri.partition("?")[2]
        if authorization:
            return self._verify_header(method, uri, headers, body, authorization, protocol)
        if "X-Amz-Signature=" in query:
            return self._verify_query(
                method, uri, headers, dict(parse_qsl(query, keep_blank_values=True)), protocol
            )
        if "Signature=" in query and "AWSAccessKeyId=" in query and protocol is Protocol.S3:
            return self._verify_old_query(method, uri, headers, bucket)
        raise missing_token(protocol)

    def _verify_header(
        self,
        method: str,
        uri: str,
        headers: Mapping[str, str],
        body: bytes | None,
        authorization: str,
        protocol: Protocol,
    ) -> Scope:
        algorithm, _, rest = authorization.partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        if algorithm != _ALGORITHM or not {"Credential", "SignedHeaders", "Signature"} <= parts.keys():
            raise incomplete_signature(protocol)
        date, region, service = self._credential(parts["Credential"], protocol)
        timestamp = headers.get("x-amz-date") or _timestamp_of(headers.get("date", ""))
        if not timestamp.startswith(date):
            raise incomplete_signature(protocol)
        payload = headers.get("x-amz-content-sha256")
        if payload is None:
            if body is None:
                raise AwsError("MissingSecurityHeader", "Missing required header for this request: "
                               "x-amz-content-sha256")  # fmt: skip
            payload = sha256(body).hexdigest()
        expected = self._signature(
            method, uri, headers, parts["SignedHeaders"].split(";"), payload, (timestamp, region, service)
        )
        if not hmac.compare_digest(expected.encode(), parts["Signature"].encode()):
            raise wrong_signature(protocol)
        if body is not None and payload != UNSIGNED_PAYLOAD and payload != sha256(body).hexdigest():
            raise wrong_signature(protocol)
        return Scope(region, service, payload, presigned=False)

    def _verify_query(
        self, method: str, uri: str, headers: Mapping[str, str], query: Mapping[str, str], protocol: Protocol
    ) -> Scope:
        needed = ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")
        if any(name not in query for name in needed) or query.get("X-Amz-Algorithm") != _ALGORITHM:
            raise incomplete_signature(protocol)
        date, region, service = self._credential(query["X-Amz-Credential"], protocol)
        timestamp = query["X-Amz-Date"]
        try:
            signed_at = calendar.timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ"))
            lifetime = int(query["X-Amz-Expires"])
        except ValueError:
            raise incomplete_signature(protocol) from None
        if not timestamp.startswith(date) or not 0 < lifetime <= _LONGEST_EXPIRY:
            raise incomplete_signature(protocol)
        if time.time() > signed_at + lifetime:
            raise AwsError("AccessDenied", "Request has expired", 403)
        path, _, raw = uri.partition("?")
        kept = [part for part in raw.split("&") if not part.startswith("X-Amz-Signature=")]
        payload = headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)
        if "x-amz-content-sha256" not in query["X-Amz-SignedHeaders"].split(";"):
            payload = UNSIGNED_PAYLOAD if service == "s3" else sha256(b"").hexdigest()
        expected = self._signature(
            method,
            f"{path}?{'&'.join(kept)}",
            headers,
            query["X-Amz-SignedHeaders"].split(";"),
            payload,
            (timestamp, region, service),
        )
        if not hmac.compare_digest(expected.encode(), query["X-Amz-Signature"].encode()):
            raise wrong_signature(protocol)
        return Scope(region, service, payload, presigned=True)

    def _verify_old_query(self, method: str, uri: str, headers: Mapping[str, str], bucket: str) -> Scope:
        """Check a presigned S3 URL of Signature Version 2, which boto3 still makes unless told otherwise."""
        split = urlsplit(uri)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        headers = {**headers, **hoisted(query)}
        if not hmac.compare_digest(query.get("AWSAccessKeyId", "").encode(), self._access_key.encode()):
            raise unknown_key(Protocol.S3)
        expires = query.get("Expires", "")
        if not expires.isdecimal():
            raise AwsError("AccessDenied", "Query-string authentication requires the Signature, Expires and "
                           "AWSAccessKeyId parameters", 403)  # fmt: skip
        if time.time() > int(expires):
            raise AwsError("AccessDenied", "Request has expired", 403)
        signed: Any = HTTPHeaders()
        for name, value in headers.items():
            if name.startswith("x-amz-"):
                signed[name] = value
        form: Any = HmacV1Auth(self._keys)
        standard = (headers.get("content-md5", ""), headers.get("content-type", ""), expires)
        custom = form.canonical_custom_headers(signed)
        resource = form.canonical_resource(split, f"/{bucket}{split.path}" if bucket else None)
        text = "\n".join([method, *standard, *([custom] if custom else []), resource])
        if not hmac.compare_digest(form.sign_string(text).encode(), query.get("Signature", "").encode()):
            raise wrong_signature(Protocol.S3)
        return Scope("", "s3", UNSIGNED_PAYLOAD, presigned=True)

    def verify_form(self, fields: Mapping[str, str]) -> None:
        """Check the signature of an upload form's policy; `fields` by lower-case name. Raises AwsError."""
        policy = fields.get("policy", "")
        if not policy:
            raise missing_token(Protocol.S3)
        if fields.get("x-amz-algorithm") == _ALGORITHM:
            date, region, service = self._credential(fields.get("x-amz-credential", ""), Protocol.S3)
            timestamp = fields.get("x-amz-date", "")
            if not timestamp.startswith(date):
                raise incomplete_signature(Protocol.S3)
            request: Any = AWSRequest()
            request.context["timestamp"] = timestamp
            auth: Any = S3SigV4Auth(self._keys, service, region)
            expected, given = auth.signature(policy, request), fields.get("x-amz-signature", "")
        else:
            if not hmac.compare_digest(fields.get("awsaccesskeyid", "").encode(), self._access_key.encode()):
                raise unknown_key(Protocol.S3)
            form: Any = HmacV1Auth(self._keys)
            expected, given = form.sign_string(policy), fields.get("signature", "")
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise wrong_signature(Protocol.S3)

    def _credential(self, credential: str, protocol: Protocol) -> tuple[str, str, str]:
        """Split `key/date/region/service/aws4_request` and check that the key is ours."""
        parts = unquote(credential).rsplit("/", 4)
        if len(parts) != 5 or parts[4] != "aws4_request":
            raise incomplete_signature(protocol)
        if not hmac.compare_digest(parts[0].encode(), self._access_key.encode()):
            raise unknown_key(protocol)
        return parts[1], parts[2], parts[3]

    def _signature(
        self,
        method: str,
        uri: str,
        headers: Mapping[str, str],
        signed: list[str],
        payload: str,
        scope: tuple[str, str, str],
    ) -> str:
        timestamp, region, service = scope
        if "host" not in signed:
            raise incomplete_signature(Protocol.S3 if service == "s3" else Protocol.JSON)
        names: Any = HTTPHeaders()
        for name in signed:
            names[name] = headers.get(name, "")
        request: Any = AWSRequest(method=method, url=f"http://{headers.get('host', '')}{uri}")
        request.context["timestamp"] = timestamp
        request.headers["X-Amz-Content-SHA256"] = payload
        # Botocore's canonical form, over the headers the client says it signed, whatever those are.
        auth: Any = (S3SigV4Auth if service == "s3" else SigV4Auth)(self._keys, service, region)
        auth.headers_to_sign = lambda _: names
        text: str = auth.string_to_sign(request, auth.canonical_request(request))
        signature: str = auth.signature(text, request)
        return signature


def hoisted(query: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a presigned URL carries in its query."""
    return {
        name.lower(): value
        for name, value in query.items()
        if name in {"content-md5", "content-type"} or name.startswith("x-amz-")
    }


def missing_token(protocol: Protocol) -> AwsError:
    """Say that nothing in the request tells who asks."""
    if protocol is Protocol.S3:
        return AwsError("AccessDenied", "Access Denied", 403)
    return AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)


def unknown_key(protocol: Protocol) -> AwsError:
    """Say that the access key is not the sandbox's."""
    if protocol is Protocol.S3:
        text = "The AWS Access Key Id you provided does not exist in our records."
        return AwsError("InvalidAccessKeyId", text, 403)
    code = "InvalidClientTokenId" if protocol is Protocol.QUERY else "UnrecognizedClientException"
    return AwsError(code, "The security token included in the request is invalid.", 403)


def wrong_signature(protocol: Protocol) -> AwsError:
    """Say that the key is right and the secret, or what was signed, is not."""
    text = (
        "The request signature we calculated does not match the signature you provided. Check your AWS "
        "Secret Access Key and signing method. Consult the service documentation for details."
    )
    code = (
        "SignatureDoesNotMatch" if protocol in {Protocol.S3, Protocol.QUERY} else "InvalidSignatureException"
    )
    return AwsError(code, text, 403)


def incomplete_signature(protocol: Protocol) -> AwsError:
    """Say that the Authorization header, or the presigned query, is not SigV4."""
    if protocol is Protocol.S3:
        return AwsError("AuthorizationHeaderMalformed", "The authorization header is malformed.", 400)
    return AwsError(
        "IncompleteSignatureException", "The request is not signed with Signature Version 4.", 400
    )


def _timestamp_of(date: str) -> str:
    """Turn an HTTP Date header into a SigV4 timestamp; empty when it is none."""
    try:
        return time.strftime("%Y%m%dT%H%M%SZ", time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT"))
    except ValueError:
        return ""
