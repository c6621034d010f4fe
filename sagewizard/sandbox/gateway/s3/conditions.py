"""Conditional requests and ranges: what If-Match, If-None-Match, Range and their relatives decide."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sagewizard.sandbox.gateway.errors import AwsError
from sagewizard.sandbox.gateway.s3 import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.sandbox.gateway.s3.wire import Call
    from sagewizard.sandbox.store.objects import ObjectInfo

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def write_condition(headers: Mapping[str, str], key: str) -> Callable[[ObjectInfo | None], None] | None:
    """Make the check for a conditional write (`If-None-Match: *`, `If-Match`); None when there is none."""
    if_none, if_match = headers.get("if-none-match"), headers.get("if-match")
    if if_none is None and if_match is None:
        return None
    if if_none not in {None, "*"}:
        raise wire.not_implemented("If-None-Match with a value other than *")

    def check(present: ObjectInfo | None) -> None:
        if if_none is not None and present is not None:
            raise precondition("If-None-Match")
        if if_match is not None:
            if present is None:
                raise wire.no_such_key(key)
            if not matches(if_match, present.etag):
                raise precondition("If-Match")

    return check


def matches(header: str, etag: str) -> bool:
    """Tell whether a list of ETags names this one, or is `*`."""
    return any(part.strip().strip('"') in {etag, "*"} for part in header.split(","))


def precondition(name: str) -> AwsError:
    """Say that a condition does not hold."""
    text = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", text, 412, fields={"Condition": name})


def check_read(call: Call, info: ObjectInfo) -> bool:
    """Apply If-Match and its relatives in the order of RFC 9110, 13.2.2; True means 304."""
    headers, modified = call.headers, int(info.modified)
    since = wire.read_http_time(headers.get("if-modified-since", ""))
    until = wire.read_http_time(headers.get("if-unmodified-since", ""))
    if "if-match" in headers:
        if not matches(headers["if-match"], info.etag):
            raise precondition("If-Match")
    elif until is not None and modified > until:
        raise precondition("If-Unmodified-Since")
    if "if-none-match" in headers:
        return matches(headers["if-none-match"], info.etag)
    return since is not None and modified <= since


def piece(call: Call, info: ObjectInfo) -> tuple[int, int, bool]:
    """Return start, size and whether that is a part only; raises AwsError when nothing is there."""
    if "partNumber" in call.query:
        number = call.number("partNumber", 1, 1, 10_000)
        sizes = info.part_sizes or [info.size]
        if number > len(sizes):
            text = "The requested partnumber is not satisfiable"
            raise AwsError("InvalidPartNumber", text, 416)
        return sum(sizes[: number - 1]), sizes[number - 1], bool(info.size)
    match = _RANGE.fullmatch(call.headers.get("range", "").replace(" ", ""))
    if match is None or match[1] == match[2] == "":
        return 0, info.size, False  # No range, several ranges or no bytes: S3 sends the whole object.
    if match[1]:
        start = int(match[1])
        end = min(int(match[2]), info.size - 1) if match[2] else info.size - 1
        if match[2] and int(match[2]) < start:
            return 0, info.size, False
    else:
        start, end = max(0, info.size - int(match[2])), info.size - 1
    if start > end:
        raise AwsError(
            "InvalidRange",
            "The requested range is not satisfiable",
            416,
            fields={"RangeRequested": call.headers["range"], "ActualObjectSize": str(info.size)},
            headers={"Content-Range": f"bytes */{info.size}"},
        )
    return start, end - start + 1, True
