"""CreateProcessingJob, DescribeProcessingJob, ListProcessingJobs and StopProcessingJob."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.processing_job import ROOT, relative
from sagewizard.sandbox.control import checks
from sagewizard.sandbox.control.plain_jobs import PlainJobs
from sagewizard.sandbox.control.plain_supervisor import Plain
from sagewizard.sandbox.control.protocol import ResourceLimitExceeded, ValidationException
from sagewizard.sandbox.control.resources import PROCESSING_JOB, Missing, Resource

if TYPE_CHECKING:
    import threading

    from sagewizard.sandbox.control.compute import OnStatus, ProcessingOutcome
    from sagewizard.sandbox.control.context import Control

MOST_INSTANCES = 8
_DAY = 86_400
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
    return _JOBS.create(control, region, name, {"request": request}, tags)


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


def _run(
    control: Control, job: Resource, request: dict[str, Any], on_status: OnStatus, stop: threading.Event
) -> ProcessingOutcome:
    return control.compute.process(request, on_status, stop)


KIND = Plain(PROCESSING_JOB, "Processing", _run, "Processing")
_JOBS = PlainJobs(KIND, _ECHOED, ("FailureReason", "ExitMessage"), modified=True)
describe_processing_job = _JOBS.describe
list_processing_jobs = _JOBS.list


def stop_processing_job(control: Control, region: str, request: dict[str, Any]) -> None:
    """Ask a running job to stop: its containers get SIGTERM and two minutes."""
    try:
        _JOBS.stop(control, region, request)
    except Missing as missing:
        raise checks.not_found(PROCESSING_JOB, str(missing), request["ProcessingJobName"]) from None
