"""Owns one-time schedules: kept on disk, fired when their time has come, at once when a server wakes up late.

A schedule fires as EventBridge Scheduler does: its universal target names an operation of SageMaker, which is
carried out with the target's input. What may pass (an endpoint that is just changing) is tried again, by the
target's retry policy; what is not there any more is not.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.clock import Clock
    from sagewizard.sandbox.store.database import Database

TARGET_PREFIX: Final = "arn:aws:scheduler:::aws-sdk:sagemaker:"
_AT: Final = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_LOOK_SECONDS: Final = 30.0
"""The longest wait until the next look: a machine that slept has a wall clock that jumped."""
_RETRY_SECONDS: Final = 60.0
_MOST_AGE: Final = 86_400.0
_MOST_RETRIES: Final = 185
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS schedules (
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    due REAL,
    fires REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (region, name)
);
"""
_log = logging.getLogger(__name__)


class ExpressionError(ValueError):
    """The text names no moment; its message says so in the service's words."""


class BusyError(Exception):
    """What a schedule asks for cannot be done yet."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule: `body` as it was given; times in seconds since the epoch, `due` None when it is over."""

    region: str
    name: str
    body: dict[str, Any]
    created: float
    modified: float
    due: float | None
    fires: float
    attempts: int


def moment(expression: str, timezone: str) -> float:
    """Return when `at(yyyy-mm-ddThh:mm:ss)` is, in seconds since the epoch. Raises ExpressionError."""
    found = _AT.fullmatch(expression.strip())
    if expression.startswith(("rate(", "cron(")):
        raise ExpressionError("The sandbox runs one-time schedules, at(...), and none that repeat.")
    try:
        zone = UTC if timezone in ("", "UTC") else ZoneInfo(timezone)
        if found is None:
            raise ValueError
        return datetime.fromisoformat(found[1]).replace(tzinfo=zone).timestamp()
    except (ZoneInfoNotFoundError, OSError):
        raise ExpressionError(f"Invalid ScheduleExpressionTimezone {timezone}.") from None
    except (ValueError, OverflowError):
        raise ExpressionError(f"Invalid Schedule Expression {expression}.") from None


