"""Where a user's program runs: a job's folder shown as /opt/ml, an environment of its own, its output heard.

Two ways. Where the system allows a mount namespace (Linux, also without root) the program really sees the
folder at /opt/ml. Elsewhere (macOS, some containers) arguments and environment name the folder itself, and
Python's own ways to open files lead /opt/ml there (`pathmap/sitecustomize.py`).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard.sandbox.containers.contract import REAL_BASE
from sagewizard.sandbox.containers.script import enter, names
from sagewizard.sandbox.containers.script.names import Names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import IO

NO_NAMESPACE_VARIABLE = "SAGEWIZARD_SANDBOX_NO_NAMESPACE"
FALLBACK_NOTE = (
    "Sandbox: this system does not let /opt/ml be shown to the script. Paths below it are led to the job's "
    "folder for Python's own file functions only; other libraries and programs must take theirs from the "
    "environment."
)
_SHOWN = re.compile(rf"{REAL_BASE}(?=/|$)")
_TAIL = 64 * 1024
# What of the toolkit's own environment a user's program sees: nothing that names this package's files.
_HIDDEN = ("PYTHONPATH", "VIRTUAL_ENV", "SAGEWIZARD_WATCH_FD", names.VARIABLE, NO_NAMESPACE_VARIABLE)


@dataclass(frozen=True, slots=True)
class World:
    """A job's folder and how programs see it; `shown` tells whether it really stands at /opt/ml.

    `hosts` are the names that lead somewhere in it.
    """

    base: Path
    shown: bool
    hosts: Names = field(default_factory=Names)

    @property
    def root(self) -> str:
        """The name of the folder for a program."""
        return REAL_BASE if self.shown else str(self.base)

    def name(self, path: Path) -> str:
        """Name a file of the folder as a program finds it."""
        return f"{self.root}/{path.relative_to(self.base).as_posix()}"

    def text(self, text: str) -> str:
        """Put the name of the folder in the place of /opt/ml in a text, where that is needed."""
        return text if self.shown else _SHOWN.sub(lambda match: self.root, text)

    def command(self, command: Iterable[str], cwd: Path) -> list[str]:
        """Return the command that runs another one in this world, in a folder of it."""
        arguments = [self.text(item) for item in command]
        if not self.shown:
            return arguments
        entering = [sys.executable, "-I", "-S", enter.__file__, str(self.base), self.hosts.current]
        return [*entering, self.name(cwd), *arguments]

    def address(self, host: str) -> str:
        """Return what any program can reach a host by: its name, or without a namespace its address."""
        return host if self.shown else self.hosts.addresses.get(host, host)

    def environment(
        self, base: Mapping[str, str], extra: Mapping[str, str], python_path: Iterable[str] = ()
    ) -> dict[str, str]:
        """Return a program's environment: `base` without what is ours, `extra` over it."""
        env = {name: value for name, value in base.items() if name not in _HIDDEN}
        env |= {name: self.text(value) for name, value in extra.items()}
        env["HOME"] = env["SAGEMAKER_BASE_DIR"] = self.root
        folders = list(python_path)
        if not self.shown:
            env["SAGEWIZARD_OPT_ML"] = str(self.base)
            if self.hosts.current:
                env["SAGEWIZARD_HOSTS"] = self.hosts.joined()
            folders.insert(0, str(Path(__file__).parent / "pathmap"))
        if folders:
            env["PYTHONPATH"] = os.pathsep.join(folders)
        return env


def open_world(base: Path, environ: Mapping[str, str]) -> World:
    """See what the system allows, by trying it."""
    hosts = names.read(environ)
    if sys.platform != "linux" or environ.get(NO_NAMESPACE_VARIABLE, "") not in ("", "0"):
        return World(base, shown=False, hosts=hosts)
    if hosts.current:
        hosts.write(base)
    trial = World(base, shown=True, hosts=hosts)
    done = subprocess.run(
        trial.command(["true"], base), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return World(base, shown=done.returncode == 0, hosts=hosts)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code as Docker gives it, and the end of what it wrote to stderr."""

    code: int
    errors: str


def run(command: list[str], env: Mapping[str, str], cwd: Path) -> Ended:
    """Run a program to its end; its output goes to ours line by line, and stderr is kept as well.

    SIGTERM reaches the whole process group, the program included, so here it is only taken note of.
    """
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, frame: None)
    sys.stdout.flush()
    try:
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        message = f"{command[0]}: {error.strerror}"
        sys.stdout.write(f"{message}\n")
        return Ended(code, message)
    assert process.stderr is not None
    tail = _tee(process.stderr)
    code = process.wait()
    return Ended(code if code >= 0 else 128 - code, tail.decode("utf-8", "replace"))


def _tee(stream: IO[bytes]) -> bytes:
    """Copy a stream to our output, line by line; its last 64 KiB."""
    tail = bytearray()
    with stream:
        for line in stream:
            sys.stdout.flush()
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(1, rest) :]
            tail += line
            if len(tail) > 2 * _TAIL:
                del tail[:-_TAIL]
    return bytes(tail[-_TAIL:])
