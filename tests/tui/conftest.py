"""What the app's tests share: one sandbox for the session, a home each, ways to wait."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from sagewizard.settings import Settings
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.copying import screen_text

os.environ["TEXTUAL_ANIMATIONS"] = "none"
RECORDED = Path(__file__).with_name("recorded")
RECORDED_KINDS = Path(__file__).with_name("recorded_kinds")


class FrozenClock:
    """A clock that stands still at the end of the recorded run."""

    def __init__(self, now: float = 1_795_229_900.0) -> None:
        self.moment = now

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment

    def wait(self, cancel, seconds):
        return cancel.wait(seconds)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    """Colours as in an ordinary terminal, whatever the tests run in."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture(scope="session")
def sandbox_settings(tmp_path_factory):
    """One sandbox server for the session; only its home is given, the app starts the server by itself."""
    from sagewizard.sandbox import launcher

    settings = Settings(home=tmp_path_factory.mktemp("app-home"), data=None)
    yield settings
    launcher.stop(settings, force=True)


@pytest.fixture
def settings(tmp_path):
    """A home of its own, without a server."""
    return Settings(home=tmp_path / "home", data=None)


@pytest.fixture
def recorded(settings):
    """A home with one recorded run: torn down, complete, 20261121-025731-ddb9."""
    shutil.copytree(RECORDED, settings.home / "runs")
    return settings


@pytest.fixture
def recorded_kinds(settings):
    """A home with one recorded run each of a tuning, a clustering and a regression."""
    shutil.copytree(RECORDED_KINDS, settings.home / "runs")
    return settings


@pytest.fixture
def frozen():
    return FrozenClock()


async def until(pilot, condition, *, seconds: float = 30.0):
    """Wait until something holds; fails with the text of the screen when it never does."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            await pilot.pause()
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"it never came to hold; the screen:\n{screen_text(pilot.app)}")


@pytest.fixture
def wait_until():
    return until


@pytest.fixture
def make_app():
    return SageWizardApp


@pytest.fixture
def shown():
    return screen_text


@pytest.fixture
def sandbox_server_killer():
    """Kill the server of a home without warning, as a crash would; stop what runs there at the end."""
    import signal

    from sagewizard.sandbox import launcher

    homes = []

    def kill(settings):
        homes.append(settings)
        os.kill(launcher.status(settings)["pid"], signal.SIGKILL)

    yield kill
    for settings in homes:
        launcher.stop(settings, force=True)
