"""Reads ARFF, the text format of the Weka workbench: dense rows of numbers and of named categories.

Format: https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/. Strings, dates, sparse rows
and missing values are refused with their line, since nothing here could train on them.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagewizard.data.dataset import frozen
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAME = r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s{}%,'\"]+)"
_ATTRIBUTE = re.compile(rf"@attribute\s+{_NAME}\s+(.+)", re.IGNORECASE)
_NUMERIC = ("numeric", "real", "integer")
_MOST_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column: its name, and its categories in the order of the file (empty for a column of numbers)."""

    name: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArffTable:
    """A file as read: `values` float64 (rows, columns); a category is its place in its attribute's list."""

    relation: str
    attributes: tuple[Attribute, ...]
    values: NDArray[np.float64]

    def position(self, name: str) -> int | None:
        """Return the position of a column from 0, by its name; None when there is none."""
        return next((at for at, entry in enumerate(self.attributes) if entry.name == name), None)


def read_arff(text: str, *, file: str) -> ArffTable:
    """Read the text of an ARFF file; `file` is the name that errors carry.

    Raises DataError with the line (counted from 1) and the column's name for whatever is not as it should be.
    """
    relation = ""
    attributes: list[Attribute] = []
    rows: list[list[float]] = []
    in_data = False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("%"):
            continue
        if in_data:
            rows.append(_row(line, attributes, file, number))
            continue
        word = line.split(None, 1)[0].lower()
        if word == "@relation":
            relation = _unquote(line.partition(" ")[2].strip())
        elif word == "@attribute":
            attributes.append(_attribute(line, attributes, file, number))
        elif word == "@data":
            if not attributes:
                raise _error("there is no @attribute before @data", file, number)
            in_data = True
        else:
            raise _error(f"{line[:40]!r} is no line of an ARFF header", file, number)
    if not in_data:
        raise _error("there is no line @data", file, None)
    if not rows:
        raise _error("there are no rows after @data", file, None)
    return ArffTable(relation, tuple(attributes), frozen(np.array(rows, dtype=np.float64)))


def _attribute(line: str, known: list[Attribute], file: str, number: int) -> Attribute:
    match = _ATTRIBUTE.fullmatch(line)
    if match is None:
        raise _error("an attribute is `@attribute NAME TYPE`", file, number)
    name, kind = _unquote(match[1]), match[2].strip()
    if any(entry.name == name for entry in known):
        raise _error(f"the attribute {name!r} stands there twice", file, number)
    if len(known) >= _MOST_COLUMNS:
        raise _error(f"there are more than {_MOST_COLUMNS:,} attributes", file, number)
    if kind.lower() in _NUMERIC:
        return Attribute(name)
    if kind.startswith("{") and kind.endswith("}"):
        categories = tuple(_cells(kind[1:-1]))
        if not all(categories) or len(set(categories)) < len(categories):
            raise _error(f"the categories of {name!r} are empty or not all different", file, number)
        return Attribute(name, categories)
    raise _error(
        f"{name!r} is of the type {kind[:30]!r}; only numbers and {{categories}} can be read", file, number
    )


def _row(line: str, attributes: list[Attribute], file: str, number: int) -> list[float]:
    if line.startswith("{"):
        raise _error("this row is in the sparse form, which is not read here", file, number)
    cells = _cells(line)
    if len(cells) != len(attributes):
        raise _error(f"this row has {len(cells)} cells where {len(attributes)} are expected", file, number)
    return [_value(cell, entry, file, number) for cell, entry in zip(cells, attributes, strict=True)]


def _value(cell: str, entry: Attribute, file: str, number: int) -> float:
    if cell in ("", "?"):
        raise _error("a value is missing", file, number, entry.name)
    if entry.categories:
        if cell not in entry.categories:
            listed = ", ".join(entry.categories[:10])
            raise _error(f"{cell[:40]!r} is none of {listed}", file, number, entry.name)
        return float(entry.categories.index(cell))
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in cell:
        raise _error(f"{cell[:40]!r} is not a number", file, number, entry.name)
    return value


def _cells(text: str) -> list[str]:
    quote = "'" if "'" in text else '"'
    found = next(csv.reader([text], quotechar=quote, skipinitialspace=True, escapechar="\\"), [])
    return [cell.strip() for cell in found]


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _error(message: str, file: str, row: int | None, column: str | None = None) -> DataError:
    return DataError(message, file=file, row=row, column=column, remedy="Correct the file, or get it again.")
