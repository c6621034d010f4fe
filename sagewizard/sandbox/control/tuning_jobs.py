"""The operations of automatic model tuning: create, describe, list, stop, delete, and list the children."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks, tuning_checks, tuning_children, tuning_parents
from sagewizard.sandbox.control.listing import (
    ListRules,
    fingerprint_of,
    list_resources,
    read_token,
    write_token,
)
from sagewizard.sandbox.control.protocol import ResourceInUse, ValidationException
from sagewizard.sandbox.control.resources import TUNING_JOB, AlreadyExists, Missing, Resource
from sagewizard.sandbox.control.tuning_definitions import definitions
from sagewizard.sandbox.tuning import Goal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.sandbox.control.context import Control

_TERMINAL = ("Completed", "Failed", "Stopped")
_PAGE = 10


def create_tuning_job(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Check the request, store the job as InProgress and start launching training jobs."""
    name = request["HyperParameterTuningJobName"]
    tags = checks.tags(request.pop("Tags", None))
    tuning_checks.prepare(control, region, request)
    tuning_parents.check(control, region, request)
    seed = request["HyperParameterTuningJobConfig"].get("RandomSeed")
    body = {
        "request": request,
        "id": secrets.token_hex(8),
        "seed": secrets.randbits(31) if seed is None else seed,
        "details": {},
        "asleep": 0.0,
    }
    try:
        job = control.repository.create(region, TUNING_JOB, name, "InProgress", body, tags)
    except AlreadyExists as taken:
        raise ResourceInUse(
            "Hyperparameter tuning job names must be unique within an AWS account and region, and a"
            f" hyperparameter tuning job with this name already exists ({taken.resource.arn})"
        ) from None
    control.tuners.start(control, job)
    return {"HyperParameterTuningJobArn": job.arn}


def goal_of(tuning: Resource) -> Goal:
    """Return which way the objective of a tuning job gets better."""
    return Goal(definitions(tuning.body["request"])[0].objective["Type"])


