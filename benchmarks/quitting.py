"""Measures leaving the app in the middle of each step: from the choice to the shell, in a real terminal.

    python -m benchmarks.quitting [--home FOLDER]

The app runs in a pseudo-terminal of 120x40 over a sandbox. A step is started; once the engine says that it
has begun, ^q opens the question, and the clock runs from the key that answers it until the process has ended.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("dataset", "preview", "prepare", "train", "deploy", "predict", "transform", "evaluate", "teardown")
AIM = 0.3
CHILD = """
import os, sys
from sagewizard.tui import app as apps, run
from sagewizard.tui.control import RunControl
step, told = sys.argv[1], int(sys.argv[2])
asked = {"begun": False}
real = RunControl._post_event
def post(self, event, generation=None):
    real(self, event, generation)
    if event.kind == "step_started" and event.step == step and not asked["begun"]:
        asked["begun"] = True
        os.write(told, b"begun\\n")
RunControl._post_event = post
mounted = apps.SageWizardApp.on_mount
def on_mount(self):
    mounted(self)
    from sagewizard.recipe import finding
    self.look_for_idle = lambda: None
    control = self.control
    def go():
        control.open_recipe(finding.load("digits-linear-learner"))
        self.open_run_screen()
        self.set_timer(0.8, lambda: control.start_step(step))
    self.set_timer(0.8, go)
apps.SageWizardApp.on_mount = on_mount
pushed = apps.SageWizardApp.push_screen
def push_screen(self, screen, *more, **named):
    found = pushed(self, screen, *more, **named)
    if type(screen).__name__ == "QuitGuard":
        self.set_timer(0.01, lambda: os.write(told, b"asked\\n"))
    return found
apps.SageWizardApp.push_screen = push_screen
sys.exit(run())
"""


def leave_in(step: str, home: Path) -> tuple[float, str]:
    """Start the app, leave it in the middle of a step, return the seconds and what stood on the shell."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    heard, told = os.pipe()
    environ = {**os.environ, "SAGEWIZARD_HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, step, str(told)], stdin=slave, stdout=slave, stderr=slave, env=environ,
        pass_fds=(told,), start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    os.close(told)
    shown = b""

    def wait_for(word: bytes) -> bool:
        """Read until the app has told a word; False when it has left."""
        nonlocal shown
        got, end = b"", time.monotonic() + 60
        while word not in got:
            ready, _, _ = select.select([master, heard], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError(f"{step}: no {word!r}")
            try:
                shown += os.read(master, 65536) if master in ready else b""
            except OSError:  # the terminal has no writer any more
                return False
            got += os.read(heard, 100) if heard in ready else b""
        return True

    try:
        wait_for(b"begun")
        start = time.perf_counter()
        os.write(master, b"\x11")
        if wait_for(b"asked"):  # a step that is over already, with nothing alive, is left without a question
            start = time.perf_counter()
            os.write(master, b"\x11")
        while True:
            ready, _, _ = select.select([master], [], [], 30)
            try:
                data = os.read(master, 65536) if ready else b""
            except OSError:  # the terminal has no writer any more
                break
            if not data:
                break
            shown += data
        child.wait(30)
        return time.perf_counter() - start, shown.decode(errors="replace")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        os.close(master)
        os.close(heard)


def main() -> int:
    """Leave in each step, three times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    from sagewizard.sandbox import launcher
    from sagewizard.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        try:
            for step in STEPS:
                found = [leave_in(step, home) for _ in range(options.runs)]
                times = [seconds for seconds, _shown in found]
                last = [line for line in found[-1][1].splitlines() if "runs resume" in line]
                print(
                    f"leaving in {step:<10} {statistics.median(times) * 1000:6.0f} ms, at most"
                    f" {max(times) * 1000:6.0f} ms   (aim {AIM * 1000:.0f} ms)"
                    f"{'' if last else '   says nothing of going on'}",
                    flush=True,
                )
        finally:
            launcher.stop(Settings(home=home, data=None), force=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
