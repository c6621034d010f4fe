"""What happens to a transform job after it was accepted: its run, its end, and recovery."""

from __future__ import annotations

import logging
from copy import deepcopy
from typing import TYPE_CHECKING

from sagewizard.sandbox.control.context import STOPPED_WITH_SERVER, Control, failure_reason
from sagewizard.sandbox.control.resources import TRANSFORM_JOB, Repository, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.control.compute import TransformOutcome
    from sagewizard.sandbox.control.jobs import Job

_log = logging.getLogger(__name__)
_TERMINAL = ("Completed", "Failed", "Stopped")


def submit(control: Control, resource: Resource) -> None:
    """Run the job as soon as there is a free slot."""
    control.jobs.submit(
        (resource.region, TRANSFORM_JOB, resource.name),
        lambda job: None,  # the API has no status for a transform job that waits: it is InProgress
        lambda job: _run(control, resource, job),
    )


def _run(control: Control, resource: Resource, job: Job) -> None:
    outcome: TransformOutcome | None = None
    problem = ""

    def started(status: str, message: str) -> None:
        def apply(stored: Resource) -> bool:
            if stored.status in _TERMINAL or message != "Transforming":
                return False
            stored.body["TransformStartTime"] = control.repository.now()
            return True

        control.repository.change(resource.region, TRANSFORM_JOB, resource.name, apply)

    if not job.stop.is_set():
        request = deepcopy(resource.body["request"]) | {"TransformJobArn": resource.arn}
        try:
            outcome = control.compute.transform(request, resource.body["model"], started, job.stop)
        except Exception as error:  # whatever breaks in compute must end the job, not leave it running
            _log.exception("transform job %s", resource.name)
            problem = f"InternalServerError: The sandbox could not run this job: {error}"

    def finish(stored: Resource) -> bool:
        if stored.status in _TERMINAL:
            return False
        status, reason = _verdict(control, stored, job, outcome, problem)
        start = outcome.started if outcome is not None else None
        end = outcome.ended if outcome is not None else None
        if start is not None:
            stored.body["TransformStartTime"] = round(start, 3)
        _end(stored, status, reason, control.repository.now() if end is None else end)
        return True

    control.repository.change(resource.region, TRANSFORM_JOB, resource.name, finish)


def _verdict(
    control: Control, stored: Resource, job: Job, outcome: TransformOutcome | None, problem: str
) -> tuple[str, str | None]:
    by_user = job.stopped_by_user or stored.status == "Stopping"
    if outcome is None and problem and not by_user:
        return "Failed", problem
    if outcome is None or outcome.status == "Stopped":
        return ("Stopped", None) if by_user else ("Failed", STOPPED_WITH_SERVER)
    if outcome.status == "Failed":
        return "Failed", STOPPED_WITH_SERVER if control.jobs.closing else outcome.failure_reason
    return outcome.status, None


def _end(stored: Resource, status: str, reason: str | None, end: float) -> None:
    stored.status = status
    stored.body["TransformEndTime"] = round(end, 3)
    if status == "Failed":
        stored.body["FailureReason"] = failure_reason(reason)


def recover(repository: Repository) -> None:
    """End the jobs that were in progress when the server died: Failed, or Stopped if that was asked for."""
    for resource in repository.select(["kind = ?", "status IN ('InProgress', 'Stopping')"], [TRANSFORM_JOB]):

        def apply(stored: Resource) -> bool:
            if stored.status == "Stopping":
                _end(stored, "Stopped", None, repository.now())
            else:
                _end(stored, "Failed", STOPPED_WITH_SERVER, repository.now())
            return True

        repository.change(resource.region, TRANSFORM_JOB, resource.name, apply)
