"""A terminal that goes away without a word: the app ends by itself, and leaves no process behind."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path


def test_the_app_ends_when_its_terminal_has_gone(tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = {**os.environ, "SAGEWIZARD_HOME": str(tmp_path / "home"), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-m", "sagewizard"], stdin=theirs, stdout=theirs, stderr=theirs, env=environ,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while b"Recipes" not in seen and b"recipes" not in seen:
        assert select.select([ours], [], [], 60)[0], seen[-500:]
        seen += os.read(ours, 65536)
    os.close(ours)
    assert process.wait(60) == 129
