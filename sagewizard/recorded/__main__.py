"""Makes the recorded runs that ship: `SAGEWIZARD_DATA=FOLDER python -m sagewizard.recorded [RECIPE ...]`.

Each tutorial is run once, really, in a sandbox of its own in a temporary home, and exported as anybody would
with `sagewizard runs export`. The folder has to hold mnist/ and vertebral/.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path

RECIPES = ("mnist-linear-learner", "vertebral-xgboost")
FOLDER = Path(__file__).parent
LARGEST = 300_000
"""Bytes that one of them may have: they are in every installation."""


def main(recipes: list[str]) -> int:
    """Record the recipes named, or all; the exit code is 1 when a run failed or its file grew too large."""
    from sagewizard.engine import Engine, exporting
    from sagewizard.events import RunFinished
    from sagewizard.recipe import finding
    from sagewizard.sandbox import launcher
    from sagewizard.settings import Settings
    from sagewizard.targets import open_target

    data = os.environ.get("SAGEWIZARD_DATA", "")
    code = 0
    with tempfile.TemporaryDirectory(prefix="sagewizard-recording-") as name:
        settings = Settings(home=Path(name), data=Path(data).absolute() if data else None)
        try:
            target = open_target("sandbox", settings)
            for recipe in recipes or RECIPES:
                last = None
                for event in Engine(target, settings=settings).run(finding.load(recipe)):
                    last = event
                if not isinstance(last, RunFinished) or not last.complete:
                    _tell(f"{recipe} did not get to its end: {last}")
                    code = 1
                    continue
                found = exporting.export(
                    settings, last.run_id, FOLDER / f"{recipe}.swrun", replace=True, cancel=threading.Event()
                )
                _tell(f"{found.path}  {found.size:,} bytes, F1 {last.metrics['f1']:.4f}")
                if found.left_out or found.size > LARGEST:
                    _tell(f"not fit to ship: at most {LARGEST:,} bytes; left out: {found.left_out}")
                    code = 1
        finally:
            launcher.stop(settings, force=True)
    return code


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
