"""The pictures in screenshots/ show what the app draws over a real run today."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from sagewizard.tui import screenshots

# Whether a look at a job catches these depends on the moment.
PASSING = {"Pending", "Starting", "Downloading", "Training", "Uploading", "Creating", "InProgress"}
FOLDER = Path(__file__).resolve().parents[2] / "screenshots"


def words(path):
    """The words of a picture; figures, times and the run's id differ from run to run.

    Where a line of the log is cut depends on them, too.
    """
    text = screenshots.drawn_text(path.read_text(encoding="utf-8"))
    whole = (line for line in text.splitlines() if not line.endswith("…"))
    return set(re.findall(r"[A-Za-z]{5,}", "\n".join(whole))) - PASSING


@pytest.mark.slow
def test_the_pictures_show_the_words_that_the_app_draws(tmp_path):
    from sagewizard.settings import Settings
    from sagewizard.targets import open_target

    settings = Settings(home=tmp_path / "home", data=None)
    open_target("sandbox", settings)
    try:
        drawn = asyncio.run(screenshots.draw(settings, tmp_path))
    finally:
        from sagewizard.sandbox import launcher

        launcher.stop(settings, force=True)
    assert {path.name for path in drawn} == {path.name for path in FOLDER.glob("*.svg")}
    for path in drawn:
        kept = words(FOLDER / path.name)
        assert words(path) == kept, f"{path.name} is out of date: `python -m sagewizard.tui.screenshots`"
