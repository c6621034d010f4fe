"""Object payloads as immutable files on disk: staged in blocks, moved into place, copied without memory."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

BLOCK = 256 << 10
_COPY_BLOCK = 64 << 20
_CANNOT_COPY_IN_KERNEL = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}


class Readable(Protocol):
    """A binary stream, as far as a payload needs one."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Staged:
    """A payload that is complete on disk and that no index names yet; `md5` is in hexadecimal."""

    name: str
    path: Path
    size: int
    md5: str

    def discard(self) -> None:
        """Remove the file again, because nothing is going to name it."""
        self.path.unlink(missing_ok=True)


class PayloadFolder:
    """A folder of payload files with random names, so that no name from outside ever reaches the file system.

    A payload is written under `incoming/` and renamed to `payloads/xx/` when it is whole. It is never
    written again (mode 0400), so it can be handed out as a hard link.
    """

    def __init__(self, folder: Path) -> None:
        self._incoming = folder / "incoming"
        self._payloads = folder / "payloads"
        for path in (self._incoming, self._payloads):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, name: str) -> Path:
        """Where the payload of that name lies."""
        return self._payloads / name[:2] / name

    def stage(self, source: bytes | Readable) -> Staged:
        """Write a payload from bytes or a binary stream, 256 KiB at a time, with its MD5 on the way."""
        stream: Readable = BytesIO(source) if isinstance(source, bytes) else source
        name, temporary = self._new()
        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        try:
            with temporary.open("wb", buffering=0) as file:
                while block := stream.read(BLOCK):
                    digest.update(block)
                    _write_all(file.fileno(), block)
                    size += len(block)
            return self._settle(name, temporary, size, digest.hexdigest())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def stage_file(self, path: Path) -> Staged:
        """Move a regular file in (copy it from another file system); the source is gone afterwards."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            digest = hashlib.file_digest(file, _md5)
            size = os.fstat(file.fileno()).st_size
        name, temporary = self._new()
        try:
            try:
                path.rename(temporary)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copyfile(path, temporary)
                path.unlink()
            return self._settle(name, temporary, size, digest.hexdigest())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def concatenate(self, sources: Iterable[Path], md5: str) -> Staged:
        """Join payloads into a new one, in the kernel where it can; `md5` is recorded as it is given."""
        name, temporary = self._new()
        try:
            with temporary.open("wb", buffering=0) as target:
                size = 0
                for path in sources:
                    with path.open("rb", buffering=0) as source:
                        size += _append(source, target)
            return self._settle(name, temporary, size, md5)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def duplicate(self, path: Path, size: int, md5: str) -> Staged:
        """Give a payload a second name: a hard link, for no payload ever changes."""
        name, temporary = self._new()
        target = self._place(name)
        try:
            os.link(path, target)
        except OSError as error:
            if error.errno not in {errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP}:
                raise
            shutil.copyfile(path, temporary)
            return self._settle(name, temporary, size, md5)
        return Staged(name=name, path=target, size=size, md5=md5)

    def copy_range(self, path: Path, start: int, end: int) -> Staged:
        """Copy bytes `start` to `end` (excluded) of a file to a payload of its own."""
        with path.open("rb") as file:
            file.seek(start)
            return self.stage(_Limited(file, end - start))

    def unlink(self, names: Iterable[str]) -> None:
        """Remove payloads that no index names any more; who has one open reads it to its end."""
        for name in names:
            self.path(name).unlink(missing_ok=True)

    def sweep(self, known: Container[str]) -> int:
        """Remove what an interrupted write left: all of `incoming/` and each payload not in `known`."""
        removed = 0
        for path in self._incoming.iterdir():
            path.unlink(missing_ok=True)
            removed += 1
        for folder in self._payloads.iterdir():
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name not in known:
                        Path(entry.path).unlink(missing_ok=True)
                        removed += 1
        return removed

    def _new(self) -> tuple[str, Path]:
        name = secrets.token_hex(16)
        return name, self._incoming / name

    def _place(self, name: str) -> Path:
        path = self.path(name)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        return path

    def _settle(self, name: str, temporary: Path, size: int, md5: str) -> Staged:
        temporary.chmod(0o400)
        path = self._place(name)
        temporary.replace(path)
        return Staged(name=name, path=path, size=size, md5=md5)


class _Limited:
    """At most so many bytes of a stream."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int, /) -> bytes:
        block = self._stream.read(min(size, self._left))
        self._left -= len(block)
        return block


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _append(source: BinaryIO, target: BinaryIO) -> int:
    """Append a whole file to another with copy_file_range (Linux), else in blocks; returns the bytes."""
    copied = 0
    copy_file_range = getattr(os, "copy_file_range", None)
    if copy_file_range is not None:
        try:
            while count := copy_file_range(source.fileno(), target.fileno(), _COPY_BLOCK):
                copied += count
        except OSError as error:
            if copied or error.errno not in _CANNOT_COPY_IN_KERNEL:
                raise
        else:
            if copied == os.fstat(source.fileno()).st_size:
                return copied
    source.seek(copied)
    while block := source.read(BLOCK):
        _write_all(target.fileno(), block)
        copied += len(block)
    return copied
