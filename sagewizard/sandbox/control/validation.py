"""Input checks from the service model, answered in the words of the real ValidationException.

The forms were read in public logs of real calls: `Value 'x' at 'a.1.member.b' failed to satisfy constraint:
Member must ...`; of one value first the upper, then the lower length, then the pattern; scalars in a list or
a map are reported once, at the list or map itself, with all constraints of its elements.
Members that the model does not know are dropped, as the service's JSON protocol does; a wrong JSON type is a
SerializationException before any constraint is looked at.
"""

from __future__ import annotations

import math
from typing import Any

from sagewizard.sandbox.control import patterns
from sagewizard.sandbox.control.protocol import SerializationException, ValidationException
from sagewizard.sandbox.control.service_model import input_shape

_INT_BITS = {"integer": 31, "long": 63}
_SCALARS = frozenset({"string", "integer", "long", "float", "double", "boolean", "timestamp", "blob"})


def validate(operation: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Check the input of an operation and return its known members.

    Raises SerializationException for a wrong JSON type, ValidationException with every broken constraint.
    """
    shape = input_shape(operation)
    if shape is None:
        return {}
    clean: dict[str, Any] = _convert(shape, payload)
    problems: list[str] = []
    _structure(shape, clean, "", problems)
    if problems:
        raise ValidationException(summary(problems))
    return clean


def summary(problems: list[str]) -> str:
    """Join the problems the way the service does."""
    count = len(problems)
    return f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(problems)}"


def violation(value: Any, path: str, constraint: str) -> str:
    """One problem: the value, where it is, and the rule it breaks."""
    shown = "null" if value is None else f"'{java_text(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def java_text(value: Any) -> str:
    """Write a value as Java's toString does: true, 1.5, [a, b], {a=1, b=2}."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(java_text(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={java_text(item)}' for key, item in value.items())}}}"
    return str(value)


def _convert(shape: Any, value: Any) -> Any:
    """Return the value with its JSON types checked and unknown members dropped; nulls stay nulls."""
    if value is None:
        return None
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            raise SerializationException(_not_a(value, "structure"))
        members = shape.members
        return {
            name: _convert(members[name], item)
            for name, item in value.items()
            if name in members and item is not None
        }
    if kind == "map":
        if not isinstance(value, dict):
            raise SerializationException(_not_a(value, "map"))
        return {name: _convert(shape.value, item) for name, item in value.items()}
    if kind == "list":
        if not isinstance(value, list):
            raise SerializationException(_not_a(value, "list"))
        return [_convert(shape.member, item) for item in value]
    return _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    if isinstance(value, dict | list):
        raise SerializationException("Start of structure or map found where not expected.")
    if kind in ("string", "blob"):
        if not isinstance(value, str):
            raise SerializationException(f"{_token(value)} can not be converted to a String")
        return value
    if kind == "boolean":
        if not isinstance(value, bool):
            raise SerializationException(f"{_token(value)} can not be converted to a Boolean")
        return value
    if isinstance(value, bool | str):
        target = {"integer": "an Integer", "long": "a Long", "timestamp": "milliseconds since epoch"}.get(
            kind, f"a {kind.capitalize()}"
        )
        raise SerializationException(f"{_token(value)} can not be converted to {target}")
    if kind in _INT_BITS:
        whole = int(value) if math.isfinite(value) else 1 << 64
        if not -(1 << _INT_BITS[kind]) <= whole < 1 << _INT_BITS[kind]:
            target = "an Integer" if kind == "integer" else "a Long"
            raise SerializationException(f"NUMBER_VALUE can not be converted to {target}")
        return whole
    return float(value)


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"


def _not_a(value: Any, wanted: str) -> str:
    if isinstance(value, dict | list):
        return f"Unrecognized collection type: expected {wanted}"
    return f"Expected {wanted} or null"


def _structure(shape: Any, value: dict[str, Any], prefix: str, problems: list[str]) -> None:
    problems.extend(
        violation(None, prefix + _lower(name), "Member must not be null")
        for name in shape.required_members
        if value.get(name) is None
    )
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        problems.append(
            violation(value, prefix.rstrip(".") or "input", "Member must have exactly one member set")
        )
    for name, member in shape.members.items():
        if value.get(name) is not None:
            _value(member, value[name], prefix + _lower(name), problems)


def _value(shape: Any, value: Any, path: str, problems: list[str]) -> None:
    problems.extend(violation(value, path, rule) for rule in _broken(shape, value))
    kind = shape.type_name
    if kind == "structure":
        _structure(shape, value, f"{path}.", problems)
    elif kind == "list":
        _elements(shape.member, value, path, problems)
    elif kind == "map":
        if any(_broken(shape.key, key) for key in value):
            problems.append(
                violation(value, path, f"Map keys must satisfy constraint: [{_rules(shape.key)}]")
            )
        _map_values(shape.value, value, path, problems)


def _elements(member: Any, value: list[Any], path: str, problems: list[str]) -> None:
    for index, item in enumerate(value, 1):
        if item is None:
            problems.append(violation(None, f"{path}.{index}.member", "Member must not be null"))
    present = [item for item in value if item is not None]
    if member.type_name in _SCALARS:
        if any(_broken(member, item) for item in present):
            problems.append(violation(value, path, f"Member must satisfy constraint: [{_rules(member)}]"))
        return
    for index, item in enumerate(value, 1):
        if item is not None:
            _value(member, item, f"{path}.{index}.member", problems)


def _map_values(member: Any, value: dict[str, Any], path: str, problems: list[str]) -> None:
    for key, item in value.items():
        if item is None:
            problems.append(violation(None, f"{path}.{key}.member", "Member must not be null"))
    present = {key: item for key, item in value.items() if item is not None}
    if member.type_name in _SCALARS:
        if any(_broken(member, item) for item in present.values()):
            problems.append(violation(value, path, f"Map value must satisfy constraint: [{_rules(member)}]"))
        return
    for key, item in present.items():
        _value(member, item, f"{path}.{key}.member", problems)


def _rules(shape: Any) -> str:
    """All constraints of a scalar, in the service's order."""
    return ", ".join(rule for rule, _ in _constraints(shape))


def _broken(shape: Any, value: Any) -> list[str]:
    return [rule for rule, holds in _constraints(shape) if not holds(value)]


def _constraints(shape: Any) -> list[tuple[str, Any]]:
    """Return (text, test) of each constraint that a shape itself has."""
    metadata, kind = shape.metadata, shape.type_name
    rules: list[tuple[str, Any]] = []
    if kind in ("string", "list", "map", "blob"):
        quantity, measure = "length", len
    else:
        quantity, measure = "value", _itself
    low, high = metadata.get("min"), metadata.get("max")
    if high is not None:
        text = f"Member must have {quantity} less than or equal to {high}"
        rules.append((text, lambda value, high=high, measure=measure: measure(value) <= high))
    if low is not None:
        text = f"Member must have {quantity} greater than or equal to {low}"
        rules.append((text, lambda value, low=low, measure=measure: measure(value) >= low))
    pattern = metadata.get("pattern")
    if pattern is not None:
        text = f"Member must satisfy regular expression pattern: {patterns.printed(pattern)}"
        rules.append((text, lambda value, pattern=pattern: patterns.matches(pattern, value)))
    allowed = metadata.get("enum")
    if allowed:
        text = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        rules.append((text, lambda value, allowed=frozenset(allowed): value in allowed))
    return rules


def _itself(value: Any) -> Any:
    return value


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
