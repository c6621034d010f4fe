"""Measures the app: key latency while 2,000 log lines a second come in, and the first frame.

    python benchmarks/app.py [--seconds 10]

Key latency is the time from a key's event until the app has handled it and all that waited before it, in an
app that really draws (to memory, at 120x40). The first frame is compared with a minimal Textual app, both in
fresh interpreters, in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagewizard.tui.app import SageWizardApp

ROOT = Path(__file__).resolve().parents[1]
MINIMAL = """
import time; start = time.perf_counter()
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("hello")
    def on_mount(self):
        self.call_after_refresh(self.exit)
Minimal().run(headless=True, size=(120, 40))
print("FRAME", time.perf_counter() - start)
"""
OURS = """
import time; start = time.perf_counter()
from sagewizard import settings
from sagewizard.tui.app import SageWizardApp
mounted = SageWizardApp.on_mount
def on_mount(self):
    mounted(self)
    self.call_after_refresh(self.exit)
SageWizardApp.on_mount = on_mount
SageWizardApp(settings.load()).run(headless=True, size=(120, 40))
print("FRAME", time.perf_counter() - start)
"""


def first_frame(runs: int) -> None:
    """Print the median time to the first frame of a minimal app and of ours, and their ratio."""
    found: dict[str, list[float]] = {"minimal": [], "sagewizard": []}
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "SAGEWIZARD_HOME": home, "PYTHONPATH": str(ROOT)}
        for turn in range(runs + 1):
            for name, script in (("minimal", MINIMAL), ("sagewizard", OURS)):
                done = subprocess.run(
                    [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
                )
                if turn:  # the first one warms the caches
                    found[name].append(float(done.stdout.split("FRAME ")[1].split()[0]))
    medians = {name: statistics.median(times) for name, times in found.items()}
    for name, value in medians.items():
        print(f"first frame, {name:<12} {value * 1000:6.0f} ms (median of {runs})")
    print(f"first frame, ratio        {medians['sagewizard'] / medians['minimal']:6.2f}   (at most 1.5)")


async def key_latency(seconds: float, rate: int = 2_000) -> None:
    """Print the latency of keys on the run screen while log lines come in."""
    from sagewizard.recipe import finding
    from sagewizard.settings import Settings
    from sagewizard.tui.app import SageWizardApp

    with tempfile.TemporaryDirectory() as home:
        app = SageWizardApp(Settings(home=Path(home), data=None))
        async with app.run_test(size=(120, 40)) as pilot:
            control = app.control
            control.open_recipe(finding.load("digits-linear-learner"))
            app.open_run_screen()
            while getattr(app.screen, "pane", None) is None:
                await pilot.pause(0.05)
            found: dict[str, tuple[list[float], list[float]]] = {}
            for name, lines_per_second in (("idle", 0), ("lines", rate)):
                found[name] = await _press_keys(app, seconds, lines_per_second)
            view = app.screen.query_one("#log").view
            await pilot.pause(0.3)
            print(f"log lines kept {view.count:,}, told {control.model.log.total:,}")
    for name, share in (("median", 0.5), ("p95", 0.95), ("max", 1.0)):
        (clock, own), (idle, idle_own) = (
            [_quantile(times, share) * 1000 for times in found[which]] for which in ("lines", "idle")
        )
        aim = "   (at most 5 ms)" if name == "p95" else ""
        print(
            f"key latency at {rate:,} lines/s, {name:<7}{clock:7.2f} ms, of it processor {own:6.2f} ms; idle"
            f" {idle:6.2f} and {idle_own:6.2f} ms, ratio {clock / idle:.2f} and {own / idle_own:.2f}{aim}"
        )


def _quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


async def _press_keys(app: SageWizardApp, seconds: float, rate: int) -> tuple[list[float], list[float]]:
    """Press a key each 20 ms while lines come in; return the latencies, by the clock and of the processor.

    A thread writes the lines, as the engine does: only what the interface does with them delays a key.
    """
    from sagewizard import events as ev

    control, over = app.control, threading.Event()

    def write() -> None:
        sent, began = 0, time.perf_counter()
        while not over.wait(0.05):
            due = int((time.perf_counter() - began) * rate) - sent
            lines = tuple(
                f"[11/21/2026 02:49:40 INFO 139668188384128] {sent + n} #quality_metric <loss>=0.1"
                for n in range(due)
            )
            event = ev.LogLines(
                run_id="r", sequence=sent, time=time.time(), job="job", stream="s", lines=lines,
                timestamps=tuple(range(due)),
            )  # fmt: skip
            control.post(partial(control.model.apply, event))
            sent += due

    writer = threading.Thread(target=write) if rate else None
    if writer is not None:
        writer.start()
    latencies: list[float] = []
    processor: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        answered = asyncio.Event()
        start, used = time.perf_counter(), time.thread_time()
        app.simulate_key(("down", "up")[len(latencies) % 2])
        app.screen.call_next(answered.set)
        await answered.wait()
        latencies.append(time.perf_counter() - start)
        processor.append(time.thread_time() - used)
        await asyncio.sleep(0.02)
    over.set()
    if writer is not None:
        writer.join()
    return latencies, processor


def main() -> int:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    asyncio.run(key_latency(options.seconds))
    first_frame(options.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
