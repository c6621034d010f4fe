"""What happens to a training job after it was accepted: statuses, limits, its end, and recovery."""

from __future__ import annotations

import logging
import math
import threading
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Protocol

from sagewizard.sandbox.control import checks
from sagewizard.sandbox.control.context import STOPPED_WITH_SERVER, Control, failure_reason
from sagewizard.sandbox.control.measuring import train_measured
from sagewizard.sandbox.control.resources import TRAINING_JOB, Missing, Repository, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.control.compute import TrainingOutcome
    from sagewizard.sandbox.control.jobs import Job

_log = logging.getLogger(__name__)
_TERMINAL = ("Completed", "Failed", "Stopped")
_LAST_MESSAGE = {
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}
_BEFORE_INSTANCES = ("Starting", "Pending")
_MAX_FINAL_METRICS = 40  # of the API's FinalMetricDataList


class Watch(Protocol):
    """Somebody who follows one job: the tuning job that started it. Called from the job's own threads."""

    def metric(self, name: str, value: float, when: float) -> None:
        """Hear of a value found in the job's log, at epoch seconds `when`."""
        ...

    def finishing(self, job: Resource) -> None:
        """Add to the body of a job that has ended, in the transaction that writes its end."""
        ...

    def ended(self) -> None:
        """Hear that the end of the job has been written."""
        ...


def begin(body: dict[str, Any], now: float) -> None:
    """Give a new job its first status."""
    body["SecondaryStatusTransitions"] = []
    advance(body, "Starting", "Starting the training job", now)


def advance(body: dict[str, Any], status: str, message: str, now: float) -> None:
    """Go to a secondary status; the same status again only changes its message, as the service does.

    (The SDK relies on it: when the number of transitions is unchanged it prints the last one again.)
    """
    transitions = body["SecondaryStatusTransitions"]
    body["SecondaryStatus"] = status
    if transitions and transitions[-1]["Status"] == status:
        transitions[-1]["StatusMessage"] = message
        return
    if transitions:
        transitions[-1]["EndTime"] = now
    transitions.append({"Status": status, "StartTime": now, "StatusMessage": message})


def artifact_uri(job: Resource) -> str:
    """Return where the model of a job goes: `<S3OutputPath>/<job>/output/model.tar.gz`."""
    stored = job.body.get("artifact")
    if stored:
        return str(stored)
    output = job.body["request"]["OutputDataConfig"]
    folder = f"{output['S3OutputPath'].rstrip('/')}/{job.name}/output/"
    return folder + ("model/" if output.get("CompressionType") == "NONE" else "model.tar.gz")


def submit(control: Control, resource: Resource, watch: Watch | None = None) -> None:
    """Run the job as soon as there is a free slot."""

    def waits(job: Job) -> None:
        _advance_job(control.repository, resource, "Pending", "Training job waiting for capacity")

    def work(job: Job) -> None:
        _Supervisor(control, resource, job, watch).run()

    control.jobs.submit((resource.region, TRAINING_JOB, resource.name), waits, work)


def _advance_job(repository: Repository, resource: Resource, status: str, message: str) -> None:
    """Write a status that compute reported, unless the job has gone further by itself."""

    def apply(job: Resource) -> bool:
        transitions = job.body["SecondaryStatusTransitions"]
        if job.status in _TERMINAL or status in _LAST_MESSAGE or status == "Stopping":
            return False
        if job.status == "Stopping" and status != "Uploading":
            return False
        if any(t["Status"] == status and t["StatusMessage"] == message for t in transitions):
            return False
        now = repository.now()
        advance(job.body, status, message, now)
        if status not in _BEFORE_INSTANCES:
            job.body.setdefault("TrainingStartTime", now)
        return True

    repository.change(resource.region, TRAINING_JOB, resource.name, apply)


