"""What every event is: its run, number and time, its line of JSON, and how a line is read back and checked.

The kinds themselves are in `sagewizard.events` and the modules beside it, which enter them into `KINDS`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

from sagewizard.errors import SageWizardError


class EventError(SageWizardError):
    """A line is no event, or one that only a newer version knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base: run, place in the journal, time (seconds since the epoch)."""

    run_id: str
    sequence: int
    time: float

    @property
    def kind(self) -> str:
        """The kind as it stands in JSON, e.g. `step_started`."""
        return kind_of(type(self))

    def to_json(self) -> bytes:
        """One line of JSON without its newline."""
        import orjson

        body: dict[str, Any] = {"kind": self.kind}
        event_type: Any = type(self)
        for name in _field_names(event_type):
            body[name] = getattr(self, name)
        return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)


KINDS: dict[str, type[Event]] = {}
"""Every kind by its name in JSON."""


def kind_of(event_type: type[Event]) -> str:
    """Return the JSON kind of an event class: `JobStatusChanged` is `job_status_changed`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event_type.__name__).lower()


def from_json(line: bytes | str, *, unknown: Literal["error", "skip"] = "error") -> Event | None:
    """Read one line; None only for an unknown kind with `unknown="skip"`. Raises EventError."""
    import orjson

    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise EventError(f"This is not a line of JSON: {error}.", remedy="The journal is damaged.") from error
    return from_mapping(body, unknown=unknown)


def from_mapping(body: object, *, unknown: Literal["error", "skip"] = "error") -> Event | None:
    """Build an event from a decoded line, checking every field's type. Raises EventError."""
    if not isinstance(body, dict) or not isinstance(body.get("kind"), str):
        raise EventError("An event is a JSON object with a kind.", remedy="The journal is damaged.")
    kind = body["kind"]
    cls = KINDS.get(kind)
    if cls is None:
        if unknown == "skip":
            return None
        raise EventError(
            f"The journal has an event of the kind {kind[:60]!r}, which this version does not know.",
            remedy="Read it with the version of sagewizard that wrote it, or a newer one.",
        )
    try:
        return typing.cast("Event", _build(cls, body))
    except (TypeError, ValueError) as error:
        raise EventError(f"The event {kind} is not as it should be: {error}.",
                         remedy="The journal is damaged.") from error  # fmt: skip


@functools.cache
def _field_names(cls: Any) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(cls))


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _build(cls: Any, body: Any) -> Any:
    if not isinstance(body, dict):
        raise TypeError(f"{cls.__name__} must be an object")
    hints = _hints(cls)
    values = {}
    for name in _field_names(cls):
        if name in body:
            values[name] = _convert(hints[name], body[name], name)
    return cls(**values)


def _convert(hint: Any, value: Any, name: str) -> Any:
    if hint is Any:
        return value
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
        return _convert(hint, value, name)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{name} must be a list")
        inner = typing.get_args(hint)[0]
        return tuple(_convert(inner, item, name) for item in value)
    if origin is dict:
        if not isinstance(value, dict):
            raise TypeError(f"{name} must be an object")
        inner = typing.get_args(hint)[1]
        return {str(key): _convert(inner, item, name) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return _build(hint, value)
    if hint is float:
        if value is None:  # JSON has no NaN: it is written as null
            return math.nan
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} must be a number")
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise TypeError(f"{name} must be {hint.__name__}")
    return value
