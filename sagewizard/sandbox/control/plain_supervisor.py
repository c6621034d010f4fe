"""What happens to a transform or processing job once accepted: its run, time limit, end, and recovery."""

from __future__ import annotations

import logging
import threading
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control.context import STOPPED_WITH_SERVER, Control, failure_reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.sandbox.control.compute import OnStatus, ProcessingOutcome, TransformOutcome
    from sagewizard.sandbox.control.jobs import Job
    from sagewizard.sandbox.control.resources import Repository, Resource

    Outcome = TransformOutcome | ProcessingOutcome
    Run = Callable[[Control, Resource, dict[str, Any], OnStatus, threading.Event], Outcome]

_log = logging.getLogger(__name__)
TERMINAL = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True, slots=True)
class Plain:
    """A kind of job: its resource's kind, the word its members begin with, and how compute runs one.

    It has started when compute says `started`.
    """

    kind: str
    word: str
    run: Run
    started: str


def submit(control: Control, resource: Resource, plain: Plain) -> None:
    """Run the job as soon as there is a free slot."""
    control.jobs.submit(
        (resource.region, plain.kind, resource.name),
        lambda job: None,  # the API has no status for a job of these that waits: it is InProgress
        lambda job: _run(control, resource, plain, job),
    )


def _limit(resource: Resource) -> int | None:
    limit: int | None = resource.body["request"].get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
    return limit


def _run(control: Control, resource: Resource, plain: Plain, job: Job) -> None:
    outcome: Outcome | None = None
    problem = ""
    limit = _limit(resource)
    start = f"{plain.word}StartTime"

    def watch(seconds: int) -> None:
        if not control.services.clock.wait(job.done, seconds):
            job.out_of_time = True
            job.stop.set()

    def on_status(status: str, message: str) -> None:
        def apply(stored: Resource) -> bool:
            if stored.status in TERMINAL or start in stored.body:
                return False
            stored.body[start] = control.repository.now()
            return True

        if message != plain.started:
            return
        control.repository.change(resource.region, plain.kind, resource.name, apply)
        if limit is not None:
            name = f"limit {resource.name}"
            threading.Thread(target=watch, args=(limit,), name=name, daemon=True).start()

    if not job.stop.is_set():
        request = deepcopy(resource.body["request"]) | {f"{plain.word}JobArn": resource.arn}
        try:
            outcome = plain.run(control, resource, request, on_status, job.stop)
        except Exception as error:  # whatever breaks in compute must end the job, not leave it running
            _log.exception("%s job %s", plain.word.lower(), resource.name)
            problem = f"InternalServerError: The sandbox could not run this job: {error}"

    def finish(stored: Resource) -> bool:
        if stored.status in TERMINAL:
            return False
        status, reason = _verdict(control, stored, plain, job, outcome, problem)
        if outcome is not None and outcome.started is not None:
            stored.body[start] = round(outcome.started, 3)
        if said := getattr(outcome, "exit_message", None):
            stored.body["ExitMessage"] = said
        end = outcome.ended if outcome is not None else None
        _end(stored, plain, status, reason, control.repository.now() if end is None else end)
        return True

    control.repository.change(resource.region, plain.kind, resource.name, finish)


def _verdict(
    control: Control, stored: Resource, plain: Plain, job: Job, outcome: Outcome | None, problem: str
) -> tuple[str, str | None]:
    by_user = job.stopped_by_user or stored.status == "Stopping"
    if outcome is None and problem and not by_user:
        return "Failed", problem
    if outcome is None or outcome.status == "Stopped":
        if by_user:
            return "Stopped", None
        if job.out_of_time:
            return "Stopped", (
                f"The {plain.word.lower()} job ran for longer than its MaxRuntimeInSeconds, {_limit(stored)}"
                " seconds, and was stopped."
            )
        return "Failed", STOPPED_WITH_SERVER
    if outcome.status == "Failed":
        return "Failed", STOPPED_WITH_SERVER if control.jobs.closing else outcome.failure_reason
    return outcome.status, None


def _end(stored: Resource, plain: Plain, status: str, reason: str | None, end: float) -> None:
    stored.status = status
    stored.body[f"{plain.word}EndTime"] = round(end, 3)
    if status == "Failed" or reason:
        stored.body["FailureReason"] = failure_reason(reason)


def recover(repository: Repository, plain: Plain) -> None:
    """End the jobs that were in progress when the server died: Failed, or Stopped if that was asked for."""
    for resource in repository.select(["kind = ?", "status IN ('InProgress', 'Stopping')"], [plain.kind]):

        def apply(stored: Resource) -> bool:
            if stored.status == "Stopping":
                _end(stored, plain, "Stopped", None, repository.now())
            else:
                _end(stored, plain, "Failed", STOPPED_WITH_SERVER, repository.now())
            return True

        repository.change(resource.region, plain.kind, resource.name, apply)
