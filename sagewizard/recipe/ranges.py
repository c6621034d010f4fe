"""What a tuning job searches, one hyperparameter at a time: from recipe files, `--set` and forms alike.

A range is written `1e-7..1`, with a scaling type behind it if not Auto (`1e-7..1 Logarithmic`), or as a list
of values: `sgd, adam`. In a recipe file the same is `{min: 1e-7, max: 1, scaling: Logarithmic}` or
`{values: [sgd, adam]}`. The word `fixed` takes a hyperparameter out of the search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sagewizard.algorithms import Hyperparameter, Kind, Scaling
from sagewizard.errors import UsageError
from sagewizard.recipe.options import Option, as_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagewizard.algorithms import Algorithm

FIXED = "fixed"
MOST_VALUES = 30
_SCALINGS = tuple(scaling.value for scaling in Scaling)
LIKE = "1e-5..1, 1e-5..1 Logarithmic, a list of values with commas, or fixed"


@dataclass(frozen=True, slots=True)
class Range:
    """One hyperparameter's range: numbers from `low` to `high` (as text, as on the wire), or `values`."""

    name: str
    low: str = ""
    high: str = ""
    scaling: str = Scaling.AUTO.value
    values: tuple[str, ...] = ()
    integer: bool = False

    @property
    def text(self) -> str:
        """The range as `--set` takes it."""
        if self.values:
            return ", ".join(self.values)
        return f"{self.low}..{self.high}" + ("" if self.scaling == "Auto" else f" {self.scaling}")

    @property
    def words(self) -> str:
        """The range for a person: `1e-7 to 1, logarithmic`."""
        if self.values:
            return " or ".join(self.values)
        scaling = "" if self.scaling == "Auto" else f", {self.scaling.lower()}"
        return f"{self.low} to {self.high}{scaling}"

    @property
    def size(self) -> float:
        """How many values there are to choose from."""
        if self.values:
            return len(self.values)
        return int(float(self.high)) - int(float(self.low)) + 1 if self.integer else math.inf


@dataclass(frozen=True, slots=True)
class RangeOption(Option):
    """A range as an option of the step tune; `definition` is the hyperparameter's own."""

    @property
    def default(self) -> None:
        """Nothing: what has no range is not searched."""
        return None

    @property
    def allowed(self) -> str:
        """What may be written, in words for a person."""
        return LIKE

    def fault(self, value: object) -> str | None:
        """Say why a range may not stand here, or None when it may."""
        text = as_text(value)
        if text is None:
            return f"a value of the kind {type(value).__name__} is no range"
        if text.strip().lower() == FIXED:
            return None
        try:
            return fault_of(read(self.name, text, self.definition), self.definition)
        except ValueError as error:
            return str(error)

    def parse(self, value: object) -> str:
        """Return the range in its one spelling."""
        text = as_text(value)
        if text is None or self.fault(value) is not None:
            raise UsageError(f"{self.path}: {self.fault(value)}.", remedy=f"Write {self.allowed}.")
        return FIXED if text.strip().lower() == FIXED else read(self.name, text, self.definition).text

    def json_schema(self) -> dict[str, Any]:
        """Return the option as a JSON schema fragment: a text, since a range has a spelling of its own."""
        return {
            "type": "string",
            "title": self.definition.title,
            "description": f"What a tuning job may choose: {self.allowed}. {self.definition.help}",
        }


def read(name: str, text: str, definition: Hyperparameter | None) -> Range:
    """Read a written range. Raises ValueError, whose text completes "name: ..."."""
    text = text.strip()
    if ".." not in text:
        values = tuple(part.strip() for part in text.split(","))
        if not all(values):
            raise ValueError("the range is empty" if not text else "a value of the list is empty")
        return Range(name, values=values)
    low, _, rest = text.partition("..")
    low, (high, _, scaling) = low.strip(), rest.strip().partition(" ")
    scaling = scaling.strip()
    integer = definition is not None and definition.kind is Kind.INTEGER
    if definition is None or definition.kind is Kind.TEXT:  # a script says nothing of its hyperparameters
        integer = all(end.lstrip("-").isdigit() for end in (low, high))
    if scaling:
        near = [known for known in _SCALINGS if known.lower() == scaling.lower()]
        if not near:
            close = [known for known in _SCALINGS if known.lower().startswith(scaling.lower())]
            close = close or get_close_matches(scaling.capitalize(), _SCALINGS, n=1)
            hint = f": did you mean {close[0]}?" if close else f"; there are {', '.join(_SCALINGS)}"
            raise ValueError(f"there is no scaling type {scaling!r}{hint}")
        scaling = near[0]
    return Range(name, low, high, scaling or "Auto", integer=integer)


