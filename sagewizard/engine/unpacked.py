"""Owns the folder that a recorded run is unpacked to: it lasts as long as the process that made it.

A process that is killed cannot take its folder away. So each holds a lock in its folder, which ends with the
process however that ends, and whoever unpacks next clears the folders whose lock is free.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "sagewizard-replay-"
LOCK = "in-use"
OLD_SECONDS = 3600.0
"""A folder without a lock is one that is being made, or one whose maker was killed while making it."""


class Unpacked:
    """A new folder under the system's temporary one; `close` takes it away."""

    def __init__(self) -> None:
        clear(Path(tempfile.gettempdir()))
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        # Under its own name only when it is held: a free lock would be taken for that of a killed process.
        begun = self.path / f"{LOCK}.new"
        self._lock = begun.open("wb")
        with suppress(OSError):  # a file system without locks: then nobody can take it either
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        begun.rename(self.path / LOCK)

    def close(self) -> None:
        """Take the folder away."""
        self._folder.cleanup()
        self._lock.close()


def clear(folder: Path) -> None:
    """Take away the folders in `folder` that killed processes of this person have left."""
    for left in folder.glob(f"{PREFIX}*"):
        try:
            found = left.lstat()
            if (
                stat.S_ISDIR(found.st_mode)
                and found.st_uid == os.getuid()
                and _abandoned(left, found.st_mtime)
            ):
                shutil.rmtree(left, ignore_errors=True)
        except OSError:  # somebody else was quicker
            continue


def _abandoned(folder: Path, changed: float) -> bool:
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return time.time() - changed > OLD_SECONDS
    except BlockingIOError:
        return False
    return True
