"""The training-job definitions of a tuning job: what its children are made from, and how it is described."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control.tuning_children import OBJECTIVE

if TYPE_CHECKING:
    from collections.abc import Mapping

TUNING_METRIC = "_tuning_objective_metric"  # the static hyperparameter that the service adds
# The static hyperparameters from which Hyperband's MaxResource follows (API reference).
EPOCH_NAMES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
RANGE_LISTS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")
# Members of a definition that are members of CreateTrainingJob as well.
_TRAINING = (
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition with what belongs to it, wherever in the request it was written.

    `body` is the member of the request itself; `name` is "" in a request with a single definition.
    """

    name: str
    body: dict[str, Any]
    ranges: dict[str, Any]
    objective: dict[str, Any]

    @property
    def metric(self) -> str:
        """The objective metric's name."""
        return str(self.objective["MetricName"])


def definitions(request: dict[str, Any]) -> list[Definition]:
    """Return the definitions of a tuning job, which has either one or a list of them."""
    config = request["HyperParameterTuningJobConfig"]
    single = request.get("TrainingJobDefinition")
    if single is not None:
        ranges = config.get("ParameterRanges")
        return [
            Definition(
                "",
                single,
                {} if ranges is None else ranges,
                config.get("HyperParameterTuningJobObjective") or {},
            )
        ]
    return [
        Definition(
            item.get("DefinitionName", ""),
            item,
            item.get("HyperParameterRanges", {}),
            item.get("TuningObjective") or {},
        )
        for item in request.get("TrainingJobDefinitions") or []
    ]


def training_request(definition: Definition, name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the CreateTrainingJob request of one child, with the values chosen for it.

    Children that keep checkpoints keep them below their own names, so that none finds another one's.
    """
    body = definition.body
    request: dict[str, Any] = {"TrainingJobName": name}
    request |= deepcopy({member: body[member] for member in _TRAINING if member in body})
    request["HyperParameters"] = {**(body.get("StaticHyperParameters") or {}), **values}
    checkpoints = request.get("CheckpointConfig")
    if checkpoints:
        checkpoints["S3Uri"] = f"{checkpoints['S3Uri'].rstrip('/')}/{name}"
    return request


def complete(definition: Definition, prepared: dict[str, Any]) -> None:
    """Write into a definition what the service adds: defaults, metric definitions, the objective.

    `prepared` is the definition's training request after training_jobs.prepare.
    """
    body = definition.body
    body |= {member: prepared[member] for member in _TRAINING if member in prepared}
    algorithm = body["AlgorithmSpecification"]
    algorithm.pop("EnableSageMakerMetricsTimeSeries", None)
    found = [item for item in algorithm["MetricDefinitions"] if item["Name"] != OBJECTIVE]
    regex = next(item["Regex"] for item in found if item["Name"] == definition.metric)
    algorithm["MetricDefinitions"] = [*found, {"Name": OBJECTIVE, "Regex": regex}]
    body.setdefault("StaticHyperParameters", {})[TUNING_METRIC] = definition.metric


def spell_out_ranges(ranges: dict[str, Any]) -> None:
    """Give ranges all three lists and each its scaling type, as Describe shows them."""
    for member in RANGE_LISTS:
        ranges.setdefault(member, [])
        for item in ranges[member]:
            if "MinValue" in item:
                item.setdefault("ScalingType", "Auto")


def resource_config(body: dict[str, Any]) -> dict[str, Any] | None:
    """Return the ResourceConfig that a HyperParameterTuningResourceConfig comes to: its first choice."""
    wanted = body.get("HyperParameterTuningResourceConfig")
    if wanted is None:
        return body.get("ResourceConfig")
    first = (wanted.get("InstanceConfigs") or [wanted])[0]
    config = {
        member: first.get(member, wanted.get(member))
        for member in ("InstanceType", "InstanceCount", "VolumeSizeInGB")
    }
    config["VolumeKmsKeyId"] = wanted.get("VolumeKmsKeyId")
    return {member: value for member, value in config.items() if value is not None}
