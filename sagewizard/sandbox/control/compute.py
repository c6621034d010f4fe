"""What the control plane asks of the compute plane, and the adapter to the real one.

The rest of the control plane knows only these protocols, so that its rules can be tested with a compute that
lives in a test, and run with processes everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import threading

OnStatus = Callable[[str, str], None]
OnMetric = Callable[[str, float, float], None]


class TrainingOutcome(Protocol):
    """How a training job ended: status is Completed, Failed or Stopped; times are epoch seconds."""

    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def failure_reason(self) -> str | None: ...  # noqa: D102
    @property
    def model_artifact(self) -> str | None: ...  # noqa: D102
    @property
    def final_metrics(self) -> list[dict[str, Any]]: ...  # noqa: D102
    @property
    def started(self) -> float | None: ...  # noqa: D102
    @property
    def ended(self) -> float | None: ...  # noqa: D102


class TransformOutcome(Protocol):
    """How a transform job ended: status is Completed, Failed or Stopped; times are epoch seconds."""

    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def failure_reason(self) -> str | None: ...  # noqa: D102
    @property
    def started(self) -> float | None: ...  # noqa: D102
    @property
    def ended(self) -> float | None: ...  # noqa: D102


class ProcessingOutcome(Protocol):
    """How a processing job ended: status is Completed, Failed or Stopped; times are epoch seconds."""

    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def failure_reason(self) -> str | None: ...  # noqa: D102
    @property
    def exit_message(self) -> str | None: ...  # noqa: D102
    @property
    def started(self) -> float | None: ...  # noqa: D102
    @property
    def ended(self) -> float | None: ...  # noqa: D102


class Reply(Protocol):
    """What a serving container answered; header names are lower case."""

    @property
    def status(self) -> int: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102


class Server(Protocol):
    """One serving container."""

    def start(self, cancel: threading.Event) -> str | None:
        """Start, and wait until /ping answers; return None, or the failure reason as SageMaker words it."""
        ...

    def invoke(self, body: bytes, headers: Mapping[str, str], *, timeout: float | None = None) -> Reply:
        """POST /invocations, within 60 seconds unless told otherwise.

        Raises InvocationTimeout or InvocationFailed of compute.serving.
        """
        ...

    def stop(self) -> None:
        """End the container; never raises, may be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What a serving container is made from; `model` is the CreateModel input that was in force."""

    region: str
    endpoint_name: str
    variant_name: str
    instance_type: str
    model: Mapping[str, Any]


class Compute(Protocol):
    """Runs jobs and serving containers."""

    def warm(self) -> None:
        """Get ready in the background, so that the first job starts fast."""
        ...

    def train(
        self,
        request: Mapping[str, Any],
        on_status: OnStatus,
        stop: threading.Event,
        on_metric: OnMetric | None = None,
    ) -> TrainingOutcome:
        """Run a training job to its end; `stop` asks it to end early.

        `on_metric(name, value, epoch seconds)` is called for every value found in the log.
        """
        ...

    def transform(
        self,
        request: Mapping[str, Any],
        model: Mapping[str, Any],
        on_status: OnStatus,
        stop: threading.Event,
    ) -> TransformOutcome:
        """Run a transform job to its end; `stop` asks it to end early."""
        ...

    def process(
        self, request: Mapping[str, Any], on_status: OnStatus, stop: threading.Event
    ) -> ProcessingOutcome:
        """Run a processing job to its end; `stop` asks it to end early."""
        ...

    def server(self, spec: ServerSpec) -> Server:
        """Make a serving container, not started yet."""
        ...

    def close(self) -> None:
        """End every process that was started."""
        ...
