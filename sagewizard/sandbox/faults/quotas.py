"""The quotas of a plan of faults: refuses what would use more instances of a type than a component may."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control.protocol import ResourceLimitExceeded
from sagewizard.sandbox.control.resources import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    Resource,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sagewizard.sandbox.control.context import Control

_KINDS = {
    "training job": (TRAINING_JOB, ("InProgress", "Stopping")),
    "spot training job": (TRAINING_JOB, ("InProgress", "Stopping")),
    "transform job": (TRANSFORM_JOB, ("InProgress", "Stopping")),
    "processing job": (PROCESSING_JOB, ("InProgress", "Stopping")),
    "endpoint": (ENDPOINT, ("Creating", "Updating", "InService", "Deleting")),
}


def check(control: Control, region: str, operation: str, request: Mapping[str, Any]) -> None:
    """Refuse a call that would use more instances than the plan's quotas allow, those in use counted.

    Raises ResourceLimitExceeded. A tuning job is accepted: its training jobs are what counts.
    """
    component, wanted = _wanted(control, region, operation, request)
    for instance_type, count in wanted.items():
        limit = control.services.faults.quota(instance_type, component)
        if limit is None:
            continue
        used = _in_use(control, region, component, instance_type)
        if used + count > limit:
            raise ResourceLimitExceeded(
                f"The account-level service limit '{instance_type} for {component} usage' is {limit} "
                f"Instances, with current utilization of {used} Instances and a request delta of {count} "
                "Instances. Please contact AWS support to request an increase for this limit."
            )


def _wanted(
    control: Control, region: str, operation: str, request: Mapping[str, Any]
) -> tuple[str, dict[str, int]]:
    """Return the component that a call uses instances for, and how many of each type."""
    match operation:
        case "CreateTrainingJob":
            spot = "spot " if request.get("EnableManagedSpotTraining") else ""
            return f"{spot}training job", dict(_of_request(request))
        case "CreateTransformJob":
            return "transform job", dict(_of_request(request))
        case "CreateProcessingJob":
            return "processing job", dict(_of_request(request))
        case "CreateEndpoint":
            config = control.repository.find(region, ENDPOINT_CONFIG, request["EndpointConfigName"])
            variants = config.body["request"]["ProductionVariants"] if config is not None else []
            wanted: Counter[str] = Counter()
            for variant in variants:
                wanted[variant.get("InstanceType", "")] += variant.get("InitialInstanceCount", 0)
            return "endpoint", wanted
        case _:
            return "", {}


def _in_use(control: Control, region: str, component: str, instance_type: str) -> int:
    kind, statuses = _KINDS[component]
    marks = ", ".join("?" * len(statuses))
    found = control.repository.select(
        ["kind = ?", "region = ?", f"status IN ({marks})"], [kind, region, *statuses]
    )
    spot = component.startswith("spot")
    return sum(
        count
        for resource in found
        if kind != TRAINING_JOB or bool(resource.body["request"].get("EnableManagedSpotTraining")) == spot
        for listed, count in _instances(resource)
        if listed == instance_type
    )


def _instances(resource: Resource) -> Iterable[tuple[str, int]]:
    if resource.kind == ENDPOINT:
        for variant in resource.body["variants"]:
            yield str(variant.get("InstanceType", "")), int(variant.get("DesiredInstanceCount", 0))
        return
    yield from _of_request(resource.body["request"])


def _of_request(request: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    for member in ("ResourceConfig", "TransformResources"):
        if member in request:
            yield str(request[member].get("InstanceType", "")), int(request[member].get("InstanceCount", 0))
    cluster = request.get("ProcessingResources", {}).get("ClusterConfig", {})
    if cluster:
        yield str(cluster.get("InstanceType", "")), int(cluster.get("InstanceCount", 0))
