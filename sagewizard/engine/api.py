"""Calls to the target: one way in for every step, with bounded retries and a record of each call.

What comes back as throttling, a server fault or a dropped connection is tried again here, at most six times,
waiting 1, 2, 4, 8, 16 and 30 seconds, never longer than until the run is cancelled, and it is told; a sandbox
whose server has ended gets two tries. botocore itself does not retry what goes through here: its waits could
neither be seen nor cancelled. Creating calls are safe to repeat: names belong to the run, so a second try
meets its own resource and adopts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sagewizard.errors import CancelledError
from sagewizard.mask import mask

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from sagewizard.clock import Clock
    from sagewizard.target import Target

RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
# Nobody listens on this machine: the sandbox has ended and does not come back by itself, so say it soon.
SERVER_GONE_TRIES = 2
_SLOW_DOWN = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "SlowDown",
    }
)
_RETRY_CODES = _SLOW_DOWN | frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalError",
        "InternalServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "InternalDependencyException",
        "ModelNotReadyException",
        "RequestTimeout",
        "RequestTimeoutException",
    }
)


class CallObserver(Protocol):
    """Hears of every call that is to be shown."""

    def __call__(
        self,
        *,
        service: str,
        operation: str,
        request: dict[str, Any],
        response: dict[str, Any] | None,
        seconds: float,
        attempt: int,
        error_code: str,
        error_message: str,
    ) -> None:
        """Take one call."""
        ...


class Api:
    """Makes calls for one run. Raises botocore's own exceptions; whoever runs the step translates them."""

    def __init__(
        self,
        target: Target,
        *,
        clock: Clock,
        cancel: threading.Event,
        observer: CallObserver | None = None,
        guard: Callable[[], None] | None = None,
        on_retry: Callable[[str, int], None] | None = None,
    ) -> None:
        self._target = target
        self._clock = clock
        self._cancel = cancel
        self._observer = observer
        self._guard = guard
        self._on_retry = on_retry
        keys = target.credentials
        self._secrets = tuple(s for s in (keys.secret_key, keys.session_token) if s) if keys else ()

    def __call__(
        self, service: str, operation: str, *, show: bool = True, **parameters: Any
    ) -> dict[str, Any]:
        """Call an operation by its API name, e.g. `("sagemaker", "CreateModel", ModelName=...)`.

        `guard` is asked before each call and may end the run by raising.
        With `show=False` (polling, looking up) only failures are recorded, and not that something is missing.
        What is raised after an earlier try whose answer was lost has that try's error as its cause, so that
        `refused` can tell that the call may have been carried out. `on_retry` hears why a call waits, as a
        sentence, and the number of the try that failed.
        """
        from botocore import xform_name

        method = getattr(self._target.client(service), xform_name(operation))
        attempt = 0
        lost: Exception | None = None
        while True:
            attempt += 1
            if self._cancel.is_set():
                raise CancelledError("The run was cancelled.")
            if self._guard is not None:
                self._guard()
            started = self._clock.monotonic()
            try:
                response: dict[str, Any] = method(**parameters)
            except Exception as error:
                if show or not is_missing(error):
                    self._record(service, operation, parameters, None, started, attempt, error)
                if attempt > self._tries(error) or not may_pass(error):
                    if lost is None:
                        raise
                    raise error from lost
                if _may_be_done(error):
                    lost = lost or error
                self.wait(error, attempt)
                continue
            if show:
                self._record(service, operation, parameters, response, started, attempt, None)
            return response

    def _tries(self, error: BaseException) -> int:
        """Return how often a call is tried again after an error."""
        from botocore.exceptions import EndpointConnectionError

        gone = self._target.simulated and isinstance(error, EndpointConnectionError)
        return SERVER_GONE_TRIES if gone else len(RETRY_DELAYS)

    def wait(self, error: BaseException, attempt: int) -> None:
        """Say why and wait before the next try. Raises CancelledError when the run is cancelled meanwhile."""
        seconds = RETRY_DELAYS[attempt - 1]
        if self._on_retry is not None:
            who = "The sandbox" if self._target.simulated else "AWS"
            self._on_retry(f"{_trouble(error, who)}; trying again in {seconds:g} s", attempt)
        if self._clock.wait(self._cancel, seconds):
            raise CancelledError("The run was cancelled.") from error

    def record(
        self, service: str, operation: str, request: dict[str, Any], response: dict[str, Any], seconds: float
    ) -> None:
        """Record a call that was made elsewhere, such as a managed transfer."""
        if self._observer is not None:
            self._observer(
                service=service, operation=operation, request=mask(request, self._secrets),
                response=mask(response, self._secrets), seconds=seconds, attempt=1,
                error_code="", error_message="",
            )  # fmt: skip

    def _record(
        self,
        service: str,
        operation: str,
        request: dict[str, Any],
        response: dict[str, Any] | None,
        started: float,
        attempt: int,
        error: Exception | None,
    ) -> None:
        if self._observer is None:
            return
        self._observer(
            service=service,
            operation=operation,
            request=mask(request, self._secrets),
            response=None if response is None else mask(response, self._secrets),
            seconds=round(self._clock.monotonic() - started, 6),
            attempt=attempt,
            error_code="" if error is None else error_code(error) or type(error).__name__,
            error_message="" if error is None else str(mask(error_message(error), self._secrets)),
        )


def error_code(error: BaseException) -> str:
    """Return the code of an AWS error, "" for anything else."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def error_message(error: BaseException) -> str:
    """Return the message of an AWS error without botocore's wrapping; of anything else its text."""
    response = getattr(error, "response", None)
    if isinstance(response, dict) and response.get("Error", {}).get("Message"):
        return str(response["Error"]["Message"])
    return str(error)


def may_pass(error: BaseException) -> bool:
    """Whether trying again may help: throttling, a fault of the server, a dropped connection."""
    from botocore import exceptions

    if isinstance(
        error,
        exceptions.EndpointConnectionError
        | exceptions.ConnectionClosedError
        | exceptions.ReadTimeoutError
        | exceptions.ConnectTimeoutError
        | exceptions.ResponseStreamingError,
    ):
        return True
    if error_code(error) in _RETRY_CODES:
        return True
    response = getattr(error, "response", None)
    status = (
        response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else 0
    )
    return bool(status >= 500)


def refused(error: BaseException) -> bool:
    """Whether a call was certainly not carried out: the target said no, and lost no answer before that."""
    cause = error.__cause__
    return bool(error_code(error)) and not _may_be_done(error) and not (cause and _may_be_done(cause))


def _may_be_done(error: BaseException) -> bool:
    """Whether the target may have carried out a call that came back with an error."""
    return error_code(error) not in _SLOW_DOWN and may_pass(error)


def _trouble(error: BaseException, who: str) -> str:
    code = error_code(error)
    if code in _SLOW_DOWN:
        return f"{who} asks to slow down"
    return f"{who} has a problem of its own ({code})" if code else "The connection was lost"


def is_missing(error: BaseException) -> bool:
    """Whether the target says that the thing is not there (SageMaker says so with a ValidationException)."""
    code, message = error_code(error), error_message(error)
    if code in ("ResourceNotFound", "ResourceNotFoundException", "NoSuchKey", "404", "NoSuchBucket"):
        return True
    return code == "ValidationException" and message.startswith(
        ("Could not find", "Requested resource not found", "Amazon SageMaker can't find")
    )


def exists_already(error: BaseException) -> bool:
    """Whether a create call met a resource of the same name."""
    code, message = error_code(error), error_message(error)
    return code == "ResourceInUse" or (
        code == "ValidationException" and message.startswith("Cannot create already existing")
    )
