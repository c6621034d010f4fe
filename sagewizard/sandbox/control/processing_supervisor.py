"""What happens to a processing job after it was accepted: its run, its time limit, its end, and recovery."""

from __future__ import annotations

import logging
import threading
from copy import deepcopy
from typing import TYPE_CHECKING

from sagewizard.sandbox.control.context import STOPPED_WITH_SERVER, Control, failure_reason
from sagewizard.sandbox.control.resources import PROCESSING_JOB, Repository, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.control.compute import ProcessingOutcome
    from sagewizard.sandbox.control.jobs import Job

_log = logging.getLogger(__name__)
_TERMINAL = ("Completed", "Failed", "Stopped")
_OUT_OF_TIME = "The processing job ran for longer than its MaxRuntimeInSeconds, {} seconds, and was stopped."


def submit(control: Control, resource: Resource) -> None:
    """Run the job as soon as there is a free slot."""
    control.jobs.submit(
        (resource.region, PROCESSING_JOB, resource.name),
        lambda job: None,  # the API has no status for a processing job that waits: it is InProgress
        lambda job: _run(control, resource, job),
    )


def _run(control: Control, resource: Resource, job: Job) -> None:
    outcome: ProcessingOutcome | None = None
    problem = ""
    limit = resource.body["request"]["StoppingCondition"]["MaxRuntimeInSeconds"]

    def watch() -> None:
        if not control.services.clock.wait(job.done, limit):
            job.out_of_time = True
            job.stop.set()

    def started(status: str, message: str) -> None:
        def apply(stored: Resource) -> bool:
            if stored.status in _TERMINAL or "ProcessingStartTime" in stored.body:
                return False
            stored.body["ProcessingStartTime"] = control.repository.now()
            return True

        control.repository.change(resource.region, PROCESSING_JOB, resource.name, apply)
        threading.Thread(target=watch, name=f"limit {resource.name}", daemon=True).start()

    if not job.stop.is_set():
        request = deepcopy(resource.body["request"]) | {"ProcessingJobArn": resource.arn}
        try:
            outcome = control.compute.process(request, started, job.stop)
        except Exception as error:  # whatever breaks in compute must end the job, not leave it running
            _log.exception("processing job %s", resource.name)
            problem = f"InternalServerError: The sandbox could not run this job: {error}"

    def finish(stored: Resource) -> bool:
        if stored.status in _TERMINAL:
            return False
        status, reason = _verdict(control, stored, job, outcome, problem)
        if outcome is not None and outcome.started is not None:
            stored.body["ProcessingStartTime"] = round(outcome.started, 3)
        if outcome is not None and outcome.exit_message:
            stored.body["ExitMessage"] = outcome.exit_message
        end = outcome.ended if outcome is not None else None
        _end(stored, status, reason, control.repository.now() if end is None else end)
        return True

    control.repository.change(resource.region, PROCESSING_JOB, resource.name, finish)


def _verdict(
    control: Control, stored: Resource, job: Job, outcome: ProcessingOutcome | None, problem: str
) -> tuple[str, str | None]:
    by_user = job.stopped_by_user or stored.status == "Stopping"
    if outcome is None and problem and not by_user:
        return "Failed", problem
    if outcome is None or outcome.status == "Stopped":
        if by_user:
            return "Stopped", None
        if job.out_of_time:
            limit = stored.body["request"]["StoppingCondition"]["MaxRuntimeInSeconds"]
            return "Stopped", _OUT_OF_TIME.format(limit)
        return "Failed", STOPPED_WITH_SERVER
    if outcome.status == "Failed":
        return "Failed", STOPPED_WITH_SERVER if control.jobs.closing else outcome.failure_reason
    return outcome.status, None


def _end(stored: Resource, status: str, reason: str | None, end: float) -> None:
    stored.status = status
    stored.body["ProcessingEndTime"] = round(end, 3)
    if status == "Failed" or reason:
        stored.body["FailureReason"] = failure_reason(reason)


def recover(repository: Repository) -> None:
    """End the jobs that were in progress when the server died: Failed, or Stopped if that was asked for."""
    for resource in repository.select(["kind = ?", "status IN ('InProgress', 'Stopping')"], [PROCESSING_JOB]):

        def apply(stored: Resource) -> bool:
            if stored.status == "Stopping":
                _end(stored, "Stopped", None, repository.now())
            else:
                _end(stored, "Failed", STOPPED_WITH_SERVER, repository.now())
            return True

        repository.change(resource.region, PROCESSING_JOB, resource.name, apply)
