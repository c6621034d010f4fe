"""CreateTransformJob, DescribeTransformJob, ListTransformJobs and StopTransformJob."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks, transform_supervisor
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.protocol import ResourceInUse, ValidationException
from sagewizard.sandbox.control.resources import MODEL, TRANSFORM_JOB, AlreadyExists, Missing, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control

_MAX_PAYLOAD_MB = 100
_TERMINAL = ("Completed", "Failed", "Stopped")
_ECHOED = (
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "DataProcessing",
    "ExperimentConfig",
)


def create_transform_job(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Check the request, store the job as InProgress and hand it to a supervisor."""
    name = request["TransformJobName"]
    tags = checks.tags(request.pop("Tags", None))
    model = checks.found(control, region, MODEL, request["ModelName"])
    if "DataCaptureConfig" in request:
        raise ValidationException("The sandbox has no data capture yet; leave DataCaptureConfig out.")
    _fill_defaults(request)
    _check_sizes(request)
    _check_join(request)
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    role = model.body["request"].get("ExecutionRoleArn", "")
    checks.input_objects(control, region, source["S3Uri"], source["S3DataType"], role)
    # The job keeps the model as it is now: deleting the model later must not change a job that was accepted.
    body = {"request": request, "model": model.body["request"]}
    try:
        job = control.repository.create(region, TRANSFORM_JOB, name, "InProgress", body, tags)
    except AlreadyExists as taken:
        raise ResourceInUse(
            "Job name must be unique within an AWS account and region, and a job with this name already"
            f" exists ({taken.resource.arn})"
        ) from None
    transform_supervisor.submit(control, job)
    return {"TransformJobArn": job.arn}


def _fill_defaults(request: dict[str, Any]) -> None:
    request["TransformInput"].setdefault("CompressionType", "None")
    request["TransformInput"].setdefault("SplitType", "None")
    request["TransformOutput"].setdefault("AssembleWith", "None")
    request["TransformOutput"].setdefault("KmsKeyId", "")
    processing = request.setdefault("DataProcessing", {})
    processing.setdefault("InputFilter", "$")
    processing.setdefault("OutputFilter", "$")
    processing.setdefault("JoinSource", "None")


def _check_sizes(request: dict[str, Any]) -> None:
    concurrent = request.get("MaxConcurrentTransforms", 0)
    payload = request.get("MaxPayloadInMB", 6)
    if payload > _MAX_PAYLOAD_MB:
        raise ValidationException(
            f"MaxPayloadInMB must not be greater than {_MAX_PAYLOAD_MB}; it is {payload}."
        )
    if max(concurrent, 1) * payload > _MAX_PAYLOAD_MB:
        raise ValidationException(
            f"The value of MaxConcurrentTransforms * MaxPayloadInMB must not exceed {_MAX_PAYLOAD_MB} MB; it"
            f" is {concurrent} * {payload}."
        )


def _check_join(request: dict[str, Any]) -> None:
    if request["DataProcessing"]["JoinSource"] != "Input":
        return
    source, target = request["TransformInput"], request["TransformOutput"]
    if _media_type(source.get("ContentType")) != _media_type(target.get("Accept")):
        raise ValidationException(
            "JoinSource Input needs TransformInput.ContentType and TransformOutput.Accept to be the same;"
            f" they are {source.get('ContentType')} and {target.get('Accept')}."
        )
    if source["SplitType"] != target["AssembleWith"]:
        raise ValidationException(
            "JoinSource Input needs TransformInput.SplitType and TransformOutput.AssembleWith to be the same;"
            f" they are {source['SplitType']} and {target['AssembleWith']}."
        )


def _media_type(text: str | None) -> str:
    return (text or "").partition(";")[0].strip().lower()


def describe_transform_job(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer everything known of a job."""
    job = checks.found(control, region, TRANSFORM_JOB, request["TransformJobName"])
    output: dict[str, Any] = {
        "TransformJobName": job.name,
        "TransformJobArn": job.arn,
        "TransformJobStatus": job.status,
        "CreationTime": job.created,
    }
    output |= {member: job.body["request"][member] for member in _ECHOED if member in job.body["request"]}
    output |= {
        member: job.body[member]
        for member in ("FailureReason", "TransformStartTime", "TransformEndTime")
        if member in job.body
    }
    return output


def _summary(job: Resource) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "TransformJobName": job.name,
        "TransformJobArn": job.arn,
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
        "TransformJobStatus": job.status,
    }
    return summary | {m: job.body[m] for m in ("TransformEndTime", "FailureReason") if m in job.body}


_LIST = ListRules(TRANSFORM_JOB, "TransformJobSummaries", _summary, inclusive_after=False)


def list_transform_jobs(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of jobs."""
    return list_resources(control.repository, region, request, _LIST)


def stop_transform_job(control: Control, region: str, request: dict[str, Any]) -> None:
    """Ask a running job to stop; what it has not finished is not stored."""
    name = request["TransformJobName"]

    def stopping(job: Resource) -> bool:
        if job.status in _TERMINAL:
            raise ValidationException(
                f"The request was rejected because the transform job is in status {job.status}"
            )
        changed = job.status != "Stopping"
        job.status = "Stopping"
        return changed

    try:
        job = control.repository.change(region, TRANSFORM_JOB, name, stopping)
    except Missing:
        raise ValidationException(f"Could not find job to update with name: {name}") from None
    control.jobs.stop((region, TRANSFORM_JOB, job.name))
