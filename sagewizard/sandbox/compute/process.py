"""Owns the server's view of one container process: its end, its signals, the thread that reads its output."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from typing import TYPE_CHECKING

from sagewizard.errors import SandboxError
from sagewizard.sandbox.compute.output import LineSplitter, close_quietly, pump

if TYPE_CHECKING:
    from collections.abc import Callable


_PLACES = itertools.count(1)


class LaunchError(SandboxError):
    """A container process could not be started."""


class Child:
    """One running container process.

    `exit_code` follows Docker: 0 to 255, and 128 plus the signal's number for a process that a signal ended.
    `lost` says why when the process ended because its warm parent did. `output_error` is what `on_line`
    raised, if it did: the rest of the output was then read and dropped. `place` is smaller than that of every
    process that ended later, 0 while it runs.
    """

    def __init__(self, number: int, output: int, on_line: Callable[[str], None]) -> None:
        self.number = number
        self.pid = 0
        self.place = 0
        self.exit_code: int | None = None
        self.lost: str | None = None
        self.output_error: Exception | None = None
        self._send_signal: Callable[[int], None] = lambda number: None
        self._on_line = on_line
        self._ended = threading.Event()
        self._finished = threading.Event()
        self._output = output
        self._wake_read, self._wake_write = os.pipe()
        self._reader = threading.Thread(target=self._read, name=f"output-{number}", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return not self._ended.is_set()

    def running(self) -> int | None:
        """Return the pid for as long as the process runs, None before and after."""
        return self.pid if self.pid and self.alive else None

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended and its last line was handed over; the exit code, None if it still runs."""
        return self.exit_code if self._finished.wait(timeout) else None

    def terminate(self, grace: float) -> None:
        """Send SIGTERM to the group, and SIGKILL if it runs after `grace` seconds; return when it ended."""
        if grace > 0 and self.alive:
            self._send_signal(signal.SIGTERM)
            self._finished.wait(grace)
        if self.alive:
            self._send_signal(signal.SIGKILL)
        self._finished.wait(10.0)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process group; nothing happens when it has ended."""
        if self.alive:
            self._send_signal(number)

    def launched(self, pid: int, send_signal: Callable[[int], None]) -> None:
        """Take note of the process, for whoever started it."""
        self.pid, self._send_signal = pid, send_signal

    def end(self, code: int, lost: str | None = None) -> None:
        """Take note of the end: `code` as from waitpid, negative for a signal. Only the first call counts."""
        if self._ended.is_set():
            return
        self.exit_code = code if code >= 0 else 128 - code
        self.lost = lost
        self.place = next(_PLACES)
        os.write(self._wake_write, b"x")  # before the event: after it the reader may close the descriptor
        self._ended.set()

    def _read(self) -> None:
        def hand_over(line: str) -> None:
            if self.output_error is None:
                try:
                    self._on_line(line)
                except Exception as error:  # the pipe must be emptied all the same, or the child stands still
                    self.output_error = error

        try:
            pump(self._output, self._wake_read, LineSplitter(hand_over))
        finally:
            close_quietly(self._output)
            self._ended.wait()
            close_quietly(self._wake_read, self._wake_write)
            self._finished.set()
