"""Sends to CloudWatch what SageMaker does: the metrics of training logs, and the use of endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from sagewizard.sandbox.control.compute import Compute, OnMetric, OnStatus, TrainingOutcome
    from sagewizard.sandbox.store.metrics import MetricStore


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request, and the variant's instances: its status, and the seconds in and around its container."""

    status: int
    model_seconds: float
    other_seconds: float
    instances: int = 1


TRAINING_NAMESPACE = "/aws/sagemaker/TrainingJobs"
ENDPOINT_NAMESPACE = "AWS/SageMaker"


def train_measured(
    compute: Compute,
    metrics: MetricStore,
    request: Mapping[str, Any],
    on_status: OnStatus,
    stop: threading.Event,
    on_metric: OnMetric | None = None,
) -> TrainingOutcome:
    """Run a training job whose metrics also go to CloudWatch, under its name (dimension TrainingJobName)."""
    region = str(request["TrainingJobArn"]).split(":")[3]
    dimensions = {"TrainingJobName": str(request["TrainingJobName"])}

    def record(name: str, value: float, when: float) -> None:
        metrics.add(region, TRAINING_NAMESPACE, name, dimensions, value, when)
        if on_metric is not None:
            on_metric(name, value, when)

    try:
        return compute.train(request, on_status, stop, record)
    finally:
        metrics.flush()


def count_invocation(
    metrics: MetricStore,
    region: str,
    endpoint: str,
    variant: str,
    invocation: Invocation,
    now: float,
) -> None:
    """Count one request to a variant: what it answered, and how long its container and the rest took."""
    dimensions = {"EndpointName": endpoint, "VariantName": variant}
    status = invocation.status
    for name, value, unit in (
        ("Invocations", 1.0, "None"),
        ("InvocationsPerInstance", 1.0 / max(invocation.instances, 1), "None"),
        ("Invocation4XXErrors", float(400 <= status < 500), "None"),
        ("Invocation5XXErrors", float(status >= 500), "None"),
        ("InvocationModelErrors", float(not 200 <= status < 300), "None"),
        ("ModelLatency", invocation.model_seconds * 1e6, "Microseconds"),
        ("OverheadLatency", invocation.other_seconds * 1e6, "Microseconds"),
    ):
        metrics.add(region, ENDPOINT_NAMESPACE, name, dimensions, value, now, unit)
