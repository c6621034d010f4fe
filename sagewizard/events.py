"""What the engine tells the world: frozen events in the past tense, and their JSON lines.

Every event carries the run it belongs to, a sequence number (from 1, without gaps, in the order of the
journal) and a time in seconds since the epoch. Values are plain Python (no numpy), so that a journal can be
read by anything. A kind that this version does not know is an error with a remedy, or is left out when the
reader asks for that (`unknown="skip"`); unknown fields of a known kind are left out, so that a newer minor
version can add some.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal

from sagewizard.errors import SageWizardError

JOURNAL_VERSION = 1


class EventError(SageWizardError):
    """A line is no event, or one that only a newer version knows."""


@dataclass(frozen=True, slots=True)
class StepText:
    """What a learner reads at a step, in one language."""

    title: str
    what: str = ""
    why: str = ""
    expect: str = ""
    cost: str = ""


@dataclass(frozen=True, slots=True)
class AliveResource:
    """Something that is still there: kind, name, since when, what it costs an hour (None: nothing)."""

    kind: str
    name: str
    since: float
    hourly_usd: float | None = None
    price_source: str = ""


@dataclass(frozen=True, slots=True)
class CostItem:
    """One line of the bill: what, for how many billed seconds, at what price, and where the price is from."""

    kind: str
    name: str
    component: str
    instance_type: str
    instance_count: int
    seconds: float
    hourly_usd: float | None
    usd: float | None
    price_source: str
    running: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of the preview: its number in its split, its label as the dataset has it, its values."""

    row: int
    label: str
    values: tuple[float, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began, or went on (`resumed`)."""

    recipe: str
    title: str
    target: str
    simulated: bool
    region: str
    steps: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    folder: str = ""
    resumed: bool = False
    program_version: str = ""
    journal_version: int = JOURNAL_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """A step began; `number` counts from 1 of `total`."""

    step: str
    number: int
    total: int
    text: StepText
    options: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped(Event):
    """A step was not done, and why (for instance: finished earlier in this run)."""

    step: str
    number: int
    total: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgressed(Event):
    """How far a step is: `done` of `total` in `unit` (bytes, rows, requests); total None when unknown."""

    step: str
    message: str
    done: float = 0.0
    total: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """A step ended well; `summary` is one line for a person, `outputs` what later steps use."""

    step: str
    seconds: float
    summary: str
    outputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetLoaded(Event):
    """The data is there: where it came from, rows by split, rows by label over all splits."""

    step: str
    dataset: str
    source: str
    features: int
    rows: dict[str, int]
    labels: dict[str, int]
    image_height: int | None = None
    image_width: int | None = None
    positive_label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewMade(Event):
    """Some rows to look at; with a height and a width the values are the pixels of a picture, row by row."""

    step: str
    split: str
    columns: tuple[str, ...]
    samples: tuple[Sample, ...]
    image_height: int | None = None
    image_width: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCalled(Event):
    """A call to the target with its parameters and its answer, secrets masked and long values cut."""

    service: str
    operation: str
    request: dict[str, Any]
    response: dict[str, Any] | None
    seconds: float
    attempt: int = 1
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCreated(Event):
    """Something was made on the target, or one of our own was found there again (`adopted`)."""

    resource: str
    name: str
    arn: str = ""
    hourly_usd: float | None = None
    price_source: str = ""
    adopted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDeleted(Event):
    """The target says that it is gone."""

    resource: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDeletionFailed(Event):
    """It could not be deleted, and goes on costing what stands here."""

    resource: str
    name: str
    message: str
    hourly_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatusChanged(Event):
    """A job or an endpoint changed its status; `changed_at` is the target's own time of it."""

    resource: str
    name: str
    status: str
    secondary_status: str = ""
    message: str = ""
    changed_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLines(Event):
    """Lines of one log stream, in order; timestamps in milliseconds since the epoch, one a line."""

    job: str
    stream: str
    lines: tuple[str, ...]
    timestamps: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricReported(Event):
    """A metric as the algorithm's metric definitions read it from the log; epoch None for a final value."""

    job: str
    name: str
    value: float
    epoch: int | None = None
    logged_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostChanged(Event):
    """The bill so far, and what goes on costing each hour; `simulated`: what AWS would charge."""

    usd: float
    hourly_usd: float
    simulated: bool
    items: tuple[CostItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionMade(Event):
    """One row went to the endpoint and came back: both bodies as text, as they were sent.

    `row` counts from 1 in the test split; 0 stands for values that a person typed or drew, for which nothing
    is `expected`. `graded` tells whether there is a right and a wrong, as there is for classes.
    """

    step: str
    endpoint: str
    row: int
    content_type: str
    request: str
    accept: str
    response: str
    seconds: float
    expected: str
    predicted: str
    score: float | None
    correct: bool
    graded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionsCompared(Event):
    """A whole split was predicted: requests, rows, rows right, the median and slowest request in seconds."""

    step: str
    source: str
    requests: int
    rows: int
    correct: int
    median_seconds: float | None = None
    slowest_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationMade(Event):
    """The model's measures on a split; `confusion[i][j]`: rows of label i that were predicted as label j."""

    step: str
    source: str
    split: str
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    metrics: dict[str, float]
    wrong_rows: tuple[int, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """Something that does not stop the run but should be known."""

    message: str
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The run ended well, or as far as it was to go (`complete` False); `alive` is what is still there."""

    seconds: float
    complete: bool
    usd: float
    simulated: bool
    metrics: dict[str, float] = field(default_factory=dict)
    alive: tuple[AliveResource, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    """The run ended with an error; it can be resumed when `resumable`."""

    error: str
    message: str
    remedy: str
    exit_code: int
    step: str = ""
    where: str = ""
    resumable: bool = False
    alive: tuple[AliveResource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(Event):
    """The person stopped the run; it can be resumed when `resumable`, and `alive` is what is still there."""

    step: str
    resumable: bool
    alive: tuple[AliveResource, ...] = ()
    exit_code: int = 130


def kind_of(event_type: type[Event]) -> str:
    """Return the JSON kind of an event class: `JobStatusChanged` is `job_status_changed`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event_type.__name__).lower()


KINDS: dict[str, type[Event]] = {kind_of(cls): cls for cls in Event.__subclasses__()}
ENDINGS: tuple[type[Event], ...] = (RunFinished, RunFailed, RunCancelled)


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


# The kinds of a tuning job and of other outcomes have files of their own, which enter them into KINDS; a
# journal may hold them.
import sagewizard.outcome_events  # noqa: E402
import sagewizard.tuning_events  # noqa: E402, F401
