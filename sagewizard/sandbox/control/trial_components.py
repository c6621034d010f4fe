"""Trial components, their metrics, and those that jobs make: what one run was given and what came of it."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks, experiments
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.protocol import SerializationException, ValidationException
from sagewizard.sandbox.control.resources import (
    EXPERIMENT,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TRIAL,
    TRIAL_COMPONENT,
    AlreadyExists,
    Missing,
    Resource,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.sandbox.control.context import Control

_GIVEN = ("Status", "StartTime", "EndTime", "MetadataProperties")
_MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts")
_MOST_METRICS = 10
# kind of job: (ending of its component's name, type of source, member with when it began, and when it ended)
_JOBS = {
    TRAINING_JOB: ("training", "SageMakerTrainingJob", "TrainingStartTime", "TrainingEndTime"),
    PROCESSING_JOB: ("processing", "SageMakerProcessingJob", "ProcessingStartTime", "ProcessingEndTime"),
    TRANSFORM_JOB: ("transform", "SageMakerTransformJob", "TransformStartTime", "TransformEndTime"),
}


def create_trial_component(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Store a trial component."""
    name = request["TrialComponentName"]
    made = experiments.create(control, region, TRIAL_COMPONENT, "Trial Component", request, name)
    return {"TrialComponentArn": made.arn}


