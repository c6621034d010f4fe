"""The client half of the sandbox: finds its server, starts it when there is none, stops it, empties it.

Imports nothing but the standard library, because every command does this first.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import select
import shutil
import signal
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard import __version__
from sagewizard.errors import SandboxError
from sagewizard.sandbox.services import ACCOUNT_ID, BUCKET, REGION, ROLE_ARN
from sagewizard.target import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewizard.settings import Settings

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.01
_STATUS_SECONDS = 10.0
_STATUS_PATH = "/_sagewizard/status"
_FAULTS_PATH = "/_sagewizard/faults"
_KEY_HEADER = "X-Sagewizard-Key"
_TAIL_LINES = 15
# The person's AWS account, moto's switches, and the hook of a program that is itself below `sandbox exec`.
_NOT_FOR_THE_SERVER = ("AWS_", "MOTO_", "SAGEWIZARD_EXEC_")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the sandbox answers and as whom to ask."""

    url: str
    credentials: Credentials
    region: str = REGION
    account_id: str = ACCOUNT_ID
    role_arn: str = ROLE_ARN
    bucket: str = BUCKET

    @property
    def endpoint_url(self) -> str:
        """The URL under the name boto3 gives it."""
        return self.url


def ensure(
    settings: Settings, *, timeout: float = START_SECONDS, idle: float | None = None, pace: str = "instant"
) -> Address:
    """Return the address of this home's server, starting it when it does not run.

    Several callers at the same time start one server and all get its address. `idle` and `pace` only
    count for a server that is started by this call. A server of another version of the package is
    replaced when nothing runs in it. Raises SandboxError, with the end of the server's log, when it does
    not come up within `timeout` seconds.
    """
    found = _running(settings)
    if found is not None and found[1].get("version") == __version__:
        return found[0]
    deadline = time.monotonic() + timeout
    with _launch_lock(settings, deadline):
        found = _running(settings)
        if found is not None:
            address, fields = found
            if fields.get("version") == __version__:
                return address
            _replace(settings, fields, deadline)
        elif _locked(settings):
            # Started or ended by something else than a launcher: wait for it to be the one or the other.
            waited = _wait_for_other(settings, deadline)
            if waited is not None:
                return waited
        _start(settings, deadline, timeout, idle, pace)
        found = _running(settings)
        if found is None:
            raise _not_started(settings, "The sandbox's server started and does not answer")
        return found[0]


def status(settings: Settings) -> dict[str, Any] | None:
    """Return what the server says of itself (version, pid, uptime, busy, memory ...); None when none runs."""
    found = _running(settings)
    return {**found[1], "url": found[0].url} if found is not None else None


def set_faults(settings: Settings, plan: bytes | None) -> None:
    """Let the running server follow a plan of faults (YAML), or none.

    Raises SandboxError when no server runs or it refuses the plan.
    """
    found = _running(settings)
    if found is None:
        raise SandboxError("The sandbox is not running.", remedy="Start it with `sagewizard sandbox start`.")
    address = found[0]
    host = address.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=_STATUS_SECONDS)
    try:
        method = "DELETE" if plan is None else "PUT"
        connection.request(method, _FAULTS_PATH, plan, {_KEY_HEADER: address.credentials.access_key})
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise SandboxError(
            f"The sandbox did not take the plan of faults: {error}.", remedy="Try again."
        ) from error
    finally:
        connection.close()
    if response.status != 204:
        raise SandboxError(f"The sandbox refuses the plan of faults: {text}", remedy="Check the file.")


def stop(settings: Settings, *, force: bool = False, timeout: float = STOP_SECONDS) -> bool:
    """Stop the server and wait until it is gone; False when none ran.

    Raises SandboxError when jobs run in it and `force` is not given. A server that has not ended within
    `timeout` seconds is killed: what it acknowledged is on disk.
    """
    with _launch_lock(settings, time.monotonic() + timeout):
        return _stop(settings, force=force, timeout=timeout)


