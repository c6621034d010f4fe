"""Owns the start and the end of container processes: through the warm parent, or as plain subprocesses.

Every child runs in a process group of its own, sees only the environment given for it, and dies when the
server does, `kill -9` of the server included: the warm parent, or a watching thread in a plain child, sees the
server's end of a descriptor close.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.errors import SandboxError
from sagewizard.sandbox.compute import wire
from sagewizard.sandbox.compute.child import WATCH_FD_VARIABLE
from sagewizard.sandbox.compute.output import LineSplitter, close_quietly, pump

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NO_FORK_VARIABLE = "SAGEWIZARD_SANDBOX_NO_FORK"
# What the warm parent has imported before it forks; those that are not installed are left out.
WARM_MODULES = (
    "numpy",
    "scipy.sparse",
    "scipy.special",
    "sklearn.cluster",
    "sklearn.linear_model",
    "sklearn.metrics",
    "http.server",
    "sagewizard.data.recordio",
)
# A second BLAS thread spins and makes a busy machine ten times slower.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)
# What of the person's environment a container may see: how to run Python, and nothing about accounts.
INHERITED = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONPATH",
    "TMPDIR",
    "VIRTUAL_ENV",
    "SYSTEMROOT",
)
_READY_SECONDS = 120.0


class LaunchError(SandboxError):
    """A container process could not be started."""


class Child:
    """One running container process.

    `exit_code` follows Docker: 0 to 255, and 128 plus the signal's number for a process that a signal ended.
    `lost` says why when the process ended because its warm parent did. `output_error` is what `on_line`
    raised, if it did: the rest of the output was then read and dropped.
    """

    def __init__(self, number: int, output: int, on_line: Callable[[str], None]) -> None:
        self.number = number
        self.pid = 0
        self.exit_code: int | None = None
        self.lost: str | None = None
        self.output_error: Exception | None = None
        self._send_signal: Callable[[int], None] = lambda number: None
        self._on_line = on_line
        self._ended = threading.Event()
        self._finished = threading.Event()
        self._output = output
        self._wake_read, self._wake_write = os.pipe()
        self._reader = threading.Thread(target=self._read, name=f"output-{number}", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return not self._ended.is_set()

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until the process has ended and its last line was handed over; its exit code, None if it still runs."""
        return self.exit_code if self._finished.wait(timeout) else None

    def terminate(self, grace: float) -> None:
        """Send SIGTERM to the group, and SIGKILL when it still runs after `grace` seconds; returns when it has ended."""
        if grace > 0 and self.alive:
            self._send_signal(signal.SIGTERM)
            self._finished.wait(grace)
        if self.alive:
            self._send_signal(signal.SIGKILL)
        self._finished.wait(10.0)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process group; nothing happens when it has ended."""
        if self.alive:
            self._send_signal(number)

    def _launched(self, pid: int, send_signal: Callable[[int], None]) -> None:
        self.pid, self._send_signal = pid, send_signal

    def _end(self, code: int, lost: str | None = None) -> None:
        if self._ended.is_set():
            return
        self.exit_code = code if code >= 0 else 128 - code
        self.lost = lost
        os.write(self._wake_write, b"x")  # before the event: after it the reader may close the descriptor
        self._ended.set()

    def _read(self) -> None:
        def hand_over(line: str) -> None:
            if self.output_error is None:
                try:
                    self._on_line(line)
                except Exception as error:  # the pipe must be emptied all the same, or the child stands still
                    self.output_error = error

        try:
            pump(self._output, self._wake_read, LineSplitter(hand_over))
        finally:
            close_quietly(self._output)
            self._ended.wait()
            close_quietly(self._wake_read, self._wake_write)
            self._finished.set()


class ProcessLauncher:
    """Starts container processes; thread-safe.

    `folder` is where the launcher keeps its own log and the job folders; what an earlier server left of job
    folders is removed. `environ` is the server's environment, of which children see only `INHERITED`.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.jobs = folder / "jobs"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.jobs, ignore_errors=True)
        self.jobs.mkdir(exist_ok=True)
        self.base_env = {name: environ[name] for name in INHERITED if name in environ}
        self.base_env.update(ONE_THREAD, TZ="UTC", LANG="C.UTF-8", PYTHONHASHSEED="0", PYTHONUNBUFFERED="1")
        self.base_env["PYTHONPATH"] = python_path(environ)
        self.forks = sys.platform == "linux" and environ.get(NO_FORK_VARIABLE, "") in ("", "0")
        self._lock = threading.Lock()
        self._closed = False
        self._parent: _ParentLink | None = None
        self._numbers = itertools.count(1)
        self._children: set[Child] = set()

    def warm(self) -> None:
        """Start the warm parent in the background, so that the first launch finds it ready."""
        if self.forks:
            with self._lock:
                self._link()

    def launch(
        self, entry: str, *, env: Mapping[str, str], cwd: Path, on_line: Callable[[str], None]
    ) -> Child:
        """Start `package.module:function` as a process in `cwd`; what it prints arrives at `on_line`, in a thread.

        The process sees `env` and, where `env` does not say otherwise, the launcher's own few variables.
        LaunchError when it cannot be started or the launcher was closed.
        """
        read_end, write_end = os.pipe()
        child = Child(next(self._numbers), read_end, on_line)
        whole = {**self.base_env, "HOME": str(cwd), **env}
        try:
            with self._lock:
                if self._closed:
                    raise LaunchError("The sandbox is stopping, so no process is started any more.")
                self._children = {other for other in self._children if other.alive}
                self._children.add(child)
            if not (self.forks and self._fork(child, entry, whole, cwd, write_end)):
                self._spawn(child, entry, whole, cwd, write_end)
        except BaseException:
            child._end(1)  # noqa: SLF001 - a launcher and its children are one thing
            raise
        finally:
            close_quietly(write_end)
        return child

    def close(self) -> None:
        """End every child, and the warm parent with them; launching is refused from here on."""
        with self._lock:
            self._closed = True
            children, parent = list(self._children), self._parent
            self._parent = None
        if parent is not None:
            parent.close()
        for child in children:
            child.terminate(0)

    def _link(self) -> _ParentLink:
        """Return the warm parent, started if there is none that lives; called with the lock held."""
        if self._parent is None or self._parent.dead:
            if self._parent is not None:
                self._parent.close()
            self._parent = _ParentLink(self.folder / "warm-parent.log", self.base_env)
        return self._parent

    def _fork(self, child: Child, entry: str, env: dict[str, str], cwd: Path, output: int) -> bool:
        """Fork through the warm parent; False when none can be had, and plain processes are used from then on."""
        for _ in range(2):
            with self._lock:
                if self._closed:
                    raise LaunchError("The sandbox is stopping, so no process is started any more.")
                link = self._link()
            if not link.ready.wait(_READY_SECONDS) or (link.dead and not link.was_ready):
                self.forks = False
                link.close()
                return False
            if link.launch(child, entry, env, cwd, output):
                return True
        return False

    def _spawn(self, child: Child, entry: str, env: dict[str, str], cwd: Path, output: int) -> None:
        watch_read, watch_write = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sagewizard.sandbox.compute.child", entry],
                env={**env, WATCH_FD_VARIABLE: str(watch_read)},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=(watch_read,),
            )
        except OSError as error:
            close_quietly(watch_write)
            raise LaunchError(f"The process of {entry} cannot be started: {error}.") from error
        finally:
            close_quietly(watch_read)

        guard = threading.Lock()
        ended = False

        def send_signal(number: int) -> None:
            with guard:
                if not ended:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, number)

        def reap() -> None:
            nonlocal ended
            if hasattr(os, "waitid"):  # macOS has it from Python 3.13 on
                # Not waited for yet, so the number still belongs to this process and its group.
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            else:
                process.wait()
            with guard:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
                ended = True
            close_quietly(watch_write)
            child._end(code)  # noqa: SLF001

        child._launched(process.pid, send_signal)  # noqa: SLF001
        threading.Thread(target=reap, name=f"reap-{process.pid}", daemon=True).start()


