"""Finds a dataset's file: the local cache, the folder SAGEWIZARD_DATA names, then public addresses, in order.

A place that cannot be reached is passed over and remembered; a file that is there and is not what its name
says is an error. A download is written under a temporary name, checked, and only then gets its own. In the
cache a file carries its SHA-256 in its name, so that damage is seen and the entry replaced.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar

from sagewizard.clock import Clock, SystemClock
from sagewizard.data.files import temporary
from sagewizard.errors import CancelledError, DataError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from sagewizard.settings import Settings

T = TypeVar("T")

_CHUNK = 1 << 16
_SILENCE = 15.0
"""Seconds without a byte after which an address counts as unreachable."""
_LONGEST = 1800.0
"""Seconds a download may take in all."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is: bytes so far, bytes in all (None when the server does not say)."""

    label: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Address:
    """A public place: what to call it, and its URL."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a dataset: folder and name under cache and data folder, known SHA-256 digests, addresses.

    `ceiling` is the largest size in bytes that is accepted, `contents` says in words what its check looks at,
    and `instead` what to do when the file cannot be had.
    """

    folder: str
    name: str
    digests: frozenset[str]
    addresses: tuple[Address, ...]
    ceiling: int
    contents: str
    instead: str


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What was read, the file it is in, where that came from, and what was checked."""

    value: T
    path: Path
    source: str
    verified: str


class _UnreachableError(Exception):
    """A place could not be reached; the text says why."""


def fetch(
    file: SourceFile,
    read: Callable[[Path], T],
    *,
    settings: Settings,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock | None = None,
) -> Found[T]:
    """Find the file, downloading it when need be, and read it with `read`, which checks its contents.

    DataError lists every place tried when none has it, and names the file or URL that is not what it should
    be. CancelledError when `cancel` is set; then nothing is left behind.
    """
    found, damaged, tried = _from_cache(file, read, settings)
    if found is not None:
        return found
    if settings.data is None:
        tried.append("SAGEWIZARD_DATA: not set")
    elif (path := settings.data / file.folder / file.name).is_file():
        found = _local(file, read, path)
    else:
        tried.append(f"SAGEWIZARD_DATA: there is no {path}")
    for address in file.addresses:
        if found is not None:
            break
        try:
            found = _download(file, read, address, settings, on_progress, cancel, clock or SystemClock())
        except _UnreachableError as error:
            tried.append(f"{address.label}, {address.url}: {error}")
    if found is None:
        raise DataError(
            f"{file.name} could not be had from any of these places:\n"
            + "\n".join(f"  - {t}" for t in tried),
            remedy=file.instead,
        )
    for path in damaged:
        if path != found.path:
            path.unlink(missing_ok=True)
    return found


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(file: SourceFile, digest: str) -> str:
    if digest in file.digests:
        return "its SHA-256 is the known one"
    return f"{file.contents}; its SHA-256 is not one we know"


def _from_cache(
    file: SourceFile, read: Callable[[Path], T], settings: Settings
) -> tuple[Found[T] | None, list[Path], list[str]]:
    """Look into the cache: what was found, damaged entries, and words on why there is nothing."""
    damaged: list[Path] = []
    pattern = re.compile(r"([0-9a-f]{64})\." + re.escape(file.name))
    folder = settings.cache / file.folder
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if match := pattern.fullmatch(path.name):
            try:
                if (digest := sha256(path)) == match[1]:
                    source = f"the local cache, {path}"
                    return Found(read(path), path, source, _verified(file, digest)), damaged, []
            except (OSError, DataError):
                pass
            damaged.append(path)
    tried = [f"the local cache: {path} is damaged" for path in damaged]
    return None, damaged, tried or [f"the local cache: nothing in {folder}"]


def _local(file: SourceFile, read: Callable[[Path], T], path: Path) -> Found[T]:
    try:
        digest = sha256(path)
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", file=str(path), remedy="Check the file."
        ) from error
    return Found(read(path), path, f"the folder SAGEWIZARD_DATA names, {path}", _verified(file, digest))


def _download(
    file: SourceFile,
    read: Callable[[Path], T],
    address: Address,
    settings: Settings,
    on_progress: Callable[[Progress], None] | None,
    cancel: threading.Event | None,
    clock: Clock,
) -> Found[T]:
    folder = settings.cache / file.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot be made: {error.strerror}", file=str(folder), remedy="Choose another SAGEWIZARD_HOME."
        ) from error
    with temporary(folder / file.name) as (target, written):
        digest = _receive(file, address, target, on_progress, cancel, clock)
        target.close()
        try:
            value = read(written)
        except DataError as error:
            place = f", byte {error.offset}" if error.offset is not None else ""
            raise DataError(
                f"what was downloaded is not {file.name}: {error.message}{place}",
                file=address.url,
                remedy=f"Something else answers at this address. {file.instead}",
            ) from error
        path = folder / f"{digest}.{file.name}"
        written.replace(path)
    return Found(value, path, f"{address.label}, {address.url}", _verified(file, digest))


def _receive(
    file: SourceFile,
    address: Address,
    target: BinaryIO,
    on_progress: Callable[[Progress], None] | None,
    cancel: threading.Event | None,
    clock: Clock,
) -> str:
    """Copy the answer of an address into `target` and return its SHA-256."""
    digest = hashlib.sha256()
    done = 0
    started = clock.monotonic()
    with _open(address.url) as answer:
        total = _declared(answer)
        if total is not None and total > file.ceiling:
            raise _too_large(file, address, total)
        if on_progress:
            on_progress(Progress(address.label, 0, total))
        while True:
            if cancel is not None and cancel.is_set():
                raise CancelledError(f"The download of {file.name} was stopped; nothing was kept.")
            try:
                chunk = answer.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _UnreachableError(f"it broke off after {done:,} bytes: {_reason(error)}") from error
            if not chunk:
                break
            done += len(chunk)
            if done > file.ceiling:
                raise _too_large(file, address, done)
            if clock.monotonic() - started > _LONGEST:
                raise _UnreachableError(f"too slow: {done:,} bytes in {_LONGEST:.0f} s")
            digest.update(chunk)
            try:
                target.write(chunk)
            except OSError as error:
                raise DataError(
                    f"the download cannot be written: {error.strerror}",
                    file=str(target.name),
                    remedy="Make room on the disk, or choose another SAGEWIZARD_HOME.",
                ) from error
            if on_progress:
                on_progress(Progress(address.label, done, total))
    if total is not None and done != total:
        raise _UnreachableError(f"it broke off after {done:,} of {total:,} bytes")
    return digest.hexdigest()


def _too_large(file: SourceFile, address: Address, size: int) -> DataError:
    return DataError(
        f"what is offered is not {file.name}: {size:,} bytes, over the ceiling of {file.ceiling:,}",
        file=address.url,
        remedy=file.instead,
    )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to something else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError("it redirects to an address that is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "sagewizard"})  # noqa: S310 - see below
    if request.type not in ("http", "https"):
        raise _UnreachableError(f"{request.type} is not a way to download")
    opener = urllib.request.build_opener(_Redirects)
    try:
        return opener.open(request, timeout=_SILENCE)
    except (OSError, http.client.HTTPException) as error:
        raise _UnreachableError(_reason(error)) from error


def _declared(answer: Any) -> int | None:
    text = answer.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        return _reason(error.reason)
    if isinstance(error, TimeoutError):
        return f"no answer in {_SILENCE:.0f} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
