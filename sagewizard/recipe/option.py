"""One thing that can be set in a run: its place, its type, range and help, and how a value becomes text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.algorithms import Kind
from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from sagewizard.algorithms import Hyperparameter

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be set; `definition` has its kind, range, default and help.

    `hyperparameter` tells an option of the algorithm, whose values stay text as on the wire, from one of
    the step. `pattern` is a regular expression that a text has to match whole: `what` such as `like`. A
    `live` option takes effect on what is there already: changing it leaves no step out of date.
    """

    section: str
    definition: Hyperparameter
    hyperparameter: bool = False
    pattern: str = ""
    like: str = ""
    what: str = "a name"
    live: bool = False

    @property
    def name(self) -> str:
        """The name within its section."""
        return self.definition.name

    @property
    def path(self) -> str:
        """The full name, as `--set` takes it."""
        return f"{self.section}.{self.name}"

    @property
    def allowed(self) -> str:
        """What may be written, in words for a person."""
        if self.pattern:
            return f"{self.what} such as {self.like}"
        return self.definition.allowed

    @property
    def default(self) -> Value | None:
        """The value in force when nothing is set; None for one that the recipe has to give."""
        text = self.definition.default
        return None if text is None else self.parse(text)

    def fault(self, value: object) -> str | None:
        """Say why a value (of a file or typed in) may not stand here, or None when it may."""
        text = as_text(value)
        if text is None:
            return f"a value of the kind {type(value).__name__} does not fit: it must be {self.allowed}"
        if self.pattern:
            return None if re.fullmatch(self.pattern, text) else f"'{text}' is not {self.allowed}"
        return self.definition.fault(text)

    def parse(self, value: object) -> Value:
        """Turn a value that has no fault into its type; a hyperparameter stays text, as on the wire."""
        text = as_text(value)
        if text is None:
            raise UsageError(f"{self.path}: {self.fault(value)}.", remedy=f"Write {self.allowed}.")
        if self.hyperparameter or text in self.definition.words:
            return text
        match self.definition.kind:
            case Kind.INTEGER:
                return int(text)
            case Kind.FLOAT:
                return float(text)
            case Kind.BOOLEAN:
                return text.lower() == "true"
            case _:
                return text

    def json_schema(self) -> dict[str, Any]:
        """Return the option as a JSON schema fragment."""
        kinds = {Kind.INTEGER: "integer", Kind.FLOAT: "number", Kind.BOOLEAN: "boolean"}
        kind = kinds.get(self.definition.kind, "string")
        schema: dict[str, Any] = {
            "type": kind,
            "title": self.definition.title,
            "description": self.definition.help,
        }
        if self.definition.choices:
            schema["enum"] = list(self.definition.choices)
        if self.pattern:
            schema["pattern"] = f"^{self.pattern}$"
        interval = self.definition.interval
        if interval is not None:
            low = "exclusiveMinimum" if interval.low_open else "minimum"
            high = "exclusiveMaximum" if interval.high_open else "maximum"
            schema |= {
                key: bound for key, bound in ((low, interval.low), (high, interval.high)) if bound is not None
            }
        if self.definition.words:
            schema = {"anyOf": [schema, {"enum": list(self.definition.words)}]}
        if self.default is not None:
            schema["default"] = self.default
        return schema


def as_text(value: object) -> str | None:
    """Write a plain value as `--set` would take it; None for lists, mappings and nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    return None
