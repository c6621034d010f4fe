"""The log of a first-party container: its line prefixes, each line out as soon as it is written."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from sagewizard.clock import Clock


class JobLog:
    """Writes to standard output, or to `stream`; times are UTC, as in the real containers."""

    def __init__(self, clock: Clock, stream: TextIO | None = None) -> None:
        self.clock = clock
        self._stream = stream

    def line(self, text: str) -> None:
        """Write a line without a prefix and flush it."""
        stream = self._stream or sys.stdout
        stream.write(f"{text}\n")
        stream.flush()

    def _write(self, level: str, text: str) -> None:
        moment = datetime.fromtimestamp(self.clock.now(), UTC)
        self.line(f"[{moment:%m/%d/%Y %H:%M:%S} {level} {threading.get_ident()}] {text}")

    def info(self, text: str) -> None:
        """Write a line at level INFO."""
        self._write("INFO", text)

    def warning(self, text: str) -> None:
        """Write a line at level WARNING."""
        self._write("WARNING", text)

    def error(self, text: str) -> None:
        """Write a line at level ERROR."""
        self._write("ERROR", text)

    def pipeline(self, source: str, epoch: int, seconds: float, batches: int, size: int) -> None:
        """Write what one pass over a channel's data took: milliseconds, mini-batches and bytes."""
        moment = datetime.fromtimestamp(self.clock.now(), UTC)
        stats = {
            "data_pipeline": source,
            "epoch": epoch,
            "duration": round(seconds * 1000),
            "num_examples": batches,
            "num_bytes": size,
        }
        stamp = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
        self.line(f"[{stamp}] [tensorio] [info] epoch_stats={json.dumps(stats)}")

    def metrics(
        self, start: float, end: float, dimensions: Mapping[str, Any], values: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Write a `#metrics` line in the key order of the Python 3 containers."""
        record = {"StartTime": start, "EndTime": end, "Dimensions": dimensions, "Metrics": values}
        self.line(f"#metrics {json.dumps(record)}")


def single(value: float) -> dict[str, Any]:
    """Write one reading as a `#metrics` statistic."""
    return {"sum": value, "count": 1, "min": value, "max": value}
