"""A program in a terminal of its own, of 120x40, as the benchmarks of the app need it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
COLUMNS, LINES = 120, 40
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[PX^_\]].*?(?:\x1b\\|\x07)|[@-Z\\-_])", re.DOTALL)


class Terminal:
    """Runs a program in a pseudo-terminal from the moment it is made; `close` ends what is left of it.

    `shown` is all that the program has written; `heard` what it wrote to the file descriptor that the
    environment variable SAGEWIZARD_BENCHMARK_TOLD names.
    """

    def __init__(
        self, command: Sequence[str], *, home: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._told, told = os.pipe()
        self.shown = self.heard = b""
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, pass_fds=(told,), start_new_session=True,
            env={
                **os.environ, "SAGEWIZARD_HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color",
                "COLORTERM": "truecolor", "SAGEWIZARD_BENCHMARK_TOLD": str(told), **(environ or {}),
            },
        )  # fmt: skip
        os.close(slave)
        os.close(told)

    def read(self, seconds: float = 60.0) -> bool:
        """Take what comes next; False when the program has left the terminal. Raises TimeoutError."""
        ready, _, _ = select.select([self._master, self._told], [], [], seconds)
        if not ready:
            raise TimeoutError(f"nothing came for {seconds:g} s; last: {self.text[-300:]!r}")
        if self._told in ready:
            self.heard += os.read(self._told, 1000)
        if self._master in ready:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # no program writes to it any more
                return False
            self.shown += data
            return bool(data)
        return True

    def type(self, keys: bytes) -> None:
        """Send keys."""
        os.write(self._master, keys)

    def wait(self) -> int:
        """Read on until the program has ended; return its exit code."""
        while self.read():
            pass
        return self._process.wait(30)

    @property
    def text(self) -> str:
        """What the program has written, without the sequences that move and colour."""
        return _ESCAPES.sub("", self.shown.decode(errors="replace"))

    def close(self) -> None:
        """End the program if it has not ended, and the terminal."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._master)
        os.close(self._told)
