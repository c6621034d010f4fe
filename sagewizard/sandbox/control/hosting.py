"""Endpoints at work: brings fleets up, exchanges them, takes them down, and finds them for a request.

Every change of status is one transaction that also checks the status before it; so at most one thread works
on an endpoint, and what the database says is what a restart continues from.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control.async_inference import Backlog, Queue
from sagewizard.sandbox.control.compute import Compute, Reply, ServerSpec
from sagewizard.sandbox.control.context import failure_reason
from sagewizard.sandbox.control.data_capture import Capture
from sagewizard.sandbox.control.fleet import Fleet, Route
from sagewizard.sandbox.control.resources import ENDPOINT, Missing, Repository, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.sandbox.services import Services

_log = logging.getLogger(__name__)
IN_PROGRESS = ("Creating", "Updating", "RollingBack", "Deleting")
# What an endpoint takes over from its configuration beside the variants.
DEPLOYED = ("DataCaptureConfig", "AsyncInferenceConfig")
_DRAIN_SECONDS = 60.0  # as long as the service lets a container take for one answer


@dataclass(eq=False, slots=True)
class LiveEndpoint:
    """An endpoint that has, or is about to have, containers.

    `ready` is set once requests can be answered, or never will be. Whoever brings a fleet gives it with
    `adopt`, whoever ends the endpoint takes it with `release`; so none is left running by nobody.
    """

    region: str
    name: str
    fleet: Fleet | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    cancel: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def adopt(self, fleet: Fleet) -> Fleet | None:
        """Put a fleet in place; return the one to be stopped: the old one, or this when it is too late."""
        with self.lock:
            if self.cancel.is_set():
                return fleet
            old, self.fleet = self.fleet, fleet
        self.ready.set()
        return old

    def release(self) -> Fleet | None:
        """Let no other fleet come, and return the present one to be stopped."""
        with self.lock:
            self.cancel.set()
            fleet, self.fleet = self.fleet, None
        self.ready.set()
        return fleet


class Hosting:
    """The endpoints that live in this process."""

    def __init__(self, services: Services, repository: Repository, compute: Compute) -> None:
        self._services = services
        self._repository = repository
        self._compute = compute
        self._backlog = Backlog(services.database)
        self._live: dict[tuple[str, str], LiveEndpoint] = {}
        self._threads: dict[threading.Thread, LiveEndpoint] = {}
        self._lock = threading.Lock()
        self.closing = False

    def find(self, region: str, name: str) -> LiveEndpoint | None:
        """Return an endpoint that can be called, by its exact name; no database is asked."""
        return self._live.get((region, name))

    # What the operations start; the status they set is already stored.

    def create(self, endpoint: Resource) -> None:
        """Bring a new endpoint up in the background."""
        live = LiveEndpoint(endpoint.region, endpoint.name)
        self._start(self._bring_up, endpoint, live)

    def update(self, endpoint: Resource) -> None:
        """Exchange the fleet for the pending one in the background."""
        self._start(self._exchange, endpoint, self._live_or_new(endpoint))

    def reweigh(self, endpoint: Resource) -> None:
        """Give the variants their desired weights and counts in the background."""
        self._start(self._apply_desired, endpoint, self._live_or_new(endpoint))

    def delete(self, endpoint: Resource) -> None:
        """Take an endpoint down in the background; from now on it is not found by requests."""
        live = self._live_or_new(endpoint)
        self._live.pop((endpoint.region, endpoint.name), None)
        self._start(self._take_down, endpoint, live)

    def _live_or_new(self, endpoint: Resource) -> LiveEndpoint:
        live = self._live.get((endpoint.region, endpoint.name))
        if live is None:
            live = LiveEndpoint(endpoint.region, endpoint.name)
            live.ready.set()
        return live

    def recover(self) -> None:
        """Continue where the last server ended: serve again, finish creations, updates and deletions."""
        for endpoint in self._repository.select(["kind = ?", "status != 'Failed'"], [ENDPOINT]):
            live = LiveEndpoint(endpoint.region, endpoint.name)
            if endpoint.status == "Deleting":
                self._start(self._take_down, endpoint, live)
            elif endpoint.status == "Creating":
                self._start(self._bring_up, endpoint, live)
            else:
                # Requests that come before the containers are up wait for them instead of being refused.
                self._live[endpoint.region, endpoint.name] = live
                self._start(self._resume, endpoint, live)

    def close(self) -> None:
        """End all containers; statuses stay, so that the next server brings them up again."""
        self.closing = True
        with self._lock:
            threads = list(self._threads)
            lives = {id(live): live for live in (*self._live.values(), *self._threads.values())}
            self._live.clear()
        for fleet in [live.release() for live in lives.values()]:
            if fleet is not None:
                fleet.stop(0.0)
        for thread in threads:
            thread.join(5.0)

    def _start(
        self, work: Callable[[Resource, LiveEndpoint], None], endpoint: Resource, live: LiveEndpoint
    ) -> None:
        def run() -> None:
            try:
                work(endpoint, live)
            except Missing:
                _log.info("endpoint %s is gone", endpoint.name)
            except Exception:
                if not self.closing:
                    _log.exception("endpoint %s", endpoint.name)
                    self._fail(
                        endpoint, live, "InternalServerError: The sandbox could not host this endpoint."
                    )
            finally:
                with self._lock:
                    self._threads.pop(threading.current_thread(), None)

        thread = threading.Thread(target=run, name=f"endpoint {endpoint.name}", daemon=True)
        with self._lock:
            self._threads[thread] = live
        thread.start()

    def _pause(self, live: LiveEndpoint, seconds: float) -> None:
        if seconds > 0:
            self._services.clock.wait(live.cancel, seconds)

    def _start_fleet(self, endpoint: Resource, deployment: dict[str, Any], live: LiveEndpoint) -> Fleet | str:
        """Start one container a variant; the failure reason instead when one of them does not come up."""
        routes: list[Route] = []
        for variant in deployment["variants"]:
            spec = ServerSpec(
                endpoint.region,
                endpoint.name,
                variant["VariantName"],
                variant.get("InstanceType", "serverless"),
                variant["model"],
            )
            try:
                server = self._compute.server(spec)
                reason = server.start(live.cancel)
            except Exception as error:
                _log.exception("endpoint %s, variant %s", endpoint.name, spec.variant_name)
                server, reason = None, f"InternalServerError: The container could not be started: {error}"
            if server is not None:
                count = int(variant.get("DesiredInstanceCount", 1))
                routes.append(Route(spec.variant_name, server, float(variant["DesiredWeight"]), count))
            if reason is not None:
                Fleet(routes).stop(0.0)
                return reason
        return self._equipped(Fleet(routes), endpoint, deployment)

    def _equipped(self, fleet: Fleet, endpoint: Resource, deployment: dict[str, Any]) -> Fleet:
        """Give a fleet what its configuration asks for: data capture, the queue of asynchronous requests."""
        capture, queue = deployment.get("DataCaptureConfig"), deployment.get("AsyncInferenceConfig")
        if capture is not None and capture.get("EnableCapture"):
            fleet.capture = Capture(self._services, endpoint.name, capture)
        if queue is not None:

            def answer(headers: Mapping[str, str], body: bytes, timeout: float) -> Reply:
                route = fleet.enter()
                try:
                    return route.server.invoke(body, headers, timeout=timeout)
                finally:
                    fleet.leave()

            fleet.queue = Queue(self._services, queue, answer, self._backlog, endpoint.arn)
        return fleet

    def _set(self, endpoint: Resource, apply: Callable[[Resource], bool | None]) -> Resource:
        return self._repository.change(endpoint.region, ENDPOINT, endpoint.name, apply)

    def _fail(self, endpoint: Resource, live: LiveEndpoint, reason: str) -> None:
        def apply(stored: Resource) -> None:
            stored.status = "Failed"
            stored.body["FailureReason"] = failure_reason(reason)

        self._live.pop((live.region, live.name), None)
        live.ready.set()
        self._set(endpoint, apply)

    def _bring_up(self, endpoint: Resource, live: LiveEndpoint) -> None:
        self._pause(live, self._services.pace.endpoint_creating)
        fleet = self._start_fleet(endpoint, endpoint.body, live)
        if live.cancel.is_set() or self.closing:
            if isinstance(fleet, Fleet):
                fleet.stop(0.0)
            return
        if isinstance(fleet, str):
            self._fail(endpoint, live, fleet)
            return
        live.adopt(fleet)
        self._live[live.region, live.name] = live
        self._set(endpoint, _in_service)

    def _resume(self, endpoint: Resource, live: LiveEndpoint) -> None:
        """Serve again with the deployment that was in force, then go on with an update that was under way."""
        fleet = self._start_fleet(endpoint, endpoint.body, live)
        if isinstance(fleet, str):
            if not live.cancel.is_set():
                self._fail(endpoint, live, fleet)
            return
        if late := live.adopt(fleet):
            late.stop(0.0)
            return
        if endpoint.status == "Updating" and "pending" in endpoint.body:
            self._exchange(endpoint, live)
        elif endpoint.status == "Updating":
            self._apply_desired(endpoint, live)
        elif endpoint.status == "RollingBack":
            self._set(endpoint, _rolled_back)

    def _exchange(self, endpoint: Resource, live: LiveEndpoint) -> None:
        """Bring the new variants up, switch to them, end the old ones; keep the old when the new fail."""
        live.ready.wait()  # an endpoint that is just coming back has its old fleet first
        self._pause(live, self._services.pace.endpoint_updating)
        fleet = self._start_fleet(endpoint, endpoint.body["pending"], live)
        if live.cancel.is_set() or self.closing:
            if isinstance(fleet, Fleet):
                fleet.stop(0.0)
            return
        if isinstance(fleet, str):
            reason = fleet
            self._set(endpoint, lambda stored: _roll_back(stored, reason))
            self._pause(live, self._services.pace.endpoint_updating)
            if not self.closing:
                self._set(endpoint, _rolled_back)
            return
        old = live.adopt(fleet)
        if old is not fleet:
            self._live[live.region, live.name] = live
            self._set(endpoint, _deployed)
        if old is not None:
            old.stop(_DRAIN_SECONDS)

    def _apply_desired(self, endpoint: Resource, live: LiveEndpoint) -> None:
        live.ready.wait()
        self._pause(live, self._services.pace.endpoint_updating)
        if self.closing:
            return
        stored = self._set(endpoint, _in_service)
        if live.fleet is not None:
            live.fleet.rearrange(stored.body["variants"])

    def _take_down(self, endpoint: Resource, live: LiveEndpoint) -> None:
        self._pause(LiveEndpoint(live.region, live.name), self._services.pace.endpoint_deleting)
        fleet = live.release()
        if fleet is not None:
            fleet.stop(_DRAIN_SECONDS)
        self._backlog.forget(endpoint.arn)
        self._repository.delete(endpoint.region, ENDPOINT, endpoint.name)


def _in_service(stored: Resource) -> None:
    stored.status = "InService"
    for variant in stored.body["variants"]:
        variant["CurrentWeight"] = variant["DesiredWeight"]
        if "ServerlessConfig" not in variant:
            variant["CurrentInstanceCount"] = variant["DesiredInstanceCount"]


def _deployed(stored: Resource) -> None:
    pending = stored.body.pop("pending")
    stored.body["EndpointConfigName"] = pending["EndpointConfigName"]
    stored.body["variants"] = pending["variants"]
    for member in DEPLOYED:
        stored.body.pop(member, None)
        if member in pending:
            stored.body[member] = pending[member]
    stored.body.pop("FailureReason", None)
    if "DeploymentConfig" in pending:
        stored.body["LastDeploymentConfig"] = pending["DeploymentConfig"]
    _in_service(stored)


def _roll_back(stored: Resource, reason: str) -> None:
    stored.status = "RollingBack"
    stored.body["FailureReason"] = failure_reason(reason)
    stored.body.pop("pending", None)


def _rolled_back(stored: Resource) -> None:
    stored.body.pop("pending", None)
    _in_service(stored)
