"""CreateProcessingJob, DescribeProcessingJob, ListProcessingJobs and StopProcessingJob."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.processing_job import ROOT, relative
from sagewizard.sandbox.control import checks, processing_supervisor
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.protocol import ResourceInUse, ResourceLimitExceeded, ValidationException
from sagewizard.sandbox.control.resources import PROCESSING_JOB, AlreadyExists, Missing, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control

MOST_INSTANCES = 8
_DAY = 86_400
_TERMINAL = ("Completed", "Failed", "Stopped")
_ECHOED = (
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "StoppingCondition",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "ExperimentConfig",
)


def create_processing_job(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Check the request, store the job as InProgress and hand it to a supervisor."""
    name = request["ProcessingJobName"]
    tags = checks.tags(request.pop("Tags", None))
    application = request["AppSpecification"]
    checks.known_image(application["ImageUri"])
    if not application.get("ContainerEntrypoint"):
        raise ValidationException(
            "AppSpecification must have a ContainerEntrypoint, such as"
            ' ["python3", "/opt/ml/processing/input/code/script.py"]: the images of the sandbox have none of'
            " their own."
        )
    _check_cluster(request["ProcessingResources"]["ClusterConfig"])
    _check_inputs(control, region, request)
    _check_outputs(request)
    request.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": _DAY})
    try:
        job = control.repository.create(
            region, PROCESSING_JOB, name, "InProgress", {"request": request}, tags
        )
    except AlreadyExists as taken:
        raise ResourceInUse(
            "Job name must be unique within an AWS account and region, and a job with this name already"
            f" exists ({taken.resource.arn})"
        ) from None
    processing_supervisor.submit(control, job)
    return {"ProcessingJobArn": job.arn}


def _check_cluster(cluster: dict[str, Any]) -> None:
    if "InstancePreferences" in cluster:
        raise ValidationException("The sandbox has no instance preferences; give an InstanceType instead.")
    if "InstanceType" not in cluster or "InstanceCount" not in cluster:
        raise ValidationException("ClusterConfig must have an InstanceType and an InstanceCount.")
    count = cluster["InstanceCount"]
    if count > MOST_INSTANCES:
        raise ResourceLimitExceeded(
            f"The account-level service limit '{cluster['InstanceType']} for processing job usage' is"
            f" {MOST_INSTANCES} Instances, with current utilization of 0 Instances and a request delta of"
            f" {count} Instances. Please contact AWS support to request an increase for this limit."
        )


def _check_inputs(control: Control, region: str, request: dict[str, Any]) -> None:
    names: set[str] = set()
    for item in request.get("ProcessingInputs", []):
        name = item["InputName"]
        if name in names:
            raise ValidationException(f"Duplicate input name {name} in ProcessingInputs.")
        names.add(name)
        if "DatasetDefinition" in item:
            raise ValidationException(
                f"Input {name} has a DatasetDefinition; the sandbox has neither Athena nor Redshift. Put the"
                " data into S3 and give an S3Input."
            )
        source = item.get("S3Input")
        if source is None:
            raise ValidationException(f"Input {name} must have an S3Input.")
        _check_path("Input", name, source.get("LocalPath", ""))
        item.setdefault("AppManaged", False)
        source.setdefault("S3InputMode", "File")
        source.setdefault("S3DataDistributionType", "FullyReplicated")
        source.setdefault("S3CompressionType", "None")
        checks.input_objects(control, region, source["S3Uri"], source["S3DataType"], request["RoleArn"])


def _check_outputs(request: dict[str, Any]) -> None:
    names: set[str] = set()
    for item in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        name = item["OutputName"]
        if name in names:
            raise ValidationException(f"Duplicate output name {name} in ProcessingOutputConfig.")
        names.add(name)
        if "FeatureStoreOutput" in item:
            raise ValidationException(
                f"Output {name} goes to the Feature Store, which the sandbox does not have."
            )
        item.setdefault("AppManaged", False)
        if "S3Output" not in item:
            raise ValidationException(f"Output {name} must have an S3Output.")
        _check_path("Output", name, item["S3Output"].get("LocalPath", ""))


def _check_path(what: str, name: str, path: str) -> None:
    if relative(path) is None:
        raise ValidationException(
            f"LocalPath of {what.lower()} {name} must be a folder below {ROOT}/; it is '{path}'."
        )


def describe_processing_job(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer everything known of a job."""
    job = checks.found(control, region, PROCESSING_JOB, request["ProcessingJobName"])
    output: dict[str, Any] = {
        "ProcessingJobName": job.name,
        "ProcessingJobArn": job.arn,
        "ProcessingJobStatus": job.status,
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
    }
    output |= {member: job.body["request"][member] for member in _ECHOED if member in job.body["request"]}
    output |= {
        member: job.body[member]
        for member in ("FailureReason", "ExitMessage", "ProcessingStartTime", "ProcessingEndTime")
        if member in job.body
    }
    return output


def _summary(job: Resource) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "ProcessingJobName": job.name,
        "ProcessingJobArn": job.arn,
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
        "ProcessingJobStatus": job.status,
    }
    known = ("ProcessingEndTime", "FailureReason", "ExitMessage")
    return summary | {member: job.body[member] for member in known if member in job.body}


_LIST = ListRules(PROCESSING_JOB, "ProcessingJobSummaries", _summary, inclusive_after=False)


def list_processing_jobs(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of jobs."""
    return list_resources(control.repository, region, request, _LIST)


def stop_processing_job(control: Control, region: str, request: dict[str, Any]) -> None:
    """Ask a running job to stop: its containers get SIGTERM and two minutes."""
    name = request["ProcessingJobName"]

    def stopping(job: Resource) -> bool:
        if job.status in _TERMINAL:
            raise ValidationException(
                f"The request was rejected because the processing job is in status {job.status}"
            )
        changed = job.status != "Stopping"
        job.status = "Stopping"
        return changed

    try:
        job = control.repository.change(region, PROCESSING_JOB, name, stopping)
    except Missing as missing:
        raise checks.not_found(PROCESSING_JOB, str(missing), name) from None
    control.jobs.stop((region, PROCESSING_JOB, job.name))
