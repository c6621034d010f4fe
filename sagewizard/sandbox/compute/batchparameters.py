"""Owns how batch transform calls a container: concurrency, payload size, batch strategy, and who decides."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PAYLOAD = 6  # MB
LARGEST_TOGETHER = 100  # MB: MaxConcurrentTransforms x MaxPayloadInMB, of the API
_STRATEGIES = {"MULTI_RECORD": "MultiRecord", "SINGLE_RECORD": "SingleRecord"}


@dataclass(frozen=True, slots=True)
class Parameters:
    """How requests are made: how many at once, how large in MB, how many records in one."""

    concurrent: int
    payload: int
    strategy: str

    def __str__(self) -> str:
        name = next(key for key, value in _STRATEGIES.items() if value == self.strategy)
        return (
            f"MaxConcurrentTransforms={self.concurrent}, MaxPayloadInMB={self.payload}, BatchStrategy={name}"
        )


def choose(request: Mapping[str, Any], offered: bytes | None) -> Parameters:
    """Take a CreateTransformJob request's parameters, the container's where it has none, else the service's.

    `offered` is the body of GET /execution-parameters; what is out of range or no JSON in it is passed over.
    """
    try:
        container = json.loads(offered) if offered else {}
    except (ValueError, RecursionError):
        container = {}
    if not isinstance(container, dict):
        container = {}
    payload = request.get("MaxPayloadInMB")
    if payload is None:
        payload = _whole(container.get("MaxPayloadInMB"), 1, LARGEST_TOGETHER) or DEFAULT_PAYLOAD
    concurrent = request.get("MaxConcurrentTransforms") or min(
        _whole(container.get("MaxConcurrentTransforms"), 1, 64) or 1, LARGEST_TOGETHER // payload
    )
    strategy = request.get("BatchStrategy") or _STRATEGIES.get(str(container.get("BatchStrategy")))
    return Parameters(concurrent, payload, strategy or "MultiRecord")


def _whole(value: Any, low: int, high: int) -> int | None:
    """Return a container's number when it is a whole one in range."""
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None
