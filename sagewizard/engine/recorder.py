"""Gives events their number and time, writes them to the journal, and hands them to whoever listens.

Any thread may emit. Until the run has a folder the events wait in memory; `attach` writes them out first.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

from sagewizard.engine.journal import NAME, JournalWriter, last_sequence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagewizard.clock import Clock
    from sagewizard.events import Event


class Recorder:
    """The one way events take: numbered, journaled, then queued or told, in the same order everywhere.

    With a `listener` every event goes to it, in the thread that emits, and none is queued.
    """

    def __init__(self, run_id: str, clock: Clock, listener: Callable[[Event], None] | None = None) -> None:
        self.run_id = run_id
        self._clock = clock
        self._listener = listener
        self._lock = threading.Lock()
        self._sequence = 0
        self._waiting: list[Event] = []
        self._journal: JournalWriter | None = None
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def emit(self, event_type: type[Event], **fields: Any) -> None:
        """Make an event of now and send it on its way."""
        with self._lock:
            self._sequence += 1
            event = event_type(run_id=self.run_id, sequence=self._sequence, time=self._clock.now(), **fields)
            if self._journal is None:
                self._waiting.append(event)
            else:
                self._journal.append(event)
            if self._listener is None:
                self._queue.put(event)
            else:
                self._listener(event)

    def attach(self, folder: Path) -> None:
        """Open the journal in the run's folder; numbering goes on where an earlier process stopped."""
        with self._lock:
            if self._journal is not None:
                return
            self._journal = JournalWriter(folder / NAME)
            for event in self._waiting:
                self._journal.append(event)
            self._waiting.clear()

    def resume(self, folder: Path) -> None:
        """Go on with the journal of an earlier process."""
        with self._lock:
            self._journal = JournalWriter(folder / NAME)
            self._sequence = last_sequence(folder / NAME)

    def sync(self) -> None:
        """Put the journal on the disk, if there is one yet."""
        with self._lock:
            if self._journal is not None:
                self._journal.sync()

    def close(self) -> None:
        """Close the journal and end the stream."""
        with self._lock:
            if self._journal is not None:
                self._journal.close()
            self._queue.put(None)

    def next(self) -> Event | None:
        """Wait for the next event; None when there will be no more."""
        return self._queue.get()
