"""What all runs have made and is still there: asking the target whether it is, and deleting it.

Used by `sagewizard resources`, `sagewizard teardown` and the app. Deleting holds each run while it is worked
on, writes the events into the run's own journal and stops its meters.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagewizard.engine import state as states
from sagewizard.engine.api import error_message, is_missing
from sagewizard.engine.costs import CostMeter
from sagewizard.engine.ledger import JOBS
from sagewizard.engine.recorder import Recorder
from sagewizard.engine.teardown import ENDED, OVER, THERE, TUNING, Teardown
from sagewizard.errors import CancelledError, SageWizardError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sagewizard.engine.engine import Engine
    from sagewizard.engine.ledger import Entry
    from sagewizard.events import Event

# An intent younger than this may belong to a call that is on its way at this moment.
YOUNG_SECONDS = 600.0
# What was made so short a time ago may be missing from an answer although it is there: AWS's copies of what
# it knows agree only after some seconds. Its row stays open until it is older.
SETTLED_SECONDS = 60.0


@dataclass
class Deletion:
    """What came out: rows that are gone, rows that are not with the reason, runs held by another process."""

    deleted: list[Entry] = field(default_factory=list)
    failed: list[tuple[Entry, str]] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)

    @property
    def hourly_usd(self) -> float:
        """What could not be deleted goes on costing this each hour."""
        return sum(entry.hourly_usd or 0.0 for entry, _reason in self.failed)


def so_far(entry: Entry, now: float) -> float | None:
    """Return what a row has cost from its making until now in USD; None without a price."""
    if entry.hourly_usd is None:
        return None
    return entry.hourly_usd * max(0.0, now - (entry.created or entry.intended)) / 3600


def reason(error: Exception) -> str:
    """Say why something failed, in the words of whoever refused it."""
    return error.message if isinstance(error, SageWizardError) else error_message(error)


def belongs(engine: Engine, entry: Entry) -> bool:
    """Whether a row is of the target, account and region that the engine works against."""
    target = engine.target
    here = (target.name, target.account_id, target.region)
    return (entry.target, entry.account, entry.region) == here


def check(engine: Engine, entries: Iterable[Entry], *, cancel: threading.Event | None = None) -> set[int]:
    """Close the rows whose resource is gone; return the ids of those that are there.

    A job is over when it says so. That something is not found closes its row only when it is not new any more
    and a second look, a while after the first, does not find it either: one wrong answer must not take what
    costs money out of the ledger. CancelledError when `cancel` is set.
    """
    cancel = cancel or threading.Event()
    tool = Teardown(engine.target, engine.api(cancel), engine.ledger, engine.clock, cancel, _untold)
    there, missing = set(), []
    for entry in entries:
        seen = tool.look(entry)
        if seen == THERE:
            there.add(entry.id)
        elif seen == OVER:
            engine.ledger.deleted(entry.id, now=engine.clock.now(), note="ended")
        elif _old_enough(entry, engine.clock.now()):
            missing.append(entry)
    if missing and engine.clock.wait(cancel, engine.target.poll_seconds):
        raise CancelledError("Stopped while looking for what is still there.")
    for entry in missing:
        seen = tool.look(entry)
        if seen == THERE:
            there.add(entry.id)
        else:
            note = "ended" if seen == OVER else "gone already"
            engine.ledger.deleted(entry.id, now=engine.clock.now(), note=note)
    return there


def _old_enough(entry: Entry, now: float) -> bool:
    """Whether what is not found may be taken for gone: not while it, or the call for it, is new."""
    if entry.created is None:
        return now - entry.intended > YOUNG_SECONDS
    return now - entry.created >= SETTLED_SECONDS


@dataclass(frozen=True, slots=True)
class Proof:
    """What the target said when it was asked for something that should be gone."""

    kind: str
    name: str
    operation: str
    answer: str
    gone: bool


_DESCRIBE = {
    "endpoint": ("DescribeEndpoint", "EndpointName", "EndpointStatus"),
    "endpoint-config": ("DescribeEndpointConfig", "EndpointConfigName", ""),
    "model": ("DescribeModel", "ModelName", ""),
    "training-job": ("DescribeTrainingJob", "TrainingJobName", "TrainingJobStatus"),
    "transform-job": ("DescribeTransformJob", "TransformJobName", "TransformJobStatus"),
    "tuning-job": TUNING[1:],
    "schedule": ("GetSchedule", "Name", ""),
}


def prove(engine: Engine, things: Iterable[tuple[str, str]]) -> list[Proof]:
    """Ask the target for each (kind, name), and return its own words; what has no question is left out."""
    api = engine.api()
    found = []
    for kind, name in things:
        if kind not in _DESCRIBE:
            continue
        operation, member, status_member = _DESCRIBE[kind]
        parameters: dict[str, Any] = {member: name}
        try:
            service = "scheduler" if kind == "schedule" else "sagemaker"
            answer = api(service, operation, show=False, **parameters)
        except Exception as error:
            if not is_missing(error):
                raise
            found.append(Proof(kind, name, operation, error_message(error), True))
            continue
        status = str(answer.get(status_member, "")) if status_member else ""
        # Jobs stay as a record that costs nothing; they are over when they have ended.
        gone = kind in JOBS and status in ENDED
        found.append(Proof(kind, name, operation, status or "it is there", gone))
    return found


def delete(
    engine: Engine,
    entries: Iterable[Entry],
    *,
    cancel: threading.Event,
    on_event: Callable[[Event], None] | None = None,
) -> Deletion:
    """Delete rows of the engine's target, run by run; a run that another process holds is left alone.

    `on_event` hears what happens, in this thread. Raises CancelledError when `cancel` is set.
    """
    outcome = Deletion()
    wanted = list(entries)
    for run_id in dict.fromkeys(entry.run_id for entry in wanted):
        folder = engine.settings.runs / run_id
        mine = [entry for entry in wanted if entry.run_id == run_id]
        with ExitStack() as held:
            if folder.is_dir():
                try:
                    held.enter_context(states.exclusive(folder))
                except UsageError:
                    outcome.busy.append(run_id)
                    continue
            _delete_of_run(engine, run_id, mine, outcome, cancel, on_event)
    return outcome


def _delete_of_run(
    engine: Engine,
    run_id: str,
    entries: list[Entry],
    outcome: Deletion,
    cancel: threading.Event,
    on_event: Callable[[Event], None] | None,
) -> None:
    folder = engine.settings.runs / run_id
    recorder = Recorder(run_id, engine.clock, on_event or _unheard)
    meter = CostMeter(engine.target, engine.clock)
    state = _state(folder)
    if state is not None:
        recorder.resume(folder)
        meter.restore(state.meters)
    try:
        report = Teardown(
            engine.target, engine.api(cancel), engine.ledger, engine.clock, cancel, recorder.emit, meter
        ).delete(entries)
        outcome.deleted += report.deleted
        outcome.failed += report.failed
        if state is not None:
            left = [entry for entry in engine.ledger.alive(run_id=run_id) if entry.kind != "s3-prefix"]
            states.after_teardown(state, {entry.kind for entry in report.deleted}, all_gone=not left)
    finally:
        if state is not None:
            state.meters, state.usd = meter.dump(), meter.total()
            state.save(folder)
        recorder.close()


def _state(folder: Path) -> states.RunState | None:
    """Return the state of a run; None when its folder is gone or damaged: the ledger is enough to delete."""
    if not (folder / states.NAME).is_file():
        return None
    try:
        return states.load(folder)
    except UsageError:
        return None


def _untold(*_arguments: Any, **_fields: Any) -> None:
    return None


def _unheard(_event: Event) -> None:
    return None