class Schedules:
    """The schedules of a sandbox; safe from any thread.

    `perform(operation, region, input)` does what a target names; it raises `BusyError` to be asked again,
    anything else to be left alone.
    """

    def __init__(
        self, database: Database, clock: Clock, perform: Callable[[str, str, dict[str, Any]], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._perform = perform
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)
        database.script(_SCHEMA)

    def start(self) -> None:
        """Fire what is overdue, then whatever becomes due."""
        self._thread.start()

    def close(self) -> None:
        """Fire nothing any more; what is kept stays."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def put(self, region: str, name: str, body: dict[str, Any], *, new: bool) -> bool:
        """Keep a new schedule, or one in the place of another; False when it is there, or is not, already."""
        fires = moment(str(body["ScheduleExpression"]), str(body.get("ScheduleExpressionTimezone", "UTC")))
        due = fires if body.get("State", "ENABLED") == "ENABLED" else None
        now = self._clock.now()
        with self._database.transaction() as connection:
            old = self.find(region, name)
            if new != (old is None):
                return False
            connection.execute(
                "INSERT OR REPLACE INTO schedules VALUES (?,?,?,?,?,?,?,0)",
                (region, name, json.dumps(body), now if old is None else old.created, now, due, fires),
            )
        self._wake.set()
        return True

    def find(self, region: str, name: str) -> Schedule | None:
        """Return a schedule by its name."""
        rows = self._database.query("SELECT * FROM schedules WHERE region=? AND name=?", (region, name))
        return _schedule(rows[0]) if rows else None

    def delete(self, region: str, name: str) -> bool:
        """Forget a schedule; False when there is none."""
        with self._database.transaction() as connection:
            sql = "DELETE FROM schedules WHERE region=? AND name=?"
            return connection.execute(sql, (region, name)).rowcount > 0

    def listed(self, region: str, prefix: str = "", after: str = "") -> list[Schedule]:
        """Return the schedules of a region, by name, those after `after` only."""
        rows = self._database.query(
            "SELECT * FROM schedules WHERE region=? AND name>? ORDER BY name", (region, after)
        )
        return [found for found in map(_schedule, rows) if found.name.startswith(prefix)]

    def pending(self) -> list[str]:
        """Say of each schedule that will fire what it does and when, the next one first."""
        rows = self._database.query("SELECT * FROM schedules WHERE due IS NOT NULL ORDER BY due, name")
        return [
            f"{found.name} {_operation(found)} at {datetime.fromtimestamp(found.fires, UTC):%H:%M:%S} UTC"
            for found in map(_schedule, rows)
        ]

    def fire(self) -> float | None:
        """Fire all that is due; return how many seconds there are until the next, None when there is none."""
        now = self._clock.now()
        for found in map(_schedule, self._database.query("SELECT * FROM schedules WHERE due<=?", (now,))):
            if self._closing.is_set():
                break
            self._fire(found, now)
        (row,) = self._database.query("SELECT MIN(due) AS next FROM schedules")
        return None if row["next"] is None else max(0.0, float(row["next"]) - self._clock.now())

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                wait = self.fire()
            except Exception:
                if self._closing.is_set():
                    return
                _log.exception("schedules")
                wait = _LOOK_SECONDS
            self._clock.wait(self._wake, _LOOK_SECONDS if wait is None else min(wait, _LOOK_SECONDS))

    def _fire(self, found: Schedule, now: float) -> None:
        pause = min(_RETRY_SECONDS, 2.0**found.attempts)
        with self._database.transaction() as connection:
            # Taken before it is carried out: an update that comes meanwhile has another time, and stays.
            taken = connection.execute(
                "UPDATE schedules SET due=?, attempts=attempts+1 WHERE region=? AND name=? AND due=?",
                (now + pause, found.region, found.name, found.due),
            ).rowcount
        if not taken:
            return
        operation = _operation(found)
        try:
            given = json.loads(found.body["Target"].get("Input") or "{}")
            self._perform(operation, found.region, given)
            _log.info("the schedule %s has fired: %s", found.name, operation)
        except BusyError as busy:
            policy = found.body["Target"].get("RetryPolicy", {})
            retries = int(policy.get("MaximumRetryAttempts", _MOST_RETRIES))
            age = float(policy.get("MaximumEventAgeInSeconds", _MOST_AGE))
            if found.attempts < retries and now - found.fires < age:
                _log.info("the schedule %s is tried again in %.0f s: %s", found.name, pause, busy)
                return
            _log.warning("the schedule %s could not be carried out: %s", found.name, busy)
        except Exception as error:
            _log.warning("the schedule %s could not be carried out: %s", found.name, error)
        self._over(found, now + pause)

    def _over(self, found: Schedule, due: float) -> None:
        place = (found.region, found.name, due)
        with self._database.transaction() as connection:
            if found.body.get("ActionAfterCompletion") == "DELETE":
                connection.execute("DELETE FROM schedules WHERE region=? AND name=? AND due=?", place)
            else:
                connection.execute("UPDATE schedules SET due=NULL WHERE region=? AND name=? AND due=?", place)


def _operation(found: Schedule) -> str:
    """Return the operation of SageMaker's that a universal target names: deleteEndpoint, DeleteEndpoint."""
    name = str(found.body["Target"]["Arn"]).removeprefix(TARGET_PREFIX)
    return name[:1].upper() + name[1:]


def _schedule(row: Any) -> Schedule:
    return Schedule(
        row["region"], row["name"], json.loads(row["body"]), row["created"], row["modified"], row["due"],
        row["fires"], row["attempts"],
    )  # fmt: skip
