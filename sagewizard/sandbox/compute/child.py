"""Owns the last steps inside a child process: its environment, and calling the container program's entry."""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WATCH_FD_VARIABLE = "SAGEWIZARD_WATCH_FD"


def resolve(entry: str) -> Callable[[], object]:
    """Import `package.module:function`; ImportError or AttributeError say what is missing."""
    module, _, function = entry.partition(":")
    if not module or not function:
        raise ImportError(f"'{entry}' is not of the form package.module:function")
    target: Callable[[], object] = getattr(importlib.import_module(module), function)
    return target


def run_entry(entry: str) -> int:
    """Call the entry and turn what came of it into an exit code, as the interpreter does for a script."""
    try:
        result = resolve(entry)()
    except SystemExit as ending:
        return exit_code(ending.code)
    except BaseException:
        traceback.print_exc()
        return 1
    return exit_code(result)


def exit_code(value: object) -> int:
    """Exit code of a returned value or of `SystemExit.code`: None is 0, an int is itself, a text is 1."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFF
    sys.stderr.write(f"{value}\n")
    return 1


def settle(env: Mapping[str, str], cwd: str) -> None:
    """Put a forked process into the state of a fresh one: environment, folder, signals, streams, seeds."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    extra = env.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [part for part in extra if part and part not in sys.path]
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # As the interpreter starts: who writes to a client that has hung up gets an error and does not die of it.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    no_core_dumps()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()  # two unseeded children must not draw the same numbers


def no_core_dumps() -> None:
    """Let a crash leave a log line, not a file of the size of the job's memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def leave(code: int) -> None:
    """End the process at once, after its output is out; non-daemon threads are not waited for."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)


def watch_parent(fd: int) -> None:
    """Kill this process group when the other end of `fd` closes: the server has ended."""

    def wait() -> None:
        while True:
            try:
                gone = os.read(fd, 1) == b""
            except InterruptedError:
                continue
            except OSError:
                gone = True
            if gone:
                os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="watch-parent", daemon=True).start()


def main() -> None:
    """Start of a plain (not forked) child: `python -m sagewizard.sandbox.compute.child ENTRY`."""
    watch = os.environ.pop(WATCH_FD_VARIABLE, "")
    if watch:
        watch_parent(int(watch))
    no_core_dumps()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    leave(run_entry(sys.argv[1]))


if __name__ == "__main__":
    main()
