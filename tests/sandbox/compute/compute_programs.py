"""Tiny container programs for the tests: each function is an entry that a child process runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


def hello() -> int:
    print("out line")
    print("err line", file=sys.stderr)
    return 0


def three() -> int:
    return 3


def raises() -> int:
    raise ValueError("the learner's mistake")


def leaves_with_text() -> None:
    sys.exit("a reason")


def segfault() -> int:
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def writes_to_nobody() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        os.write(writer, b"x")
    except BrokenPipeError:
        print("nobody reads")
    return 0


def environment() -> int:
    for name in sorted(os.environ):
        print(f"{name}={os.environ[name]}")
    print("cwd", Path.cwd())
    print("group", os.getpgrp() == os.getpid())
    return 0


def many_lines() -> int:
    for number in range(int(os.environ["LINES"])):
        print(f"line {number}")
    sys.stdout.write("the last, without an end")
    return 0


def long_line() -> int:
    sys.stdout.write("é" * 200_000 + "\nshort\n")
    return 0


def bad_bytes() -> int:
    os.write(1, b"caf\xe9 \xff\nnext\r\n")
    return 0


def waits() -> int:
    print("waiting")
    threading.Event().wait()
    return 0


def waits_with_grandchild() -> int:
    other = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
    print(other.pid)
    threading.Event().wait()
    return 0


def leaves_grandchild_in_own_session() -> int:
    other = subprocess.Popen(
        [sys.executable, "-c", "import threading; threading.Event().wait()"], start_new_session=True
    )
    print(other.pid)
    return 0


def tidy_on_term() -> int:
    def stop(number: int, frame: object) -> None:
        os.write(1, b"tidying\n")  # print is not re-entrant
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    print("waiting")
    threading.Event().wait()
    return 0


def ignores_term() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("waiting")
    threading.Event().wait()
    return 0


def modules() -> int:
    print("numpy" in sys.modules, os.environ.get("OMP_NUM_THREADS"))
    return 0


def drawn() -> int:
    import numpy as np

    print(np.random.random())
    return 0


def now_ns() -> int:
    print(time.time_ns())
    return 0


def server_with_children() -> int:
    """Not a container: a stand-in for the server, which the test kills with SIGKILL."""
    from sagewizard.sandbox.compute.launcher import ProcessLauncher

    folder = Path(os.environ["FOLDER"])
    launcher = ProcessLauncher(folder, os.environ)
    lines: list[str] = []
    got = threading.Event()

    def on_line(line: str) -> None:
        lines.append(line)
        got.set()

    child = launcher.launch("compute_programs:waits_with_grandchild", env={}, cwd=folder, on_line=on_line)
    got.wait()
    print(os.getpid(), child.pid, lines[0], flush=True)
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]]())
