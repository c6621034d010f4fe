"""The compute plane as the control plane uses it: jobs and serving containers as processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.launcher import ProcessLauncher
from sagewizard.sandbox.compute.pipeline import PipelineServer
from sagewizard.sandbox.compute.serving import ModelServer
from sagewizard.sandbox.compute.training import run_training
from sagewizard.sandbox.compute.usage import UsageMeter

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from sagewizard.sandbox.compute.processing_job import ProcessingOutcome
    from sagewizard.sandbox.compute.training import TrainingOutcome
    from sagewizard.sandbox.compute.transform import TransformOutcome
    from sagewizard.sandbox.control.compute import OnMetric, OnStatus, Server, ServerSpec
    from sagewizard.sandbox.services import Services


class ProcessCompute:
    """Runs everything in processes; without a launcher it makes its own below the sandbox's folder."""

    def __init__(self, services: Services, launcher: ProcessLauncher | None = None) -> None:
        self._services = services
        self._launcher = launcher or ProcessLauncher(services.folder / "compute", os.environ)
        self._meter = UsageMeter(services)

    def warm(self) -> None:
        """Start the warm parent."""
        self._launcher.warm()

    def train(
        self,
        request: Mapping[str, Any],
        on_status: OnStatus,
        stop: threading.Event,
        on_metric: OnMetric | None = None,
    ) -> TrainingOutcome:
        """Run a training job to its end."""
        return run_training(
            request,
            services=self._services,
            launcher=self._launcher,
            on_status=on_status,
            stop=stop,
            on_metric=on_metric,
            meter=self._meter,
        )

    def transform(
        self,
        request: Mapping[str, Any],
        model: Mapping[str, Any],
        on_status: OnStatus,
        stop: threading.Event,
    ) -> TransformOutcome:
        """Run a transform job to its end."""
        from sagewizard.sandbox.compute.transform import run_transform

        return run_transform(
            request,
            model=model,
            services=self._services,
            launcher=self._launcher,
            on_status=on_status,
            stop=stop,
        )

    def process(
        self, request: Mapping[str, Any], on_status: OnStatus, stop: threading.Event
    ) -> ProcessingOutcome:
        """Run a processing job to its end."""
        from sagewizard.sandbox.compute.processing_job import run_processing

        return run_processing(
            request,
            services=self._services,
            launcher=self._launcher,
            on_status=on_status,
            stop=stop,
            meter=self._meter,
        )

    def server(self, spec: ServerSpec) -> Server:
        """Make a serving container, or those of a pipeline, not started yet."""
        if len(spec.model.get("Containers") or ()) > 1:
            return PipelineServer(
                spec.model, lambda name, model: self._endpoint_server(spec, model, container=name)
            )
        return self._endpoint_server(spec, spec.model)

    def _endpoint_server(
        self, spec: ServerSpec, model: Mapping[str, Any], container: str | None = None
    ) -> ModelServer:
        return ModelServer.of_endpoint(
            model,
            services=self._services,
            launcher=self._launcher,
            endpoint=spec.endpoint_name,
            variant=spec.variant_name,
            container=container,
            measured=lambda pid, folder: self._meter.watching(
                spec.region,
                "/aws/sagemaker/Endpoints",
                {"EndpointName": spec.endpoint_name, "VariantName": spec.variant_name},
                pid,
                folder,
            ),
        )

    def close(self) -> None:
        """End every process."""
        self._launcher.close()
