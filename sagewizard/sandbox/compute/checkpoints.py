"""Carries a running job's checkpoints to S3, every few seconds, so that they outlive any end of the job."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading
from typing import TYPE_CHECKING

from sagewizard.sandbox.compute.archives import walk
from sagewizard.sandbox.compute.s3data import parse_uri
from sagewizard.sandbox.store.objects import NoSuchBucket

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sagewizard.sandbox.services import Services

LOOK_SECONDS = 2.0
_log = logging.getLogger(__name__)
_State = tuple[int, int, int]  # inode, size, time of the last change in ns


@contextlib.contextmanager
def kept_in_s3(services: Services, folders: Sequence[Path], uri: str | None) -> Iterator[None]:
    """Store what changes below the folders at an S3 URI for as long as the context is open; None: nothing.

    A file goes there once it has been left alone between two looks, so that no half of one is stored. What
    cannot be stored is noted in the server's log: the upload at the job's end says what is wrong.
    """
    if uri is None:
        yield
        return
    done = threading.Event()
    keeper = _Keeper(services, folders, uri)

    def work() -> None:
        while not done.wait(LOOK_SECONDS):
            keeper.look()

    thread = threading.Thread(target=work, name="checkpoints", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class _Keeper:
    def __init__(self, services: Services, folders: Sequence[Path], uri: str) -> None:
        self._services, self._folders = services, folders
        self._bucket, prefix = parse_uri(uri)
        self._prefix = prefix.rstrip("/") + "/" if prefix else ""
        self._stored = self._states()  # what the job found there has come from S3
        self._seen = dict(self._stored)

    def look(self) -> None:
        """Store each file that is new or changed and has not changed since the last look."""
        now = self._states()
        for (folder, path), state in now.items():
            if self._seen.get((folder, path)) == state != self._stored.get((folder, path)):
                try:
                    self._store(path, path.relative_to(folder).as_posix())
                except (OSError, NoSuchBucket) as error:
                    _log.info("checkpoint %s was not stored: %s", path, error)
                    continue
                self._stored[folder, path] = state
        self._seen = now

    def _store(self, path: Path, name: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                self._services.objects.put(self._bucket, self._prefix + name, stream)

    def _states(self) -> dict[tuple[Path, Path], _State]:
        found: dict[tuple[Path, Path], _State] = {}
        for folder in self._folders:
            with contextlib.suppress(OSError):  # the job may delete what is being looked at
                for path in walk(folder):
                    with contextlib.suppress(OSError):
                        about = path.lstat()
                        if stat.S_ISREG(about.st_mode):
                            found[folder, path] = (about.st_ino, about.st_size, about.st_mtime_ns)
        return found
