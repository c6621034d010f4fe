"""Owns work in threads: what they leave comes through one queue into the interface's thread.

The app's 10 Hz timer calls `drain()` there, which runs what was left, callbacks among it, and returns the
topics that changed. So a pane never meets another thread, and a worker never touches a widget. Threads are
daemons: leaving the app waits for none.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

from sagewizard.tui.problems import as_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.errors import SageWizardError

T = TypeVar("T")

EVENTS_PER_DRAIN = 400
"""Events folded in one tick, so that a flood leaves time for keys (one holds up to 500 log lines)."""


class Work:
    """The queue, and the ways to have something done in a thread.

    `on_error(error)` is called in the interface's thread for an error that no `on_error` of a call took.
    """

    def __init__(self) -> None:
        self.on_error: Callable[[SageWizardError], None] = _drop
        self._queue: queue.SimpleQueue[Callable[[], set[str] | None]] = queue.SimpleQueue()
        self._asides: list[tuple[threading.Event, threading.Event]] = []

    def call(
        self,
        function: Callable[[], T],
        on_done: Callable[[T], None] | None = None,
        on_error: Callable[[SageWizardError], None] | None = None,
    ) -> None:
        """Do something in a thread; `on_done(result)` or `on_error(error)` runs in the interface's thread.

        Any exception arrives as a SageWizardError with a remedy. `function` may ask `self.engine()` for an
        Engine on the open target (this starts the sandbox when it is not running).
        """

        def work() -> None:
            try:
                result = function()
            except BaseException as raised:  # a thread's fault must reach the person, whatever it is
                error = as_error(raised)
                self._queue.put(lambda: self._failed(error, on_error))
                return
            if on_done is not None:
                self._queue.put(lambda: on_done(result))

        threading.Thread(target=work, name="sagewizard-call", daemon=True).start()

    def aside(
        self,
        function: Callable[[threading.Event], T],
        on_done: Callable[[T], None],
        on_error: Callable[[SageWizardError], None],
    ) -> threading.Event:
        """Do work on the run between its steps, as `call` does; return the event that stops it.

        The function gets that event. A step that begins meanwhile sets it and waits for the end of the work:
        only one at a time may work on a run.
        """
        cancel, over = threading.Event(), threading.Event()
        self._asides = [*(pair for pair in self._asides if not pair[1].is_set()), (cancel, over)]

        def work() -> T:
            try:
                return function(cancel)
            finally:
                over.set()

        self.call(work, on_done, on_error)
        return cancel

    def post(self, function: Callable[[], set[str] | None]) -> None:
        """Let a function run in the interface's thread at the next tick; it may return changed topics."""
        self._queue.put(function)

    def drain(self) -> set[str]:
        """Fold in what has come; return the topics that changed. Only for the interface's thread."""
        changed: set[str] = set()
        for _ in range(EVENTS_PER_DRAIN):
            try:
                function = self._queue.get_nowait()
            except queue.Empty:
                break
            changed |= function() or set()
        return changed

    def _failed(
        self, error: SageWizardError, on_error: Callable[[SageWizardError], None] | None
    ) -> set[str] | None:
        (on_error or self.on_error)(error)
        return None


def _drop(_error: SageWizardError) -> None:
    return None
