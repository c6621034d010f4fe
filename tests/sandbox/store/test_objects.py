from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.clock import SystemClock
from sagewizard.sandbox.store.database import Database
from sagewizard.sandbox.store.objects import (
    BucketExists,
    BucketNotEmpty,
    NoSuchBucket,
    NoSuchKey,
    ObjectStore,
    successor,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


def payload_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    database = Database(tmp_path / "state.db")
    made = ObjectStore(tmp_path / "objects", database, SystemClock())
    made.create_bucket("b", "us-east-1")
    yield made
    database.close()


def test_an_object_comes_back_as_it_was_put(store: ObjectStore) -> None:
    info = store.put("b", "a/b", io.BytesIO(b"x" * 600_000), content_type="text/csv", metadata={"k": "v"})
    assert info.etag == hashlib.md5(b"x" * 600_000).hexdigest()
    found = store.head("b", "a/b")
    assert found == info
    with store.open(info) as file:
        assert file.read() == b"x" * 600_000


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/", "a\x00b", "x" * 1024, "..", "con", "ä/ü\n", "-rf *"]
)
def test_a_hostile_key_never_reaches_the_file_system(store: ObjectStore, tmp_path: Path, key: str) -> None:
    info = store.put("b", key, b"1")
    assert info.path.is_relative_to(tmp_path / "objects" / "payloads")
    assert len(info.path.name) == 32
    assert [found.key for found in store.list("b")] == [key]


def test_overwriting_and_deleting_leave_no_old_payload(store: ObjectStore, tmp_path: Path) -> None:
    store.put("b", "k", b"one")
    store.put("b", "k", b"two")
    assert len(payload_files(tmp_path / "objects")) == 1
    store.delete("b", "k")
    assert payload_files(tmp_path / "objects") == []
    store.delete("b", "k")


def test_a_put_that_fails_half_way_changes_nothing(store: ObjectStore, tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        def __init__(self) -> None:
            self.reads = 0

        def read(self, size: int = -1) -> bytes:
            self.reads += 1
            if self.reads > 2:
                raise ConnectionResetError
            return b"y" * size

    old = store.put("b", "k", b"old")
    with pytest.raises(ConnectionResetError):
        store.put("b", "k", Broken())  # type: ignore[arg-type]
    assert store.head("b", "k") == old
    assert payload_files(tmp_path / "objects") == [old.path]


def test_a_transaction_that_fails_keeps_the_old_payload(store: ObjectStore) -> None:
    old = store.put("b", "k", b"old")
    with pytest.raises(KeyError), store.database.transaction():
        store.put("b", "k", b"new")
        store.delete("b", "k")
        raise KeyError
    with store.open(old) as file:
        assert file.read() == b"old"
    assert store.head("b", "k") == old


def test_a_condition_that_refuses_leaves_no_payload_behind(store: ObjectStore, tmp_path: Path) -> None:
    def refuse(_: object) -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        store.commit("b", "k", store.payloads.stage(b"1"), condition=refuse)
    assert payload_files(tmp_path / "objects") == []


def test_an_open_payload_outlives_its_object(store: ObjectStore) -> None:
    info = store.put("b", "k", b"first")
    with store.open(info) as file:
        store.put("b", "k", b"second")
        assert file.read() == b"first"
    with store.open(info) as file:
        assert file.read() == b"second"
    store.delete("b", "k")
    with pytest.raises(NoSuchKey):
        store.open(info)


def test_a_file_is_moved_in(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "model.tar.gz"
    source.write_bytes(b"model")
    inode = source.stat().st_ino
    info = store.put_file("b", "m", source)
    assert not source.exists()
    assert (info.size, info.etag) == (5, hashlib.md5(b"model").hexdigest())
    assert info.path.stat().st_ino == inode


def test_a_symbolic_link_is_not_moved_in(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic"):
        store.put_file("b", "m", tmp_path / "link")
    assert (tmp_path / "secret").exists()


def test_materialising_for_reading_links_and_for_writing_copies(store: ObjectStore, tmp_path: Path) -> None:
    info = store.put("b", "k", b"data")
    store.materialise(info, tmp_path / "read", writable=False)
    store.materialise(info, tmp_path / "write", writable=True)
    assert (tmp_path / "read").stat().st_ino == info.path.stat().st_ino
    (tmp_path / "write").write_bytes(b"changed")
    with store.open(info) as file:
        assert file.read() == b"data"


def test_a_sweep_removes_what_no_index_names_and_nothing_else(store: ObjectStore, tmp_path: Path) -> None:
    kept = store.put("b", "k", b"kept")
    orphan = store.payloads.stage(b"orphan")
    (tmp_path / "objects" / "incoming" / "torn").write_bytes(b"half")
    assert store.sweep() == 2
    assert not orphan.path.exists()
    assert kept.path.read_bytes() == b"kept"
    assert store.sweep() == 0


def test_buckets_are_made_once_and_deleted_empty(store: ObjectStore) -> None:
    with pytest.raises(BucketExists):
        store.create_bucket("b", "us-east-1")
    store.put("b", "k", b"")
    with pytest.raises(BucketNotEmpty):
        store.delete_bucket("b")
    store.delete("b", "k")
    store.delete_bucket("b")
    for use in (
        lambda: store.put("b", "k", b""),
        lambda: store.delete("b", "k"),
        lambda: list(store.list("b")),
        lambda: store.delete_bucket("b"),
    ):
        with pytest.raises(NoSuchBucket):
            use()


def test_everything_is_there_after_opening_again(store: ObjectStore, tmp_path: Path) -> None:
    info = store.put("b", "k", b"kept", metadata={"m": "1"})
    again = ObjectStore(tmp_path / "objects", store.database, SystemClock())
    assert again.head("b", "k") == info


@given(keys=st.sets(KEYS, max_size=30), prefix=st.text(st.characters(exclude_categories=["Cs"]), max_size=2))
def test_listing_is_in_utf8_order_below_the_prefix(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], prefix: str
) -> None:
    folder = tmp_path_factory.mktemp("list")
    database = Database(folder / "state.db")
    store = ObjectStore(folder / "objects", database, SystemClock())
    store.create_bucket("b", "us-east-1")
    with database.transaction():
        for key in keys:
            store.put("b", key, b"")
    wanted = sorted((key for key in keys if key.startswith(prefix)), key=lambda key: key.encode())
    assert [info.key for info in store.list("b", prefix)] == wanted
    for position, key in enumerate(wanted):
        assert [info.key for info in store.list("b", prefix, key)] == wanted[position + 1 :]
    database.close()


@given(prefix=KEYS, others=st.lists(KEYS))
def test_the_successor_is_above_all_that_start_with_the_text(prefix: str, others: list[str]) -> None:
    above = successor(prefix)
    for other in [prefix, prefix + "\U0010ffff", *(prefix + other for other in others)]:
        assert above is None or other.encode() < above.encode()
    for other in others:
        if above is not None and other.encode() > prefix.encode() and not other.startswith(prefix):
            assert other.encode() >= above.encode()


def test_a_listing_of_many_reads_no_more_than_it_yields(store: ObjectStore) -> None:
    with store.database.transaction():
        for number in range(2500):
            store.commit("b", f"k{number:05d}", store.payloads.stage(b""))
    listing = store.list("b", "k")
    assert next(listing).key == "k00000"
    store.delete("b", "k02400")
    rest = [info.key for info in listing]
    assert len(rest) == 2498
    assert "k02400" not in rest
