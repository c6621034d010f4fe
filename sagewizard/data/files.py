"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, BinaryIO

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a binary file that takes the place of `path` when the block ends well, and vanishes when not.

    It is written under a temporary name in the same folder. DataError when that cannot be done.
    """
    with temporary(path) as (file, written):
        yield file
        file.close()
        written.replace(path)


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Give a new binary file beside `path` and its name; at the end it is removed unless moved away."""
    written = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        file = written.open("xb")
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror}",
            file=str(path),
            remedy="Check that the folder exists and can be written to.",
        ) from error
    try:
        with file:
            yield file, written
    finally:
        written.unlink(missing_ok=True)
