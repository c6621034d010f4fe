from __future__ import annotations

import sqlite3
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from sagewizard.sandbox.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "state.db")
    made.script("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    yield made
    made.close()


def numbers(database: Database) -> list[int]:
    return [row["n"] for row in database.query("SELECT n FROM t ORDER BY n")]


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        _ = 1 / 0
    assert numbers(database) == []


def test_a_nested_transaction_is_part_of_the_outer_one(database: Database) -> None:
    with pytest.raises(KeyError), database.transaction() as outer:
        outer.execute("INSERT INTO t VALUES (1)")
        with database.transaction() as inner:
            inner.execute("INSERT INTO t VALUES (2)")
        raise KeyError
    assert numbers(database) == []


def test_actions_after_a_commit_wait_for_the_outermost_one_and_see_it(database: Database) -> None:
    seen: list[list[int]] = []
    with database.transaction() as connection:
        with database.transaction():
            database.after_commit(lambda: seen.append(numbers(database)))
        connection.execute("INSERT INTO t VALUES (7)")
        assert seen == []
    assert seen == [[7]]


def test_actions_after_a_commit_are_dropped_on_rollback(database: Database) -> None:
    seen: list[int] = []
    with pytest.raises(KeyError), database.transaction():
        database.after_commit(lambda: seen.append(1))
        raise KeyError
    with database.transaction():
        pass
    assert seen == []


def test_threads_write_one_after_the_other_and_lose_nothing(database: Database) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 50):
            with database.transaction() as connection:
                connection.execute("INSERT INTO t VALUES (?)", (number,))

    threads = [threading.Thread(target=write, args=(100 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers(database)) == 400


def test_the_file_is_for_its_owner_only(database: Database) -> None:
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.query("SELECT 1")
