"""Leaving the app in the middle of each step: from the choice to the shell, in a real terminal.

The app runs over a sandbox. A step is started; once the engine says that it has begun, ^q opens the question,
and the clock runs from the key that answers it until the process has ended. Counted is the time in which the
machine's other work plays its part: what a person waits for.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = (
    "dataset", "preview", "prepare", "train", "tune", "deploy", "predict", "transform", "evaluate",
    "teardown",
)  # fmt: skip
AIM_SECONDS = 0.3
LEAVE = b"\x11"
CHILD = """
import os, sys
from sagewizard.tui import app as apps, run
from sagewizard.tui.control import RunControl
step, told = sys.argv[1], int(os.environ["SAGEWIZARD_BENCHMARK_TOLD"])
asked = {"begun": False}
real = RunControl._post_event
def post(self, event, generation=None):
    real(self, event, generation)
    if event.kind == "step_started" and event.step == step and not asked["begun"]:
        asked["begun"] = True
        os.write(told, b"begun ")
RunControl._post_event = post
mounted = apps.SageWizardApp.on_mount
def on_mount(self):
    mounted(self)
    from sagewizard.recipe import finding
    control = self.control
    def go():
        recipe = finding.load("digits-linear-learner")
        if step == "tune":
            recipe = recipe.with_settings({"tune.enabled": "true", "tune.jobs": "6"})
        control.open_recipe(recipe)
        self.open_run_screen()
        self.set_timer(0.8, lambda: control.start_step(step))
    self.set_timer(0.8, go)
apps.SageWizardApp.on_mount = on_mount
pushed = apps.SageWizardApp.push_screen
def push_screen(self, screen, *more, **named):
    found = pushed(self, screen, *more, **named)
    if type(screen).__name__ == "QuitGuard":
        self.set_timer(0.01, lambda: os.write(told, b"asked "))
    return found
apps.SageWizardApp.push_screen = push_screen
sys.exit(run())
"""


def rows(repeats: int = 3) -> Iterator[dict[str, Any]]:
    """Yield one row for each step."""
    from sagewizard.sandbox import launcher
    from sagewizard.settings import Settings

    with tempfile.TemporaryDirectory(prefix="sw-bench-") as folder:
        settings = Settings(home=Path(folder), data=None)
        launcher.ensure(settings)
        try:
            for step in STEPS:
                found = [leave_in(step, settings.home) for _ in range(repeats)]
                times = [seconds for seconds, _shell in found]
                told = [shell for _seconds, shell in found]
                # A teardown that came to its end leaves nothing to say.
                silent = step != "teardown" and any(
                    "Go on with `sagewizard runs resume" not in t for t in told
                )
                alive = sum("Still alive:" in t for t in told)
                yield {
                    "name": f"leave in {step}",
                    "text": f"{min(times):.2f} to {max(times):.2f} s in {repeats} runs; told of what was"
                    f" alive in {alive}, of how to go on in {'not all' if silent else 'all'}",
                    "ours": statistics.median(times),
                    "theirs": None,
                    "ratio": None,
                    "aim": 0.0,
                    "aim_seconds": AIM_SECONDS,
                    "missed": silent or statistics.median(times) > AIM_SECONDS,
                }
        finally:
            launcher.stop(settings, force=True)


def leave_in(step: str, home: Path) -> tuple[float, str]:
    """Start the app, leave it in the middle of a step, return the seconds and what stood on the shell."""
    terminal = Terminal([sys.executable, "-c", CHILD, step], home=home)
    try:
        while b"begun" not in terminal.heard:
            if not terminal.read():
                raise RuntimeError(f"{step} never began: {terminal.text[-500:]}")
        start = time.perf_counter()
        terminal.type(LEAVE)
        while b"asked" not in terminal.heard:  # a step that is over, with nothing alive, is left unasked
            if not terminal.read():
                break
        else:
            start = time.perf_counter()
            terminal.type(LEAVE)
        terminal.wait()
        taken = time.perf_counter() - start
        own_screen, _, shell = terminal.shown.rpartition(b"\x1b[?1049l")
        if not own_screen:
            raise RuntimeError(f"{step}: the terminal was not given back")
        return taken, shell.decode(errors="replace")
    finally:
        terminal.close()


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[1])
    for row in rows():
        sys.stdout.write(f"{row['name']}: {row['ours']:.2f} s. {row['text']}\n")
