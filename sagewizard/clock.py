"""Time as a dependency: what the engine and the sandbox ask instead of the `time` module."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading


class Clock(Protocol):
    """Tells the time and waits; tests put a clock of their own in its place."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back; only differences mean anything."""
        ...

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        """Wait until `cancel` is set or `seconds` have passed; True when it was set."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        """Wait until `cancel` is set or `seconds` have passed; True when it was set."""
        return cancel.wait(seconds)
