"""Waiting for a job or an endpoint: look after look until it has ended, was cancelled, or takes too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sagewizard.engine.api import is_missing
from sagewizard.errors import CancelledError, WaitTimeoutError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from sagewizard.clock import Clock

T = TypeVar("T")
# What was just made may not be found yet by the next call: the service tells its parts one after the other.
SETTLING = 30.0


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

    That it is not found is waited out for the first SETTLING seconds, as it may only just have been made.
    Raises CancelledError when `cancel` is set, WaitTimeoutError after `limit` seconds.
    """
    started = clock.monotonic()
    while True:
        try:
            seen = look()
        except Exception as error:
            if not is_missing(error) or clock.monotonic() - started > SETTLING:
                raise
        else:
            if done(seen):
                return seen
        if clock.monotonic() - started > limit:
            raise WaitTimeoutError(f"{what} took longer than {limit:,.0f} seconds.", remedy=remedy)
        if clock.wait(cancel, every):
            raise CancelledError("The run was cancelled.")


def once_found(look: Callable[[], T], *, clock: Clock, cancel: threading.Event, every: float) -> T:
    """Look at what was just made until it is found, for SETTLING seconds at most; raises as `look`."""
    return wait_until(
        look, lambda _seen: True, clock=clock, cancel=cancel, every=every, limit=2 * SETTLING,
        what="Finding what was just made", remedy="Resume the run.",
    )  # fmt: skip
