"""Serves an inference pipeline: each container its own process, the answer of one the request of the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.serving import INVOCATION_SECONDS, ModelServer
from sagewizard.sandbox.compute.unixhttp import Reply

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

CONTAINER_HEADER = "x-sagewizard-container"
_MODEL_MEMBERS = ("ModelName", "ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")


def single_models(model: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield one CreateModel request a container with the container's name, in the order of the pipeline."""
    kept = {name: model[name] for name in _MODEL_MEMBERS if name in model}
    for number, container in enumerate(model["Containers"], 1):
        yield container.get("ContainerHostname") or f"container-{number}", {**kept, "Containers": [container]}


class PipelineServer:
    """The model servers of one pipeline, in order; thread-safe, with the manner of one ModelServer.

    A container after the first gets the content type that the one before it answered with; `Accept` is
    only passed to the last one, since it asks for the form of the whole pipeline's answer.
    """

    def __init__(
        self, model: Mapping[str, Any], make: Callable[[str, Mapping[str, Any]], ModelServer]
    ) -> None:
        self._stages = [(name, make(name, single)) for name, single in single_models(model)]
        self.ping_failed = False

    def start(self, cancel: threading.Event) -> str | None:
        """Start the containers one after another; None, or the reason of the first that did not come up."""
        for _, server in self._stages:
            reason = server.start(cancel)
            if reason is not None:
                self.ping_failed = server.ping_failed
                self.stop()
                return reason
        return None

    def execution_parameters(self) -> bytes | None:
        """Return what the first container says of itself: the payloads go to it."""
        return self._stages[0][1].execution_parameters()

    def invoke(self, body: bytes, headers: Mapping[str, str], *, timeout: float | None = None) -> Reply:
        """Send a request through all containers; the first answer that is no success ends it.

        The answer says in CONTAINER_HEADER whose it is. Raises as ModelServer.invoke does. Each container
        has the whole `timeout`.
        """
        own = dict(headers)
        last = len(self._stages) - 1
        accept = own.pop("Accept", "*/*")
        for position, (name, server) in enumerate(self._stages):
            own["Accept"] = accept if position == last else "*/*"
            reply = server.invoke(body, own, timeout=INVOCATION_SECONDS if timeout is None else timeout)
            if position == last or not 200 <= reply.status < 300:
                return Reply(reply.status, {**reply.headers, CONTAINER_HEADER: name}, reply.body)
            body = reply.body
            own["Content-Type"] = reply.headers.get("content-type") or "application/octet-stream"
        raise AssertionError("a pipeline has containers")

    def stop(self) -> None:
        """End all containers; may be called twice."""
        for _, server in reversed(self._stages):
            server.stop()
