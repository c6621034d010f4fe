"""How soon a first-time visitor sees a recorded run: until its first step is drawn as running.

Measured in a terminal that tmux provides, on a home that does not exist yet: from the start of the program
with `replay NAME --app`, and from the one key that Home offers, when Home has read its recipes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
NAME = "mnist-linear-learner"
SIZE = (120, 40)
AIM_SECONDS = 1.0
LONGEST = 30.0
POLL = 0.01


def rows(repeats: int = 7) -> Iterator[dict[str, Any]]:
    """Yield one row for each way; none where there is no tmux."""
    if shutil.which("tmux") is None:
        return
    program = f"{sys.executable} -m sagewizard"
    ways = (
        ("watch a run, --app", f"{program} replay {NAME} --app", ""),
        ("watch a run, w on Home", program, "w"),
    )
    for name, command, key in ways:
        _seconds(command, key)  # the first one warms the caches of the disk
        taken = [_seconds(command, key) for _ in range(repeats)]
        yield {
            "name": name,
            "text": f"from {'the key w on Home' if key else 'the start'} until the recorded run is drawn, "
            f"{min(taken):.2f} to {max(taken):.2f} s in {repeats} starts",
            "ours": statistics.median(taken),
            "theirs": None,
            "ratio": None,
            "aim": 0.0,
            "aim_seconds": AIM_SECONDS,
        }


def _seconds(command: str, key: str) -> float:
    """Return the seconds from the start, or from the key, until the recorded run's first step is running."""
    with tempfile.TemporaryDirectory(prefix="sw-bench-") as folder:
        socket = str(Path(folder) / "tmux")

        def tmux(*words: str) -> str:
            done = subprocess.run(
                ["tmux", "-S", socket, "-f", "/dev/null", *words], capture_output=True, text=True, check=True
            )
            return done.stdout

        environ = {"SAGEWIZARD_HOME": str(Path(folder) / "home"), "PYTHONPATH": str(ROOT)}
        settings = [word for name, value in environ.items() for word in ("-e", f"{name}={value}")]
        width, height = (str(cells) for cells in SIZE)
        # The shell waits for a line, so that the program alone is timed.
        tmux("new-session", "-d", "-x", width, "-y", height, *settings, f"read _; exec {command}")
        try:
            time.sleep(0.2)
            began = time.perf_counter()
            tmux("send-keys", "Enter")
            if key:
                _until(lambda: "classic first tutorial" in tmux("capture-pane", "-p"))
                began = time.perf_counter()
                tmux("send-keys", key)
            # The bar says what it is, and the rail has the step at work.
            _until(lambda: all(word in tmux("capture-pane", "-p") for word in ("[RECORDED", "▶› 1")))
            return time.perf_counter() - began
        finally:
            tmux("kill-server")


def _until(condition: Any) -> None:
    end = time.perf_counter() + LONGEST
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError("the recorded run never came to the screen")
        time.sleep(POLL)


if __name__ == "__main__":
    os.chdir(ROOT)
    for row in rows():
        sys.stdout.write(f"{row['name']}: {row['ours']:.2f} s. {row['text']}\n")