class _ParentLink:
    """The server's end of one warm parent: requests go out, ends of children come in, on a thread of its own."""

    def __init__(self, log: Path, env: Mapping[str, str]) -> None:
        self.ready = threading.Event()  # also set when it died, so that nobody waits for it
        self.was_ready = False
        self.dead = False
        self._send_lock = threading.Lock()
        self._answers = threading.Condition()
        self._children: dict[int, Child] = {}
        self._replied: dict[int, str] = {}
        self._channel, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "sagewizard.sandbox.compute.warm_parent", str(theirs.fileno())]
        with theirs, log.open("wb") as stream:
            self._process = subprocess.Popen(
                [*command, *WARM_MODULES, "xgboost"],
                env=dict(env),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )
        threading.Thread(target=self._listen, name="warm-parent", daemon=True).start()

    @property
    def pid(self) -> int:
        """Pid of the warm parent."""
        return self._process.pid

    def launch(self, child: Child, entry: str, env: Mapping[str, str], cwd: Path, output: int) -> bool:
        """Ask for a fork and wait for its pid; False when the warm parent is gone, LaunchError when it refused."""
        number = child.number
        with self._answers:
            if self.dead:
                return False
            self._children[number] = child
        request = {"do": "launch", "number": number, "entry": entry, "env": dict(env), "cwd": str(cwd)}
        if not self._send(request, output):
            with self._answers:
                self._children.pop(number, None)
            return False
        with self._answers:
            while number not in self._replied and not self.dead:
                self._answers.wait()
            reply = self._replied.pop(number, None)
        if reply:
            raise LaunchError(f"The process of {entry} cannot be started: {reply}.")
        return reply is not None

    def close(self) -> None:
        """End the warm parent: it kills its children when it sees the channel close."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: dict[str, Any], fd: int | None = None) -> bool:
        try:
            with self._send_lock:
                wire.send(self._channel, message, fd)
        except OSError:
            return False
        return True

    def _signal(self, number: int, sign: int) -> None:
        self._send({"do": "signal", "number": number, "signal": sign})

    def _listen(self) -> None:
        try:
            while (received := wire.receive(self._channel)) is not None:
                self._dispatch(received[0])
        except (OSError, ValueError):
            pass
        finally:
            self._lose()

    def _dispatch(self, message: dict[str, Any]) -> None:
        if message.get("ready"):
            self.was_ready = True
            self.ready.set()
            return
        number = message["number"]
        with self._answers:
            child = self._children.get(number)
            if "code" in message:
                self._children.pop(number, None)
            else:
                if child is not None and "pid" in message:
                    child._launched(message["pid"], partial(self._signal, number))  # noqa: SLF001
                elif "error" in message:
                    self._children.pop(number, None)
                self._replied[number] = message.get("error", "")
                self._answers.notify_all()
        if "code" in message and child is not None:
            child._end(message["code"])  # noqa: SLF001

    def _lose(self) -> None:
        """The warm parent is gone: so are its children, and their groups are killed in case it was killed itself."""
        with self._answers:
            self.dead = True
            lost = [child for child in self._children.values() if child.pid]
            self._children.clear()
            self._answers.notify_all()
        self.ready.set()
        for child in lost:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child._end(-signal.SIGKILL, lost="the process that runs the sandbox's containers ended")  # noqa: SLF001
        with contextlib.suppress(OSError):
            self._channel.close()


def python_path(environ: Mapping[str, str]) -> str:
    """PYTHONPATH of a child: the person's own, and the folder of this package when it is not an installed one."""
    parts = [part for part in environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    root = str(Path(__file__).resolve().parents[3])
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if root not in installed and root not in parts:
        parts.insert(0, root)
    return os.pathsep.join(parts)
