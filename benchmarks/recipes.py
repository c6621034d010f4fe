"""How long a tutorial takes: the vertebral recipe from its start to its teardown, as the shell sees it.

Where SAGEWIZARD_DATA lacks the vertebral archive, its offline stand-in is measured, and the note says so.
The sandbox is up and has run the recipe once before. Beside it, the share of the jobs themselves: what the
algorithm computes is milliseconds, so nearly all of it is the way there and back.
"""

from __future__ import annotations

import json
import os
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
RECIPE, STAND_IN = "vertebral-xgboost", "breast-cancer-xgboost"
AIM_SECONDS = 8.0


def rows(repeats: int = 5) -> Iterator[dict[str, Any]]:
    """Yield one row: the median of whole runs in seconds, against the aim."""
    from sagewizard.settings import Settings

    data = os.environ.get("SAGEWIZARD_DATA", "")
    there = bool(data) and (Path(data) / "vertebral" / "vertebral_column_data.zip").is_file()
    recipe = RECIPE if there else STAND_IN
    with tempfile.TemporaryDirectory(prefix="sagewizard-benchmark-") as name:
        home = Path(name) / "home"
        try:
            _run(recipe, home)
            taken = [_run(recipe, home) for _ in range(repeats)]
        finally:
            from sagewizard.sandbox import launcher

            launcher.stop(Settings(home=home, data=None), force=True)
    seconds = statistics.median(whole for whole, _steps in taken)
    steps = {step: statistics.median(run[step] for _whole, run in taken) for step in taken[0][1]}
    slowest = sorted(steps.items(), key=lambda item: -item[1])[:4]
    listed = ", ".join(f"{step} {value:.1f} s" for step, value in slowest)
    yield {
        "name": f"run {recipe}",
        "text": f"the whole tutorial, {len(steps)} steps, from start to teardown; most of it: {listed}",
        "ours": seconds,
        "theirs": None,
        "ratio": None,
        "aim": 0.0,
        "aim_seconds": AIM_SECONDS,
        "note": "" if there else "SAGEWIZARD_DATA has no vertebral data, so this is the offline stand-in",
    }


def _run(recipe: str, home: Path) -> tuple[float, dict[str, float]]:
    """Run a recipe as a process; return its seconds, and those of each step."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environ = {**os.environ, "SAGEWIZARD_HOME": str(home), "PYTHONPATH": path}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "sagewizard", "run", recipe, "--json", "--quiet"],
        env=environ, check=True, capture_output=True,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return seconds, {e["step"]: e["seconds"] for e in events if e["kind"] == "step_finished"}
