"""Owns the warm parent: a process with one thread that has numpy imported and forks a child per launch.

Importing scikit-learn takes 1.2 to 2 s and a fork takes milliseconds, so the imports are paid once a server.
The process talks to the server over a socket pair. When the server's end closes, however the server ended,
every child group is killed with SIGKILL. It must never start a thread: a fork would copy locks held by it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from sagewizard.sandbox.compute import child, wire

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class WarmParent:
    """Forks on request, reports every end, and takes all its children with it."""

    def __init__(self, channel: socket.socket, later: list[str]) -> None:
        self.channel = channel
        self.later = later  # modules still to be imported
        self.children: dict[int, int] = {}  # pid -> launch number
        self.libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self.wake_read, self.wake_write = os.pipe()
        for end in (self.wake_read, self.wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        # Only the end of the server ends it. Blocked and not ignored: a SIGTERM that reaches a fresh child
        # before it has settled stays pending and is not lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        if self.libc is not None:
            # Orphans of a child come here instead of to init, so that the end of the server reaches them too.
            self.libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def serve(self) -> None:
        """Answer the server until its end of the channel closes."""
        try:
            wire.send(self.channel, {"ready": True})
            sources: list[Any] = [self.channel, self.wake_read]
            while True:
                readable, _, _ = select.select(sources, [], [], 0 if self.later else None)
                if not readable:
                    warm_up([self.later.pop(0)])
                if self.wake_read in readable:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self.wake_read, 4096)
                    self.reap()
                if self.channel in readable:
                    received = wire.receive(self.channel)
                    if received is None:
                        return
                    self.answer(*received)
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            self.kill_all()

    def answer(self, message: dict[str, Any], fd: int | None) -> None:
        """Handle one request of the server: a launch or a signal."""
        if message["do"] == "launch":
            assert fd is not None
            try:
                self.fork(message, fd)
            finally:
                os.close(fd)
        elif message["do"] == "signal":
            for pid, number in self.children.items():
                if number == message["number"]:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid, message["signal"])

    def fork(self, message: dict[str, Any], output: int) -> None:
        """Fork a child into a process group of its own; what it prints goes to `output`."""
        number, own_pid = message["number"], os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            wire.send(self.channel, {"number": number, "error": f"cannot fork: {error}"})
            return
        if pid == 0:
            self.become(message, output, own_pid)
        # The parent does the same as the child, so that the group exists whoever runs first.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self.children[pid] = number
        wire.send(self.channel, {"number": number, "pid": pid})

    def become(self, message: dict[str, Any], output: int, parent_pid: int) -> None:
        """Turn the fresh fork into the container's process; never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            with contextlib.suppress(OSError):
                os.setpgid(0, 0)
            if self.libc is not None:
                self.libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent_pid:
                os._exit(1)
            os.dup2(output, 1)
            os.dup2(output, 2)
            for fd in (output, self.channel.fileno(), self.wake_read, self.wake_write):
                os.close(fd)
            child.settle(message["env"], message["cwd"])
            sys.argv = [message["entry"]]
            gc.enable()
            code = child.run_entry(message["entry"])
        finally:
            child.leave(code)

    def reap(self) -> None:
        """Report the children that have ended, and end what they left behind in their group."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            pid = ended.si_pid
            number = self.children.pop(pid, None)
            if number is not None:
                # The pid is not yet free for another process: it has not been waited for.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            if number is not None:
                wire.send(self.channel, {"number": number, "code": os.waitstatus_to_exitcode(status)})

    def kill_all(self) -> None:
        """Kill every child group and, on Linux, every orphan that came here."""
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        # Each pass kills what the last one orphaned; the bound keeps a fork bomb from holding us for ever.
        for _ in range(1000):
            left = own_children()
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            for pid in left or list(self.children):
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
            if not left:
                return


def own_children() -> list[int]:
    """Pids of this process's children as the kernel lists them (Linux); empty elsewhere."""
    try:
        listing = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(pid) for pid in listing.split()]


def warm_up(modules: list[str]) -> None:
    """Import modules for the children to come; one that is missing or broken concerns who needs it."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            sys.stderr.write(f"not warmed up: {module}: {error!r}\n")
    # What is imported stays: frozen, its pages are not written to by the children's collector.
    gc.collect()
    gc.freeze()
    gc.disable()


def main() -> None:
    """Start of the process: SOCKET_FD, the modules to import first, `-`, the modules to import when idle."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    child.no_core_dumps()
    modules = sys.argv[2:]
    split = modules.index("-")
    parent = WarmParent(channel, modules[split + 1 :])
    warm_up(modules[:split])
    parent.serve()


if __name__ == "__main__":
    main()
