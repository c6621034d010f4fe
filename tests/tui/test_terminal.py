"""The app at a real terminal: what it leaves there, and its end when the terminal goes without a word."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from contextlib import contextmanager
from pathlib import Path

from sagewizard.engine.ledger import Ledger
from sagewizard.settings import Settings


@contextmanager
def app_at(theirs, home):
    """Start the app at a terminal of 80x24; it does not outlive the test."""
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = {**os.environ, "SAGEWIZARD_HOME": str(home), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-m", "sagewizard"], stdin=theirs, stdout=theirs, stderr=theirs, env=environ,
        cwd=Path(__file__).resolve().parents[2], start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def read_until(ours, word):
    """Return what the app has written up to a word."""
    seen = b""
    while word not in seen:
        assert select.select([ours], [], [], 60)[0], seen[-500:]
        seen += os.read(ours, 65536)
    return seen


def test_the_app_ends_when_its_terminal_has_gone(tmp_path):
    ours, theirs = pty.openpty()
    with app_at(theirs, tmp_path / "home") as process:
        os.close(theirs)
        read_until(ours, b"ecipes")
        os.close(ours)
        assert process.wait(60) == 129


def test_leaving_gives_the_terminal_back_as_it_was_and_says_what_is_alive(tmp_path):
    settings = Settings(home=tmp_path / "home", data=None)
    Ledger(settings.ledger).intend(
        run_id="20261121-025731-ddb9", target="sandbox", account="123456789012", region="us-east-1",
        kind="endpoint", name="left-over", hourly_usd=0.115, now=0.0,
    )  # fmt: skip
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with app_at(theirs, settings.home) as process:
        read_until(ours, b"ecipes")
        assert termios.tcgetattr(theirs) != before
        os.write(ours, b"\x11")
        seen = read_until(ours, b"See all with `sagewizard resources`.")
        assert process.wait(60) == 0
    assert termios.tcgetattr(theirs) == before
    shell = seen.split(b"\x1b[?1049l")[1]  # what comes after the app's own screen
    assert b"endpoint left-over" in shell
    os.close(theirs)
    os.close(ours)
