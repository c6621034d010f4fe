from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from sagewizard.clock import SystemClock
from sagewizard.sandbox.store.database import Database
from sagewizard.sandbox.store.objects import ObjectStore
from sagewizard.sandbox.store.uploads import (
    SMALLEST_PART,
    InvalidPart,
    NoSuchUpload,
    PartsOutOfOrder,
    PartTooSmall,
    Upload,
    UploadStore,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[ObjectStore]:
    database = Database(tmp_path / "state.db")
    made = ObjectStore(tmp_path / "objects", database, SystemClock())
    made.create_bucket("b", "us-east-1")
    yield made
    database.close()


@pytest.fixture
def uploads(objects: ObjectStore) -> UploadStore:
    return UploadStore(objects)


def begin(uploads: UploadStore, key: str = "k") -> Upload:
    return uploads.create("b", key, content_type="text/plain", metadata={"m": "1"}, headers={}, tags={})


def add(
    uploads: UploadStore, objects: ObjectStore, upload: Upload, number: int, data: bytes
) -> tuple[int, str]:
    part = uploads.add_part(upload, number, objects.payloads.stage(data), {})
    return number, part.etag


def complete(uploads: UploadStore, upload: Upload, wanted: list[tuple[int, str]]) -> object:
    return uploads.complete(upload, wanted, checksums=lambda *_: {})


def payloads(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def test_parts_become_one_object_in_their_order(
    uploads: UploadStore, objects: ObjectStore, tmp_path: Path
) -> None:
    upload = begin(uploads)
    first, last = b"a" * SMALLEST_PART, b"the end"
    second = add(uploads, objects, upload, 7, last)
    one = add(uploads, objects, upload, 2, first)
    complete(uploads, upload, [one, second])
    info = objects.head("b", "k")
    assert info is not None
    assert info.path.read_bytes() == first + last
    joined = hashlib.md5(first).digest() + hashlib.md5(last).digest()
    assert info.etag == f"{hashlib.md5(joined).hexdigest()}-2"
    assert (info.part_sizes, info.metadata, info.content_type) == (
        [SMALLEST_PART, 7],
        {"m": "1"},
        "text/plain",
    )
    assert payloads(tmp_path / "objects") == 1
    with pytest.raises(NoSuchUpload):
        complete(uploads, upload, [one, second])


def test_one_small_part_is_enough(uploads: UploadStore, objects: ObjectStore) -> None:
    upload = begin(uploads)
    complete(uploads, upload, [add(uploads, objects, upload, 1, b"only")])
    info = objects.head("b", "k")
    assert info is not None
    assert info.path.read_bytes() == b"only"


def test_wrong_completions_are_refused_and_the_upload_stays(
    uploads: UploadStore, objects: ObjectStore
) -> None:
    upload = begin(uploads)
    small, end = add(uploads, objects, upload, 1, b"small"), add(uploads, objects, upload, 2, b"end")
    with pytest.raises(PartsOutOfOrder):
        complete(uploads, upload, [end, small])
    with pytest.raises(PartsOutOfOrder):
        complete(uploads, upload, [end, end])
    with pytest.raises(InvalidPart):
        complete(uploads, upload, [small, (3, "0" * 32)])
    with pytest.raises(InvalidPart):
        complete(uploads, upload, [(1, end[1])])
    with pytest.raises(PartTooSmall):
        complete(uploads, upload, [small, end])
    assert [part.number for part in uploads.parts(upload)] == [1, 2]
    assert objects.head("b", "k") is None


def test_a_part_can_be_sent_again(uploads: UploadStore, objects: ObjectStore, tmp_path: Path) -> None:
    upload = begin(uploads)
    add(uploads, objects, upload, 1, b"first try")
    complete(uploads, upload, [add(uploads, objects, upload, 1, b"second try")])
    info = objects.head("b", "k")
    assert info is not None
    assert info.path.read_bytes() == b"second try"
    assert payloads(tmp_path / "objects") == 1


def test_aborting_removes_the_parts(uploads: UploadStore, objects: ObjectStore, tmp_path: Path) -> None:
    upload = begin(uploads)
    add(uploads, objects, upload, 1, b"x")
    uploads.abort(upload)
    assert payloads(tmp_path / "objects") == 0
    with pytest.raises(NoSuchUpload):
        uploads.abort(upload)
    with pytest.raises(NoSuchUpload):
        add(uploads, objects, upload, 2, b"y")
    assert payloads(tmp_path / "objects") == 0


def test_a_sweep_keeps_the_parts_of_uploads_under_way(uploads: UploadStore, objects: ObjectStore) -> None:
    upload = begin(uploads)
    one = add(uploads, objects, upload, 1, b"x")
    assert objects.sweep() == 0
    complete(uploads, upload, [one])


def test_a_bucket_goes_with_its_unfinished_uploads(
    uploads: UploadStore, objects: ObjectStore, tmp_path: Path
) -> None:
    upload = begin(uploads)
    add(uploads, objects, upload, 1, b"x")
    uploads.delete_bucket("b")
    assert payloads(tmp_path / "objects") == 0
    assert not objects.bucket_exists("b")


def test_uploads_are_listed_by_key_and_paged(uploads: UploadStore) -> None:
    for key in ["b", "a", "a%", "c"]:
        begin(uploads, key)
    first = uploads.list("b", limit=2)
    assert [upload.key for upload in first] == ["a", "a%"]
    rest = uploads.list("b", key_marker="a%", id_marker=first[1].id)
    assert [upload.key for upload in rest] == ["b", "c"]
    assert [upload.key for upload in uploads.list("b", prefix="a")] == ["a", "a%"]
