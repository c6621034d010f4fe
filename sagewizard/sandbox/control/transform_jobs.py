"""CreateTransformJob, DescribeTransformJob, ListTransformJobs and StopTransformJob."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks
from sagewizard.sandbox.control.plain_jobs import PlainJobs
from sagewizard.sandbox.control.plain_supervisor import Plain
from sagewizard.sandbox.control.protocol import ValidationException
from sagewizard.sandbox.control.resources import MODEL, TRANSFORM_JOB, Missing, Resource

if TYPE_CHECKING:
    import threading

    from sagewizard.sandbox.control.compute import OnStatus, TransformOutcome
    from sagewizard.sandbox.control.context import Control

_MAX_PAYLOAD_MB = 100
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
        raise ValidationException(
            "The sandbox captures data of endpoints, not of transform jobs; leave DataCaptureConfig out."
        )
    _fill_defaults(request)
    _check_sizes(request)
    _check_join(request)
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    role = model.body["request"].get("ExecutionRoleArn", "")
    checks.input_objects(control, region, source["S3Uri"], source["S3DataType"], role)
    # The job keeps the model as it is now: deleting the model later must not change a job that was accepted.
    body = {"request": request, "model": model.body["request"]}
    return _JOBS.create(control, region, name, body, tags)


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


def _run(
    control: Control, job: Resource, request: dict[str, Any], on_status: OnStatus, stop: threading.Event
) -> TransformOutcome:
    return control.compute.transform(request, job.body["model"], on_status, stop)


KIND = Plain(TRANSFORM_JOB, "Transform", _run, "Transforming")
_JOBS = PlainJobs(KIND, _ECHOED)
describe_transform_job = _JOBS.describe
list_transform_jobs = _JOBS.list


def stop_transform_job(control: Control, region: str, request: dict[str, Any]) -> None:
    """Ask a running job to stop; what it has not finished is not stored."""
    try:
        _JOBS.stop(control, region, request)
    except Missing:
        name = request["TransformJobName"]
        raise ValidationException(f"Could not find job to update with name: {name}") from None
