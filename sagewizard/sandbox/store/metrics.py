"""The values that jobs and endpoints send to CloudWatch, one row a metric and minute, in SQLite.

CloudWatch keeps values of ordinary resolution by the minute: count, sum, lowest and highest.
"""

from __future__ import annotations

import json
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.clock import Clock
    from sagewizard.sandbox.store.database import Database

MINUTE = 60
# CloudWatch keeps values by the minute for 15 days.
KEPT_SECONDS = 15 * 24 * 3600
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cloudwatch_minutes (
    region TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, dimensions TEXT NOT NULL,
    minute INTEGER NOT NULL, unit TEXT NOT NULL,
    count REAL NOT NULL, sum REAL NOT NULL, lowest REAL NOT NULL, highest REAL NOT NULL,
    PRIMARY KEY (region, namespace, name, dimensions, minute)
) WITHOUT ROWID;
"""
_ADD = """
INSERT INTO cloudwatch_minutes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count, sum = sum + excluded.sum,
    lowest = min(lowest, excluded.lowest), highest = max(highest, excluded.highest)
"""
_Key = tuple[str, str, str, str, int, str]


@dataclass(frozen=True, slots=True)
class Minute:
    """What one metric was in one minute, which begins at epoch second `start`."""

    region: str
    namespace: str
    name: str
    dimensions: dict[str, str]
    start: int
    unit: str
    count: float
    sum: float
    lowest: float
    highest: float


class MetricStore:
    """Takes values from any thread; they are in memory until `flush`, so that no prediction waits."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._lock = threading.Lock()
        self._pending: dict[_Key, list[float]] = {}
        self.version = 0  # of what is stored; whoever keeps a copy sees from it that the copy is old
        database.script(_SCHEMA)

    def add(
        self,
        region: str,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        at: float,
        unit: str = "None",
    ) -> None:
        """Count one value at epoch seconds `at`; what is not a finite number is left out."""
        if not math.isfinite(value):
            return
        minute = int(at) // MINUTE * MINUTE
        key = (region, namespace, name, json.dumps(dimensions, sort_keys=True), minute, unit)
        with self._lock:
            known = self._pending.get(key)
            if known is None:
                self._pending[key] = [1.0, value, value, value]
            else:
                known[0] += 1.0
                known[1] += value
                known[2] = min(known[2], value)
                known[3] = max(known[3], value)

    def flush(self) -> None:
        """Store what is in memory, and forget what is older than CloudWatch would keep."""
        with self._lock:
            if not self._pending:
                return
            rows = [(*key, *figures) for key, figures in self._pending.items()]
            with self._database.transaction() as connection:
                connection.executemany(_ADD, rows)
                oldest = int(self._clock.now()) - KEPT_SECONDS
                connection.execute("DELETE FROM cloudwatch_minutes WHERE minute < ?", (oldest,))
            self._pending.clear()
            self.version += 1

    def minutes(self) -> list[Minute]:
        """Return everything that is stored, oldest first."""
        rows = self._database.query("SELECT * FROM cloudwatch_minutes ORDER BY minute")
        return [
            Minute(
                region=row["region"],
                namespace=row["namespace"],
                name=row["name"],
                dimensions=json.loads(row["dimensions"]),
                start=row["minute"],
                unit=row["unit"],
                count=row["count"],
                sum=row["sum"],
                lowest=row["lowest"],
                highest=row["highest"],
            )
            for row in rows
        ]
