"""The app: when its first frame is there, and how soon it takes keys while 2,000 log lines a second come in.

The first frame is timed in a pseudo-terminal, from the start of the program until a text of it is written, in
turn with a minimal Textual app and with what `--beside COMMAND TEXT` names: a program, and a text of its
first frame. Key latency is the time from a key's event until the app has handled it and all that waited
before it, in an app that really draws (to memory, at 120x40).
"""

from __future__ import annotations

import asyncio
import shlex
import statistics
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sagewizard.tui.app import SageWizardApp

MOST_OF_MINIMAL = 1.5
"""How many times as long as the minimal app ours may take."""
KEY_SECONDS = 0.005
RATE = 2_000
MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("hello, this is the first frame")
Minimal().run()
"""


def rows(
    repeats: int = 7, *, beside: Sequence[tuple[str, str]] = (), seconds: float = 10.0
) -> Iterator[dict[str, Any]]:
    """Yield a row for each program that the first frame is compared with, then one for the keys."""
    yield from _first_frames(repeats, beside)
    yield from _keys(seconds)


def _first_frames(repeats: int, beside: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    programs = [
        ("sagewizard", [sys.executable, "-m", "sagewizard"], "Reading the recipes"),
        ("minimal Textual app", [sys.executable, "-c", MINIMAL], "this is the first frame"),
    ]
    programs += [(Path(shlex.split(command)[0]).name, shlex.split(command), text) for command, text in beside]
    taken: dict[str, list[float]] = {name: [] for name, _command, _text in programs}
    with tempfile.TemporaryDirectory(prefix="sw-bench-") as home:
        for turn in range(repeats + 1):
            for name, command, text in programs:
                found = _until_text(command, text, Path(home))
                if turn:  # the first one warms the caches of the disk
                    taken[name].append(found)
    ours = taken.pop("sagewizard")
    for number, (name, theirs) in enumerate(taken.items()):
        yield {
            "name": f"frame, {name}",
            "text": f"first frame in {_span(ours)}, {name} in {_span(theirs)} ({repeats} starts in turn)",
            "ours": statistics.median(ours),
            "theirs": statistics.median(theirs),
            "ratio": statistics.median(theirs) / statistics.median(ours),
            "aim": 1.0 if number else round(1 / MOST_OF_MINIMAL, 2),
        }


def _span(times: Sequence[float]) -> str:
    return f"{min(times):.2f} to {max(times):.2f} s"


def _until_text(command: Sequence[str], text: str, home: Path) -> float:
    """Return the seconds from the start of a program until it has written a text to its terminal."""
    terminal = Terminal(command, home=home)
    try:
        while text not in terminal.text:
            if not terminal.read():
                raise RuntimeError(f"{command[0]} ended without {text!r}: {terminal.text[-500:]}")
        return time.perf_counter() - terminal.started
    finally:
        terminal.close()


def _keys(seconds: float) -> Iterator[dict[str, Any]]:
    from sagewizard.tui import SWITCH

    sys.setswitchinterval(SWITCH)  # as the app itself does
    found = asyncio.run(_key_latency(seconds))
    (clock, own), (idle, _idle_own) = found["lines"], found["idle"]
    parts = [
        f"{name} {_quantile(clock, share) * 1000:.1f} ms (processor {_quantile(own, share) * 1000:.1f},"
        f" idle {_quantile(idle, share) * 1000:.1f})"
        for name, share in (("median", 0.5), ("p95", 0.95), ("longest", 1.0))
    ]
    yield {
        "name": f"key at {RATE:,} lines/s, p95",
        "text": f"{len(clock)} keys, {', '.join(parts)}",
        "note": "Theirs: the same app with no line coming",
        "ours": _quantile(clock, 0.95),
        "theirs": _quantile(idle, 0.95),
        "ratio": _quantile(idle, 0.95) / _quantile(clock, 0.95),
        "aim": 0.0,
        "aim_seconds": KEY_SECONDS,
    }


async def _key_latency(seconds: float) -> dict[str, tuple[list[float], list[float]]]:
    """Press keys on the run screen while no lines come in, and while they do; no line may be lost."""
    from sagewizard.recipe import finding
    from sagewizard.settings import Settings
    from sagewizard.tui.app import SageWizardApp

    with tempfile.TemporaryDirectory(prefix="sw-bench-") as home:
        app = SageWizardApp(Settings(home=Path(home), data=None))
        async with app.run_test(size=(120, 40)) as pilot:
            control = app.control
            control.open_recipe(finding.load("digits-linear-learner"))
            app.open_run_screen()
            while getattr(app.screen, "pane", None) is None:
                await pilot.pause(0.05)
            found = {
                name: await _press_keys(app, seconds, rate) for name, rate in (("idle", 0), ("lines", RATE))
            }
            await pilot.pause(0.3)
            kept, told = app.screen.query_one("#log").view.count, control.model.log.total
            if kept != min(told, 10_000) or told < seconds * RATE * 0.9:
                raise RuntimeError(f"{told:,} lines came, {kept:,} are kept")
            return found


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
