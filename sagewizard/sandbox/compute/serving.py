"""Owns one serving container: its model folder, its process, its health, and the way of a request to it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.filetree import account_environment, remove_tree
from sagewizard.sandbox.compute.joblog import JobLog
from sagewizard.sandbox.compute.launcher import SOCKET_PREFIX, SOCKETS_LINK, LaunchError
from sagewizard.sandbox.compute.modeldata import fetch_model, single_container
from sagewizard.sandbox.compute.unixhttp import NoAnswer, Pool, Reply, TimedOut
from sagewizard.sandbox.containers.registry import with_script
from sagewizard.sandbox.containers.script.packages import INSTALLING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.sandbox.compute.launcher import Child, ProcessLauncher
    from sagewizard.sandbox.compute.training import Container
    from sagewizard.sandbox.services import Services
    from sagewizard.sandbox.store.logs import LogWriter

    Measured = Callable[[Callable[[], int | None], Path], contextlib.AbstractContextManager[None]]

ENDPOINT_LOG_GROUP = "/aws/sagemaker/Endpoints/"
INVOCATION_SECONDS = 60.0
TIMEOUT_MESSAGE = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency"
    " metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
START_SECONDS = 60.0  # a container here has nothing to pull; the service allows 8 minutes
LONGEST_START = 480.0  # while it installs what its requirements.txt asks for, a container has those 8 minutes
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 30.0
_STARTS = 3  # how often a container may end before it has ever answered
_SOCKET_LIMIT = 100  # bytes of a path in sockaddr_un: 108 on Linux, 104 on macOS
_log = logging.getLogger(__name__)

__all__ = ["InvocationFailed", "InvocationTimeout", "ModelServer", "Reply", "instance_id"]


class InvocationTimeout(Exception):  # noqa: N818 - a state that callers tell apart
    """The container did not answer in time; the text is the service's own. The original status is 0."""


class InvocationFailed(Exception):  # noqa: N818
    """The container could not answer; `status` is 503 while it is being restarted, 500 when it broke off."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def instance_id(*parts: str) -> str:
    """Make an instance id as EC2's look, `i-` and 17 hex digits, the same for the same parts."""
    return "i-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:17]


