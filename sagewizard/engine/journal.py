"""The journal of a run: its events as JSON lines, written as they happen, synced at step ends.

A crash can tear the last line. Reading leaves a torn last line out; opening for writing cuts it off first,
so that the next event starts a line of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Literal

from sagewizard.errors import SageWizardError
from sagewizard.events import Event, EventError, from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "journal.jsonl"


class JournalWriter:
    """Appends events; `sync` is called at step ends and at the end of the run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _cut_torn_line(path)
        self._file: BinaryIO = path.open("ab", buffering=0)

    def append(self, event: Event) -> None:
        """Write one line in one call, so that two events never mix."""
        self._file.write(event.to_json() + b"\n")

    def sync(self) -> None:
        """Put what was written on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close."""
        if not self._file.closed:
            self.sync()
            self._file.close()


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        position = size
        while position > 0:
            step = min(65536, position)
            file.seek(position - step)
            block = file.read(step)
            newline = block.rfind(b"\n")
            if newline >= 0:
                end = position - step + newline + 1
                if end < size:
                    file.truncate(end)
                return
            position -= step
        file.truncate(0)


def read(path: Path, *, unknown: Literal["error", "skip"] = "error") -> Iterator[Event]:
    """Yield the events of a journal, one at a time; a torn last line is left out.

    Raises SageWizardError with file and line when a line in the middle is damaged or, with
    `unknown="error"`, of a kind that only a newer version knows.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise SageWizardError(
            f"There is no journal to read: {error.strerror}.",
            where=str(path),
            remedy="`sagewizard runs list` shows the runs.",
        ) from error
    with file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                event = from_json(line, unknown=unknown)
            except EventError as error:
                raise SageWizardError(
                    error.message, remedy=error.remedy, where=f"{path}, line {number}"
                ) from error
            if event is not None:
                yield event


def last_sequence(path: Path) -> int:
    """Return the sequence number of the last whole event, 0 when there is none."""
    if not path.exists():
        return 0
    last = 0
    for event in read(path, unknown="skip"):
        last = max(last, event.sequence)
    return last
