"""Uploads by HTML form (PostObject): what `generate_presigned_post` is for.

Fields, policy and conditions as in "Browser-based uploads using POST" of the S3 documentation. The policy is
signed, not the request, so nothing of a form counts before its policy's signature is checked.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from werkzeug import Response
from werkzeug.exceptions import RequestEntityTooLarge

from sagewizard.sandbox.gateway.errors import AwsError
from sagewizard.sandbox.gateway.s3 import wire
from sagewizard.sandbox.gateway.s3.transfers import described
from sagewizard.sandbox.store.objects import NoSuchBucket

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from werkzeug import Request
    from werkzeug.datastructures import FileStorage

    from sagewizard.sandbox.gateway.s3.wire import Call
    from sagewizard.sandbox.gateway.signature import Verifier
    from sagewizard.sandbox.store.objects import ObjectStore

_LARGEST_FILE = 5 << 30
_LARGEST_FIELDS = 20_000
# Fields that need no condition in the policy.
_FREE = frozenset({"policy", "signature", "x-amz-signature", "awsaccesskeyid", "file"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def is_form(request: Request) -> bool:
    """Tell whether a request is a form for a bucket, with nothing else in it that says who asks."""
    return (
        request.method == "POST"
        and request.mimetype == "multipart/form-data"
        and not request.query_string
        and "Authorization" not in request.headers
        and "X-Amz-Target" not in request.headers
    )


def upload(objects: ObjectStore, call: Call, verifier: Verifier) -> Response:
    """Store the file of a form; AwsError when its policy does not allow it."""
    if call.key:
        text = "The specified method is not allowed against this resource."
        raise AwsError("MethodNotAllowed", text, 405, fields={"Method": "POST", "ResourceType": "OBJECT"})
    objects.require_bucket(call.bucket)
    try:
        fields, file = _read(call.request)
        verifier.verify_form(fields)
        return _store(objects, call, fields, file)
    finally:
        call.request.close()  # what the form's parser keeps of the file


def _store(objects: ObjectStore, call: Call, fields: Mapping[str, str], file: FileStorage) -> Response:
    key = fields.get("key", "").replace("${filename}", file.filename or "")
    if not key:
        raise _invalid("key", "Bucket POST must contain a field named 'key'.  If it is specified, please "
                       "check the order of the fields.")  # fmt: skip
    smallest, largest = _check(fields, {**fields, "key": key, "bucket": call.bucket})
    size = _size(file.stream)
    if size < smallest:
        text = "Your proposed upload is smaller than the minimum allowed size"
        raise AwsError("EntityTooSmall", text, fields={"ProposedSize": str(size),
                                                       "MinSizeAllowed": str(smallest)})  # fmt: skip
    if size > largest:
        text = "Your proposed upload exceeds the maximum allowed size"
        raise AwsError("EntityTooLarge", text, fields={"ProposedSize": str(size),
                                                       "MaxSizeAllowed": str(largest)})  # fmt: skip
    content_type, metadata, headers, tags = described(replace(call, key=key, headers=dict(fields)))
    try:
        info = objects.commit(
            call.bucket, key, objects.payloads.stage(file.stream), content_type=content_type,
            metadata=metadata, headers=headers, tags=tags,
        )  # fmt: skip
    except NoSuchBucket:
        raise wire.no_such_bucket(call.bucket) from None
    return _answer(fields, call, key, f'"{info.etag}"')


def _answer(fields: Mapping[str, str], call: Call, key: str, etag: str) -> Response:
    """Answer as the form asks: by success_action_redirect, else by success_action_status, else with 204."""
    location = f"http://{call.headers.get('host', '')}/{call.bucket}/{quote(key, safe='')}"
    target = fields.get("success_action_redirect") or fields.get("redirect", "")
    if target.startswith(("http://", "https://")):
        told = urlencode({"bucket": call.bucket, "key": key, "etag": etag})
        return wire.empty(303, {"Location": f"{target}{'&' if '?' in target else '?'}{told}", "ETag": etag})
    status = fields.get("success_action_status", "")
    if status == "201":
        parts = {"Location": location, "Bucket": call.bucket, "Key": key, "ETag": etag}
        inner = "".join(wire.element(name, value) for name, value in parts.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{inner}</PostResponse>'
        told_so = {"Location": location, "ETag": etag}
        return Response(body.encode(), status=201, content_type="application/xml", headers=told_so)
    return wire.empty(200 if status == "200" else 204, {"Location": location, "ETag": etag})


def _read(request: Request) -> tuple[dict[str, str], FileStorage]:
    """Read the fields, by lower-case name, and the file of a form."""
    request.max_content_length = _LARGEST_FILE + (1 << 20)
    request.max_form_memory_size = 1 << 20
    try:
        given, files = request.form, request.files
    except RequestEntityTooLarge:
        raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size") from None
    fields = {name.lower(): value for name, value in given.items()}
    sent = files.getlist("file")
    if sum(len(name) + len(value) for name, value in fields.items()) > _LARGEST_FIELDS:
        text = "Your POST request fields preceding the upload file were too large."
        raise AwsError("MaxPostPreDataLengthExceeded", text)
    if len(sent) == 1:
        return fields, sent[0]
    if not sent and "file" in fields:  # a field without a file name
        from io import BytesIO

        from werkzeug.datastructures import FileStorage as Storage

        return fields, Storage(BytesIO(fields.pop("file").encode()), filename="")
    raise AwsError("IncorrectNumberOfFilesInPostRequest",
                   "POST requires exactly one file upload per request.")  # fmt: skip


def _size(stream: IO[bytes]) -> int:
    size = stream.seek(0, 2)
    stream.seek(0)
    return size


def _check(fields: Mapping[str, str], values: Mapping[str, str]) -> tuple[int, int]:
    """Check the form against its policy; the smallest and largest size that the file may have."""
    policy = _policy(fields.get("policy", ""))
    expiration, conditions = policy.get("expiration"), policy.get("conditions")
    if not isinstance(expiration, str) or not _TIME.fullmatch(expiration):
        raise _malformed("Policy missing expiration.")
    if not isinstance(conditions, list):
        raise _malformed("Policy missing conditions.")
    try:
        ends = datetime.fromisoformat(expiration).astimezone(UTC)
    except ValueError:
        raise _malformed("Invalid 'expiration' value.") from None
    if ends.timestamp() < time.time():
        raise _refused("Policy expired.")
    smallest, largest = 0, _LARGEST_FILE
    allowed = set(_FREE)
    for condition in conditions:
        if isinstance(condition, dict) and len(condition) == 1:
            [(name, wanted)] = condition.items()
            parts: list[Any] = ["eq", f"${name}", wanted]
        elif isinstance(condition, list) and len(condition) == 3:
            parts = condition
        else:
            raise _malformed("Invalid Simple-Condition: Simple-Conditions must have exactly one property "
                             "specified.")  # fmt: skip
        kind, name, wanted = str(parts[0]).lower(), str(parts[1]), parts[2]
        if kind == "content-length-range":
            smallest, largest = _range(parts)
            continue
        field = name.removeprefix("$").lower()
        allowed.add(field)
        value = values.get(field, "")
        met = value == str(wanted) if kind == "eq" else value.startswith(str(wanted))
        if kind not in ("eq", "starts-with"):
            raise _malformed(f"Invalid Condition: unknown operation '{kind[:40]}'.")
        if not met:
            raise _refused(f"Policy Condition failed: {json.dumps([kind, name, wanted])}")
    extra = sorted(name for name in fields if name not in allowed and not name.startswith("x-ignore-"))
    if extra:
        raise _refused(f"Extra input fields: {', '.join(extra)}")
    return smallest, largest


def _range(parts: list[Any]) -> tuple[int, int]:
    try:
        return int(parts[1]), int(parts[2])
    except (TypeError, ValueError):
        raise _malformed("Invalid content-length-range.") from None


def _policy(text: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _malformed("Invalid JSON.") from None
    if not isinstance(found, dict):
        raise _malformed("Invalid JSON.")
    return found


def _refused(text: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {text}", 403)


def _malformed(text: str) -> AwsError:
    return AwsError("InvalidPolicyDocument", f"Invalid Policy: {text}")


def _invalid(name: str, text: str) -> AwsError:
    return AwsError("InvalidArgument", text, fields={"ArgumentName": name, "ArgumentValue": ""})
