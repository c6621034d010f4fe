"""What happens to a tuning job after it was accepted: its children, when they end early, and when it ends.

One thread a tuning job. Everything it knows is in the database, so that a server that was killed goes on
where it was: a child that died with it is Failed, counts as a retryable error and is started again with the
same values under a new name, since it told nothing about them.
"""

from __future__ import annotations

import logging
import threading
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import training_jobs, tuning_children, tuning_parents
from sagewizard.sandbox.control.context import failure_reason
from sagewizard.sandbox.control.protocol import ServiceError
from sagewizard.sandbox.control.resources import (
    TRAINING_JOB,
    TUNING_JOB,
    AlreadyExists,
    Missing,
    Repository,
    Resource,
)
from sagewizard.sandbox.control.tuning_children import Child
from sagewizard.sandbox.control.tuning_definitions import definitions, training_request
from sagewizard.sandbox.control.tuning_verdict import Limits, Rules, Verdict
from sagewizard.sandbox.tuning import Goal, SearchSpace, Trial, make_strategy

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control

_log = logging.getLogger(__name__)
_TERMINAL = ("Completed", "Failed", "Stopped")
_LONG = 3600.0  # seconds between two looks when nothing happens


class Tuners:
    """The tuning jobs at work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tuners: dict[str, Tuner] = {}
        self._closing = False

    def start(self, control: Control, tuning: Resource) -> None:
        """Work on a tuning job until it ends, in a thread."""
        tuner = Tuner(control, tuning, self._forget)
        with self._lock:
            if self._closing:
                return
            self._tuners[tuning.body["id"]] = tuner
            tuner.thread.start()

    def _forget(self, tuner: Tuner) -> None:
        with self._lock:
            self._tuners.pop(tuner.tuning.body["id"], None)

    def stop(self, tuning: Resource) -> None:
        """Let a tuning job see that its status is Stopping."""
        with self._lock:
            tuner = self._tuners.get(tuning.body["id"])
        if tuner is not None:
            tuner.wake.set()

    def current(self) -> list[str]:
        """Return the names of the tuning jobs at work."""
        with self._lock:
            return [tuner.tuning.name for tuner in self._tuners.values()]

    def close(self) -> None:
        """Let no tuning job start anything more; they stay InProgress and go on with the next server."""
        with self._lock:
            self._closing = True
            tuners = list(self._tuners.values())
        for tuner in tuners:
            tuner.closing = True
            tuner.wake.set()

    def join(self, patience: float = 5.0) -> None:
        """Wait until the threads have ended."""
        with self._lock:
            tuners = list(self._tuners.values())
        for tuner in tuners:
            tuner.thread.join(patience)


class _Follower:
    """Hears of one child from the threads of its training job, and wakes the tuner."""

    def __init__(self, tuner: Tuner, child: Child) -> None:
        self._tuner, self._child = tuner, child

    def metric(self, name: str, value: float, when: float) -> None:
        if name == tuning_children.OBJECTIVE:
            self._child.curve.append(value)
            if self._tuner.rules.early:
                self._tuner.wake.set()

    def finishing(self, job: Resource) -> None:
        tuning_children.note_results(job, self._child.curve)

    def ended(self) -> None:
        self._tuner.take(self._child)


class Tuner:
    """Works on one tuning job."""

    def __init__(self, control: Control, tuning: Resource, forget: Any) -> None:
        self.tuning, self.wake, self.closing = tuning, threading.Event(), False
        self._control, self._forget = control, forget
        self._lock = threading.Lock()
        self._ended: list[Child] = []
        self._children: list[Child] = []
        request = tuning.body["request"]
        config = request["HyperParameterTuningJobConfig"]
        self._definitions = definitions(request)
        self._goal = Goal(self._definitions[0].objective["Type"])
        self._limits = Limits.of(config)
        self.rules = Rules(config, self._definitions, self._goal)
        self._spaces = [SearchSpace.of_ranges(definition.ranges) for definition in self._definitions]
        self._exhausted = False
        self._verdict: Verdict | None = None
        self.thread = threading.Thread(target=self._run, name=f"tuning {tuning.name}", daemon=True)

    def take(self, child: Child) -> None:
        """Hear that the end of a child has been written."""
        with self._lock:
            self._ended.append(child)
        self.wake.set()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # whatever breaks here must end the job, not leave it in progress
            if not self.closing:
                _log.exception("tuning job %s", self.tuning.name)
                self._stop_children([child for child in self._children if child.running])
                self._finish(
                    Verdict("Failed", f"InternalServerError: The sandbox could not go on with it: {error}")
                )
        finally:
            self._forget(self)

    def _work(self) -> None:
        control, tuning = self._control, self.tuning
        seed, request = tuning.body["seed"], tuning.body["request"]
        jobs = tuning_children.stored_children(control.repository, tuning)
        self._children = [tuning_children.child_of(job) for job in jobs]
        self._parents = tuning_parents.parent_trials(control, tuning)
        self._strategies = [
            make_strategy(
                request["HyperParameterTuningJobConfig"]["Strategy"],
                space,
                self._goal,
                seed if number == 0 else seed + (number << 32),
                same_data=tuning_parents.same_data(request),
            )
            for number, space in enumerate(self._spaces)
        ]
        while True:
            self.wake.clear()
            if self.closing:
                return
            self._collect()
            if self._step():
                return
            if not self.wake.is_set():
                control.services.clock.wait(self.wake, self._patience())

    def _patience(self) -> float:
        """Return for how many seconds nothing is to be looked at unless somebody wakes the thread."""
        if self._limits.runtime is None or self._verdict is not None:
            return _LONG
        return min(_LONG, max(0.05, self._limits.runtime - self._running_for()))

    def _running_for(self) -> float:
        return self._control.repository.now() - self.tuning.created - float(self.tuning.body["asleep"])

    def _collect(self) -> None:
        """Read what became of the children that ended."""
        with self._lock:
            ended, self._ended = self._ended, []
        for child in ended:
            job = self._control.repository.find(self.tuning.region, TRAINING_JOB, child.name)
            if job is None:  # deleted at once: what is known of it stays known
                child.status = "Stopped"
                continue
            read = tuning_children.child_of(job)
            child.status, child.objective, child.ended = read.status, read.objective, read.ended
            child.lost = read.lost

    def _step(self) -> bool:
        """Do what is to be done now; True when the tuning job has ended."""
        running = [child for child in self._children if child.running]
        stored = self._control.repository.find(self.tuning.region, TUNING_JOB, self.tuning.name)
        if stored is None or stored.body["id"] != self.tuning.body["id"]:
            self._stop_children(running)
            return True
        if stored.status == "Stopping":
            self._verdict = Verdict("Stopped")
        if self._verdict is None:
            self._verdict = self._judge()
        if self._verdict is not None:
            if self._verdict.ends_children:
                self._stop_children(running)
            if not running:
                self._finish(self._verdict)
                return True
            if not self._verdict.ends_children:
                self._verdict = None  # a job that still runs may change it
            return False
        self._stop_children(self.rules.to_stop(self._children))
        self._launch()
        return False

    def _judge(self) -> Verdict | None:
        """Look whether anything says that no more jobs are to be started."""
        counted = [child for child in self._children if not child.lost]
        verdict, details = self._limits.judge(
            self._goal, counted, self._running_for(), exhausted=self._exhausted
        )
        now = self._control.repository.now()

        def note(tuning: Resource) -> bool:
            old = dict(tuning.body["details"])
            tuning.body["details"]["NumberOfTrainingJobsObjectiveNotImproving"] = details.not_improving
            if details.converged:
                tuning.body["details"].setdefault("ConvergenceDetectedTime", now)
            return bool(old != tuning.body["details"])

        self._control.repository.change(self.tuning.region, TUNING_JOB, self.tuning.name, note)
        return verdict

    def _launch(self) -> None:
        """Start as many jobs as may run beside those that do."""
        while not self.closing and not self._exhausted:
            running = sum(1 for child in self._children if child.running)
            slots = {child.slot for child in self._children}
            held = {child.slot for child in self._children if not child.lost}
            redo = min(slots - held, default=None)
            if running >= self._limits.parallel or (redo is None and len(slots) >= self._limits.jobs):
                return
            if redo is not None:
                lost = next(child for child in self._children if child.slot == redo)
                self._start(redo, lost.definition, lost.values)
                continue
            slot = max(slots, default=-1) + 1
            chosen = self._choose(slot)
            if chosen is None:
                self._exhausted = True
                self.wake.set()
                return
            if self._stopping():
                self.wake.set()
                return
            self._start(slot, *chosen)

    def _stopping(self) -> bool:
        """Tell whether somebody asked for a stop while the strategy was thinking."""
        stored = self._control.repository.find(self.tuning.region, TUNING_JOB, self.tuning.name)
        return stored is None or stored.status != "InProgress"

    def _choose(self, slot: int) -> tuple[int, dict[str, str]] | None:
        """Ask the strategies for the next values; the definitions take turns."""
        count = len(self._definitions)
        for offset in range(count):
            definition = (slot + offset) % count
            mine = [c for c in self._children if c.definition == definition and not c.lost]
            mine.sort(key=lambda child: child.slot)
            trials = [Trial(child.values, child.objective, child.running) for child in mine]
            values = self._strategies[definition].suggest(len(mine), [*self._parents[definition], *trials])
            if values is not None:
                return definition, values
        return None

    def _start(self, slot: int, definition: int, values: dict[str, str]) -> None:
        tuning, chosen = self.tuning, self._definitions[definition]
        number = max((child.number for child in self._children), default=0) + 1
        tags = self._control.repository.tags(tuning.arn)
        for attempt in range(100):
            name = tuning_children.child_name(tuning.name, number, tuning.body["seed"], attempt)
            child = Child(name, number, slot, definition, values)
            notes = {
                "arn": tuning.arn,
                "id": tuning.body["id"],
                "name": tuning.name,
                "number": number,
                "slot": slot,
                "definition": definition,
                "definition_name": chosen.name,
                "metric": chosen.metric,
                "type": chosen.objective["Type"],
                "values": values,
            }
            request = training_request(chosen, name, values)
            self._children.append(child)
            try:
                training_jobs.launch(
                    self._control,
                    tuning.region,
                    request,
                    deepcopy(tags),
                    {"tuning": notes},
                    _Follower(self, child),
                )
            except AlreadyExists:
                self._children.pop()
                continue
            return
        raise RuntimeError(f"every name for training job {number} is taken")

    def _stop_children(self, children: list[Child]) -> None:
        for child in children:
            if child.told_to_stop:
                continue
            child.told_to_stop = True
            try:
                training_jobs.stop_training_job(
                    self._control, self.tuning.region, {"TrainingJobName": child.name}
                )
            except ServiceError:
                _log.debug("training job %s had ended by itself", child.name)

    def _finish(self, verdict: Verdict) -> None:
        now = self._control.repository.now()

        def apply(tuning: Resource) -> bool:
            if tuning.status in _TERMINAL or tuning.body["id"] != self.tuning.body["id"]:
                return False
            stopped = tuning.status == "Stopping"
            tuning.status = "Stopped" if stopped else verdict.status
            tuning.body["HyperParameterTuningEndTime"] = now
            if tuning.status == "Failed":
                tuning.body["FailureReason"] = failure_reason(verdict.reason)
            return True

        try:
            self._control.repository.change(self.tuning.region, TUNING_JOB, self.tuning.name, apply)
        except Missing:
            _log.info("tuning job %s was deleted before it ended", self.tuning.name)


def unfinished(repository: Repository) -> list[Resource]:
    """Return the tuning jobs that the last server left behind, having noted how long nobody worked on them.

    To be called before the training jobs are recovered, whose last changes tell when the server died.
    """
    found = repository.select(["kind = ?", "status IN ('InProgress', 'Stopping')"], [TUNING_JOB])
    now = repository.now()
    left: list[Resource] = []
    for tuning in found:
        jobs = tuning_children.stored_children(repository, tuning)
        last = max([tuning.modified, *(job.modified for job in jobs)])

        def asleep(stored: Resource, last: float = last) -> None:
            stored.body["asleep"] = round(stored.body["asleep"] + max(0.0, now - last), 3)

        left.append(repository.change(tuning.region, TUNING_JOB, tuning.name, asleep))
    return left
