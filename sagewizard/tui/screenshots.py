"""Draws the pictures of the README: `python -m sagewizard.tui.screenshots [FOLDER]`.

Drives the app over a real run of the digits recipe in a sandbox of its own, in a temporary home, and writes
one SVG for each main screen. `drawn_text(svg)` reads the words of such a picture back, to be compared.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.settings import Settings
    from sagewizard.tui.control import RunControl

SIZE = (110, 34)
RECIPE = "digits-linear-learner"
PLACES = ("dataset", "preview", "algorithm", "train", "deploy", "predict", "evaluate", "teardown")
LONGEST = 120.0
"""Seconds that a step may take here."""


async def _until(pilot: Any, condition: Callable[[], bool]) -> None:
    """Wait until something holds, and until no worker is on its way any more."""
    waited = 0.0
    while not condition():
        await pilot.pause(0.05)
        waited += 0.05
        if waited > LONGEST:
            raise TimeoutError("The app did not get as far as the next picture.")


async def draw(settings: Settings, folder: Path) -> list[Path]:
    """Walk the recipe, write `NAME.svg` for Home and every place; return the files in their order."""
    from sagewizard.tui.app import SageWizardApp
    from sagewizard.tui.screens.home import HomeScreen

    written: list[Path] = []
    app = SageWizardApp(settings)
    # A reminder in the corner would hide what the picture is for.
    app.look_for_idle = lambda: None  # type: ignore[method-assign]

    async with app.run_test(size=SIZE, notifications=False) as pilot:

        async def take(name: str) -> None:
            await pilot.pause(1.0)
            path = folder / f"{name}.svg"
            path.write_text(app.export_screenshot(title="sagewizard"), encoding="utf-8")
            written.append(path)

        screen = app.screen
        await _until(pilot, lambda: isinstance(screen, HomeScreen) and RECIPE in screen.pictures)
        await take("home")
        await pilot.press("enter")
        control = app.control
        await _until(pilot, lambda: getattr(app.screen, "pane", None) is not None)
        steps: Any = app.screen
        for place in PLACES:
            if place in control.steps:
                control.start_step(place)
                await _until(pilot, partial(_done, control, place))
            steps.show(place)
            await _until(pilot, partial(_shows, steps, place))
            # The log belongs to the training job; elsewhere it would say what happened to come last.
            steps.set_log_size("small" if place == "train" else "hidden")
            await take(place)
    return written


def _done(control: RunControl, step: str) -> bool:
    return control.model.step(step).status == "done" and not control.busy


def _shows(screen: Any, place: str) -> bool:
    return bool(screen.place == place)


def drawn_text(svg: str) -> str:
    """Return the words of a picture that was written here, in their order, for comparing."""
    words = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    return "\n".join(html.unescape(word).replace("\xa0", " ").rstrip() for word in words)


def main(arguments: list[str]) -> int:
    """Draw all pictures into the given folder, or into `screenshots` of the checkout."""
    from sagewizard.settings import Settings

    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sagewizard-") as home:
        settings = Settings(home=Path(home) / "home", data=None)
        try:
            written = asyncio.run(draw(settings, folder))
        finally:
            _stop(settings)
    for path in written:
        sys.stdout.write(f"{path}\n")
    return 0


def _stop(settings: Settings) -> None:
    """End the sandbox's server by the command that a person would use; the app itself knows no sandbox."""
    import subprocess

    subprocess.run(
        [sys.executable, "-m", "sagewizard", "sandbox", "stop", "--force"],
        env={**os.environ, "SAGEWIZARD_HOME": str(settings.home)},
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
