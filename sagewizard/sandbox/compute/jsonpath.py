"""Owns the JSONPath subset of batch transform's InputFilter and OutputFilter.

`$` the root, `.name`, `*`, `['name','name']`, `[1,3,-1]` and `[start:end]`, mixed as in `[0,5:]`. An array
slice leaves its end out. As in the library whose syntax the service follows (Jayway JsonPath), a path that
can only mean one value gives that value, one that can mean several gives an array, and several names give an
object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_DOT_NAME = re.compile(r"\.\s*([^.\[\]*'\"\s]+)")
_QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*""")
_ITEM = re.compile(r"\s*(?:(-?\d+)?\s*(:)\s*(-?\d+)?|(-?\d+))\s*")
LONGEST = 63  # the API's limit on a filter
_MOST_WIDTHS = 64


class JsonPathError(ValueError):
    """The path is not of the subset, or it does not fit the value it is applied to."""


@dataclass(frozen=True, slots=True)
class _Names:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Items:
    items: tuple[int | slice, ...]


@dataclass(frozen=True, slots=True)
class _All:
    pass


_Step = _Names | _Items | _All


class JsonPath:
    """A parsed path; `str` gives its text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps = _parse(text)
        self._columns: dict[int, list[int]] = {}  # by the number of columns: nearly all rows have the same

    def __str__(self) -> str:
        return self.text

    @property
    def identity(self) -> bool:
        """Whether the path is `$`, which changes nothing."""
        return not self._steps

    def apply(self, value: Any) -> Any:
        """Select from a JSON value; JsonPathError when what the path names is not there."""
        nodes, several = [value], False
        for position, step in enumerate(self._steps):
            last = position == len(self._steps) - 1
            several_after = several or not _single(step, last=last)
            found: list[Any] = []
            for node in nodes:
                try:
                    found.extend(_select(step, node, last=last))
                except JsonPathError as error:
                    if not several:
                        raise JsonPathError(f"{self.text}: {error}") from None
            nodes, several = found, several_after
        return nodes if several else nodes[0]

    def columns(self, count: int) -> list[int]:
        """Return which of `count` CSV columns the path selects; JsonPathError when one is not there."""
        known = self._columns.get(count)
        if known is None:
            known = self._columns[count] = self._find_columns(count)
            if len(self._columns) > _MOST_WIDTHS:
                self._columns = {count: known}
        return known

    def _find_columns(self, count: int) -> list[int]:
        self.check_columns()
        if not self._steps or isinstance(self._steps[0], _All):
            return list(range(count))
        step = self._steps[0]
        assert isinstance(step, _Items)
        try:
            return [index for item in step.items for index in _indexes(item, count)]
        except JsonPathError as error:
            raise JsonPathError(f"{self.text}: {error}") from None

    def check_columns(self) -> None:
        """Raise JsonPathError unless the path can select columns of a CSV row: it names them by number."""
        if len(self._steps) > 1 or (self._steps and isinstance(self._steps[0], _Names)):
            raise JsonPathError(
                f"{self.text} cannot select CSV columns; they are named by number: $[0], $[1:] or $[0,5:]"
            )


def _parse(text: str) -> tuple[_Step, ...]:
    if len(text) > LONGEST:
        raise JsonPathError(f"a filter has at most {LONGEST} characters, this one {len(text)}")
    body = text.strip() or "$"  # an empty filter is the default
    if not body.startswith("$"):
        raise JsonPathError(f"'{text}' does not begin with $, the root")
    steps: list[_Step] = []
    position = 1
    while position < len(body):
        if body.startswith(".*", position):
            steps.append(_All())
            position += 2
        elif match := _DOT_NAME.match(body, position):
            steps.append(_Names((match[1],)))
            position = match.end()
        elif body.startswith((".[", "["), position):
            step, position = _bracket(text, body, body.index("[", position) + 1)
            steps.append(step)
        else:
            raise JsonPathError(
                f"'{text}' cannot be understood at character {position + 1}, '{body[position]}'"
            )
    return tuple(steps)


def _bracket(text: str, body: str, position: int) -> tuple[_Step, int]:
    names: list[str] = []
    items: list[int | slice] = []
    star = re.compile(r"\s*\*\s*\]").match(body, position)
    if star:
        return _All(), star.end()
    while True:
        if quoted := _QUOTED.match(body, position):
            names.append(re.sub(r"\\(.)", r"\1", quoted[1] if quoted[1] is not None else quoted[2]))
            position = quoted.end()
        elif item := _ITEM.match(body, position):
            start, colon, end, single = item.groups()
            if colon:
                items.append(slice(int(start) if start else None, int(end) if end else None))
            else:
                items.append(int(single))
            position = item.end()
        else:
            raise JsonPathError(f"'{text}' cannot be understood at character {position + 1}")
        separator = body[position : position + 1]
        position += 1
        if separator == "]":
            break
        if separator != ",":
            raise JsonPathError(f"'{text}' lacks a ] or a comma at character {position}")
    if names and items:
        raise JsonPathError(f"'{text}' mixes names and numbers in one pair of brackets")
    return (_Names(tuple(names)) if names else _Items(tuple(items))), position


def _single(step: _Step, *, last: bool) -> bool:
    """Whether a step leads from one value to exactly one."""
    if isinstance(step, _Names):
        return len(step.names) == 1 or last  # several names at the end give one object
    return isinstance(step, _Items) and len(step.items) == 1 and isinstance(step.items[0], int)


def _select(step: _Step, node: Any, *, last: bool) -> list[Any]:
    if isinstance(step, _Names):
        if not isinstance(node, dict):
            raise JsonPathError(f"'{step.names[0]}' names a member of an object, and there is {_kind(node)}")
        missing = [name for name in step.names if name not in node]
        if missing:
            raise JsonPathError(f"there is no member '{missing[0]}'")
        if len(step.names) > 1 and last:
            return [{name: node[name] for name in step.names}]
        return [node[name] for name in step.names]
    if isinstance(step, _All):
        if isinstance(node, dict):
            return list(node.values())
        if isinstance(node, list):
            return list(node)
        raise JsonPathError(f"* needs an object or an array, and there is {_kind(node)}")
    if not isinstance(node, list):
        raise JsonPathError(f"a number selects from an array, and there is {_kind(node)}")
    return [node[index] for item in step.items for index in _indexes(item, len(node))]


def _indexes(item: int | slice, count: int) -> list[int]:
    if isinstance(item, slice):
        chosen = list(range(*item.indices(count)))
        if not chosen:
            start = "" if item.start is None else item.start
            end = "" if item.stop is None else item.stop
            raise JsonPathError(f"[{start}:{end}] selects nothing from {count} elements")
        return chosen
    index = item + count if item < 0 else item
    if not 0 <= index < count:
        raise JsonPathError(f"index {item} is outside of {count} elements")
    return [index]


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
