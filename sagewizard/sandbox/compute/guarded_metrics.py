"""Owns the metrics of people's own definitions: an expression that never ends must not stop the server."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from sagewizard.sandbox.compute import metric_reader
from sagewizard.sandbox.compute.joblog import MetricScraper, single

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Metrics stand at no particular place, but none stands behind so many characters.
LONGEST_LINE = 16 * 1024


class GuardedScraper(MetricScraper):
    """Reads metrics like MetricScraper, with definitions nobody has looked at, in a process of its own.

    A definition that takes more than a second of computing for one line is left out from then on; `dropped`
    names it. Of a line only the first 16 KiB are looked at.
    """

    def __init__(self, definitions: Sequence[Mapping[str, str]]) -> None:
        super().__init__(definitions)
        self.dropped: list[str] = []
        self._names = [item["Name"] for item in definitions]
        self._patterns = json.dumps([item["Regex"] for item in definitions])
        self._which = list(range(len(definitions)))
        self._reader: subprocess.Popen[str] | None = None
        self._asking = threading.Lock()

    def scan(self, line: str, now: float) -> list[tuple[str, float]]:
        """Find the metrics of one line, logged at `now` (epoch seconds)."""
        with self._asking:
            texts = self._ask(line[:LONGEST_LINE])
        values = [(self._names[number], single(text)) for number, text in sorted(texts.items())]
        found = [(name, value) for name, value in values if value is not None]
        if found:
            with self._lock:
                self._last.update((name, (value, now)) for name, value in found)
        return found

    def close(self) -> None:
        """End the process."""
        with self._asking:
            self._end()
            self._which = []

    def _ask(self, line: str) -> dict[int, str]:
        if not self._which or not line:
            return {}
        answer = self._try(line, self._which)
        if answer is not None:
            return answer
        # One of them did not end: each by itself, to leave out the right one.
        together: dict[int, str] = {}
        for number in list(self._which):
            answer = self._try(line, [number])
            if answer is None:
                self._which.remove(number)
                self.dropped.append(self._names[number])
            else:
                together |= answer
        return together

    def _try(self, line: str, which: list[int]) -> dict[int, str] | None:
        """Ask the process, started if there is none; None when it ended over the question."""
        reader = self._reader
        if reader is None:
            reader = self._reader = subprocess.Popen(
                [sys.executable, "-I", "-S", metric_reader.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="ascii",
                start_new_session=True,
            )
            self._say(reader, self._patterns)
        self._say(reader, json.dumps({"line": line, "which": which}))
        assert reader.stdout is not None
        text = reader.stdout.readline()
        if not text:
            self._end()
            return None
        return {int(number): value for number, value in json.loads(text).items()}

    @staticmethod
    def _say(reader: subprocess.Popen[str], text: str) -> None:
        assert reader.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            reader.stdin.write(f"{text}\n")
            reader.stdin.flush()

    def _end(self) -> None:
        reader, self._reader = self._reader, None
        if reader is None:
            return
        with contextlib.suppress(BrokenPipeError):
            reader.communicate()


def left_out(names: list[str]) -> str:
    """Say in the log which definitions were left out."""
    listed = ", ".join(f"'{name}'" for name in names)
    return (
        f"Sandbox: the regular expression of {listed} took more than {metric_reader.SECONDS:g} s for one line"
        " of this log and was left out from there on. Write it without one repetition inside another."
    )
