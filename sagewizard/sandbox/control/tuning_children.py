"""The training jobs of a tuning job as they are stored: names, results, and what the API says of them.

A child is an ordinary training job whose body also has `tuning`: the ARN and name of its tuning job, its
number, its slot (which of the counted jobs it is), its definition and the values that were chosen for it.
All that a tuning job knows of its past is read from these rows, so nothing can disagree with them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control.context import STOPPED_WITH_SERVER
from sagewizard.sandbox.control.resources import TRAINING_JOB, Repository, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.tuning import Goal

OBJECTIVE = "ObjectiveMetric"  # the metric definition that the service adds to each child
_RUNNING = ("InProgress", "Stopping")
_MAX_CURVE = 20_000  # values kept of one job's objective, the most epochs that Hyperband knows


@dataclass(slots=True)
class Child:
    """One training job of a tuning job.

    `lost` says that the sandbox itself ended it: another job takes its slot. `ended` is epoch seconds.
    """

    name: str
    number: int
    slot: int
    definition: int
    values: dict[str, str]
    status: str = "InProgress"
    objective: float | None = None
    curve: list[float] = field(default_factory=list)
    ended: float = 0.0
    lost: bool = False
    judged: int = 0
    told_to_stop: bool = False

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status in _RUNNING


def child_of(job: Resource) -> Child:
    """Read a child from its stored job."""
    notes = job.body["tuning"]
    return Child(
        name=job.name,
        number=notes["number"],
        slot=notes["slot"],
        definition=notes["definition"],
        values=notes["values"],
        status=job.status,
        objective=objective_of(job),
        curve=notes.get("curve", []),
        ended=job.body.get("TrainingEndTime", job.modified),
        lost=is_lost(job),
    )


def is_lost(job: Resource) -> bool:
    """Tell whether the sandbox itself ended the job, which is what the service calls a retryable error."""
    return job.status == "Failed" and job.body.get("FailureReason") == STOPPED_WITH_SERVER


def objective_of(job: Resource) -> float | None:
    """Return the objective that counts: the last one reported by a job that completed or was stopped."""
    if job.status not in ("Completed", "Stopped"):
        return None
    value = job.body["tuning"].get("objective")
    return None if value is None else float(value)


def note_results(job: Resource, curve: list[float]) -> None:
    """Keep in a job that ends what its log said of the objective."""
    notes = job.body["tuning"]
    listed = [m["Value"] for m in job.body.get("FinalMetricDataList", []) if m["MetricName"] == OBJECTIVE]
    curve = curve or listed
    notes["curve"] = curve[:_MAX_CURVE]
    if curve:
        notes["objective"] = curve[-1]


def child_name(tuning_name: str, number: int, seed: int, attempt: int = 0) -> str:
    """Return `<tuning>-NNN-<8 hex>`; the hexadecimal digits follow from seed and number."""
    text = f"{tuning_name.lower()}/{seed}/{number}/{attempt}"
    return f"{tuning_name}-{number:03d}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def stored_children(repository: Repository, tuning: Resource) -> list[Resource]:
    """Return the jobs of a tuning job in the order they were started."""
    prefix = f"{tuning.name.lower()}-"
    found = repository.select(
        ["region = ?", "kind = ?", "folded_name >= ?", "folded_name < ?"],
        [tuning.region, TRAINING_JOB, prefix, f"{prefix[:-1]}."],
    )
    notes = [(job.body.get("tuning") or {}, job) for job in found]
    mine = [(note["number"], job) for note, job in notes if note.get("id") == tuning.body["id"]]
    return [job for _, job in sorted(mine, key=lambda item: item[0])]


def summary(tuning: Resource, job: Resource) -> dict[str, Any]:
    """Say what ListTrainingJobsForHyperParameterTuningJob and BestTrainingJob say of a child."""
    notes = job.body["tuning"]
    objective = objective_of(job)
    output: dict[str, Any] = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "TuningJobName": tuning.name,
        "CreationTime": job.created,
        "TrainingJobStatus": job.status,
        "TunedHyperParameters": notes["values"],
        "ObjectiveStatus": "Pending" if job.status in _RUNNING else "Failed",
    }
    if notes.get("definition_name"):
        output["TrainingJobDefinitionName"] = notes["definition_name"]
    output |= {
        member: job.body[member]
        for member in ("TrainingStartTime", "TrainingEndTime", "FailureReason")
        if member in job.body
    }
    if objective is not None:
        output["ObjectiveStatus"] = "Succeeded"
        metric = {"MetricName": notes["metric"], "Value": objective}
        if notes.get("definition_name"):
            metric["Type"] = notes["type"]
        output["FinalHyperParameterTuningJobObjectiveMetric"] = metric
    return output


def best(jobs: list[Resource], goal: Goal) -> Resource | None:
    """Return the job with the best objective, the earlier one of two alike.

    A job that was stopped before it had a model is passed over: what is named best can be deployed.
    """
    found: Resource | None = None
    leading = 0.0
    for job in jobs:
        value = objective_of(job)
        if value is None or (job.status == "Stopped" and "artifact" not in job.body):
            continue
        if found is None or goal.better(value, leading):
            found, leading = job, value
    return found


def job_counters(jobs: list[Resource]) -> dict[str, int]:
    """Count for TrainingJobStatusCounters."""
    failed = [job for job in jobs if job.status == "Failed"]
    lost = sum(1 for job in failed if is_lost(job))
    return {
        "Completed": sum(1 for job in jobs if job.status == "Completed"),
        "InProgress": sum(1 for job in jobs if job.status in _RUNNING),
        "RetryableError": lost,
        "NonRetryableError": len(failed) - lost,
        "Stopped": sum(1 for job in jobs if job.status == "Stopped"),
    }


def objective_counters(jobs: list[Resource]) -> dict[str, int]:
    """Count for ObjectiveStatusCounters."""
    pending = sum(1 for job in jobs if job.status in _RUNNING)
    succeeded = sum(1 for job in jobs if objective_of(job) is not None)
    return {"Succeeded": succeeded, "Pending": pending, "Failed": len(jobs) - pending - succeeded}
