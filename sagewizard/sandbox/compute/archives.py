"""Owns tar.gz archives: writing them the same every time, and unpacking strangers' ones without harm."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 1 << 20
# tarfile reads a name or pax header whole; no honest one is larger.
_LARGEST_HEADER = 4 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may unpack to, in bytes and in members."""

    total: int = 20 * GIB
    members: int = 100_000


class ArchiveError(DataError):
    """An archive is broken, or would write outside its folder or beyond its limits."""


def write_tar_gz(source: Path, destination: Path, *, modified: float, level: int = 1) -> list[str]:
    """Pack the content of a folder into a gzipped tar; the same content gives the same bytes.

    Members are sorted by name, belong to root, and are dated `modified` (epoch seconds). Level 1 packs model
    weights at 60 MB/s, level 9 at a fifth of that for a few percent less. Returns the names left out: links
    that lead out of the folder, sockets and devices.
    """
    left_out: list[str] = []
    root = os.path.realpath(source)
    with (
        destination.open("wb") as raw,
        gzip.GzipFile(
            filename="", mode="wb", fileobj=raw, compresslevel=level, mtime=int(modified)
        ) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in walk(source):
            name = path.relative_to(source).as_posix()
            status = path.lstat()
            member = tarfile.TarInfo(name)
            member.mtime = int(modified)
            member.uname = member.gname = "root"
            if stat.S_ISDIR(status.st_mode):
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            elif stat.S_ISREG(status.st_mode):
                member.size, member.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
                with path.open("rb") as stream:
                    archive.addfile(member, stream)
            elif stat.S_ISLNK(status.st_mode) and inside(os.path.realpath(path), root):
                target = Path(path).readlink()
                if target.is_absolute():
                    left_out.append(name)
                    continue
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, str(target), 0o777
                archive.addfile(member)
            else:
                left_out.append(name)
    return left_out


def walk(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder, folders before what is in them, sorted; links are not followed."""
    for entry in sorted(os.scandir(folder), key=lambda item: item.name):
        path = folder / entry.name
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from walk(path)


def inside(path: str, root: str) -> bool:
    """Tell whether a resolved path is a resolved folder or lies in it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def unpack_tar_gz(stream: BinaryIO, destination: Path, limits: Limits, *, name: str = "the archive") -> None:
    """Unpack a gzipped tar into an existing empty folder; ArchiveError says what is wrong with it.

    Refused: absolute names and names with `..`, links that lead out of the folder, devices and pipes, more
    bytes or members than `limits`. Owners, dates and special mode bits in the archive are ignored. Symbolic
    links are made after all files, so that nothing can be written through one. After an error the folder
    holds a part of the archive and should be deleted.
    """
    try:
        with gzip.GzipFile(fileobj=stream, mode="rb") as plain:
            source = _Forward(cast(IO[bytes], plain), limits.total, name)
            with tarfile.open(fileobj=source, mode="r:") as archive:  # type: ignore[call-overload]
                _extract(archive, destination, limits, name)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(
            f"It is not a whole .tar.gz file: {error}.",
            file=name,
            remedy="Pack the folder again and upload it.",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ArchiveError(f"It cannot be unpacked: {error}.", file=name) from error


def _extract(archive: tarfile.TarFile, destination: Path, limits: Limits, name: str) -> None:
    links: list[tuple[PurePosixPath, str]] = []
    written = 0
    for count, member in enumerate(archive, start=1):
        if count > limits.members:
            raise ArchiveError(f"It has more than {limits.members:,} members.", file=name)
        relative = safe_name(member.name, name)
        if not relative.parts:
            continue  # "./", the folder itself
        _second_opinion(member, destination, name)
        target = destination / relative
        if member.isdir():
            _make_folder(target, destination, name)
        elif member.issym():
            _check_link(relative, member.linkname, name)
            links.append((relative, member.linkname))
        elif member.islnk():
            original = destination / safe_name(member.linkname, name)
            if not stat.S_ISREG(original.lstat().st_mode if original.exists() else 0):
                raise ArchiveError(
                    f"The member '{member.name}' links to '{member.linkname}', which is not there.", file=name
                )
            _make_folder(target.parent, destination, name)
            _clear(target, name)
            os.link(original, target)
        elif member.isreg():
            _make_folder(target.parent, destination, name)
            _clear(target, name)
            content = archive.extractfile(member)
            assert content is not None
            written = _copy(content, target, member.mode, written, limits, name)
        else:
            raise ArchiveError(
                f"The member '{member.name}' is a device or a pipe, which is not unpacked.",
                file=name,
            )
    _make_links(links, destination, name)


def safe_name(text: str, archive: str) -> PurePosixPath:
    """Return a member's name as a relative path that stays in the folder; ArchiveError otherwise."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\0" in text:
        raise ArchiveError(
            f"The member '{text}' would be written outside the folder it is unpacked in.",
            file=archive,
            remedy="Pack the archive again from inside its folder, with relative names.",
        )
    return path


def _check_link(place: PurePosixPath, target: str, archive: str) -> None:
    resolved = os.path.normpath(str(place.parent / target))
    if not target or target.startswith("/") or resolved == ".." or resolved.startswith("../"):
        raise _leads_out(str(place), target, archive)


def _leads_out(place: str, target: str, archive: str) -> ArchiveError:
    return ArchiveError(
        f"The member '{place}' is a link to '{target}', outside the folder it is unpacked in.",
        file=archive,
        remedy="Pack the files themselves instead of links to them.",
    )


def _make_links(links: list[tuple[PurePosixPath, str]], destination: Path, archive: str) -> None:
    """Make the symbolic links, then see where each leads now that all of them are there."""
    root = os.path.realpath(destination)
    for place, target in links:
        path = destination / place
        # A link made before may be one of the parent folders, and may lead anywhere until it is checked.
        parent = path.parent
        _make_folder(parent, destination, archive)
        if not inside(os.path.realpath(parent), root):
            raise _leads_out(str(place), target, archive)
        _clear(path, archive)
        path.symlink_to(target)
        if not inside(os.path.realpath(path), root):
            path.unlink()
            raise _leads_out(str(place), target, archive)
    for place, target in links:
        if not inside(os.path.realpath(destination / place), root):
            raise _leads_out(str(place), target, archive)


def _second_opinion(member: tarfile.TarInfo, destination: Path, archive: str) -> None:
    """Ask Python's own data filter too, where this Python has it (3.11.4 and later)."""
    data_filter: Any = getattr(tarfile, "data_filter", None)
    if data_filter is not None:
        try:
            data_filter(member, str(destination))
        except tarfile.TarError as error:
            raise ArchiveError(
                f"The member '{member.name}' is not safe to unpack: {error}.", file=archive
            ) from error


def _make_folder(folder: Path, root: Path, archive: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        name = folder.relative_to(root)
        raise ArchiveError(f"'{name}' is both a file and a folder in it.", file=archive) from error


def _clear(target: Path, archive: str) -> None:
    """Remove what an earlier member of the same name left: the later one counts."""
    if target.is_dir() and not target.is_symlink():
        raise ArchiveError(f"'{target.name}' is both a file and a folder in it.", file=archive)
    with contextlib.suppress(FileNotFoundError):
        target.unlink()


def _copy(content: IO[bytes], target: Path, mode: int, written: int, limits: Limits, archive: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, 0o755 if mode & 0o100 else 0o644), "wb") as stream:
        while block := content.read(_BLOCK):
            written += len(block)
            if written > limits.total:
                raise _too_large(limits.total, archive)
            stream.write(block)
    return written


def _too_large(limit: int, archive: str) -> ArchiveError:
    return ArchiveError(
        f"It unpacks to more than {limit:,} bytes, the most that is allowed here.", file=archive
    )


class _Forward:
    """A file that tarfile reads front to back, with a limit on bytes in all and on one header.

    tarfile looks for the next header with `seek(offset - 1); read(1)`. After a member whose size is a
    multiple of 512 that is one byte back, and for one byte back gzip begins again from the start of the
    file: the last byte read is kept instead.
    """

    def __init__(self, stream: IO[bytes], limit: int, name: str) -> None:
        self._stream, self._limit, self._name = stream, limit, name
        self._position = 0
        self._last = b""
        self._again = False

    def read(self, size: int) -> bytes:
        if size > _LARGEST_HEADER:
            raise ArchiveError(
                f"It has a header of {size:,} bytes, which no honest archive has.", file=self._name
            )
        if size <= 0:
            return b""
        if self._again:
            self._again = False
            return self._last + self.read(size - 1)
        data = self._stream.read(size)
        self._position += len(data)
        # Headers and padding come on top of the content: 1 KiB a member is allowed for them.
        if self._position > self._limit + (self._limit >> 4) + (64 << 20):
            raise _too_large(self._limit, self._name)
        if data:
            self._last = data[-1:]
        return data

    def tell(self) -> int:
        return self._position - (1 if self._again else 0)

    def seek(self, position: int) -> int:
        if position == self._position - 1 and self._last:
            self._again = True
            return position
        if position < self.tell():
            raise OSError("it can only be read from front to back")
        self._again = False
        while self._position < position:
            if not self.read(min(_BLOCK, position - self._position)):
                break
        return self._position
