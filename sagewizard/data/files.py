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
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        file = temporary.open("xb")
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror}",
            file=str(path),
            remedy="Check that the folder exists and can be written to.",
        ) from error
    try:
        with file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