class ModelServer:
    """One serving process of one variant, or of one transform job; thread-safe.

    `model` is a CreateModel request with one container. `label` names it in messages (a variant's name),
    `writer` is its log stream, which `stop` closes; `measured` opens what sends how busy it is, which
    `stop` closes too. `environment` goes over the model's own. When the process ends by itself it is started
    again after 0.5 s, doubled each time up to 30 s.
    """

    def __init__(
        self,
        model: Mapping[str, Any],
        *,
        services: Services,
        launcher: ProcessLauncher,
        label: str,
        writer: LogWriter,
        environment: Mapping[str, str] | None = None,
        start_seconds: float = START_SECONDS,
        invocation_seconds: float = INVOCATION_SECONDS,
        resolve: Callable[[str], Container] | None = None,
        measured: Measured | None = None,
    ) -> None:
        self._measured, self._measuring = measured, contextlib.ExitStack()
        self.model, self.services, self.launcher, self.label = model, services, launcher, label
        self.environment = dict(environment or {})
        self.start_seconds, self.invocation_seconds = start_seconds, invocation_seconds
        self._resolve = resolve
        self._writer = writer
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._child: Child | None = None
        self._pool: Pool | None = None
        self._folder: Path | None = None
        self._sockets: Path | None = None
        self._starts = 0
        self.ping_failed = False  # whether the last start failed because /ping was never answered
        self._entry = ""
        self._base_env: dict[str, str] = {}
        self._log: JobLog | None = None
        self._supervisor: threading.Thread | None = None

    @classmethod
    def of_endpoint(
        cls,
        model: Mapping[str, Any],
        *,
        services: Services,
        launcher: ProcessLauncher,
        endpoint: str,
        variant: str,
        container: str | None = None,
        start_seconds: float = START_SECONDS,
        resolve: Callable[[str], Container] | None = None,
        measured: Measured | None = None,
    ) -> ModelServer:
        """Make the server of an endpoint's variant, with its stream `<variant>/<instance id>`.

        Of a pipeline it is the server of one container, whose name ends the stream's.
        """
        identity = instance_id(endpoint, variant, repr(services.clock.now()))
        stream = f"{variant}/{identity}" + (f"/{container}" if container else "")
        writer = services.logs.writer(ENDPOINT_LOG_GROUP + endpoint, stream)
        return cls(
            model,
            services=services,
            launcher=launcher,
            label=variant,
            writer=writer,
            start_seconds=start_seconds,
            resolve=resolve,
            measured=measured,
        )

    @property
    def alive(self) -> bool:
        """Whether the process runs and has answered /ping."""
        return self._pool is not None

    @property
    def pid(self) -> int | None:
        """Pid of the serving process, None when there is none."""
        child = self._child
        return child.running() if child is not None else None

    def start(self, cancel: threading.Event) -> str | None:
        """Start, and wait until /ping answers 200; None, or the failure reason as SageMaker words it.

        After a failure, or when `cancel` was set, nothing runs and nothing is left on disk. The wait ends
        after `start_seconds` by the clock, or when the process has ended three times.
        """
        try:
            reason = self._start(cancel)
        except Exception as error:
            _log.exception("model server %s", self.label)
            reason = f"The model server could not be started: {error}"
        if reason is not None:
            self.stop()
            return reason
        if self._measured is not None and self._folder is not None:
            self._measuring.enter_context(self._measured(lambda: self.pid, self._folder))
        self._supervisor = threading.Thread(target=self._supervise, name=f"serving-{self.label}", daemon=True)
        self._supervisor.start()
        return None

    def ping(self) -> bool:
        """Ask the container for its health; False when it does not answer 200 within two seconds."""
        pool = self._pool
        if pool is None:
            return False
        try:
            return pool.request("GET", "/ping", timeout=2.0).status == 200
        except NoAnswer:
            return False

    def execution_parameters(self) -> bytes | None:
        """Return the body of GET /execution-parameters, None when the container has none."""
        pool = self._pool
        if pool is None:
            return None
        try:
            reply = pool.request("GET", "/execution-parameters", timeout=2.0)
        except NoAnswer:
            return None
        return reply.body if reply.status == 200 else None

    def invoke(self, body: bytes, headers: Mapping[str, str], *, timeout: float | None = None) -> Reply:
        """POST /invocations; raises InvocationTimeout, or InvocationFailed when no reply can be had.

        While the process is being restarted the answer is an immediate InvocationFailed with status 503.
        """
        pool = self._pool
        if pool is None:
            raise InvocationFailed(
                f"The model server of {self.label} has ended and is being restarted. Try again in a moment.",
                503,
            )
        try:
            return pool.request(
                "POST",
                "/invocations",
                body,
                headers,
                timeout=self.invocation_seconds if timeout is None else timeout,
            )
        except TimedOut as error:
            raise InvocationTimeout(TIMEOUT_MESSAGE) from error
        except NoAnswer as error:
            raise InvocationFailed(f"The model server of {self.label} broke off: {error}.", 500) from error

    def stop(self, grace: float = 5.0) -> None:
        """End the process, delete its folders, close its log stream; may be called twice."""
        self._stopping.set()
        self._measuring.close()
        with self._lock:
            child, self._child = self._child, None
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
        if child is not None:
            child.terminate(grace)
        supervisor = self._supervisor
        if supervisor is not None and supervisor is not threading.current_thread():
            supervisor.join(30.0)
        with self._lock:
            folders = [folder for folder in (self._folder, self._sockets) if folder is not None]
            self._folder = self._sockets = None
        for folder in folders:
            remove_tree(folder)
        self._writer.close()

    # The start

    def _start(self, cancel: threading.Event) -> str | None:
        container = single_container(self.model)
        if isinstance(container, str):
            return container
        try:
            resolve = self._resolve or _registry()
            found = with_script(resolve(str(container["Image"])), container.get("Environment") or {})
            self._entry = found.serve
        except LookupError as error:
            return str(error.args[0] if error.args else error)
        self._folder = Path(tempfile.mkdtemp(prefix="model-", dir=self.launcher.jobs))
        self._sockets = socket_folder()
        (self._folder / SOCKETS_LINK).symlink_to(self._sockets)
        (self._folder / "model").mkdir()
        reason = fetch_model(self.services, container, self._folder / "model")
        if reason is not None:
            return reason
        self._base_env = {
            **container.get("Environment", {}),
            **account_environment(self.services),
            "SAGEMAKER_BASE_DIR": str(self._folder),
            "SAGEMAKER_REGION": self.services.region,
            "SAGEWIZARD_IMAGE": str(container["Image"]),
            **self.environment,
        }
        self._log = JobLog(self._writer, str(self._folder), self.services.clock, escape=False)
        for _ in range(_STARTS):
            if self._launch() and self._await_ping(cancel):
                return None
            if cancel.is_set() or self._stopping.is_set():
                return "The start was cancelled."
            if self._child is not None and self._child.alive:
                break
        self.ping_failed = True
        return (
            f"The primary container for production variant {self.label} did not pass the ping health check."
            " Please check CloudWatch logs for this endpoint."
        )

    def _launch(self) -> bool:
        """Start the process on a socket of its own; False when it cannot be started or all is stopping."""
        assert self._folder is not None
        assert self._sockets is not None
        assert self._log is not None
        if self._stopping.is_set():
            return False
        self._starts += 1
        self._socket = self._sockets / f"s{self._starts}"
        env = {**self._base_env, "SAGEWIZARD_BIND_UNIX": str(self._socket)}
        try:
            child = self.launcher.launch(self._entry, env=env, cwd=self._folder, on_line=self._log)
        except LaunchError as error:
            self._note(f"the container could not be started: {error}")
            return False
        with self._lock:
            if not self._stopping.is_set():
                self._child = child
                return True
        child.terminate(0)
        return False

    def _await_ping(self, cancel: threading.Event) -> bool:
        """Ask /ping until it answers 200; False when the process ended, time is up, or somebody cancelled."""
        clock, child = self.services.clock, self._child
        deadline = clock.monotonic() + self.start_seconds
        latest = clock.monotonic() + LONGEST_START
        folder = self._folder
        pause = 0.002
        pool = Pool(str(self._socket))
        while child is not None and child.alive and not self._stopping.is_set():
            try:
                if self._socket.exists() and pool.request("GET", "/ping", timeout=2.0).status == 200:
                    with self._lock:
                        if not self._stopping.is_set():
                            self._pool = pool
                            return True
                    break
            except NoAnswer:
                pass
            if folder is not None and (folder / INSTALLING).exists():
                deadline = min(clock.monotonic() + self.start_seconds, latest)
            if clock.monotonic() >= deadline or clock.wait(cancel, pause):
                break
            pause = min(pause * 1.5, 0.1)
        pool.close()
        if child is not None and not child.alive:
            child.wait(10.0)
            self._note(f"the container ended with exit code {child.exit_code} before it answered /ping")
        return False

    # Its life

    def _supervise(self) -> None:
        """Wait for the end of the process and start it again, for as long as nobody stops the server."""
        clock, backoff = self.services.clock, _FIRST_BACKOFF
        while not self._stopping.is_set():
            child, began = self._child, clock.monotonic()
            if child is None:
                return
            code = child.wait()
            with self._lock:
                pool, self._pool = self._pool, None
            if pool is not None:
                pool.close()
            if self._stopping.is_set():
                return
            if clock.monotonic() - began > 2 * _LONGEST_BACKOFF:
                backoff = _FIRST_BACKOFF
            self._note(f"the container ended with exit code {code}; it is started again in {backoff:g} s")
            while True:
                if clock.wait(self._stopping, backoff):
                    return
                backoff = min(2 * backoff, _LONGEST_BACKOFF)
                if self._launch() and self._await_ping(self._stopping):
                    self._note("the container answers /ping again")
                    break
                child = self._child
                if child is not None:
                    child.terminate(1.0)

    def _note(self, text: str) -> None:
        """Write an event of the sandbox into the container's log stream."""
        with contextlib.suppress(OSError):
            self._writer.write(f"Sandbox: {text}.")


def _registry() -> Callable[[str], Container]:
    from sagewizard.sandbox.containers import registry

    resolver: Callable[[str], Container] = registry.resolve
    return resolver


def socket_folder() -> Path:
    """Make a folder that only we can enter, with a path short enough for a Unix socket in it."""
    parent = tempfile.gettempdir()
    if len(os.fsencode(parent)) > _SOCKET_LIMIT - 32:
        parent = "/tmp"  # noqa: S108 - mkdtemp makes the folder 0700 and of a name nobody can guess
    return Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=parent))