def reset(settings: Settings, *, timeout: float = STOP_SECONDS) -> bool:
    """Stop the server, whatever runs in it, and delete all the sandbox keeps; False when it was empty."""
    folder = settings.sandbox
    with _launch_lock(settings, time.monotonic() + timeout):
        _stop(settings, force=True, timeout=timeout)
        for leftover in folder.parent.glob(f".{folder.name}-deleted-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if not folder.exists():
            return False
        # Renamed first: whoever looks sees the whole sandbox or none.
        doomed = folder.with_name(f".{folder.name}-deleted-{os.getpid()}")
        folder.rename(doomed)
        shutil.rmtree(doomed)
    return True


def _running(settings: Settings) -> tuple[Address, dict[str, Any]] | None:
    """Ask the server that the address file names for its status; None when it is not this home's server."""
    folder = settings.sandbox
    try:
        written = json.loads((folder / "server.json").read_text())
        keys = json.loads((folder / "credentials.json").read_text())
        credentials = Credentials(keys["access_key"], keys["secret_key"])
        url, instance = str(written["url"]), written["instance"]
        fields = _ask(url, credentials)
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return None
    # After a crash the port may be another program's, and the pid another process.
    if fields.get("instance") != instance:
        return None
    return Address(url, credentials), fields


def _ask(url: str, credentials: Credentials) -> dict[str, Any]:
    host, _, port = url.removeprefix("http://").partition(":")
    if host != "127.0.0.1":
        raise ValueError(url)
    connection = http.client.HTTPConnection(host, int(port), timeout=_STATUS_SECONDS)
    try:
        connection.request("GET", _STATUS_PATH, headers={_KEY_HEADER: credentials.access_key})
        response = connection.getresponse()
        body = response.read(1 << 20)
    finally:
        connection.close()
    if response.status != 200:
        raise ValueError(f"status {response.status}")
    fields = json.loads(body)
    if not isinstance(fields, dict):
        raise TypeError(body[:100])
    return fields


def _start(settings: Settings, deadline: float, timeout: float, idle: float | None, pace: str) -> None:
    """Start the server in a session of its own and wait until it says that it answers, or ends."""
    folder = settings.sandbox
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = os.open(folder / "server.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise SandboxError(
            f"The sandbox cannot keep its files in {folder}: {error.strerror}",
            remedy="Set SAGEWIZARD_HOME to a folder you can write to.",
        ) from error
    ready, other = os.pipe()
    arguments = [sys.executable, "-P", "-m", "sagewizard.sandbox.server", "--folder", str(folder)]
    arguments += ["--pace", pace, "--ready-fd", "3"]
    if idle is not None:
        arguments += ["--idle", str(idle)]
    try:
        child = os.posix_spawn(
            sys.executable,
            arguments,
            _environment(),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
                *_as_descriptor_3(other),
            ],
        )
        os.close(other)
        other = -1
        waiting, _, _ = select.select([ready], [], [], max(0.0, deadline - time.monotonic()))
        if waiting and os.read(ready, 16):
            return
        if not waiting:
            _end(child, signal.SIGKILL)
            _wait_until_gone(settings, time.monotonic() + STOP_SECONDS, child)
            raise _not_started(settings, f"The sandbox's server did not come up within {timeout:.0f} s")
        _reap(child, block=True)
        raise _not_started(settings, "The sandbox's server ended while it was starting")
    finally:
        for descriptor in (log, ready, other):
            if descriptor >= 0:
                os.close(descriptor)


def _as_descriptor_3(descriptor: int) -> list[tuple[int, int, int]]:
    # dup2 onto itself keeps close-on-exec on some systems, so a pipe that is 3 already is moved away first.
    if descriptor == 3:
        return [(os.POSIX_SPAWN_DUP2, 3, 9), (os.POSIX_SPAWN_DUP2, 9, 3)]
    return [(os.POSIX_SPAWN_DUP2, descriptor, 3)]


