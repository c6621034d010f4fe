"""Owns the way of a container's output into its log stream: real paths, escaped controls, metrics."""

from __future__ import annotations

import math
import re
import struct
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sagewizard.clock import Clock
    from sagewizard.sandbox.store.logs import LogWriter

# A job's stream shows control characters as # and three octal digits: a tab is #011, an escape #033.
_CONTROLS = {code: f"#{code:03o}" for code in (*range(32), 127) if code != 10}


def escape_controls(line: str) -> str:
    """Write control characters the way SageMaker's training logs do."""
    return line if line.isprintable() else line.translate(_CONTROLS)


class MetricScraper:
    """Reads metrics out of log lines by the job's metric definitions.

    A definition's first group is the value. The service keeps 32-bit floats, so a logged 0.9948 is reported
    as 0.9947999715805054. Text that is no finite number is passed over.
    """

    def __init__(self, definitions: Iterable[Mapping[str, str]]) -> None:
        # A pattern that begins with .* and fails at the start of a line fails everywhere in it; looking there
        # as well took XGBoost's 66 patterns 750 us a line, and takes 40 without.
        self._definitions = [
            (item["Name"], pattern.match if _covers_the_line(item["Regex"]) else pattern.search)
            for item in definitions
            for pattern in [re.compile(item["Regex"])]
        ]
        self._lock = threading.Lock()
        self._last: dict[str, tuple[float, float]] = {}

    def scan(self, line: str, now: float) -> list[tuple[str, float]]:
        """Find the metrics of one line, logged at `now` (epoch seconds)."""
        found = []
        for name, find in self._definitions:
            match = find(line)
            if match is not None and match.re.groups and (value := single(match.group(1))) is not None:
                found.append((name, value))
        if found:
            with self._lock:
                self._last.update((name, (value, now)) for name, value in found)
        return found

    def final(self) -> list[dict[str, Any]]:
        """Return FinalMetricDataList: the last value of each metric seen, in the definitions' order."""
        with self._lock:
            return [
                {"MetricName": name, "Value": self._last[name][0], "Timestamp": self._last[name][1]}
                for name in dict.fromkeys(name for name, _ in self._definitions)
                if name in self._last
            ]


def _covers_the_line(regex: str) -> bool:
    return regex.startswith(".*") and "|" not in regex


def single(text: str | None) -> float | None:
    """Round a number's text to a 32-bit float; None for what is no finite number of that size."""
    try:
        value = float(text) if text is not None else math.nan
        rounded = struct.unpack("f", struct.pack("f", value))[0]
    except (ValueError, OverflowError):
        return None
    return float(rounded) if math.isfinite(rounded) else None


class JobLog:
    """Where a container's lines go: paths of the job's folder become /opt/ml, metrics are picked out."""

    def __init__(
        self,
        writer: LogWriter,
        base: str,
        clock: Clock,
        scraper: MetricScraper | None = None,
        on_metric: Callable[[str, float, float], None] | None = None,
        *,
        escape: bool = True,
    ) -> None:
        self._writer, self._base, self._clock = writer, base, clock
        self._scraper, self._on_metric, self._escape = scraper, on_metric, escape

    def __call__(self, line: str) -> None:
        """Take one line of output."""
        line = line.replace(self._base, "/opt/ml")
        if self._escape:
            line = escape_controls(line)
        now = self._clock.now()
        self._writer.write(line, int(now * 1000))
        if self._scraper is not None:
            for name, value in self._scraper.scan(line, now):
                if self._on_metric is not None:
                    self._on_metric(name, value, now)

    def close(self) -> None:
        """Put everything on disk and let go of the stream."""
        self._writer.close()
