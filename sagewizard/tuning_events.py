"""What the engine tells of a tuning job: its plan, each of its training jobs, and its table as a whole.

    TuningPlanned    once, before anything is created: how many jobs, how long, how much
    TrialReported    each time one training job of it appears, changes its status or gets its objective
    TuningChanged    each time the tuning job itself changes its status, with all its training jobs

A front end that keeps the trials by name and takes the newest of each has the whole picture at any moment;
after a resumed run each trial may be told again. The log lines and metrics of a trial come as LogLines and
MetricReported under its name, its costs in CostChanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sagewizard.events import KINDS, Event, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Trial:
    """One training job of a tuning job.

    `number` counts from 1 in the order of creation; `status` is the training job's. `objective` is None for
    as long as there is none: while it runs, and for good when it failed or reported none. `hyperparameters`
    are the values that were chosen for it, as text, in the order of the ranges. Times are seconds since the
    epoch, `billed_seconds` those of one instance. `reason` says why it failed.
    """

    name: str
    number: int
    status: str
    hyperparameters: dict[str, str] = field(default_factory=dict)
    objective: float | None = None
    started: float | None = None
    ended: float | None = None
    billed_seconds: float | None = None
    reason: str = ""

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.status not in ("InProgress", "Stopping")


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningPlanned(Event):
    """What the tuning job is about to do; nothing has been created yet.

    `jobs` training jobs at most, `parallel` at a time, each on `instance_count` of `instance_type`. `minutes`
    and `usd` are what all of it takes on AWS (usd None without a known price), `seconds_here` what it takes
    on a target that bills nothing, when a training job of the run has shown it. `ranges`: what is searched,
    in words, by hyperparameter; `goal` is Maximize or Minimize.
    """

    step: str
    strategy: str
    objective: str
    goal: str
    jobs: int
    parallel: int
    instance_type: str
    instance_count: int
    ranges: dict[str, str]
    minutes: float
    usd: float | None = None
    price_source: str = ""
    seconds_here: float | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReported(Event):
    """One training job of the tuning job `job` appeared, changed its status or got its objective.

    `best` is the name of the best trial so far ("" for none) and `best_objective` its value; `done` trials
    of at most `jobs` have ended.
    """

    job: str
    trial: Trial
    objective: str
    best: str = ""
    best_objective: float | None = None
    done: int = 0
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningChanged(Event):
    """The tuning job `job` has another status (InProgress, Completed, Failed, Stopping, Stopped).

    `trials` are all its training jobs so far in the order of their creation; `best` names the best of them
    ("" for none), and after the end it is the one that the service calls best, which may be a parent's.
    `jobs` is the most there will be, `goal` Maximize or Minimize, `reason` why it failed.
    """

    job: str
    status: str
    strategy: str
    objective: str
    goal: str
    jobs: int
    parallel: int
    trials: tuple[Trial, ...] = ()
    best: str = ""
    best_objective: float | None = None
    reason: str = ""

    @property
    def over(self) -> bool:
        """Whether the tuning job has ended."""
        return self.status not in ("InProgress", "Stopping")


def best_of(trials: Iterable[Trial], goal: str) -> Trial | None:
    """Return the trial with the best objective, the earlier one of two alike; None when none has one."""
    found: Trial | None = None
    for trial in trials:
        if trial.objective is None or not trial.over:
            continue
        if found is None or found.objective is None or better(trial.objective, found.objective, goal):
            found = trial
    return found


def better(value: float, other: float, goal: str) -> bool:
    """Whether a value of the objective beats another one."""
    return value > other if goal == "Maximize" else value < other


KINDS.update({kind_of(kind): kind for kind in (TuningPlanned, TrialReported, TuningChanged)})
