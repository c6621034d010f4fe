"""The container's own refusals of hyperparameters: JSON Schema sentences, as the real log has them.

The rules come from the catalogue; only the wording is the container's. The message of a value names its
schema and the value, as Python's jsonschema prints a ValidationError (Developer Guide, "Common errors").
"""

from __future__ import annotations

from pprint import pformat
from textwrap import indent
from typing import TYPE_CHECKING, Any

from sagewizard.algorithms import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.algorithms import Algorithm, Hyperparameter

_NUMBER = r"^[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?$"


def refusal(
    algorithm: Algorithm, hyperparameters: Mapping[str, str], also_known: Mapping[str, str]
) -> str | None:
    """Return the sentence for the first thing wrong with the hyperparameters, None when nothing is.

    `also_known` are names the container takes besides those of the catalogue.
    """
    known = {entry.name: entry for entry in algorithm.hyperparameters}
    extra = [name for name in hyperparameters if name not in known and name not in also_known]
    if extra:
        listed = ", ".join(repr(name) for name in extra)
        verb = "was" if len(extra) == 1 else "were"
        return _whole(
            f"Additional properties are not allowed ({listed} {verb} unexpected)",
            "additionalProperties",
            {"additionalProperties": False},
            dict(hyperparameters),
        )
    for entry in algorithm.hyperparameters:
        if entry.required and entry.name not in hyperparameters:
            required = [other.name for other in algorithm.hyperparameters if other.required]
            return _whole(
                f"{entry.name!r} is a required property",
                "required",
                {"required": required},
                dict(hyperparameters),
            )
    for name, value in hyperparameters.items():
        if name in known and known[name].fault(value) is not None:
            return value_refusal(known[name], value)
    return None


def value_refusal(entry: Hyperparameter, value: str) -> str:
    """Return the sentence for a value that a hyperparameter does not take."""
    schema = _schema(entry)
    rule = "enum" if "enum" in schema else "oneOf"
    if rule == "enum":
        message = f"{value!r} is not one of {schema['enum']!r}"
    else:
        message = f"{value!r} is not valid under any of the given schemas"
    return (
        f"{message}\n\nFailed validating {rule!r} in schema['properties'][{entry.name!r}]:\n"
        f"{_pretty(schema)}\n\nOn instance[{entry.name!r}]:\n{_pretty(value)}"
    )


def _whole(message: str, rule: str, schema: dict[str, Any], instance: dict[str, str]) -> str:
    return (
        f"{message}\n\nFailed validating {rule!r} in schema:\n{_pretty(schema)}"
        f"\n\nOn instance:\n{_pretty(instance)}"
    )


def _pretty(value: object) -> str:
    return indent(pformat(value, width=72), "    ")


def _schema(entry: Hyperparameter) -> dict[str, Any]:
    if entry.kind is Kind.CHOICE:
        return {"enum": list(entry.choices)}
    if entry.kind is Kind.BOOLEAN:
        return {"enum": [*entry.words, "true", "false"]}
    options: list[dict[str, Any]] = [{"enum": list(entry.words)}] if entry.words else []
    if entry.kind is Kind.INTEGER:
        options.append({"pattern": "^([1-9][0-9]*)$", "type": "string"})
    else:
        options.append({"pattern": _NUMBER, "type": "string"})
    limits: dict[str, Any] = {"type": "integer" if entry.kind is Kind.INTEGER else "number"}
    interval = entry.interval
    if interval is not None and interval.low is not None:
        limits["minimum"] = interval.low
        if interval.low_open:
            limits["exclusiveMinimum"] = True
    if interval is not None and interval.high is not None:
        limits["maximum"] = interval.high
        if interval.high_open:
            limits["exclusiveMaximum"] = True
    return {"oneOf": [*options, limits]}
