"""Python values and calls as source text, at most 100 characters a line, as a formatter lays them out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH = 100


class Code(str):
    """Text that stands in the source as it is: a name, an expression, an f-string."""

    __slots__ = ()


def literal(value: Any, *, indent: int = 0, before: int = 0) -> str:
    """Write a value as source; `before` is how much of its first line is taken, `indent` that line's own."""
    text = _flat(value)
    if indent + before + len(text) + 1 <= WIDTH or not value:
        return text
    inner = " " * (indent + 4)
    if isinstance(value, dict):
        rows = [
            f"{inner}{_flat(key)}: {literal(entry, indent=indent + 4, before=len(_flat(key)) + 2)},"
            for key, entry in value.items()
        ]
        return "\n".join(["{", *rows, " " * indent + "}"])
    if isinstance(value, list | tuple):
        brackets = "[]" if isinstance(value, list) else "()"
        rows = [f"{inner}{literal(entry, indent=indent + 4)}," for entry in value]
        if all(isinstance(entry, str | int | float) for entry in value):
            rows = _filled([_flat(entry) for entry in value], inner)
        return "\n".join([brackets[0], *rows, " " * indent + brackets[1]])
    if isinstance(value, str) and not isinstance(value, Code):
        return "\n".join(["(", *[inner + part for part in _pieces(value, WIDTH - indent - 6)],
                          " " * indent + ")"])  # fmt: skip
    return text


def assign(name: str, value: Any) -> tuple[str, ...]:
    """Write `name = value` as lines."""
    return tuple(f"{name} = {literal(value, before=len(name) + 3)}".split("\n"))


def call(function: str, arguments: Mapping[str, Any], *, result: str = "") -> tuple[str, ...]:
    """Write a call with keyword arguments as lines; `result` is the name that takes its value."""
    start = f"{result} = {function}(" if result else f"{function}("
    flat = ", ".join(f"{name}={_flat(value)}" for name, value in arguments.items())
    if len(start) + len(flat) + 1 <= WIDTH:
        return (f"{start}{flat})",)
    rows = [
        f"    {name}={literal(value, indent=4, before=len(name) + 1)}," for name, value in arguments.items()
    ]
    return tuple("\n".join([start, *rows, ")"]).split("\n"))


def quoted(text: str) -> str:
    """Write a text in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _flat(value: Any) -> str:
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flat(key)}: {_flat(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flat(entry) for entry in value) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(_flat(entry) for entry in value) + ("," if len(value) == 1 else "") + ")"
    return repr(value)


def _filled(entries: list[str], inner: str) -> list[str]:
    rows = [inner]
    for entry in entries:
        if len(rows[-1]) + len(entry) + 2 > WIDTH and rows[-1].strip():
            rows[-1] = rows[-1].rstrip()
            rows.append(inner)
        rows[-1] += f"{entry}, "
    rows[-1] = rows[-1].rstrip()
    return rows


def _pieces(text: str, width: int) -> list[str]:
    """Cut a text into quoted pieces that stand one below the other."""
    pieces = []
    while text:
        size = min(len(text), width)
        while len(quoted(text[:size])) > width:
            size -= 1
        if size < len(text) and "/" in text[1:size]:
            size = text.rindex("/", 0, size) + 1  # a path is cut behind a slash
        pieces.append(quoted(text[:size]))
        text = text[size:]
    return pieces
