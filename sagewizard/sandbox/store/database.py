"""The sandbox's SQLite file: one connection a thread, one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


class Database:
    """A SQLite database in WAL mode that any thread may use.

    With `synchronous=NORMAL` a commit reaches the operating system and not the disk: it outlives `kill -9`
    of this process, which is what the sandbox promises, and costs 20 microseconds instead of an fsync. A
    power cut may lose the last commits but never leaves half of one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self._registry_lock = threading.Lock()
        self._closed = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection()
        path.chmod(0o600)

    def _connection(self) -> sqlite3.Connection:
        existing: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if existing is not None and not self._closed:
            return existing
        if self._closed:
            raise sqlite3.ProgrammingError(f"{self.path} is closed")
        connection = sqlite3.connect(self.path, timeout=30.0, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        self._local.connection = connection
        self._local.depth = 0
        self._local.after = []
        with self._registry_lock:
            for thread in [thread for thread in self._connections if not thread.is_alive()]:
                self._connections.pop(thread).close()
            self._connections[threading.current_thread()] = connection
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """BEGIN IMMEDIATE .. COMMIT, or ROLLBACK when the block raises; a nested one joins the outer."""
        with self._write_lock:
            connection = self._connection()
            if self._local.depth:
                self._local.depth += 1
                try:
                    yield connection
                finally:
                    self._local.depth -= 1
                return
            connection.execute("BEGIN IMMEDIATE")
            self._local.depth = 1
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                self._local.after.clear()
                raise
            else:
                connection.execute("COMMIT")
            finally:
                self._local.depth = 0
        actions, self._local.after = self._local.after, []
        for action in actions:
            action()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run something after the outermost transaction commits, at once outside one, never on rollback."""
        self._connection()
        if self._local.depth:
            self._local.after.append(action)
        else:
            action()

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one SELECT and return all of its rows; inside a transaction it sees that transaction."""
        return self._connection().execute(sql, args).fetchall()

    def script(self, sql: str) -> None:
        """Run several statements, e.g. a component's CREATE TABLE IF NOT EXISTS; not inside a transaction."""
        with self._write_lock:
            self._connection().executescript(sql)

    def close(self) -> None:
        """Close every thread's connection; the last one folds the WAL back into the file."""
        with self._write_lock, self._registry_lock:
            self._closed = True
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()