def _environment() -> dict[str, str]:
    """Copy the environment without what belongs to the person's own AWS account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_THE_SERVER)}
    # Warnings of the libraries in it are for its log, whatever this command makes of its own.
    kept.pop("PYTHONWARNINGS", None)
    # 32 threads with an allocation arena each would keep 60 MB of freed buffers more than two arenas do.
    kept.setdefault("MALLOC_ARENA_MAX", "2")
    package = Path(__file__).resolve().parents[2]
    if str(package) not in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        # A checkout that is not installed: -P keeps the working folder out of the path, so name it.
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(package), kept.get("PYTHONPATH", "")]))
    return kept


def _replace(settings: Settings, fields: dict[str, Any], deadline: float) -> None:
    """Stop a server of another version, unless something runs in it."""
    busy = fields.get("busy") or []
    if busy:
        raise SandboxError(
            f"A sandbox of version {fields.get('version')} is running and busy with {', '.join(busy)}; "
            f"this is version {__version__}",
            remedy="Wait until it is done, or run `sagewizard sandbox stop --force`.",
        )
    _stop(settings, force=False, timeout=max(1.0, deadline - time.monotonic()))


def _stop(settings: Settings, *, force: bool, timeout: float) -> bool:
    if not _locked(settings):
        return False
    found = _running(settings)
    busy = found[1].get("busy") if found is not None else None
    if busy and not force:
        raise SandboxError(
            f"The sandbox is busy with {', '.join(busy)}",
            remedy="Wait until it is done, or use --force: what is running then fails.",
        )
    # Whoever holds the lock wrote its process id into it, so this is no other process's.
    holder = _holder(settings)
    if holder is not None:
        _end(holder, signal.SIGTERM)
    if not _wait_until_gone(settings, time.monotonic() + timeout, holder):
        if holder is not None:
            _end(holder, signal.SIGKILL)
        if not _wait_until_gone(settings, time.monotonic() + STOP_SECONDS, holder):
            raise SandboxError(
                f"The sandbox's server (process {holder}) does not end",
                remedy=f"Look into {settings.sandbox / 'server.log'} and end the process yourself.",
            )
    (settings.sandbox / "server.json").unlink(missing_ok=True)
    return True


def _wait_for_other(settings: Settings, deadline: float) -> Address | None:
    while _locked(settings):
        found = _running(settings)
        if found is not None and found[1].get("version") == __version__:
            return found[0]
        if time.monotonic() > deadline:
            raise _not_started(settings, "A server that has this sandbox does not answer")
        time.sleep(_LOOK_SECONDS)
    return None


def _wait_until_gone(settings: Settings, deadline: float, pid: int | None) -> bool:
    while _locked(settings):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    if pid is not None:
        _reap(pid, block=False)
    return True


def _locked(settings: Settings) -> bool:
    """Tell whether a server process lives, by its lock: it goes with the process, however that ends."""
    try:
        descriptor = os.open(settings.sandbox / "server.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _holder(settings: Settings) -> int | None:
    try:
        return int((settings.sandbox / "server.lock").read_text())
    except (OSError, ValueError):
        return None


def _end(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _reap(pid: int, *, block: bool) -> None:
    """Collect the exit status, when the process is a child of this one."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0 if block else os.WNOHANG)


@contextlib.contextmanager
def _launch_lock(settings: Settings, deadline: float) -> Iterator[None]:
    """Let one launcher at a time start, stop or empty the sandbox; `reset` does not delete this lock."""
    path = settings.home / "sandbox.lock"
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SandboxError(
            f"The sandbox cannot keep its files in {settings.home}: {error.strerror}",
            remedy="Set SAGEWIZARD_HOME to a folder you can write to.",
        ) from error
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SandboxError(
                        "Another command is starting or stopping the sandbox and does not get done",
                        remedy="Look for a hanging sagewizard command, end it, and try again.",
                    ) from None
                time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _not_started(settings: Settings, message: str) -> SandboxError:
    log = settings.sandbox / "server.log"
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - (16 << 10)))
            tail = file.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    except OSError:
        tail = []
    said = "\n".join(f"    {line}" for line in tail)
    return SandboxError(
        f"{message}. The end of its log:\n{said}" if said else f"{message}; its log is empty",
        remedy=f"The whole log is {log}. `sagewizard sandbox reset` starts over with an empty sandbox.",
    )
