"""Waiting for a job or an endpoint: look after look until it has ended, was cancelled, or takes too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sagewizard.errors import CancelledError, WaitTimeoutError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from sagewizard.clock import Clock

T = TypeVar("T")


def wait_until(
    look: Callable[[], T],
    done: Callable[[T], bool],
    *,
    clock: Clock,
    cancel: threading.Event,
    every: float,
    limit: float,
    what: str,
    remedy: str,
) -> T:
    """Look every `every` seconds until `done`, and return what was seen last.

    Raises CancelledError when `cancel` is set, WaitTimeoutError after `limit` seconds.
    """
    started = clock.monotonic()
    while True:
        seen = look()
        if done(seen):
            return seen
        if clock.monotonic() - started > limit:
            raise WaitTimeoutError(f"{what} took longer than {limit:,.0f} seconds.", remedy=remedy)
        if clock.wait(cancel, every):
            raise CancelledError("The run was cancelled.")
