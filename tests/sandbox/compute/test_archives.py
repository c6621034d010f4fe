"""Archives: the same bytes every time, and nothing a hostile one could do."""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
import tarfile
from pathlib import Path

import pytest

from sagewizard.sandbox.compute.archives import ArchiveError, Limits, unpack_tar_gz, write_tar_gz


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def special(name: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type = kind
    return member, b""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "deep" / "target"
    made.mkdir(parents=True)
    return made


def tree(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_what_is_packed_comes_back(tmp_path: Path, folder: Path) -> None:
    source = tmp_path / "model"
    (source / "sub" / "empty").mkdir(parents=True)
    (source / "weights").write_bytes(os.urandom(3 * 1024 * 1024 + 7))
    (source / "exact").write_bytes(b"a" * 1024)
    (source / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (source / "sub" / "run.sh").chmod(0o700)
    (source / "alias").symlink_to("sub/run.sh")
    assert write_tar_gz(source, tmp_path / "model.tar.gz", modified=1_700_000_000) == []
    with (tmp_path / "model.tar.gz").open("rb") as stream:
        unpack_tar_gz(stream, folder, Limits())
    assert tree(folder) == tree(source)
    assert (folder / "sub" / "empty").is_dir()
    assert os.access(folder / "sub" / "run.sh", os.X_OK)
    assert not os.access(folder / "weights", os.X_OK)


def test_the_same_content_gives_the_same_bytes_whatever_its_dates_and_order(tmp_path: Path) -> None:
    for name, order in (("one", "abc"), ("two", "cba")):
        (tmp_path / name).mkdir()
        for letter in order:
            (tmp_path / name / letter).write_text(letter)
            os.utime(tmp_path / name / letter, (len(name) * ord(letter), 5 if name == "one" else 9))
        write_tar_gz(tmp_path / name, tmp_path / f"{name}.tar.gz", modified=1_700_000_000)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


def test_links_out_of_the_folder_and_pipes_are_not_packed(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    (source / "passwd").symlink_to("/etc/passwd")
    (source / "up").symlink_to("../secret")
    os.mkfifo(source / "pipe")
    (tmp_path / "secret").write_text("secret")
    assert write_tar_gz(source, tmp_path / "a.tar.gz", modified=0) == ["passwd", "pipe", "up"]
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert archive.getnames() == []


@pytest.mark.parametrize(
    "members",
    [
        [file("../escaped")],
        [file("sub/../../escaped")],
        [file("/tmp/escaped-absolute")],
        [link("out", "/etc")],
        [link("out", "../..")],
        [link("sub/out", "../../x")],
        [link("hard", "/etc/passwd", tarfile.LNKTYPE)],
        [link("hard", "../../escaped", tarfile.LNKTYPE)],
        [link("hard", "missing", tarfile.LNKTYPE)],
        [link("here", "."), link("out", "here/../..")],
        [link("a", "."), link("b", "a/../escaped")],
        [special("device", tarfile.CHRTYPE)],
        [special("device", tarfile.BLKTYPE)],
        [special("pipe", tarfile.FIFOTYPE)],
        [file("a"), file("a/b")],
        [file("a/b"), file("a")],
    ],
)
def test_a_hostile_archive_is_refused_and_touches_nothing_outside(
    folder: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    above = folder.parent
    with pytest.raises(ArchiveError) as caught:
        unpack_tar_gz(packed(*members), folder, Limits(), name="model.tar.gz")
    assert str(caught.value).startswith("model.tar.gz: ")
    assert list(above.iterdir()) == [folder]
    assert not (above.parent / "escaped").exists()
    assert not Path("/tmp/escaped-absolute").exists()
    root = folder.resolve()
    for path in folder.rglob("*"):
        assert path.resolve().is_relative_to(root)


def test_nothing_is_written_through_a_link(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    members = [link("door", "../outside"), file("door/stolen")]
    with pytest.raises(ArchiveError):
        unpack_tar_gz(packed(*members), folder, Limits())
    assert list(outside.iterdir()) == []


def test_links_within_the_folder_are_kept(folder: Path) -> None:
    members = [
        file("a/data", b"one"),
        link("b", "a/data"),
        link("c", "a/data", tarfile.LNKTYPE),
        link("d", "a"),
    ]
    unpack_tar_gz(packed(*members), folder, Limits())
    assert (folder / "b").read_bytes() == (folder / "c").read_bytes() == b"one"
    assert (folder / "d" / "data").read_bytes() == b"one"


def test_special_mode_bits_are_dropped(folder: Path) -> None:
    member, content = file("tool")
    member.mode = 0o6777
    unpack_tar_gz(packed((member, content)), folder, Limits())
    assert (folder / "tool").stat().st_mode & 0o7022 == 0


def test_a_bomb_stops_at_the_ceiling(folder: Path) -> None:
    bomb = packed(file("zeros", bytes(30_000_000)))
    assert bomb.getbuffer().nbytes < 100_000
    with pytest.raises(ArchiveError, match="more than 1,000,000 bytes"):
        unpack_tar_gz(bomb, folder, Limits(total=1_000_000))
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 1_000_000


def test_too_many_members_stop_at_the_ceiling(folder: Path) -> None:
    with pytest.raises(ArchiveError, match="more than 10 members"):
        unpack_tar_gz(packed(*(file(str(n)) for n in range(11))), folder, Limits(members=10))


def test_a_header_that_claims_gigabytes_is_refused_before_it_is_read(folder: Path) -> None:
    header = tarfile.TarInfo("huge")
    header.type, header.size = tarfile.XHDTYPE, 6 << 30
    block = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024), mtime=0)
    with pytest.raises(ArchiveError, match="header"):
        unpack_tar_gz(io.BytesIO(block), folder, Limits())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not gzip",
        gzip.compress(b"not tar " * 200, mtime=0),
        gzip.compress(b"", mtime=0),
        b"\x1f\x8b\x08\x00" + bytes(20),
    ],
)
def test_what_is_no_archive_is_said_to_be_none(folder: Path, content: bytes) -> None:
    with pytest.raises(ArchiveError):
        unpack_tar_gz(io.BytesIO(content), folder, Limits(), name="model.tar.gz")


def test_a_cut_archive_is_an_error_at_any_length(folder: Path, tmp_path: Path) -> None:
    # Always the same bytes: without its last 30, all content is there, and their number decides the last cut.
    chance = random.Random(0)
    whole = packed(file("a", chance.randbytes(2000)), file("b", chance.randbytes(2000))).getvalue()
    for size in range(0, len(whole) - 40, 97):
        target = tmp_path / f"cut{size}"
        target.mkdir()
        with pytest.raises(ArchiveError):
            unpack_tar_gz(io.BytesIO(whole[:size]), target, Limits())


def test_many_members_of_whole_blocks_are_read_in_one_pass(folder: Path) -> None:
    reads = 0

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal reads
            data = super().read(size)
            reads += len(data)
            return data

    whole = packed(*(file(f"{n:03}", os.urandom(512 * 40)) for n in range(60))).getvalue()
    unpack_tar_gz(Counted(whole), folder, Limits())
    assert reads <= 2 * len(whole)
    assert len(list(folder.iterdir())) == 60


def test_a_later_member_of_the_same_name_counts(folder: Path) -> None:
    unpack_tar_gz(packed(file("a", b"one"), file("a", b"two")), folder, Limits())
    assert (folder / "a").read_bytes() == b"two"


def test_safe_without_the_data_filter_of_newer_pythons(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=sys.version_info >= (3, 12))
    for members in ([file("../x")], [link("o", "/etc")], [special("d", tarfile.CHRTYPE)]):
        with pytest.raises(ArchiveError):
            unpack_tar_gz(packed(*members), folder, Limits())
