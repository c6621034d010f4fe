"""A compute plane whose jobs and endpoints fail as a plan of faults says, and work otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from sagewizard.sandbox.control.compute import (
        Compute,
        OnMetric,
        OnStatus,
        ProcessingOutcome,
        Server,
        ServerSpec,
        TrainingOutcome,
        TransformOutcome,
    )
    from sagewizard.sandbox.faults.injector import Injector


@dataclass(frozen=True, slots=True)
class _Failed:
    """How a job ends that never ran: satisfies the outcomes of all kinds of jobs."""

    failure_reason: str
    status: str = "Failed"
    model_artifact: None = None
    exit_message: None = None
    final_metrics: list[dict[str, Any]] = field(default_factory=list)
    started: None = None
    ended: None = None


class FaultyCompute:
    """Asks the plan before each job and each endpoint's container; implements Compute."""

    def __init__(self, compute: Compute, faults: Injector) -> None:
        self._compute, self._faults = compute, faults

    def warm(self) -> None:
        """Get ready in the background."""
        self._compute.warm()

    def train(
        self,
        request: Mapping[str, Any],
        on_status: OnStatus,
        stop: threading.Event,
        on_metric: OnMetric | None = None,
    ) -> TrainingOutcome:
        """Run a training job, or fail it."""
        reason = self._faults.job("training", _type_of(request["ResourceConfig"]))
        return _Failed(reason) if reason else self._compute.train(request, on_status, stop, on_metric)

    def transform(
        self,
        request: Mapping[str, Any],
        model: Mapping[str, Any],
        on_status: OnStatus,
        stop: threading.Event,
    ) -> TransformOutcome:
        """Run a transform job, or fail it."""
        reason = self._faults.job("transform", _type_of(request["TransformResources"]))
        return _Failed(reason) if reason else self._compute.transform(request, model, on_status, stop)

    def process(
        self, request: Mapping[str, Any], on_status: OnStatus, stop: threading.Event
    ) -> ProcessingOutcome:
        """Run a processing job, or fail it."""
        reason = self._faults.job("processing", _type_of(request["ProcessingResources"]["ClusterConfig"]))
        return _Failed(reason) if reason else self._compute.process(request, on_status, stop)

    def server(self, spec: ServerSpec) -> Server:
        """Make a serving container, or one that does not start."""
        reason = self._faults.job("endpoint", spec.instance_type)
        server = self._compute.server(spec)
        return _NoServer(server, reason) if reason else server

    def close(self) -> None:
        """End every process that was started."""
        self._compute.close()


class _NoServer:
    """A serving container that never comes up."""

    def __init__(self, server: Server, reason: str) -> None:
        self._server, self._reason = server, reason
        self.invoke, self.stop = server.invoke, server.stop

    def start(self, cancel: threading.Event) -> str | None:
        """Return the failure reason."""
        return self._reason


def _type_of(resources: Mapping[str, Any]) -> str:
    return str(resources.get("InstanceType", ""))