def describe_trial_component(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer a trial component, with summaries of its metrics."""
    found = checks.found(control, region, TRIAL_COMPONENT, request["TrialComponentName"])
    output = experiments.described(found, "TrialComponent", (*_GIVEN, *_MAPS))
    output |= {member: output.get(member, {}) for member in _MAPS}
    metrics = dict(found.body.get("metrics", {}))
    source = found.body.get("source")
    if source is not None:
        output["Source"] = source
        output |= _progress(control, source["SourceArn"], output, metrics)
    output["Metrics"] = [_summary_of(name, found.arn, each) for name, each in metrics.items()]
    return output


def _progress(
    control: Control, arn: str, output: dict[str, Any], metrics: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return what a job has come to by now; its final metrics go to `metrics`."""
    job = control.repository.by_arn(arn)
    if job is None:
        return {}
    _, _, began, ended = _JOBS[job.kind]
    known: dict[str, Any] = {"Status": {"PrimaryStatus": job.status}}
    if "FailureReason" in job.body:
        known["Status"]["Message"] = job.body["FailureReason"]
    for member, own in (("StartTime", began), ("EndTime", ended)):
        if own in job.body:
            known[member] = job.body[own]
    if job.kind == TRAINING_JOB and job.status in ("Completed", "Stopped"):
        place = f"{job.body['request']['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        artifact = {"SageMaker.ModelArtifact": {"Value": f"{place}/model.tar.gz"}}
        known["OutputArtifacts"] = artifact | output["OutputArtifacts"]
    for each in job.body.get("FinalMetricDataList", []):
        metrics[each["MetricName"]] = _add(None, each["Value"], each["Timestamp"])
    return known


def _summary(component: Resource) -> dict[str, Any]:
    summary = experiments.described(component, "TrialComponent", ("Status", "StartTime", "EndTime"))
    if "source" in component.body:
        summary["TrialComponentSource"] = component.body["source"]
    return summary


def list_trial_components(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of components: all, those of a trial or an experiment, or that of a source."""
    more: list[tuple[str, Sequence[Any]]] = []
    if "TrialName" in request:
        trial = checks.found(control, region, TRIAL, request["TrialName"])
        more.append((experiments.OF_TRIAL, [trial.name]))
    if "ExperimentName" in request:
        experiment = checks.found(control, region, EXPERIMENT, request["ExperimentName"])
        trials = experiments.members_of(control, region, TRIAL, experiments.OF_EXPERIMENT, experiment.name)
        any_of_them = " OR ".join([experiments.OF_TRIAL] * len(trials)) or "0"
        more.append((f"({any_of_them})", [each.name for each in trials]))
    if "SourceArn" in request:
        more.append(("json_extract(body, '$.source.SourceArn') = ?", [request["SourceArn"]]))
    rules = ListRules(TRIAL_COMPONENT, "TrialComponentSummaries", _summary)
    return list_resources(control.repository, region, request, rules, more)


def update_trial_component(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Change members; parameters and artifacts are added to those that are there, or removed by name."""

    def apply(component: Resource) -> None:
        body = component.body
        body.update({member: request[member] for member in ("DisplayName", *_GIVEN) if member in request})
        for member in _MAPS:
            removed = request.get(f"{member}ToRemove", [])
            kept = {name: value for name, value in body.get(member, {}).items() if name not in removed}
            body[member] = kept | request.get(member, {})

    name = request["TrialComponentName"]
    return {"TrialComponentArn": experiments.change(control, region, TRIAL_COMPONENT, name, apply).arn}


def delete_trial_component(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a component that belongs to no trial any more."""
    found = checks.found(control, region, TRIAL_COMPONENT, request["TrialComponentName"])
    if found.body.get("trials"):
        raise ValidationException(
            f"Trial Component '{found.arn}' cannot be deleted: disassociate it from its trials first."
        )
    return {"TrialComponentArn": experiments.delete(control, region, TRIAL_COMPONENT, found.name).arn}


def associate_trial_component(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Add a component to a trial; once more is no error."""
    return _associate(control, region, request, there=True)


def disassociate_trial_component(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Take a component out of a trial."""
    return _associate(control, region, request, there=False)


def _associate(control: Control, region: str, request: dict[str, Any], *, there: bool) -> dict[str, Any]:
    trial = checks.found(control, region, TRIAL, request["TrialName"])

    def apply(component: Resource) -> None:
        others = [name for name in component.body.get("trials", []) if name != trial.name]
        component.body["trials"] = [*others, trial.name] if there else others

    name = request["TrialComponentName"]
    component = experiments.change(control, region, TRIAL_COMPONENT, name, apply)
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


def put_metrics(control: Control, region: str, given: dict[str, Any]) -> dict[str, Any]:
    """Carry out BatchPutMetrics of the metrics service: add values to the summaries of a component.

    A component or a value that cannot be used is an error of that value, as there. The values themselves are
    not kept.
    """
    data, name = given.get("MetricData"), given.get("TrialComponentName")
    if not isinstance(data, list) or not isinstance(name, str):
        raise SerializationException("BatchPutMetrics takes a TrialComponentName and a list MetricData.")
    if not 1 <= len(data) <= _MOST_METRICS:
        raise ValidationException(f"MetricData must have 1 to {_MOST_METRICS} values; it has {len(data)}.")
    errors: list[dict[str, Any]] = []

    def apply(component: Resource) -> None:
        metrics = component.body.setdefault("metrics", {})
        for index, each in enumerate(data):
            try:
                metric, value, time = str(each["MetricName"]), float(each["Value"]), float(each["Timestamp"])
            except (KeyError, TypeError, ValueError):
                errors.append({"Code": "VALIDATION_ERROR", "MetricIndex": index})
                continue
            metrics[metric] = _add(metrics.get(metric), value, time)

    try:
        control.repository.change(region, TRIAL_COMPONENT, name, apply)
    except Missing:
        errors = [{"Code": "VALIDATION_ERROR", "MetricIndex": index} for index in range(len(data))]
    return {"Errors": errors} if errors else {}


def _add(summary: dict[str, Any] | None, value: float, time: float) -> dict[str, Any]:
    """Return a metric's summary with one more value; mean and squares by Welford's method."""
    if summary is None:
        return {"count": 1, "mean": value, "squares": 0.0, "min": value, "max": value} | {
            "last": value,
            "time": time,
        }
    count, off = summary["count"] + 1, value - summary["mean"]
    mean = summary["mean"] + off / count
    return {
        "count": count,
        "mean": mean,
        "squares": summary["squares"] + off * (value - mean),
        "min": min(summary["min"], value),
        "max": max(summary["max"], value),
        "last": value,
        "time": time,
    }


def _summary_of(name: str, arn: str, summary: dict[str, Any]) -> dict[str, Any]:
    return {
        "MetricName": name,
        "SourceArn": arn,
        "TimeStamp": summary["time"],
        "Max": summary["max"],
        "Min": summary["min"],
        "Last": summary["last"],
        "Count": summary["count"],
        "Avg": summary["mean"],
        "StdDev": math.sqrt(summary["squares"] / summary["count"]),
    }


def track(control: Control, job: Resource) -> None:
    """Give a job the component that its ExperimentConfig asks for.

    Nothing happens where the experiment or the trial is not there, nor for a job of a run, which has one.
    """
    config = job.body["request"].get("ExperimentConfig", {})
    name = config.get("TrialName")
    trial = control.repository.find(job.region, TRIAL, name) if name else None
    if trial is None or "RunName" in config:
        return
    ending, source, _, _ = _JOBS[job.kind]
    body = {
        "DisplayName": config.get("TrialComponentDisplayName", ending.capitalize()),
        "source": {"SourceArn": job.arn, "SourceType": source},
        "trials": [trial.name],
        **_given(job.body["request"]),
    }
    with contextlib.suppress(AlreadyExists):  # an earlier job of this name was deleted
        control.repository.create(job.region, TRIAL_COMPONENT, f"{job.name}-aws-{ending}-job", "", body, [])


def _given(request: dict[str, Any]) -> dict[str, Any]:
    """Return parameters and input artifacts of a job under the names that SageMaker gives them."""
    resources = (
        request.get("ResourceConfig")
        or request.get("TransformResources")
        or request.get("ProcessingResources", {}).get("ClusterConfig", {})
    )
    parameters = {name: _parameter(value) for name, value in request.get("HyperParameters", {}).items()}
    for member in ("InstanceType", "InstanceCount", "VolumeSizeInGB"):
        if member in resources:
            parameters[f"SageMaker.{member}"] = _parameter(resources[member])
    image = request.get("AlgorithmSpecification", {}).get("TrainingImage") or request.get(
        "AppSpecification", {}
    ).get("ImageUri")
    inputs: dict[str, Any] = {"SageMaker.ImageUri": {"Value": image}} if image else {}
    for channel in request.get("InputDataConfig", []):
        found = {"Value": channel["DataSource"]["S3DataSource"]["S3Uri"]}
        inputs[channel["ChannelName"]] = found | (
            {"MediaType": channel["ContentType"]} if "ContentType" in channel else {}
        )
    for item in request.get("ProcessingInputs", []):
        inputs[item["InputName"]] = {"Value": item["S3Input"]["S3Uri"]}
    outputs = {
        item["OutputName"]: {"Value": item["S3Output"]["S3Uri"]}
        for item in request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    }
    return {"Parameters": parameters, "InputArtifacts": inputs, "OutputArtifacts": outputs}


def _parameter(value: Any) -> dict[str, Any]:
    try:
        return {"NumberValue": float(value)}
    except ValueError:
        return {"StringValue": str(value)}
