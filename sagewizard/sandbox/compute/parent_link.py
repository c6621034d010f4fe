"""Owns the server's end of the warm parent: its start, requests to it, the ends of children it reports."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute import wire
from sagewizard.sandbox.compute.process import LaunchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sagewizard.sandbox.compute.process import Child

# Imported before the first fork: what every container needs.
FIRST_MODULES = (
    "numpy",
    "scipy.sparse",
    "cheroot.wsgi",
    "sagewizard.sandbox.containers.linear_learner.train",
    "sagewizard.sandbox.containers.linear_learner.serve",
)
# Imported one by one while nobody asks for anything; a launch waits for one of them at most.
LATER_MODULES = (
    "sagewizard.sandbox.containers.script.train",
    "botocore.auth",
    "sklearn.linear_model",
    "sklearn.cluster",
    "sklearn.metrics",
    "xgboost",
    "sagewizard.sandbox.containers.xgb.train",
    "sagewizard.sandbox.containers.xgb.folds",
    "sagewizard.sandbox.containers.xgb.serve",
)


class ParentLink:
    """One warm parent: requests go out, ends of children come in, on a thread of its own."""

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
                [*command, *FIRST_MODULES, "-", *LATER_MODULES],
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
        """Ask for a fork, wait for its pid; False when the warm parent is gone, LaunchError if it refused."""
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
                    child.launched(message["pid"], partial(self._signal, number))
                elif "error" in message:
                    self._children.pop(number, None)
                self._replied[number] = message.get("error", "")
                self._answers.notify_all()
        if "code" in message and child is not None:
            child.end(message["code"])

    def _lose(self) -> None:
        """End every child of a warm parent that is gone, and their groups in case it was killed itself."""
        with self._answers:
            self.dead = True
            lost = [child for child in self._children.values() if child.pid]
            self._children.clear()
            self._answers.notify_all()
        self.ready.set()
        for child in lost:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.end(-signal.SIGKILL, lost="the process that runs the sandbox's containers ended")
        with contextlib.suppress(OSError):
            self._channel.close()
