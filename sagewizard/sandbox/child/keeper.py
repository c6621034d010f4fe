"""Keeps the sandbox from ending as idle while a program that uses it runs: a notebook may rest for hours."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

from sagewizard.sandbox import launcher

if TYPE_CHECKING:
    from sagewizard.settings import Settings

_LONGEST_PAUSE = 60.0


def keep_in_use(settings: Settings, idle_seconds: float) -> None:
    """Start a process that asks the server for its status until this process, by its id, has ended.

    The caller may replace itself by another program afterwards: the id stays. The keeper is nobody's child,
    has no terminal, and ends by itself when the server is stopped.
    """
    watched = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, 256)
        os.chdir("/")
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        pause = min(_LONGEST_PAUSE, max(0.1, idle_seconds / 3))
        while not _ended_within(watched, pause):
            if launcher.status(settings) is None:
                break
    finally:
        os._exit(0)


def _ended_within(pid: int, seconds: float) -> bool:
    """Wait for the end of a process that is not ours, for at most so long."""
    opened = getattr(os, "pidfd_open", None)  # Linux only
    if opened is not None:
        try:
            descriptor = opened(pid)
        except ProcessLookupError:
            return True
        except OSError:
            pass  # a kernel or a container that does not offer it
        else:
            try:
                return bool(select.select([descriptor], [], [], seconds)[0])
            finally:
                os.close(descriptor)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(min(1.0, seconds))
    return False
