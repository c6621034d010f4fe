"""The sandbox's server process: one a home, until told to stop or idle for long enough.

`python -m sagewizard.sandbox.server --folder FOLDER` runs it; the launcher does that. In the folder:
`server.lock` (held for the process's life), `server.json` (address, while it can be reached),
`credentials.json` (made once), `server.log`, `state.db`, `objects/`, `logs/`.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import logging
import math
import os
import resource
import secrets
import signal
import string
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard import __version__
from sagewizard.clock import SystemClock
from sagewizard.sandbox.faults import stored
from sagewizard.sandbox.services import ACCOUNT_ID, BUCKET, REGION, Pace, Services
from sagewizard.target import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagewizard.clock import Clock
    from sagewizard.sandbox.services import Application

IDLE_VARIABLE = "SAGEWIZARD_SANDBOX_IDLE"
IDLE_SECONDS = 7200.0
# What the process ends with when another one has the folder already.
ALREADY_RUNNING = 75
_LOG_BYTES, _LOG_FILES = 2 << 20, 3
_LOG = logging.getLogger("sagewizard.sandbox.server")


class Sandbox:
    """Everything that runs in one server: stores, gateway, SageMaker; usable in a process of one's own, too.

    The folder must belong to no other server: `main` makes sure with a lock.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock | None = None,
        pace: Pace | None = None,
        sagemaker: Callable[[Services], Application | None] | None = None,
    ) -> None:
        from sagewizard.sandbox.gateway.app import Gateway
        from sagewizard.sandbox.gateway.http import HttpServer
        from sagewizard.sandbox.store.database import Database
        from sagewizard.sandbox.store.logs import LogStore
        from sagewizard.sandbox.store.metrics import MetricStore
        from sagewizard.sandbox.store.objects import ObjectStore

        self.clock = clock or SystemClock()
        self._started = self.clock.monotonic()
        self.instance = secrets.token_hex(8)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        database = Database(folder / "state.db")
        objects = ObjectStore(folder / "objects", database, self.clock)
        self._http = HttpServer()
        self._http.prepare()
        self.services = Services(
            folder=folder,
            account_id=ACCOUNT_ID,
            region=REGION,
            credentials=load_credentials(folder),
            endpoint_url=f"http://127.0.0.1:{self._http.port}",
            database=database,
            objects=objects,
            logs=LogStore(folder / "logs", self.clock),
            clock=self.clock,
            pace=pace or Pace.instant(),
            metrics=MetricStore(database, self.clock),
        )
        try:
            self.sagemaker = (sagemaker or _make_sagemaker)(self.services)
        except BaseException:
            self._http.stop()  # Its threads would keep the process alive.
            raise
        self.gateway = Gateway(self.services, self.sagemaker, self.status)
        self._http.wsgi_app = self.gateway
        self._thread = threading.Thread(target=self._http.serve, name="http", daemon=True)

    def start(self) -> None:
        """Bring back what was there, then answer requests."""
        swept = self.services.objects.sweep()
        if swept:
            _LOG.info("removed %d payload files of interrupted uploads", swept)
        self._seed()
        self.services.faults.set(stored.read(self.services.folder))
        self.gateway.moto.start()
        if self.sagemaker is not None:
            self.sagemaker.recover()
        self.gateway.schedules.start()
        self._thread.start()

    def busy(self) -> list[str]:
        """Say in words what must not be cut off."""
        return self.sagemaker.busy() if self.sagemaker is not None else []

    def status(self) -> dict[str, Any]:
        """Describe the server for its status page; times in seconds, memory in bytes."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "instance": self.instance,
            "uptime": round(self.clock.monotonic() - self._started, 3),
            "busy": self.busy(),
            "pace": "instant" if self.services.pace == Pace.instant() else "real",
            **self._summary(),
            "buckets": len(self.services.objects.buckets()),
            "memory": memory_in_use(),
        }

    def close(self) -> None:
        """End everything in order: no new requests, then jobs and endpoints, then the stores."""
        self._http.stop()
        if self._thread.is_alive():
            self._thread.join()
        self.gateway.schedules.close()
        if self.sagemaker is not None:
            self.sagemaker.close()
        if self.gateway.moto.started:
            self.gateway.moto.join()
        self.services.logs.close()
        self.services.metrics.flush()
        self.services.database.close()

    def _seed(self) -> None:
        """Make the default bucket at the first start only, so that whoever deletes it has deleted it."""
        database = self.services.database
        database.script(
            "CREATE TABLE IF NOT EXISTS sandbox_facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
        )
        with database.transaction() as connection:
            if not database.query("SELECT 1 FROM sandbox_facts WHERE name = 'seeded'"):
                if not self.services.objects.bucket_exists(BUCKET):
                    self.services.objects.create_bucket(BUCKET, REGION)
                connection.execute("INSERT INTO sandbox_facts VALUES ('seeded', ?)", (__version__,))

    def _summary(self) -> dict[str, int]:
        summary = getattr(self.sagemaker, "summary", None)
        found: dict[str, int] = summary() if summary is not None else {}
        return found


def _make_sagemaker(services: Services) -> Application | None:
    from sagewizard.sandbox.control.app import SageMakerApplication

    return SageMakerApplication(services)


def load_credentials(folder: Path) -> Credentials:
    """Read the sandbox's key, or make it: random, once a home, in a file that only its owner may read."""
    path = folder / "credentials.json"
    if not path.exists():
        alphabet = string.ascii_uppercase + "234567"
        fields = {
            "access_key": "SWSB" + "".join(secrets.choice(alphabet) for _ in range(16)),
            "secret_key": secrets.token_urlsafe(30),
        }
        write_private(path, json.dumps(fields))
    read = json.loads(path.read_text())
    return Credentials(access_key=read["access_key"], secret_key=read["secret_key"])


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 under a temporary name and rename it into place."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def memory_in_use() -> int:
    """Return the resident memory of this process in bytes; where there is no /proc, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()


class Lease:
    """Decides when a server has been idle for long enough: no request and no job for so many seconds."""

    def __init__(self, sandbox: Sandbox, idle_seconds: float) -> None:
        self._sandbox, self._idle = sandbox, idle_seconds
        self._last_busy = sandbox.clock.monotonic()
        self._told = False

    def expired(self) -> bool:
        """Look at the server now; a job under way keeps it, and that is said once in the log."""
        gateway = self._sandbox.gateway
        now = self._sandbox.clock.monotonic()
        busy = self._sandbox.busy()
        quiet = now - max(gateway.last_request, self._last_busy) if not gateway.active else 0.0
        if busy or gateway.active:
            if busy and now - gateway.last_request >= self._idle and not self._told:
                _LOG.info(
                    "no request for %.0f s, but still busy with %s: not ending", self._idle, ", ".join(busy)
                )
                self._told = True
            self._last_busy = now
            return False
        self._told = False
        return quiet >= self._idle

    def interval(self) -> float:
        """Return how long to wait until the next look: often enough to date the end of a job."""
        return max(0.05, min(15.0, self._idle / 4))


class _Log(RotatingFileHandler):
    """The server's log, which takes the process's stdout and stderr with it when it rotates."""

    def _open(self) -> Any:
        stream = super()._open()
        os.fchmod(stream.fileno(), 0o600)
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
        return stream


def take_lock(path: Path) -> int | None:
    """Lock a folder for this process's life and write its id into the lock; None when another one has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until a signal or idleness ends it; the exit code is 0 then."""
    options = _parse(argv)
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    os.chdir(folder)
    with contextlib.suppress(OSError):
        os.setsid()  # A Ctrl-C in the terminal that started it is not meant for the server.
    lock = take_lock(folder / "server.lock")
    if lock is None:
        sys.stderr.write(f"another server has {folder}\n")
        return ALREADY_RUNNING
    handler = _Log(folder / "server.log", maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(capture=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    _LOG.info("starting, version %s, process %d", __version__, os.getpid())
    sandbox = Sandbox(folder, pace=Pace.real() if options.pace == "real" else Pace.instant())
    address = folder / "server.json"
    try:
        sandbox.start()
        write_private(address, json.dumps(_address(sandbox)))
        if options.ready_fd is not None:
            with contextlib.suppress(OSError):
                os.write(options.ready_fd, b"ready")
                os.close(options.ready_fd)
        _LOG.info("listening on %s", sandbox.services.endpoint_url)
        _wait(sandbox, stop, options.idle)
    finally:
        address.unlink(missing_ok=True)
        sandbox.close()
        _LOG.info("ended")
    return 0


def _wait(sandbox: Sandbox, stop: threading.Event, idle_seconds: float) -> None:
    lease = Lease(sandbox, idle_seconds)
    while not sandbox.clock.wait(stop, lease.interval()):
        if lease.expired():
            _LOG.info("idle for %.0f s: ending", idle_seconds)
            return
    busy = sandbox.busy()
    _LOG.info("told to stop%s", f" while busy with {', '.join(busy)}" if busy else "")


def _address(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "url": sandbox.services.endpoint_url,
        "pid": os.getpid(),
        "version": __version__,
        "instance": sandbox.instance,
        "started": sandbox.clock.now(),
    }


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sagewizard.sandbox.server", description=__doc__)
    parser.add_argument("--folder", type=lambda text: Path(text).absolute(), required=True)
    parser.add_argument("--idle", type=_seconds, default=None, help="end after so many seconds without use")
    parser.add_argument("--pace", choices=("instant", "real"), default="instant")
    parser.add_argument("--ready-fd", type=int, default=None, help="a descriptor to write to once it answers")
    options = parser.parse_args(argv)
    if options.idle is None:
        try:
            options.idle = _seconds(os.environ.get(IDLE_VARIABLE, "") or str(IDLE_SECONDS))
        except ValueError:
            parser.error(f"{IDLE_VARIABLE} is not a number of seconds above 0")
    return options


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(text)
    return value


if __name__ == "__main__":
    sys.exit(main())
