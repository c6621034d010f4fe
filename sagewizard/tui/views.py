"""Owns the parts of a run as panes see them: steps, jobs, metrics, log lines, resources, trials."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagewizard.events import ApiCalled, StepText
    from sagewizard.tuning_events import Trial, TuningPlanned

LOG_LINES: Final = 10_000
"""Lines kept for the screen; all of them are in the run's journal."""

Status = Literal["waiting", "running", "done", "skipped", "failed", "stopped"]


@dataclass(slots=True)
class Progress:
    """How far a step is: `done` of `total` in `unit` (bytes, rows, requests); total None when unknown."""

    message: str
    done: float = 0.0
    total: float | None = None
    unit: str = ""

    @property
    def share(self) -> float | None:
        """The share that is done, 0 to 1, or None when the total is not known."""
        return min(1.0, self.done / self.total) if self.total else None


@dataclass(slots=True)
class StepView:
    """One step: `number` from 1; `text` once it has started; `started` in seconds since the epoch."""

    name: str
    number: int
    status: Status = "waiting"
    text: StepText | None = None
    options: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    started: float | None = None
    seconds: float | None = None
    summary: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A job or an endpoint changed its status; `at` in seconds since the epoch, the target's own time."""

    status: str
    secondary: str
    message: str
    at: float


@dataclass(slots=True)
class JobView:
    """A job or an endpoint as its status events tell it; `kind` is the ledger's, e.g. `training-job`."""

    kind: str
    name: str
    step: str
    transitions: list[Transition] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The newest status, e.g. `InProgress`, `InService`."""
        return self.transitions[-1].status if self.transitions else ""

    @property
    def secondary(self) -> str:
        """The newest secondary status, e.g. `Training`, or ""."""
        return self.transitions[-1].secondary if self.transitions else ""

    @property
    def ended(self) -> bool:
        """Whether it will not change by itself any more (InService counts as settled, not as ended)."""
        return self.status in ("Completed", "Failed", "Stopped", "Deleted")

    def at(self, status: str) -> float | None:
        """When it first had this status or secondary status."""
        return next((t.at for t in self.transitions if status in (t.status, t.secondary)), None)


@dataclass(slots=True)
class Metric:
    """One metric of the newest training job: a point an epoch, in order, and its final value."""

    name: str
    points: list[tuple[int, float]] = field(default_factory=list)
    final: float | None = None

    @property
    def last(self) -> float | None:
        """The final value, else that of the newest epoch."""
        return self.final if self.final is not None else (self.points[-1][1] if self.points else None)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; `timestamp` in milliseconds since the epoch."""

    job: str
    text: str
    timestamp: int


class LogBuffer:
    """The last 10,000 lines; `total` counts all that ever came, for readers to ask `since`."""

    def __init__(self, keep: int = LOG_LINES) -> None:
        self.lines: deque[LogLine] = deque(maxlen=keep)
        self.total = 0

    def extend(self, lines: Iterable[LogLine]) -> None:
        """Take lines; the oldest ones give way."""
        for line in lines:
            self.lines.append(line)
            self.total += 1

    def since(self, total: int) -> list[LogLine]:
        """Return the lines that came after `total` of them had come, as far as they are kept."""
        new = min(self.total - total, len(self.lines))
        if new <= 0:
            return []
        return [self.lines[index] for index in range(len(self.lines) - new, len(self.lines))]


@dataclass(slots=True)
class ResourceView:
    """Something the run has made; `since` in seconds since the epoch, `hourly_usd` None: costs nothing.

    `problem` says why a deletion failed, "" when none did.
    """

    kind: str
    name: str
    arn: str
    since: float
    hourly_usd: float | None
    price_source: str
    step: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """An API call and the step it belongs to ("" before the first one)."""

    step: str
    event: ApiCalled


@dataclass(slots=True)
class Tuning:
    """A tuning job as its pane shows it: its plan, and the newest of each trial in the order of creation."""

    job: str = ""
    status: str = ""
    objective_name: str = ""
    maximize: bool = True
    max_jobs: int = 0
    best_name: str = ""
    plan: TuningPlanned | None = None
    trials: dict[str, Trial] = field(default_factory=dict)

    @property
    def best(self) -> Trial | None:
        """The trial that is best so far, as the engine says."""
        return self.trials.get(self.best_name)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the run ended badly, in words for a person."""

    error: str
    message: str
    remedy: str
    where: str
    step: str
    resumable: bool