def of_section(low: str | float | None, high: str | float | None, scaling: str | None, values: object) -> str:
    """Write a range of a recipe file as `--set` takes it."""
    if isinstance(values, list):
        return ", ".join(as_text(value) or "" for value in values)
    return f"{as_text(low)}..{as_text(high)} {scaling or ''}".rstrip()


def fault_of(found: Range, definition: Hyperparameter | None) -> str | None:
    """Say why a range cannot be searched, or None when it can; `definition` None or a text for a script's."""
    if definition is not None and definition.kind is Kind.TEXT:
        definition = None
    if found.values:
        return _fault_of_values(found, definition)
    if definition is not None and definition.kind not in (Kind.INTEGER, Kind.FLOAT):
        return f"it has no numbers: write a list of values, {definition.allowed}"
    ends = []
    for place, text in (("lower", found.low), ("upper", found.high)):
        number = _number(text)
        if number is None:
            return f"the {place} end of the range is {text!r}, and should be a number"
        if found.integer and not number.is_integer():
            return f"the {place} end of the range is {text}, and should be a whole number"
        ends.append(number)
    low, high = ends
    if low == high:
        return f"both ends of the range are {found.low}, so there is nothing to search"
    if low > high:
        return f"the lower end of the range, {found.low}, is above its upper end, {found.high}"
    if found.scaling == Scaling.LOGARITHMIC and low <= 0:
        return f"a logarithmic scale has no place for {found.low}: it needs numbers above 0"
    if found.scaling == Scaling.REVERSE_LOGARITHMIC and (found.integer or low < 0 or high >= 1):
        return "a reverse logarithmic scale is for fractions, from 0 on and below 1"
    for text in (found.low, found.high):
        fault = None if definition is None else definition.fault(_on_the_wire(text, found.integer))
        if fault is not None:
            return fault
    return None


def _fault_of_values(found: Range, definition: Hyperparameter | None) -> str | None:
    if len(found.values) > MOST_VALUES:
        return f"{len(found.values)} values are too many: SageMaker takes up to {MOST_VALUES}"
    if len(set(found.values)) < len(found.values):
        twice = next(value for value in found.values if found.values.count(value) > 1)
        return f"the value {twice} stands twice in the list"
    for value in found.values:
        fault = None if definition is None else definition.fault(value)
        if fault is not None:
            return fault
    return None


def advice_of(found: Range, definition: Hyperparameter | None) -> str:
    """Return what should be known of a range that works but is beyond SageMaker's recommendation, or ""."""
    tunable = None if definition is None else definition.tunable
    if tunable is None or found.values or tunable.low is None or tunable.high is None:
        return ""
    low, high = float(found.low), float(found.high)
    if low >= tunable.low and high <= tunable.high:
        return ""
    return (
        f"{found.name} is searched from {found.low} to {found.high}; SageMaker recommends"
        f" {tunable.low:g} to {tunable.high:g}. Jobs at the far ends may fail or learn nothing."
    )


def range_options(algorithm: Algorithm) -> tuple[RangeOption, ...]:
    """Return the hyperparameters of an algorithm that can be tuned, as options of the step tune."""
    return tuple(
        RangeOption("tune", entry)
        for entry in algorithm.hyperparameters
        if entry.tunable and not entry.internal
    )


def named(algorithm: Algorithm, name: str) -> RangeOption | None:
    """Return the option of one hyperparameter's range; of any name for a script; None when there is none."""
    for option in range_options(algorithm):
        if option.name == name:
            return option
    if algorithm.script_mode:
        return RangeOption("tune", Hyperparameter(name, Kind.TEXT, name, "A hyperparameter of the script."))
    return None


def as_request(ranges: Iterable[Range]) -> dict[str, list[dict[str, object]]]:
    """Write ranges as `ParameterRanges` of the API: all three lists, numbers as text."""
    lists: dict[str, list[dict[str, object]]] = {
        "IntegerParameterRanges": [],
        "ContinuousParameterRanges": [],
        "CategoricalParameterRanges": [],
    }
    for entry in ranges:
        if entry.values:
            lists["CategoricalParameterRanges"].append({"Name": entry.name, "Values": list(entry.values)})
            continue
        kind = "IntegerParameterRanges" if entry.integer else "ContinuousParameterRanges"
        lists[kind].append(
            {
                "Name": entry.name,
                "MinValue": _on_the_wire(entry.low, entry.integer),
                "MaxValue": _on_the_wire(entry.high, entry.integer),
                "ScalingType": entry.scaling,
            }
        )
    return lists


def _on_the_wire(text: str, integer: bool) -> str:
    return str(int(float(text))) if integer else text


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None
