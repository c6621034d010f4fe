"""The tuning of a run as it is kept: from its state when the step is finished, else from its journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.engine import journal
from sagewizard.events import EventError
from sagewizard.tuning_events import Trial, TrialReported, TuningChanged, TuningPlanned, best_of

if TYPE_CHECKING:
    from sagewizard.engine.state import RunState
    from sagewizard.settings import Settings


@dataclass(frozen=True, slots=True)
class Tuned:
    """A tuning job with its training jobs so far; `best` is the name of the best one, "" for none."""

    job: str
    objective: str
    goal: str
    jobs: int
    finished: bool
    best: str
    best_objective: float | None
    trials: tuple[Trial, ...]


def tuned(settings: Settings, state: RunState) -> Tuned | None:
    """Return the tuning of a run; None when it has none, or its journal cannot be read."""
    found = state.outputs("tune")
    if found:
        return Tuned(
            job=found["tuning_job"],
            objective=found["objective"],
            goal=found["goal"],
            jobs=len(found["trials"]),
            finished=True,
            best=found["best"],
            best_objective=found["best_objective"],
            trials=tuple(Trial(**trial) for trial in found["trials"]),
        )
    if "tune" not in state.steps:
        return None
    return _from_journal(settings, state)


def _from_journal(settings: Settings, state: RunState) -> Tuned | None:
    planned: dict[str, Any] = {}
    trials: dict[str, Trial] = {}
    job = ""
    try:
        for event in journal.read(settings.runs / state.run_id / journal.NAME, unknown="skip"):
            if isinstance(event, TuningPlanned | TuningChanged):
                planned = {"objective": event.objective, "goal": event.goal, "jobs": event.jobs}
            if isinstance(event, TuningChanged | TrialReported) and event.job != job:
                job = event.job  # another attempt has another job, and its own trials
                trials.clear()
            if isinstance(event, TrialReported):
                trials[event.trial.name] = event.trial
    except (OSError, EventError):
        return None
    if not planned or not job:
        return None
    best = best_of(trials.values(), planned["goal"])
    return Tuned(
        job=job,
        objective=planned["objective"],
        goal=planned["goal"],
        jobs=planned["jobs"],
        finished=False,
        best=best.name if best else "",
        best_objective=best.objective if best else None,
        trials=tuple(trials.values()),
    )
