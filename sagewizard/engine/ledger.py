"""The ledger: every resource that a run makes, written to disk before the call that makes it.

One SQLite file a home (`Settings.ledger`), in WAL mode, shared by any number of processes. A row is an
*intent* until the target has answered (`created` is set), and is *alive* until the target says that it is
gone (`deleted` is set). A crash between the two leaves an intent, which a teardown looks up like the rest:
an intent whose resource is not there is closed as never made.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard.errors import SageWizardError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What is billed by the hour while it exists, in the order in which it has to go.
TEARDOWN_ORDER = (
    "tuning-job",
    "training-job",
    "transform-job",
    "endpoint",
    # After its endpoint: should the teardown not get that far, it still goes by itself.
    "schedule",
    "endpoint-config",
    "model",
    "s3-prefix",
)
# Kept as a record by SageMaker itself: these end, they are not deleted.
JOBS = ("tuning-job", "training-job", "transform-job")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    target TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    arn TEXT NOT NULL DEFAULT '',
    component TEXT NOT NULL DEFAULT '',
    instance_type TEXT NOT NULL DEFAULT '',
    instance_count INTEGER NOT NULL DEFAULT 0,
    hourly_usd REAL,
    price_source TEXT NOT NULL DEFAULT '',
    intended REAL NOT NULL,
    created REAL,
    deleted REAL,
    note TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX IF NOT EXISTS one_open_row
    ON resources (target, account, region, kind, name) WHERE deleted IS NULL;
CREATE INDEX IF NOT EXISTS by_run ON resources (run_id);
"""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource; times in seconds since the epoch, `hourly_usd` for all its instances together."""

    id: int
    run_id: str
    target: str
    account: str
    region: str
    kind: str
    name: str
    arn: str
    component: str
    instance_type: str
    instance_count: int
    hourly_usd: float | None
    price_source: str
    intended: float
    created: float | None
    deleted: float | None
    note: str

    @property
    def billable(self) -> bool:
        """Whether it costs money by the hour for as long as it is there."""
        return bool(self.hourly_usd)


class Ledger:
    """Opens the file when first used; every method is one transaction of its own and safe from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._ready = False

    def exists(self) -> bool:
        """Whether anything was ever written; asking creates nothing."""
        return self.path.exists()

    @contextmanager
    def _connect(self, *, reading: bool = False) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if not self._ready:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                if not self._ready:
                    self._prepare(connection)
                    self._ready = True
                # An intent must be on the disk before the call goes out, so every commit is synced.
                connection.execute("PRAGMA synchronous = FULL")
                # Who only reads waits for no writer: what was committed last is there at once.
                connection.execute("BEGIN" if reading else "BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")

    def _prepare(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA busy_timeout = 30000")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == _VERSION:
                return
            connection.execute("PRAGMA journal_mode = WAL")
            if version > _VERSION:
                raise SageWizardError(
                    f"The ledger {self.path} was written by a newer version.",
                    remedy="Update sagewizard, or use another SAGEWIZARD_HOME.",
                )
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "lock" in str(error):
                raise
            raise SageWizardError(
                f"The ledger {self.path} cannot be read: {error}.",
                remedy="Look for what is still running in the SageMaker console, then move the file aside.",
            ) from error

    def intend(
        self,
        *,
        run_id: str,
        target: str,
        account: str,
        region: str,
        kind: str,
        name: str,
        now: float,
        component: str = "",
        instance_type: str = "",
        instance_count: int = 0,
        hourly_usd: float | None = None,
        price_source: str = "",
    ) -> Entry:
        """Write down what is about to be made; return its row, or the open one of the same resource."""
        with self._connect() as connection:
            connection.execute(
                "INSERT INTO resources (run_id, target, account, region, kind, name, component,"
                " instance_type, instance_count, hourly_usd, price_source, intended)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
                " ON CONFLICT DO NOTHING",
                (run_id, target, account, region, kind, name, component, instance_type,
                 instance_count, hourly_usd, price_source, now),
            )  # fmt: skip
            row = connection.execute(
                "SELECT * FROM resources WHERE target=? AND account=? AND region=? AND kind=? AND name=?"
                " AND deleted IS NULL",
                (target, account, region, kind, name),
            ).fetchone()
        return _entry(row)

    def created(self, entry_id: int, *, arn: str, now: float) -> None:
        """Enter that the target has answered: it is there."""
        with self._connect() as connection:
            connection.execute(
                "UPDATE resources SET created=COALESCE(created, ?), arn=? WHERE id=?", (now, arn, entry_id)
            )

    def deleted(self, entry_id: int, *, now: float, note: str = "") -> None:
        """Enter that it is gone, was never made, or has ended by itself; `note` says which."""
        with self._connect() as connection:
            connection.execute(
                "UPDATE resources SET deleted=COALESCE(deleted, ?), note=? WHERE id=?", (now, note, entry_id)
            )

    def alive(
        self, *, run_id: str | None = None, target: str | None = None, account: str | None = None
    ) -> list[Entry]:
        """Return the rows that are not closed, oldest first; intents are among them."""
        return self._select("deleted IS NULL", run_id, target, account)

    def of_run(self, run_id: str) -> list[Entry]:
        """Return every row of a run, closed ones too, oldest first."""
        return self._select("1", run_id, None, None)

    def all(self) -> list[Entry]:
        """Return every row there ever was, oldest first."""
        return self._select("1", None, None, None)

    def _select(
        self, condition: str, run_id: str | None, target: str | None, account: str | None
    ) -> list[Entry]:
        if not self.exists():
            return []
        arguments: list[str] = []
        for column, value in (("run_id", run_id), ("target", target), ("account", account)):
            if value is not None:
                condition += f" AND {column}=?"
                arguments.append(value)
        with self._connect(reading=True) as connection:
            # Conditions are constants of this file; values go in as arguments.
            query = f"SELECT * FROM resources WHERE {condition} ORDER BY id"  # noqa: S608
            rows = connection.execute(query, arguments).fetchall()
        return [_entry(row) for row in rows]


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(*row)


def teardown_order(entries: list[Entry]) -> list[Entry]:
    """Sort so that what depends on something goes before it."""
    rank = {kind: number for number, kind in enumerate(TEARDOWN_ORDER)}
    return sorted(entries, key=lambda entry: (rank.get(entry.kind, len(rank)), entry.id))
