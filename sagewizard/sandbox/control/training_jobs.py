"""CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs, StopTrainingJob and DeleteTrainingJob."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.registry import with_script
from sagewizard.sandbox.control import checks, training_supervisor, trial_components
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.protocol import ResourceInUse, ValidationException
from sagewizard.sandbox.control.resources import TRAINING_JOB, AlreadyExists, Missing, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control

_DAY = 86_400
_TERMINAL = ("Completed", "Failed", "Stopped")
_RULES = {
    "DebugRuleConfigurations": "DebugRuleEvaluationStatuses",
    "ProfilerRuleConfigurations": "ProfilerRuleEvaluationStatuses",
}
# Members of CreateTrainingJob that DescribeTrainingJob gives back as they were sent.
_ECHOED = (
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "DebugHookConfig",
    "ExperimentConfig",
    "DebugRuleConfigurations",
    "TensorBoardOutputConfig",
    "ProfilerConfig",
    "ProfilerRuleConfigurations",
    "Environment",
    "RetryStrategy",
    "RemoteDebugConfig",
    "InfraCheckConfig",
    "MlflowConfig",
    "ModelPackageConfig",
)


def create_training_job(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Check the request, store the job as InProgress and hand it to a supervisor.

    Any well-formed role ARN is accepted: people's own notebooks carry the role of their own account.
    """
    tags = checks.tags(request.pop("Tags", None))
    prepare(control, region, request)
    try:
        job = launch(control, region, request, tags)
    except AlreadyExists as taken:
        raise ResourceInUse(
            "Training job names must be unique within an AWS account and region, and a training job with this"
            f" name already exists ({taken.resource.arn})"
        ) from None
    trial_components.track(control, job)
    return {"TrainingJobArn": job.arn}


def prepare(control: Control, region: str, request: dict[str, Any]) -> None:
    """Check a CreateTrainingJob request and write into it what the service would have assumed."""
    _check_resources(request)
    _check_algorithm(request)
    _check_stopping(request)
    _check_inputs(control, region, request)
    _fill_defaults(request)


def launch(
    control: Control,
    region: str,
    request: dict[str, Any],
    tags: list[dict[str, str]],
    notes: dict[str, Any] | None = None,
    watch: training_supervisor.Watch | None = None,
) -> Resource:
    """Store a job of a prepared request as InProgress and hand it to a supervisor; raises AlreadyExists.

    `notes` go into the stored job beside the request; `watch` follows it.
    """
    body = {"request": request, **(notes or {})}
    training_supervisor.begin(body, control.repository.now())
    name = request["TrainingJobName"]
    job = control.repository.create(region, TRAINING_JOB, name, "InProgress", body, tags)
    training_supervisor.submit(control, job, watch)
    return job


def _check_resources(request: dict[str, Any]) -> None:
    if "ServerlessJobConfig" in request:
        raise ValidationException("The sandbox has no serverless training jobs; give ResourceConfig instead.")
    resources = request.get("ResourceConfig")
    if resources is None:
        raise ValidationException("ResourceConfig must be specified: an InstanceType and an InstanceCount.")
    if "InstanceGroups" in resources or "InstancePreferences" in resources:
        raise ValidationException(
            "The sandbox has no instance groups and no instance preferences; give ResourceConfig.InstanceType"
            " and InstanceCount instead."
        )
    if "InstanceType" not in resources or resources.get("InstanceCount", 0) < 1:
        raise ValidationException(
            "ResourceConfig must have an InstanceType and an InstanceCount greater than or equal to 1."
        )


def _check_algorithm(request: dict[str, Any]) -> None:
    algorithm = request.get("AlgorithmSpecification") or {}
    image = algorithm.get("TrainingImage")
    if not image:
        raise ValidationException(
            "AlgorithmSpecification must have a TrainingImage; the sandbox has no algorithm resources."
            if "AlgorithmName" in algorithm
            else "AlgorithmSpecification must have a TrainingImage or an AlgorithmName."
        )
    container = checks.known_image(image)
    if container.metric_definitions:
        given, entry_point = request.get("HyperParameters", {}), algorithm.get("ContainerEntrypoint")
        scripted = with_script(container, given, entry_point).script_mode
        if algorithm.get("MetricDefinitions"):
            if scripted:
                return
            raise ValidationException(
                "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry your"
                " request without specifying metric definitions."
            )
        algorithm["MetricDefinitions"] = [
            {"Name": item.name, "Regex": item.regex} for item in container.metric_definitions
        ]


def _check_stopping(request: dict[str, Any]) -> None:
    stopping = request.setdefault("StoppingCondition", {})
    stopping.setdefault("MaxRuntimeInSeconds", _DAY)
    if request.get("EnableManagedSpotTraining"):
        if stopping.get("MaxWaitTimeInSeconds", 0) < stopping["MaxRuntimeInSeconds"]:
            raise ValidationException(
                "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to"
                " MaxRuntimeInSeconds"
            )
    elif "MaxWaitTimeInSeconds" in stopping:
        raise ValidationException(
            "MaxWaitTimeInSeconds above 0 is not supported for training jobs without"
            " EnableManagedSpotTraining"
        )


