"""The sandbox's SageMaker: routes a request to its operation, and holds the parts together."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import (
    endpoint_configs,
    endpoints,
    experiments,
    lineage,
    models,
    plain_supervisor,
    processing_jobs,
    searching,
    service_model,
    tags,
    training_jobs,
    training_supervisor,
    transform_jobs,
    trial_components,
    tuning_jobs,
    tuning_supervisor,
)
from sagewizard.sandbox.control.context import Control, Operation
from sagewizard.sandbox.control.hosting import IN_PROGRESS, Hosting
from sagewizard.sandbox.control.jobs import JobQueue
from sagewizard.sandbox.control.patience import hold, looks_rarely
from sagewizard.sandbox.control.protocol import (
    MAX_REQUEST_BYTES,
    TARGET_PREFIX,
    InternalFailure,
    NotImplementedInSandbox,
    RequestTooLarge,
    ServiceError,
    UnknownOperationException,
    ValidationException,
    answer,
    decode,
    refusal,
)
from sagewizard.sandbox.control.resources import ENDPOINT, Repository
from sagewizard.sandbox.control.runtime import Runtime
from sagewizard.sandbox.control.tuning_supervisor import Tuners
from sagewizard.sandbox.control.validation import validate
from sagewizard.sandbox.faults import console, quotas
from sagewizard.sandbox.faults.compute import FaultyCompute
from sagewizard.sandbox.schedules import BusyError

if TYPE_CHECKING:
    from werkzeug import Request, Response

    from sagewizard.sandbox.compute.launcher import ProcessLauncher
    from sagewizard.sandbox.control.compute import Compute
    from sagewizard.sandbox.services import Services

_log = logging.getLogger(__name__)

OPERATIONS: dict[str, Operation] = {
    "CreateTrainingJob": training_jobs.create_training_job,
    "DescribeTrainingJob": training_jobs.describe_training_job,
    "ListTrainingJobs": training_jobs.list_training_jobs,
    "StopTrainingJob": training_jobs.stop_training_job,
    "DeleteTrainingJob": training_jobs.delete_training_job,
    "CreateModel": models.create_model,
    "DescribeModel": models.describe_model,
    "ListModels": models.list_models,
    "DeleteModel": models.delete_model,
    "CreateEndpointConfig": endpoint_configs.create_endpoint_config,
    "DescribeEndpointConfig": endpoint_configs.describe_endpoint_config,
    "ListEndpointConfigs": endpoint_configs.list_endpoint_configs,
    "DeleteEndpointConfig": endpoint_configs.delete_endpoint_config,
    "CreateEndpoint": endpoints.create_endpoint,
    "DescribeEndpoint": endpoints.describe_endpoint,
    "ListEndpoints": endpoints.list_endpoints,
    "UpdateEndpoint": endpoints.update_endpoint,
    "UpdateEndpointWeightsAndCapacities": endpoints.update_endpoint_weights_and_capacities,
    "DeleteEndpoint": endpoints.delete_endpoint,
    "CreateTransformJob": transform_jobs.create_transform_job,
    "DescribeTransformJob": transform_jobs.describe_transform_job,
    "ListTransformJobs": transform_jobs.list_transform_jobs,
    "StopTransformJob": transform_jobs.stop_transform_job,
    "CreateProcessingJob": processing_jobs.create_processing_job,
    "DescribeProcessingJob": processing_jobs.describe_processing_job,
    "ListProcessingJobs": processing_jobs.list_processing_jobs,
    "StopProcessingJob": processing_jobs.stop_processing_job,
    "CreateHyperParameterTuningJob": tuning_jobs.create_tuning_job,
    "DescribeHyperParameterTuningJob": tuning_jobs.describe_tuning_job,
    "ListHyperParameterTuningJobs": tuning_jobs.list_tuning_jobs,
    "StopHyperParameterTuningJob": tuning_jobs.stop_tuning_job,
    "DeleteHyperParameterTuningJob": tuning_jobs.delete_tuning_job,
    "ListTrainingJobsForHyperParameterTuningJob": tuning_jobs.list_children,
    "AddTags": tags.add_tags,
    "ListTags": tags.list_tags,
    "DeleteTags": tags.delete_tags,
    "CreateExperiment": experiments.create_experiment,
    "DescribeExperiment": experiments.describe_experiment,
    "ListExperiments": experiments.list_experiments,
    "UpdateExperiment": experiments.update_experiment,
    "DeleteExperiment": experiments.delete_experiment,
    "CreateTrial": experiments.create_trial,
    "DescribeTrial": experiments.describe_trial,
    "ListTrials": experiments.list_trials,
    "UpdateTrial": experiments.update_trial,
    "DeleteTrial": experiments.delete_trial,
    "CreateTrialComponent": trial_components.create_trial_component,
    "DescribeTrialComponent": trial_components.describe_trial_component,
    "ListTrialComponents": trial_components.list_trial_components,
    "UpdateTrialComponent": trial_components.update_trial_component,
    "DeleteTrialComponent": trial_components.delete_trial_component,
    "AssociateTrialComponent": trial_components.associate_trial_component,
    "DisassociateTrialComponent": trial_components.disassociate_trial_component,
    "CreateArtifact": lineage.create_artifact,
    "DescribeArtifact": lineage.describe_artifact,
    "ListArtifacts": lineage.list_artifacts,
    "DeleteArtifact": lineage.delete_artifact,
    "AddAssociation": lineage.add_association,
    "ListAssociations": lineage.list_associations,
    "DeleteAssociation": lineage.delete_association,
    "Search": searching.search,
}


METRICS_PATH = "/BatchPutMetrics"


def _body(request: Request) -> bytes:
    """Read the body of a request; RequestTooLarge for one that no request needs."""
    too_large = RequestTooLarge(f"The request is longer than {MAX_REQUEST_BYTES} bytes.")
    if (request.content_length or 0) > MAX_REQUEST_BYTES:
        raise too_large
    body = request.stream.read(MAX_REQUEST_BYTES + 1)
    if len(body) > MAX_REQUEST_BYTES:
        raise too_large
    return body


class SageMakerApplication:
    """Answers `SageMaker.*` (AWS JSON 1.1) and `/endpoints/*` (REST); an Application of the gateway.

    `launcher` is the server's process launcher; without one the application makes its own and closes it.
    `compute` replaces the compute plane altogether. `concurrent_jobs` is how many jobs run at a time, by
    default one a core and at least two, so that a long job never keeps everything else waiting.
    """

    def __init__(
        self,
        services: Services,
        launcher: ProcessLauncher | None = None,
        compute: Compute | None = None,
        concurrent_jobs: int | None = None,
    ) -> None:
        if compute is None:
            from sagewizard.sandbox.control.processes import ProcessCompute

            compute = ProcessCompute(services, launcher)
        compute = FaultyCompute(compute, services.faults)
        repository = Repository(services.database, services.clock, services.account_id)
        slots = concurrent_jobs or max(2, os.cpu_count() or 1)
        hosting = Hosting(services, repository, compute)
        self._control = Control(services, repository, compute, JobQueue(slots), hosting, Tuners())
        self._closing = threading.Event()
        self._runtime = Runtime(hosting, services)

    def handle(self, request: Request) -> Response:
        """Answer one request whose Host and signature were checked."""
        region = request.environ.get("sagewizard.region") or self._control.services.region
        if request.path.startswith("/endpoints/"):
            return self._runtime.handle(request, region)
        try:
            if request.path == METRICS_PATH:
                return self._put_metrics(request, region)
            return self._operate(request, region)
        except ServiceError as error:
            return refusal(error)
        except Exception:
            _log.exception("%s", request.headers.get("X-Amz-Target"))
            return refusal(InternalFailure("The sandbox failed to answer; its log says why."))

    def _operate(self, request: Request, region: str) -> Response:
        target = request.headers.get("X-Amz-Target", "")
        name = target.removeprefix(TARGET_PREFIX)
        if name == target or request.method != "POST":
            raise UnknownOperationException(f"{request.method} {request.path} names no SageMaker operation.")
        operation = OPERATIONS.get(name)
        if operation is None:
            if name in service_model.operation_names():
                raise NotImplementedInSandbox(
                    f"The sandbox does not have SageMaker's operation {name}. docs/sandbox.md lists what it"
                    " has; this one needs AWS."
                )
            raise UnknownOperationException(f"SageMaker has no operation {name[:200]}.")
        given = validate(name, decode(_body(request)))
        if looks_rarely(request.headers.get("User-Agent", "")):
            hold(self._control, name, region, given, self._closing)
        quotas.check(self._control, region, name, given)
        return answer(operation(self._control, region, given))

    def _put_metrics(self, request: Request, region: str) -> Response:
        """Answer the one operation of SageMaker's metrics service, which is REST."""
        return answer(trial_components.put_metrics(self._control, region, decode(_body(request))))

    def perform(self, operation: str, region: str, given: dict[str, Any]) -> None:
        """Carry out an operation that no client asks for, such as a schedule's.

        Raises `BusyError` while the resource changes, ServiceError for all else that is refused.
        """
        carry_out = OPERATIONS.get(operation)
        if carry_out is None:
            raise UnknownOperationException(f"The sandbox's SageMaker has no operation {operation[:200]}.")
        try:
            carry_out(self._control, region, validate(operation, given))
        except ValidationException as error:
            if error.message.startswith("Cannot update in-progress"):
                raise BusyError(error.message) from error
            raise

    def variants(self, region: str, endpoint: str) -> list[str] | None:
        """Name the production variants of an endpoint; None when there is no such endpoint."""
        found = self._control.repository.find(region, ENDPOINT, endpoint)
        return None if found is None else [each["VariantName"] for each in found.body["variants"]]

    def meddle(self, deed: str, region: str, path: str, body: bytes) -> None:
        """Do what somebody else does in the console to whatever a request names.

        Nothing happens where it is not there, or is changing already.
        """
        for operation, request in console.deeds(deed, path, body):
            with contextlib.suppress(ServiceError):
                OPERATIONS[operation](self._control, region, request)

    def busy(self) -> list[str]:
        """Say what must not be cut off: jobs, and endpoints that are changing.

        An endpoint InService is not busy: it comes back by itself when the server starts again.
        """
        work = [f"{kind.replace('-', ' ')} {name}" for _, kind, name in self._control.jobs.current()]
        work += [f"tuning job {name}" for name in self._control.tuners.current()]
        marks = ", ".join("?" * len(IN_PROGRESS))
        changing = self._control.repository.select(
            ["kind = ?", f"status IN ({marks})"], [ENDPOINT, *IN_PROGRESS]
        )
        return work + [f"endpoint {endpoint.name} ({endpoint.status})" for endpoint in changing]

    def summary(self) -> dict[str, int]:
        """Count what the server's status shows: jobs that run or wait, and endpoints."""
        endpoints = self._control.repository.select(["kind = ?"], [ENDPOINT])
        return {"jobs": len(self._control.jobs.current()), "endpoints": len(endpoints)}

    def recover(self) -> None:
        """End the jobs that the last server left behind; bring its endpoints up in the background."""
        self._control.compute.warm()
        tuning = tuning_supervisor.unfinished(self._control.repository)
        training_supervisor.recover(self._control.repository)
        for kind in (transform_jobs.KIND, processing_jobs.KIND):
            plain_supervisor.recover(self._control.repository, kind)
        for job in tuning:
            self._control.tuners.start(self._control, job)
        self._control.hosting.recover()

    def close(self) -> None:
        """End jobs and containers; a job under way becomes Failed, an endpoint keeps its status."""
        self._control.tuners.close()
        self._closing.set()
        self._control.hosting.close()
        self._control.jobs.close(self._control.compute.close)
        self._control.tuners.join()
