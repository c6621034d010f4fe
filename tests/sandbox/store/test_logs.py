from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.clock import SystemClock
from sagewizard.sandbox.store.logs import MAX_MESSAGE_BYTES, LogStore, NoSuchGroup, NoSuchStream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = "/aws/sagemaker/TrainingJobs"
STREAM = "job-1/algo-1-1700000000"


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogStore]:
    made = LogStore(tmp_path / "logs", SystemClock())
    yield made
    made.close()


def messages(logs: LogStore, stream: str = STREAM) -> list[str]:
    return [event.message for event in logs.events(GROUP, stream)]


def test_what_is_written_is_read_at_once_and_after_opening_again(logs: LogStore, tmp_path: Path) -> None:
    writer = logs.writer(GROUP, STREAM)
    writer.write("one", 1000)
    writer.write("two\nlines \ud800 ☃", 2000)
    assert messages(logs) == ["one", "two\nlines \ud800 ☃"]
    writer.close()
    logs.close()
    again = LogStore(tmp_path / "logs", SystemClock())
    assert messages(again) == ["one", "two\nlines \ud800 ☃"]
    (stream,) = again.streams(GROUP, "job-1/")
    assert (stream.first, stream.last) == (1000, 2000)
    again.close()


def test_lines_reach_the_disk_by_themselves(logs: LogStore, tmp_path: Path) -> None:
    writer = logs.writer(GROUP, STREAM)
    writer.write("soon on disk")
    written = threading.Event()
    for _ in range(500):
        (path,) = (tmp_path / "logs").glob("*/*.log")
        if b"soon on disk" in path.read_bytes():
            break
        written.wait(0.01)
    else:
        pytest.fail("not flushed")
    writer.close()


def test_a_torn_last_line_is_ignored_and_then_overwritten(logs: LogStore, tmp_path: Path) -> None:
    writer = logs.writer(GROUP, STREAM)
    writer.write("whole")
    writer.close()
    logs.close()
    (path,) = (tmp_path / "logs").glob("*/*.log")
    with path.open("ab") as file:
        file.write(b'1700000000000 1700000000000 "to')
    again = LogStore(tmp_path / "logs", SystemClock())
    assert messages(again) == ["whole"]
    writer = again.writer(GROUP, STREAM)
    writer.write("next")
    writer.close()
    assert messages(again) == ["whole", "next"]
    again.close()


@pytest.mark.parametrize("name", ["../../x", "a/../b", "..", "x" * 512, "ä\x00", "group.json"])
def test_hostile_names_stay_in_the_folder(logs: LogStore, tmp_path: Path, name: str) -> None:
    writer = logs.writer(GROUP + "/" + name, name)
    writer.write("x")
    writer.close()
    assert [event.message for event in logs.events(GROUP + "/" + name, name)] == ["x"]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(tmp_path / "logs") for path in files)


def test_reading_goes_on_from_an_offset(logs: LogStore) -> None:
    writer = logs.writer(GROUP, STREAM)
    for number in range(5):
        writer.write(f"m{number}")
    events = list(logs.events(GROUP, STREAM))
    assert [event.message for event in logs.events(GROUP, STREAM, events[2].end)] == ["m3", "m4"]
    assert list(logs.events(GROUP, STREAM, events[-1].end)) == []
    with pytest.raises(ValueError, match="no event starts"):
        list(logs.events(GROUP, STREAM, events[2].end + 1))
    writer.close()


@given(sizes=st.lists(st.sampled_from([0, 1, 30, 4000, 90_000, 262_000]), max_size=12))
def test_backwards_is_forwards_reversed(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    logs = LogStore(tmp_path_factory.mktemp("logs"), SystemClock())
    writer = logs.writer(GROUP, STREAM)
    for number, size in enumerate(sizes):
        writer.write(f"{number}:" + "x" * size)
    stream = logs.stream(GROUP, STREAM)
    forwards = list(logs.read(stream))
    assert [event.message.partition(":")[0] for event in forwards] == [str(n) for n in range(len(sizes))]
    assert list(logs.read_backwards(stream)) == forwards[::-1]
    for position, event in enumerate(forwards):
        assert list(logs.read_backwards(stream, event.start)) == forwards[:position][::-1]
    writer.close()
    logs.close()


def test_a_message_above_the_limit_is_cut_between_characters(logs: LogStore) -> None:
    writer = logs.writer(GROUP, STREAM)
    writer.write("é" * MAX_MESSAGE_BYTES)
    (message,) = messages(logs)
    assert message == "é" * (MAX_MESSAGE_BYTES // 2)
    writer.close()


def test_threads_may_write_to_one_stream(logs: LogStore) -> None:
    def write(name: str) -> None:
        writer = logs.writer(GROUP, STREAM)
        for number in range(300):
            writer.write(f"{name}{number}")
        writer.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = messages(logs)
    assert len(found) == 1200
    assert [text for text in found if text[0] == "a"] == [f"a{number}" for number in range(300)]


def test_streams_are_found_by_prefix_and_groups_too(logs: LogStore) -> None:
    for stream in ["job-1/a", "job-2/b", "job-10/c"]:
        logs.writer(GROUP, stream).close()
    assert [stream.name for stream in logs.streams(GROUP, "job-1/")] == ["job-1/a"]
    assert [stream.name for stream in logs.streams(GROUP)] == ["job-1/a", "job-10/c", "job-2/b"]
    assert [group.name for group in logs.groups("/aws/")] == [GROUP]
    assert logs.groups("/other") == []


def test_deleting_is_for_good(logs: LogStore, tmp_path: Path) -> None:
    writer = logs.writer(GROUP, STREAM)
    writer.write("x")
    logs.delete_stream(GROUP, STREAM)
    with pytest.raises(NoSuchStream):
        messages(logs)
    writer.write("dropped")
    writer.close()
    logs.delete_group(GROUP)
    with pytest.raises(NoSuchGroup):
        logs.streams(GROUP)
    logs.close()
    assert list((tmp_path / "logs").iterdir()) == []
    assert LogStore(tmp_path / "logs", SystemClock()).groups() == []


def test_a_stream_made_again_after_deletion_has_nothing_of_the_old_one(logs: LogStore) -> None:
    old = logs.writer(GROUP, STREAM)
    old.write("old and longer than what comes after it")
    logs.delete_stream(GROUP, STREAM)
    new = logs.writer(GROUP, STREAM)
    new.write("new")
    new.flush()
    old.write("late")
    old.close()
    new.write("newer")
    assert messages(logs) == ["new", "newer"]
    new.close()
