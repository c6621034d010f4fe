"""Reading a file that may be gzipped, with a ceiling on what it unpacks to."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CEILING = 1 << 30
"""Bytes a file may unpack to unless said otherwise; MNIST unpacks to 222 MB."""


class BoundedReader:
    """Reads exact numbers of bytes and knows where it is; every failure is a DataError with the offset."""

    def __init__(self, file: BinaryIO, name: str, ceiling: int = CEILING) -> None:
        self.file, self.name, self.ceiling = file, name, ceiling
        self.offset = 0

    def error(self, message: str, remedy: str = "Get the file again; it is damaged.") -> DataError:
        """Return an error at the place reached."""
        return DataError(message, file=self.name, offset=self.offset, remedy=remedy)

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        data = self.upto(count)
        if len(data) < count:
            raise self.error(f"the file ends here, {count - len(data)} bytes too early")
        return data

    def upto(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer at the end of the file."""
        if self.offset + count > self.ceiling:
            raise self.error(
                f"{count} bytes more would be over the ceiling of {self.ceiling >> 20} MiB",
                "Check that this is the right file; nothing of this size was expected.",
            )
        try:
            data = self.file.read(count)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self.error(f"the gzip data is damaged: {error}") from error
        except OSError as error:
            raise self.error(f"cannot be read: {error.strerror or error}", "Check the disk.") from error
        self.offset += len(data)
        return data

    def line(self, longest: int = 256) -> str:
        """Return the text up to the next newline, which is read and not returned."""
        out = bytearray()
        while (byte := self.read(1)) != b"\n":
            out += byte
            if len(out) > longest:
                raise self.error("a name is too long")
        return out.decode("latin1")


@contextlib.contextmanager
def open_bounded(path: Path, ceiling: int = CEILING) -> Iterator[BoundedReader]:
    """Open a file for reading, through gzip when it starts as gzip does, whatever it is called."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", file=str(path), remedy="Check the path."
        ) from error
    with file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield BoundedReader(cast(BinaryIO, unpacked), str(path), ceiling)
        else:
            yield BoundedReader(file, str(path), ceiling)
