"""The serving containers of one endpoint, and which of them answers the next request."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sagewizard.sandbox.control.async_inference import Queue
    from sagewizard.sandbox.control.compute import Server
    from sagewizard.sandbox.control.data_capture import Capture


@dataclass(eq=False, slots=True)
class Route:
    """One production variant at work; `credit` is its place in the smooth weighted round robin.

    `instances` is the count it is said to have: one process answers for them all.
    """

    variant: str
    server: Server
    weight: float
    instances: int = 1
    credit: float = field(default=0.0)


class UnknownVariant(LookupError):  # noqa: N818 (a state, told apart by callers)
    """The endpoint has no variant of that name."""


class FleetClosed(Exception):  # noqa: N818
    """This deployment takes no more requests; the endpoint may have another one by now."""


class Fleet:
    """All variants of one deployment; safe from any thread.

    Traffic is shared by smooth weighted round robin: of a + b requests a variant of weight a gets exactly a,
    evenly mixed, so that the same requests in the same order always meet the same variants. (AWS draws.)
    """

    def __init__(self, routes: list[Route]) -> None:
        self.routes = routes
        # What the endpoint configuration asks for beside answering.
        self.capture: Capture | None = None
        self.queue: Queue | None = None
        self._lock = threading.Lock()
        self._busy = 0
        self._closed = False
        self._idle = threading.Condition(self._lock)

    def enter(self, target: str | None = None) -> Route:
        """Choose the variant of one request, which ends with `leave`.

        Raises UnknownVariant for a wrong target, FleetClosed once `stop` was called.
        """
        with self._lock:
            if self._closed:
                raise FleetClosed
            route = self._named(target) if target else self._next()
            self._busy += 1
            return route

    def leave(self) -> None:
        """End one request."""
        with self._lock:
            self._busy -= 1
            if not self._busy:
                self._idle.notify_all()

    def _named(self, target: str) -> Route:
        for route in self.routes:
            if route.variant == target:
                return route
        raise UnknownVariant(target)

    def _next(self) -> Route:
        if len(self.routes) == 1:
            return self.routes[0]
        # With nothing but zero weights every variant is as good as the other.
        even = not any(route.weight > 0 for route in self.routes)
        total = 0.0
        chosen: Route | None = None
        for route in self.routes:
            weight = 1.0 if even else route.weight
            if weight <= 0:
                continue
            route.credit += weight
            total += weight
            if chosen is None or route.credit > chosen.credit:
                chosen = route
        assert chosen is not None
        chosen.credit -= total
        return chosen

    def rearrange(self, variants: Iterable[Mapping[str, Any]]) -> None:
        """Change how traffic is shared, and how many instances are said to share it."""
        wanted = {variant["VariantName"]: variant for variant in variants}
        with self._lock:
            for route in self.routes:
                variant = wanted[route.variant]
                route.weight = float(variant["DesiredWeight"])
                route.instances = int(variant.get("DesiredInstanceCount", 1))
                route.credit = 0.0

    def stop(self, drain: float) -> None:
        """Let requests under way finish, for at most `drain` seconds, and end the containers."""
        if self.queue is not None:
            self.queue.close()
        with self._lock:
            self._closed = True
            self._idle.wait_for(lambda: not self._busy, timeout=drain)
        if self.capture is not None:
            self.capture.close()
        for route in self.routes:
            route.server.stop()
