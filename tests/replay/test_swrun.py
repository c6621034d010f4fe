"""The file of a recorded run: what goes in comes out, and nothing else is ever taken for one."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sagewizard.engine import recording, swrun, unpacked
from sagewizard.errors import UsageError

MEMBERS = {"journal.jsonl": b"{}\n" * 50, "results/evaluation.json": b"[1]"}


def write(path, manifest, members, *, entry=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if manifest is not None:
            archive.writestr(
                "manifest.json", manifest if isinstance(manifest, bytes) else json.dumps(manifest)
            )
        for name, content in members:
            archive.writestr(entry(name) if entry else name, content)
    return path


def manifest(members, **changes):
    listed = [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members
    ]
    return {
        "format": swrun.FORMAT,
        "format_version": 1,
        "run": {"run_id": "abc"},
        "members": listed,
        **changes,
    }


def refused(path):
    with pytest.raises(UsageError) as raised:
        recording.open_file(path)
    error = raised.value
    assert str(path) in error.where
    assert error.remedy
    assert error.exit_code == 2
    return error.message


def test_what_goes_in_comes_out(tmp_path):
    path = tmp_path / "a.swrun"
    path.write_bytes(swrun.pack({"run_id": "abc"}, MEMBERS))
    assert swrun.unpack(path) == ({"run_id": "abc"}, MEMBERS)


def test_the_same_contents_give_the_same_bytes_in_any_order():
    turned = dict(reversed(MEMBERS.items()))
    assert swrun.pack({"run_id": "abc"}, MEMBERS) == swrun.pack({"run_id": "abc"}, turned)


def test_a_file_that_is_missing_or_something_else_is_refused(tmp_path):
    assert "cannot be read" in refused(tmp_path / "none.swrun")
    for content in (b"", b"hello", b"\x89PNG\r\n", b"PK\x05\x06" + bytes(18)):
        path = tmp_path / "other.swrun"
        path.write_bytes(content)
        assert "is no recorded run" in refused(path)


def test_a_newer_format_says_update(tmp_path):
    members = list(MEMBERS.items())
    path = write(tmp_path / "a.swrun", manifest(members, format_version=2), [("new/way.bin", b"1")])
    with pytest.raises(UsageError, match="format 2, and this version reads up to 1") as raised:
        recording.open_file(path)
    assert raised.value.remedy == "Update sagewizard."


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_damaged(tmp_path, shipped, cut):
    whole = shipped["vertebral-xgboost"].read_bytes()
    path = tmp_path / "a.swrun"
    path.write_bytes(whole[: int(len(whole) * cut)])
    assert "damaged" in refused(path)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.floats(0, 0.999999), value=st.integers(1, 255))
def test_a_changed_byte_is_found_or_changes_nothing(tmp_path, shipped, at, value):
    whole = bytearray(shipped["vertebral-xgboost"].read_bytes())
    expected = swrun.unpack(shipped["vertebral-xgboost"])
    whole[int(at * len(whole))] ^= value
    path = tmp_path / "a.swrun"
    path.write_bytes(bytes(whole))
    try:
        found = swrun.unpack(path)
    except UsageError:
        return
    assert found[1] == expected[1]


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=300))
def test_bytes_of_any_kind_are_refused_in_words(tmp_path, content):
    path = tmp_path / "a.swrun"
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "/etc/passwd",
        "results/../../evil",
        "results/a/b.json",
        "C:\\x.json",
        "a\x00.json",
        ".bashrc",
    ],
)
def test_a_member_that_would_leave_its_folder_is_refused(tmp_path, name):
    members = [(name, b"1")]
    path = write(tmp_path / "a.swrun", manifest(members), [])
    assert "cannot be part of a recorded run" in refused(path)
    assert not (tmp_path / "evil.txt").exists()


def test_a_member_that_the_manifest_does_not_list_is_refused(tmp_path):
    members = list(MEMBERS.items())
    path = write(tmp_path / "a.swrun", manifest(members), [*members, ("../evil.txt", b"1")])
    assert "does not list" in refused(path)


def test_a_member_that_is_missing_or_another_is_damage(tmp_path):
    members = list(MEMBERS.items())
    path = write(tmp_path / "a.swrun", manifest(members), members[:1])
    assert "is missing" in refused(path)
    path = write(tmp_path / "a.swrun", manifest(members), [(members[0][0], b"[]\n" * 50), members[1]])
    assert "is not what its manifest says" in refused(path)


def test_a_bomb_is_not_unpacked(tmp_path):
    big = bytes(8 << 20)
    claimed = manifest([("journal.jsonl", b"x")])
    path = write(tmp_path / "a.swrun", claimed, [("journal.jsonl", big)])
    assert "to more than it says" in refused(path)
    claimed["members"][0]["size"] = swrun.MOST_CONTENTS + 1
    path = write(tmp_path / "a.swrun", claimed, [("journal.jsonl", big)])
    assert "would unpack to more than" in refused(path)
    path = write(tmp_path / "a.swrun", big, [])
    assert "to more than it says" in refused(path)


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path):
    path = tmp_path / "a.swrun"
    with path.open("wb") as file:
        file.truncate(swrun.MOST_FILE + 1)
    assert "is larger than" in refused(path)


def test_two_members_of_one_name_or_too_many_are_refused(tmp_path):
    members = list(MEMBERS.items())
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = write(tmp_path / "a.swrun", manifest(members), [*members, members[0]])
    assert "two members of the same name" in refused(path)
    many = [(f"m{n}.json", b"1") for n in range(swrun.MOST_MEMBERS + 1)]
    assert "members, and at most" in refused(write(tmp_path / "b.swrun", manifest(many), many))


@pytest.mark.parametrize(
    "body",
    [b"not json", b"[]", b"{}", b'{"format":"x"}', b'{"format":"sagewizard-recorded-run"}',
     b'{"format":"sagewizard-recorded-run","format_version":"1"}',
     b'{"format":"sagewizard-recorded-run","format_version":true,"run":{},"members":[]}',
     b'{"format":"sagewizard-recorded-run","format_version":1,"run":[],"members":[]}',
     b'{"format":"sagewizard-recorded-run","format_version":1,"run":{},"members":[1]}',
     b'{"format":"sagewizard-recorded-run","format_version":1,"run":{},"members":[{"name":"a.b","size":-1,"sha256":""}]}'],
)  # fmt: skip
def test_a_manifest_that_is_not_one_is_refused(tmp_path, body):
    refused(write(tmp_path / "a.swrun", body, []))


def test_a_run_whose_parts_are_missing_or_strange_is_refused(tmp_path):
    path = tmp_path / "a.swrun"
    for about, members in (
        ({}, MEMBERS),
        ({"run_id": "../../etc"}, MEMBERS),
        ({"run_id": "abc"}, MEMBERS),
        ({"run_id": "abc"}, {"journal.jsonl": b"{}\n", "state.json": b"{}", "recipe.yaml": b"a: 1"}),
        ({"run_id": "abc"}, {"journal.jsonl": b"", "state.json": b"{}", "recipe.yaml": b"a: 1"}),
    ):
        path.write_bytes(swrun.pack(about, members))
        refused(path)


def test_an_event_of_a_newer_version_is_refused_with_its_line(tmp_path, shipped):
    about, members = swrun.unpack(shipped["vertebral-xgboost"])
    members["journal.jsonl"] += b'{"kind":"something_new","run_id":"r","sequence":1,"time":1.0}\n'
    path = tmp_path / "a.swrun"
    path.write_bytes(swrun.pack(about, members))
    assert "'something_new', which this version does not know" in refused(path)


def test_an_encrypted_file_is_refused(tmp_path):
    data = bytearray(swrun.pack({"run_id": "abc"}, MEMBERS))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(mark, at + 1)) >= 0:
            data[at + flags] |= 1
    path = tmp_path / "a.swrun"
    path.write_bytes(bytes(data))
    assert "encrypted" in refused(path)
    assert zipfile.is_zipfile(io.BytesIO(bytes(data)))


def test_what_a_killed_process_unpacked_is_cleared_and_what_is_in_use_stays(tmp_path, monkeypatch, shipped):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    begin = (
        "from sagewizard.engine.unpacked import Unpacked; made = Unpacked(); print(made.path, flush=True); "
    )
    with (
        recording.open_file(shipped["vertebral-xgboost"]) as mine,
        subprocess.Popen(
            [sys.executable, "-c", f"{begin}input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(tmp_path)}, text=True,
        ) as other,
    ):  # fmt: skip
        left = Path(other.stdout.readline().strip())
        assert left.is_dir()
        unpacked.clear(tmp_path)
        assert left.is_dir()
        other.kill()
        other.wait()
        with recording.open_file(shipped["vertebral-xgboost"]):
            assert not left.exists()
            assert mine.folder.is_dir()
    assert list(tmp_path.iterdir()) == []
