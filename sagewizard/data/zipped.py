"""Reads one member of a zip archive from outside: in memory, under a ceiling, checked against its CRC."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_MEMBERS = 1_000
_ENCRYPTED = 0x1


def read_member(path: Path, name: str, *, ceiling: int) -> bytes:
    """Return a member of an archive by its name; nothing is written to disk.

    `ceiling` is the largest number of bytes it may unpack to. DataError for what is no zip archive, a member
    that is absent, encrypted, damaged or larger, and for an archive of very many members.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MOST_MEMBERS:
                raise _error(path, f"it holds {len(members):,} members; at most {_MOST_MEMBERS:,} are read")
            found = [member for member in members if member.filename == name]
            if len(found) != 1:
                listed = ", ".join(member.filename[:60] for member in members[:8])
                what = "there is no" if not found else "there are several members named"
                raise _error(path, f"{what} {name} in it; it holds {listed or 'nothing'}")
            if found[0].flag_bits & _ENCRYPTED:
                raise _error(path, f"{name} is encrypted")
            # The declared size is only a claim: what counts is where the reading ends.
            if found[0].file_size > ceiling:
                raise _too_large(path, name, ceiling)
            with archive.open(found[0]) as file:
                body = file.read(ceiling + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise _error(path, f"the archive is damaged or no zip: {error}") from error
    except OSError as error:
        raise _error(path, f"it cannot be read: {error.strerror or error}") from error
    if len(body) > ceiling:
        raise _too_large(path, name, ceiling)
    return body


def _too_large(path: Path, name: str, ceiling: int) -> DataError:
    return _error(path, f"{name} unpacks to more than {ceiling:,} bytes")


def _error(path: Path, message: str) -> DataError:
    return DataError(message, file=str(path), remedy="Get the file again, or remove it.")
