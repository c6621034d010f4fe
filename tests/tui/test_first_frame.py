"""What is loaded before the first frame: a fresh interpreter tells, since this one has loaded everything."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = {
    "boto3", "botocore", "numpy", "pandas", "scipy", "sklearn", "pydantic", "yaml", "orjson", "sqlite3",
    "moto", "markdown_it", "argparse",
}  # fmt: skip

SCRIPT = """
import sys
from sagewizard import settings
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.screens.home import HomeScreen

def first_frame_is_there(self):
    self.app.loaded = sorted({name.split(".")[0] for name in sys.modules})
    self.app.ours = sorted(name for name in sys.modules if name.startswith("sagewizard"))
    self.app.exit()

HomeScreen.reload = first_frame_is_there
app = SageWizardApp(settings.load())
app.look_for_idle = lambda: None
app.run(headless=True, size=(80, 24))
print("LOADED", *app.loaded)
print("OURS", *app.ours)
"""


def test_the_first_frame_needs_textual_and_nothing_heavy(tmp_path):
    environ = {**os.environ, "SAGEWIZARD_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split("LOADED ")[1].split("\n")[0].split())
    assert "textual" in loaded
    assert not loaded & HEAVY
    ours = set(done.stdout.split("OURS ")[1].split("\n")[0].split())
    assert "sagewizard.tui.model" not in ours
    assert not any(name.startswith(("sagewizard.engine", "sagewizard.recipe")) for name in ours)
    assert not (tmp_path / "home").exists(), "opening the app writes nothing"


def test_without_a_terminal_it_exits_2_and_names_the_command(tmp_path):
    environ = {**os.environ, "SAGEWIZARD_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "sagewizard"], env=environ, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert "sagewizard run" in done.stderr