def describe_tuning_job(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer everything known of a tuning job."""
    tuning = checks.found(control, region, TUNING_JOB, request["HyperParameterTuningJobName"])
    jobs = tuning_children.stored_children(control.repository, tuning)
    body, goal = tuning.body, goal_of(tuning)
    output: dict[str, Any] = {
        "HyperParameterTuningJobName": tuning.name,
        "HyperParameterTuningJobArn": tuning.arn,
        "HyperParameterTuningJobStatus": tuning.status,
        "CreationTime": tuning.created,
        "LastModifiedTime": tuning.modified,
        "TrainingJobStatusCounters": tuning_children.job_counters(jobs),
        "ObjectiveStatusCounters": tuning_children.objective_counters(jobs),
        "TuningJobCompletionDetails": body["details"],
        "ConsumedResources": {"RuntimeInSeconds": runtime(tuning, control.repository.now())},
    }
    for member in (
        "HyperParameterTuningJobConfig",
        "TrainingJobDefinition",
        "TrainingJobDefinitions",
        "WarmStartConfig",
        "Autotune",
    ):
        if member in body["request"]:
            output[member] = body["request"][member]
    for member in ("HyperParameterTuningEndTime", "FailureReason"):
        if member in body:
            output[member] = body[member]
    best = tuning_children.best(jobs, goal)
    if best is not None:
        output["BestTrainingJob"] = tuning_children.summary(tuning, best)
    overall = tuning_parents.overall_best(control, tuning, best, goal)
    if overall is not None:
        output["OverallBestTrainingJob"] = overall
    return output


def runtime(tuning: Resource, now: float) -> int:
    """Return the whole seconds a tuning job has run, less the time in which the sandbox did not."""
    end = tuning.body.get("HyperParameterTuningEndTime", now)
    return max(0, int(end - tuning.created - tuning.body["asleep"]))


def list_tuning_jobs(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of tuning jobs, by name unless asked otherwise."""

    def summary(tuning: Resource) -> dict[str, Any]:
        jobs = tuning_children.stored_children(control.repository, tuning)
        config = tuning.body["request"]["HyperParameterTuningJobConfig"]
        output = {
            "HyperParameterTuningJobName": tuning.name,
            "HyperParameterTuningJobArn": tuning.arn,
            "HyperParameterTuningJobStatus": tuning.status,
            "Strategy": config["Strategy"],
            "CreationTime": tuning.created,
            "LastModifiedTime": tuning.modified,
            "TrainingJobStatusCounters": tuning_children.job_counters(jobs),
            "ObjectiveStatusCounters": tuning_children.objective_counters(jobs),
            "ResourceLimits": config["ResourceLimits"],
        }
        if "HyperParameterTuningEndTime" in tuning.body:
            output["HyperParameterTuningEndTime"] = tuning.body["HyperParameterTuningEndTime"]
        return output

    rules = ListRules(TUNING_JOB, "HyperParameterTuningJobSummaries", summary, ascending=True)
    request.setdefault("SortBy", "Name")
    return list_resources(control.repository, region, request, rules)


def list_children(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of a tuning job's training jobs, by name unless asked otherwise.

    Sorted by FinalObjectiveMetricValue, jobs without an objective are not listed (API reference).
    """
    tuning = checks.found(control, region, TUNING_JOB, request["HyperParameterTuningJobName"])
    jobs = tuning_children.stored_children(control.repository, tuning)
    keys: dict[str, Callable[[Resource], Any]] = {
        "Name": lambda job: job.name,
        "CreationTime": lambda job: job.created,
        "Status": lambda job: job.status,
        "FinalObjectiveMetricValue": tuning_children.objective_of,
    }
    by = request.setdefault("SortBy", "Name")
    key = keys[by]
    wanted = [
        (key(job), job.name, job)
        for job in jobs
        if request.get("StatusEquals", job.status) == job.status and key(job) is not None
    ]
    descending = request.get("SortOrder") == "Descending"
    wanted.sort(key=lambda item: item[:2], reverse=descending)
    fingerprint = fingerprint_of(region, request, "tuning-children")
    if request.get("NextToken"):
        value, name = read_token(request["NextToken"], fingerprint)
        wanted = [
            item for item in wanted if (item[:2] < (value, name) if descending else item[:2] > (value, name))
        ]
    size = request.get("MaxResults", _PAGE)
    page = wanted[:size]
    output: dict[str, Any] = {
        "TrainingJobSummaries": [tuning_children.summary(tuning, job) for _, _, job in page]
    }
    if len(wanted) > size:
        output["NextToken"] = write_token(page[-1][0], page[-1][1], fingerprint)
    return output


def stop_tuning_job(control: Control, region: str, request: dict[str, Any]) -> None:
    """Stop launching training jobs and stop those that run; what is done is kept."""
    name = request["HyperParameterTuningJobName"]

    def stopping(tuning: Resource) -> bool:
        if tuning.status in _TERMINAL:
            raise ValidationException(
                "The request was rejected because the hyperparameter tuning job is in status"
                f" {tuning.status}."
            )
        if tuning.status == "Stopping":
            return False
        tuning.status = "Stopping"
        return True

    try:
        tuning = control.repository.change(region, TUNING_JOB, name, stopping)
    except Missing as missing:
        raise checks.not_found(TUNING_JOB, str(missing), name) from None
    control.tuners.stop(tuning)


def delete_tuning_job(control: Control, region: str, request: dict[str, Any]) -> None:
    """Forget a tuning job that has ended; its training jobs, models and logs stay."""
    name = request["HyperParameterTuningJobName"]

    def ended(tuning: Resource) -> None:
        if tuning.status not in _TERMINAL:
            raise ResourceInUse(
                f"The hyperparameter tuning job {tuning.arn} is in status {tuning.status}. Only jobs that are"
                " Completed, Failed or Stopped can be deleted."
            )

    try:
        control.repository.delete(region, TUNING_JOB, name, ended)
    except Missing as missing:
        raise checks.not_found(TUNING_JOB, str(missing), name) from None