def _check_inputs(control: Control, region: str, request: dict[str, Any]) -> None:
    seen: set[str] = set()
    for channel in request.get("InputDataConfig", []):
        name = channel["ChannelName"]
        if name in seen:
            raise ValidationException(f"Duplicate channel name {name} in InputDataConfig.")
        seen.add(name)
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            raise ValidationException(
                f"Channel {name} must have an S3DataSource; the sandbox has no other data sources."
            )
        checks.input_objects(control, region, source["S3Uri"], source["S3DataType"], request["RoleArn"])


def _fill_defaults(request: dict[str, Any]) -> None:
    """Write down what the service would have assumed, so that Describe shows it and the job obeys it."""
    algorithm = request["AlgorithmSpecification"]
    algorithm.setdefault("EnableSageMakerMetricsTimeSeries", False)
    for channel in request.get("InputDataConfig", []):
        channel.setdefault("CompressionType", "None")
        channel.setdefault("RecordWrapperType", "None")
        channel["DataSource"]["S3DataSource"].setdefault("S3DataDistributionType", "FullyReplicated")
    output = request["OutputDataConfig"]
    output.setdefault("KmsKeyId", "")
    output.setdefault("CompressionType", "GZIP")
    for switch in (
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
    ):
        request.setdefault(switch, False)


def describe_training_job(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer everything known of a job."""
    job = checks.found(control, region, TRAINING_JOB, request["TrainingJobName"])
    body = job.body
    output: dict[str, Any] = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "ModelArtifacts": {"S3ModelArtifacts": training_supervisor.artifact_uri(job)},
        "TrainingJobStatus": job.status,
        "SecondaryStatus": body["SecondaryStatus"],
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
        "SecondaryStatusTransitions": body["SecondaryStatusTransitions"],
    }
    if "tuning" in body:
        output["TuningJobArn"] = body["tuning"]["arn"]
    output |= {member: body["request"][member] for member in _ECHOED if member in body["request"]}
    for rules, statuses in _RULES.items():
        if rules in output:
            output[statuses] = [_unevaluated(rule, job) for rule in output[rules]]
    output |= {
        member: body[member]
        for member in (
            "FailureReason",
            "TrainingStartTime",
            "TrainingEndTime",
            "FinalMetricDataList",
            "TrainingTimeInSeconds",
            "BillableTimeInSeconds",
        )
        if member in body
    }
    return output


def _unevaluated(rule: dict[str, Any], job: Resource) -> dict[str, Any]:
    """Say of a Debugger rule that nobody looks at the job with it; the job itself is none the worse."""
    return {
        "RuleConfigurationName": rule["RuleConfigurationName"],
        "RuleEvaluationStatus": "Error",
        "StatusDetails": "The sandbox has no Debugger rules: nothing has looked at this job with it.",
        "LastModifiedTime": job.created,
    }


def _summary(job: Resource) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.body["SecondaryStatus"],
    }
    if "TrainingEndTime" in job.body:
        summary["TrainingEndTime"] = job.body["TrainingEndTime"]
    return summary


_LIST = ListRules(
    TRAINING_JOB, "TrainingJobSummaries", _summary, ascending=True, inclusive_after=False
)  # the API reference: "The default is Ascending", for this one list


def list_training_jobs(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of jobs; no job here ever has a warm pool or a training plan."""
    if "WarmPoolStatusEquals" in request or "TrainingPlanArnEquals" in request:
        return {_LIST.member: []}
    return list_resources(control.repository, region, request, _LIST)


def stop_training_job(control: Control, region: str, request: dict[str, Any]) -> None:
    """Ask a running job to stop; it becomes Stopping at once and Stopped when its process has ended."""
    name = request["TrainingJobName"]

    def stopping(job: Resource) -> bool:
        if job.status in _TERMINAL:
            raise ValidationException(
                f"The request was rejected because the training job is in status {job.status}"
            )
        if job.status == "Stopping":
            return False
        job.status = "Stopping"
        training_supervisor.advance(
            job.body, "Stopping", "Stopping the training job", control.repository.now()
        )
        return True

    try:
        job = control.repository.change(region, TRAINING_JOB, name, stopping)
    except Missing as missing:
        raise checks.not_found(TRAINING_JOB, str(missing), name) from None
    control.jobs.stop((region, TRAINING_JOB, job.name))


def delete_training_job(control: Control, region: str, request: dict[str, Any]) -> None:
    """Forget a job that has ended; its model and its logs stay."""
    name = request["TrainingJobName"]

    def ended(job: Resource) -> None:
        if job.status not in _TERMINAL:
            raise ResourceInUse(
                f"The training job {job.arn} is in status {job.status}. Only jobs that are Completed, Failed"
                " or Stopped can be deleted."
            )

    try:
        control.repository.delete(region, TRAINING_JOB, name, ended)
    except Missing as missing:
        raise checks.not_found(TRAINING_JOB, str(missing), name) from None
