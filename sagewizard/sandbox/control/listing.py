"""What all List operations share: filters, sorting, and pages whose token survives changes in between.

A page token holds the sort value and name of the last item shown, so that a resource added or deleted between
two pages neither repeats nor hides another one. It belongs to one query: with other filters it is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from sagewizard.sandbox.control.protocol import ValidationException

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagewizard.sandbox.control.resources import Repository, Resource

_SORT_COLUMN = {"Name": "name", "CreationTime": "created", "Status": "status"}
_TIMES = {
    "CreationTimeAfter": ("created", ">="),
    "CreationTimeBefore": ("created", "<"),
    "CreatedAfter": ("created", ">="),
    "CreatedBefore": ("created", "<"),
    "LastModifiedTimeAfter": ("modified", ">="),
    "LastModifiedTimeBefore": ("modified", "<"),
}
# The service's own text, its placeholder included.
BAD_PAGE = 'Invalid pagination token because "{0}".'


@dataclass(frozen=True)
class ListRules:
    """What one List operation answers with; `ascending` is its documented default order.

    The jobs' filters say "after the specified time", the others "greater than or equal to".
    """

    kind: str
    member: str
    summary: Callable[[Resource], dict[str, Any]]
    ascending: bool = False
    inclusive_after: bool = True


def list_resources(
    repository: Repository,
    region: str,
    query: dict[str, Any],
    rules: ListRules,
    more: Sequence[tuple[str, Sequence[Any]]] = (),
) -> dict[str, Any]:
    """Answer a List operation; at most 10 items unless MaxResults says otherwise, as on AWS.

    `more` are SQL conditions of one list alone, each with its arguments.
    """
    column = _SORT_COLUMN[query.get("SortBy", "CreationTime")]
    ascending = query["SortOrder"] == "Ascending" if "SortOrder" in query else rules.ascending
    size = query.get("MaxResults", 10)
    conditions, arguments = _filters(query, rules)
    for condition, values in more:
        conditions.append(condition)
        arguments += values
    fingerprint = fingerprint_of(region, query, rules.kind)
    if query.get("NextToken"):
        value, name = read_token(query["NextToken"], fingerprint)
        conditions.append(f"({column}, name) {'>' if ascending else '<'} (?, ?)")
        arguments += [value, name]
    direction = "ASC" if ascending else "DESC"
    found = repository.select(
        ["region = ?", "kind = ?", *conditions],
        [region, rules.kind, *arguments],
        f"{column} {direction}, name {direction}",
        size + 1,
    )
    output: dict[str, Any] = {rules.member: [rules.summary(resource) for resource in found[:size]]}
    if len(found) > size:
        last = found[size - 1]
        output["NextToken"] = write_token(getattr(last, column), last.name, fingerprint)
    return output


def _filters(query: dict[str, Any], rules: ListRules) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    arguments: list[Any] = []
    for member, (column, comparison) in _TIMES.items():
        if member in query:
            strict = comparison == ">=" and not rules.inclusive_after
            conditions.append(f"{column} {'>' if strict else comparison} ?")
            arguments.append(query[member])
    if query.get("NameContains"):
        conditions.append("instr(folded_name, ?) > 0")
        arguments.append(query["NameContains"].lower())
    if "StatusEquals" in query:
        conditions.append("status = ?")
        arguments.append(query["StatusEquals"])
    return conditions, arguments


def fingerprint_of(region: str, query: dict[str, Any], kind: str) -> str:
    """Eight characters that tell one query from another; the page size may change between pages."""
    asked = {key: value for key, value in query.items() if key not in ("NextToken", "MaxResults")}
    text = orjson.dumps([region, kind, asked], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:8]


def write_token(value: Any, name: str, fingerprint: str) -> str:
    """Write a page token: where the page ended, and of which query."""
    return base64.urlsafe_b64encode(orjson.dumps([fingerprint, value, name])).decode()


def read_token(token: str, fingerprint: str) -> tuple[Any, str]:
    """Read a page token; ValidationException for one of another query."""
    try:
        parts = orjson.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise ValidationException(BAD_PAGE) from None
    if not isinstance(parts, list) or len(parts) != 3 or parts[0] != fingerprint:
        raise ValidationException(BAD_PAGE)
    if not isinstance(parts[1], str | float | int) or not isinstance(parts[2], str):
        raise ValidationException(BAD_PAGE)
    return parts[1], parts[2]