class _Supervisor:
    """Runs one job and writes down what becomes of it."""

    def __init__(self, control: Control, resource: Resource, job: Job, watch: Watch | None) -> None:
        self._control = control
        self._resource = resource
        self._job = job
        self._watch_by = watch
        self._watching = False

    def run(self) -> None:
        outcome: TrainingOutcome | None = None
        problem = ""
        if not self._job.stop.is_set():
            request = deepcopy(self._resource.body["request"]) | {"TrainingJobArn": self._resource.arn}
            try:
                follow = self._watch_by
                outcome = train_measured(
                    self._control.compute,
                    self._control.services.metrics,
                    request,
                    self._on_status,
                    self._job.stop,
                    follow.metric if follow is not None else None,
                )
            except Exception as error:  # whatever breaks in compute must end the job, not leave it running
                _log.exception("training job %s", self._resource.name)
                problem = f"InternalServerError: The sandbox could not run this job: {error}"
        try:
            self._control.repository.change(
                self._resource.region,
                TRAINING_JOB,
                self._resource.name,
                lambda job: self._finish(job, outcome, problem),
            )
        except Missing:
            _log.info("training job %s was deleted before it ended", self._resource.name)
        if self._watch_by is not None:
            self._watch_by.ended()

    def _on_status(self, status: str, message: str) -> None:
        _advance_job(self._control.repository, self._resource, status, message)
        if status not in _BEFORE_INSTANCES and not self._watching:
            self._watching = True
            threading.Thread(target=self._watch, name=f"limit {self._resource.name}", daemon=True).start()

    def _watch(self) -> None:
        """Stop the job once it has run for MaxRuntimeInSeconds."""
        limit = self._resource.body["request"]["StoppingCondition"]["MaxRuntimeInSeconds"]
        if not self._control.services.clock.wait(self._job.done, limit):
            self._job.out_of_time = True
            self._job.stop.set()

    def _finish(self, job: Resource, outcome: TrainingOutcome | None, problem: str) -> bool:
        if job.status in _TERMINAL:
            return False
        status, secondary, reason = self._verdict(job, outcome, problem)
        body = job.body
        now = self._control.repository.now()
        if outcome is not None:
            if outcome.started is not None:
                body["TrainingStartTime"] = round(outcome.started, 3)
            metrics = [_metric(item) for item in outcome.final_metrics]
            finite = [item for item in metrics if math.isfinite(item["Value"])][:_MAX_FINAL_METRICS]
            if finite:
                body["FinalMetricDataList"] = finite
            if outcome.model_artifact:
                body["artifact"] = outcome.model_artifact
        end = outcome.ended if outcome is not None and outcome.ended is not None else now
        _end(body, status, secondary, reason, now, end)
        job.status = status
        if self._watch_by is not None:
            self._watch_by.finishing(job)
        return True

    def _verdict(
        self, job: Resource, outcome: TrainingOutcome | None, problem: str
    ) -> tuple[str, str, str | None]:
        """Return status, secondary status and failure reason."""
        by_user = self._job.stopped_by_user or job.status == "Stopping"
        if outcome is None and problem and not by_user:
            return "Failed", "Failed", problem
        if outcome is None or outcome.status == "Stopped":
            if by_user:
                return "Stopped", "Stopped", None
            if self._job.out_of_time:
                return "Stopped", "MaxRuntimeExceeded", None
            return "Failed", "Failed", STOPPED_WITH_SERVER
        if outcome.status == "Failed":
            if self._control.jobs.closing:
                return "Failed", "Failed", STOPPED_WITH_SERVER
            return "Failed", "Failed", outcome.failure_reason
        if not self._stored(job, outcome):
            return (
                "Failed",
                "Failed",
                f"InternalServerError: The model was not stored at {artifact_uri(job)}. Start the job again.",
            )
        if by_user:
            return "Stopped", "Stopped", None
        return "Completed", "Completed", None

    def _stored(self, job: Resource, outcome: TrainingOutcome) -> bool:
        uri = outcome.model_artifact or artifact_uri(job)
        if uri.endswith("/"):  # an uncompressed model is a folder of objects; compute tells when it is whole
            return outcome.model_artifact is not None
        return checks.object_exists(self._control, uri)


def _metric(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "MetricName": item["MetricName"],
        "Value": float(item["Value"]),
        "Timestamp": round(float(item["Timestamp"]), 3),
    }


def _end(
    body: dict[str, Any], status: str, secondary: str, reason: str | None, now: float, end: float
) -> None:
    """Write the last status, the times and the reason."""
    advance(body, secondary, _LAST_MESSAGE[secondary], now)
    body["SecondaryStatusTransitions"][-1]["EndTime"] = now
    body["TrainingEndTime"] = round(end, 3)
    if "TrainingStartTime" in body:
        seconds = max(1, round(end - body["TrainingStartTime"]))
        body["TrainingTimeInSeconds"] = seconds
        body["BillableTimeInSeconds"] = seconds
    if status == "Failed":
        body["FailureReason"] = failure_reason(reason)


def recover(repository: Repository) -> None:
    """End the jobs that were in progress when the server died: Failed, or Stopped if that was asked for."""
    for resource in repository.select(["kind = ?", "status IN ('InProgress', 'Stopping')"], [TRAINING_JOB]):

        def apply(job: Resource) -> bool:
            now = repository.now()
            if job.status == "Stopping":
                job.status = "Stopped"
                _end(job.body, "Stopped", "Stopped", None, now, now)
            else:
                job.status = "Failed"
                _end(job.body, "Failed", "Failed", STOPPED_WITH_SERVER, now, now)
            return True

        repository.change(resource.region, TRAINING_JOB, resource.name, apply)
