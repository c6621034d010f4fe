"""What the engine tells the world: frozen events in the past tense, and their JSON lines.

Every event carries the run it belongs to, a sequence number (from 1, without gaps, in the order of the
journal) and a time in seconds since the epoch. Values are plain Python (no numpy), so that a journal can be
read by anything. A kind that this version does not know is an error with a remedy, or is left out when the
reader asks for that (`unknown="skip"`); unknown fields of a known kind are left out, so that a newer minor
version can add some.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sagewizard.event_base import KINDS as KINDS
from sagewizard.event_base import Event as Event
from sagewizard.event_base import EventError as EventError
from sagewizard.event_base import from_json as from_json
from sagewizard.event_base import from_mapping as from_mapping
from sagewizard.event_base import kind_of as kind_of

JOURNAL_VERSION = 1


@dataclass(frozen=True, slots=True)
class StepText:
    """What a learner reads at a step, in one language.

    `question` is to be thought about before the step, `answer` is shown after it; `instructor` is a note for
    whoever teaches, and never shown without being asked for.
    """

    title: str
    what: str = ""
    why: str = ""
    expect: str = ""
    cost: str = ""
    question: str = ""
    answer: str = ""
    instructor: str = ""


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


KINDS.update({kind_of(cls): cls for cls in Event.__subclasses__()})
ENDINGS: tuple[type[Event], ...] = (RunFinished, RunFailed, RunCancelled)

# The kinds of a tuning job and of other outcomes have files of their own, which enter them into KINDS; a
# journal may hold them.
import sagewizard.outcome_events  # noqa: E402
import sagewizard.tuning_events  # noqa: E402, F401
