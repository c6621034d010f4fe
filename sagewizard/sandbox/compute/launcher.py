"""Owns the start and the end of container processes: through the warm parent, or as plain subprocesses.

Every child runs in a process group of its own, sees only the environment given for it, and dies when the
server does, `kill -9` of the server included: the warm parent, or a watching thread in a plain child, sees
the server's end of a descriptor close.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard.sandbox.compute.child import WATCH_FD_VARIABLE
from sagewizard.sandbox.compute.output import close_quietly
from sagewizard.sandbox.compute.parent_link import ParentLink
from sagewizard.sandbox.compute.process import Child, LaunchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Child", "LaunchError", "ProcessLauncher"]

NO_FORK_VARIABLE = "SAGEWIZARD_SANDBOX_NO_FORK"
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
    "SAGEWIZARD_SANDBOX_NO_NAMESPACE",
)
# A model server's sockets are in a folder of the system's temporary one, to which its job folder has a link.
SOCKET_PREFIX, SOCKETS_LINK = "sagewizard-", "sockets"
READY_SECONDS = 120.0


class ProcessLauncher:
    """Starts container processes; thread-safe.

    `folder` is where the launcher keeps its own log and the job folders; what an earlier server left of job
    folders is removed. `environ` is the server's environment, of which children see only `INHERITED`.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.jobs = folder / "jobs"
        folder.mkdir(parents=True, exist_ok=True)
        sweep(self.jobs)
        self.jobs.mkdir(exist_ok=True)
        self.base_env = {name: environ[name] for name in INHERITED if name in environ}
        self.base_env.update(ONE_THREAD, TZ="UTC", LANG="C.UTF-8", PYTHONHASHSEED="0", PYTHONUNBUFFERED="1")
        self.base_env["PYTHONPATH"] = python_path(environ)
        self.forks = sys.platform == "linux" and environ.get(NO_FORK_VARIABLE, "") in ("", "0")
        self._lock = threading.Lock()
        self._closed = False
        self._parent: ParentLink | None = None
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
        """Start `package.module:function` in `cwd`; what it prints arrives at `on_line`, in a thread.

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
            child.end(1)
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

    def _link(self) -> ParentLink:
        """Return the warm parent, started if there is none that lives; called with the lock held."""
        if self._parent is None or self._parent.dead:
            if self._parent is not None:
                self._parent.close()
            self._parent = ParentLink(self.folder / "warm-parent.log", self.base_env)
        return self._parent

    def _fork(self, child: Child, entry: str, env: dict[str, str], cwd: Path, output: int) -> bool:
        """Fork through the warm parent; False when none can be had: plain processes are used from then on."""
        for _ in range(2):
            with self._lock:
                if self._closed:
                    raise LaunchError("The sandbox is stopping, so no process is started any more.")
                link = self._link()
            if not link.ready.wait(READY_SECONDS) or (link.dead and not link.was_ready):
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
            child.end(code)

        child.launched(process.pid, send_signal)
        threading.Thread(target=reap, name=f"reap-{process.pid}", daemon=True).start()


def sweep(jobs: Path) -> None:
    """Remove the job folders of an earlier server, and the socket folders that they point to."""
    for link in jobs.glob(f"*/{SOCKETS_LINK}"):
        with contextlib.suppress(OSError):
            sockets = link.readlink()
            if sockets.name.startswith(SOCKET_PREFIX) and sockets.lstat().st_uid == os.getuid():
                shutil.rmtree(sockets, ignore_errors=True)
    shutil.rmtree(jobs, ignore_errors=True)


def python_path(environ: Mapping[str, str]) -> str:
    """PYTHONPATH of a child: the person's own, and this package's folder when it is not an installed one."""
    parts = [part for part in environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    root = str(Path(__file__).resolve().parents[3])
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if root not in installed and root not in parts:
        parts.insert(0, root)
    return os.pathsep.join(parts)
