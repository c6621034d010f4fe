"""Random keys on every screen, thousands of them: no exception, and the app still answers.

SAGEWIZARD_RANDOM_KEYS multiplies how many are pressed: 1 in the ordinary suite, 10 takes some minutes.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.bindings import KEYS
from sagewizard.tui.control import RunControl
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.run import RunScreen

# Leaving the app ends the walk, and a copy of the screen writes a file each time.
LEFT_OUT = {"ctrl+q", "ctrl+c", "ctrl+p"}
PLAIN = [
    "enter", "escape", "tab", "shift+tab", "up", "down", "left", "right", "home", "end", "pageup", "pagedown",
    "space", "backspace", "delete", "a", "1", "0", "9", "-", ".", "é", "/", "?", "f1", "f2", "f3", "f4",
    "ctrl+o",
]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_is_started(monkeypatch):
    """Keys may ask for anything; what would start a server or a download is only counted."""
    monkeypatch.setattr(RunControl, "_begin", lambda self, **_wanted: False)
    monkeypatch.setattr(RunControl, "engine", _no_engine)


def _no_engine(_self, _run_id=None):
    from sagewizard.errors import SandboxError

    raise SandboxError("There is no sandbox in this test.", remedy="None is needed.")


def keys_for(seed, count):
    count *= int(os.environ.get("SAGEWIZARD_RANDOM_KEYS", "1"))
    bound = sorted({one for key in KEYS for one in key.keys.split(",")} - LEFT_OUT)
    chance = random.Random(seed)
    return [chance.choice(PLAIN if chance.random() < 0.5 else bound) for _ in range(count)]


async def press_all(app, pilot, keys, back):
    for number, key in enumerate(keys):
        app.simulate_key(key)
        if number % 20 == 19:
            await pilot.pause()
            assert app._exception is None, (number, key)
            if len(app.screen_stack) > 6:
                await back()
    await pilot.pause()


def walk(recorded, frozen, wait_until, seed, count, place=None, size=(80, 24)):
    async def go():
        app = SageWizardApp(recorded, clock=frozen)
        app.look_for_idle = lambda: None
        async with app.run_test(size=size) as pilot:
            await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and app.screen._loaded)

            async def back():
                await wait_until(pilot, lambda: app.screen.is_mounted)
                while len(app.screen_stack) > 1:
                    app.pop_screen()
                if place is None:
                    return
                await pilot.press("r", "enter")
                await wait_until(
                    pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None
                )
                app.screen.show(place)
                await wait_until(pilot, lambda: app.screen.place == place)

            await back()
            await press_all(app, pilot, keys_for(seed, count), back)
            assert app.is_running
            assert app._exception is None

    asyncio.run(go())


def test_home_takes_any_keys(recorded, frozen, wait_until):
    walk(recorded, frozen, wait_until, seed=1, count=800)


PLACES = ("dataset", "preview", "prepare", "algorithm", "train", "deploy")


@pytest.mark.parametrize("place", PLACES)
def test_every_pane_takes_any_keys(recorded, frozen, wait_until, place):
    walk(recorded, frozen, wait_until, seed=PLACES.index(place) + 2, count=400, place=place)


def test_a_large_screen_takes_any_keys(recorded, frozen, wait_until):
    walk(recorded, frozen, wait_until, seed=99, count=400, place="train", size=(140, 50))
