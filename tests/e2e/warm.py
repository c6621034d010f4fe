"""Runs commands in forks of a process that has imported what each of them imports, two seconds of work.

    with Warm() as warm:
        done = warm.run(["runs", "list"], environ, cwd, timeout=60)      # as subprocess.run gives it

The process is this file, started as `python warm.py SOCKET` in the project's folder. Each request is a
connection: arguments, environment and folder as JSON, with the three streams; the answers are the pid of the
fork and its exit code.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

PROJECT = Path(__file__).resolve().parents[2]
IMPORTED = (
    "numpy", "pandas", "scipy.sparse", "sklearn.datasets", "sklearn.metrics", "sklearn.model_selection",
    "boto3.session", "botocore.endpoint", "botocore.signers", "pydantic", "yaml", "sagewizard.cli.run",
    "sagewizard.engine.engine",
)  # fmt: skip


class Warm:
    """The process, started with the first command, and the commands that it runs."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="warm-"))
        self._socket = self._folder / "s"
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, arguments, environ, cwd, *, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with nothing to read on its stdin."""
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            Path(os.devnull).open("rb") as nothing,
            self._connect() as connection,
        ):
            connection.settimeout(timeout)
            request = json.dumps([list(arguments), dict(environ), str(cwd)]).encode()
            streams = [nothing.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(connection, [f"{len(request):10d}".encode()], streams)
            connection.sendall(request)
            with connection.makefile("r") as answers:
                pid = int(answers.readline())
                try:
                    code = int(answers.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(list(arguments), timeout) from None
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode("utf-8", "replace"))
        return subprocess.CompletedProcess(list(arguments), code, *texts)

    def _connect(self) -> socket.socket:
        if self._process is None:
            kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAGEWIZARD_", "AWS_"))}
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), self._socket.name],
                cwd=self._socket.parent,
                env={**kept, "PYTHONPATH": str(PROJECT), "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
            )
        for _ in range(6000):
            assert self._process.poll() is None, "the warm process has ended"
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._socket))
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                time.sleep(0.01)
            else:
                return connection
        raise AssertionError("the warm process does not answer")


def serve(path: str) -> None:
    """Fork for each connection; whoever waits for the command is a fork, too."""
    import importlib

    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path + ".new")
        listener.listen()
        Path(path + ".new").rename(path)
        listener.settimeout(5)
        while os.getppid() == parent:  # nobody is left to ask
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(None)
                    if os.fork() == 0:
                        listener.close()
                        answer(connection)


def answer(connection: socket.socket) -> None:
    """Take one request, run it in a fork, and say how it ended; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(connection, 10, 3)
    request = b""
    while len(request) < int(length):
        request += connection.recv(1 << 20)
    pid = os.fork()
    if pid == 0:
        connection.close()
        become(streams, *json.loads(request))
    with contextlib.suppress(OSError):
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(streams: list[int], arguments: list[str], environ: dict[str, str], cwd: str) -> None:
    """Turn this fork into a fresh interpreter that runs `python -m sagewizard`; never returns."""
    import atexit
    import random
    import threading
    import traceback

    import numpy as np

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    time.tzset()
    random.seed()
    np.random.seed()
    sys.argv = ["sagewizard", *arguments]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    code: object = 1
    try:
        from sagewizard.cli import main

        code = main()
    except SystemExit as ending:
        code = ending.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
            code = 1
    except BaseException:
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(int(code or 0))


if __name__ == "__main__":
    serve(sys.argv[1])
