"""The shell's screens look as recorded, at two sizes, in colour and with NO_COLOR, from one recorded run."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest

from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.run import RunScreen

SIZES = [(80, 24), (120, 40)]
PLACES = ("dataset", "preview", "prepare", "algorithm", "train", "deploy")


@pytest.fixture(scope="module")
def snapshots():
    spec = importlib.util.spec_from_file_location("tui_snapshots", Path(__file__).with_name("snapshots.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def two_recipes(monkeypatch):
    """A new recipe in the gallery is no change of the screen."""
    from sagewizard import gallery

    every = gallery.cards
    names = ("digits-linear-learner", "mnist-linear-learner")
    monkeypatch.setattr(gallery, "cards", lambda: [card for card in every() if card.name in names])


def shot(recorded, frozen, monkeypatch, size, no_color, body):
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")

    async def go():
        app = SageWizardApp(recorded, clock=frozen)
        app.look_for_idle = lambda: None
        async with app.run_test(size=size, notifications=False) as pilot:
            await body(app, pilot)

    asyncio.run(go())


def named(what, size, no_color):
    return f"{what}-{size[0]}x{size[1]}-{'nocolor' if no_color else 'dark'}"


async def settled(app, pilot, wait_until):
    """Wait until nothing is on its way: no worker, no event."""
    import threading

    def quiet():
        return not any(t.name.startswith("sagewizard") for t in threading.enumerate())

    for _ in range(3):
        await wait_until(pilot, quiet)
        app.tick()
        await pilot.pause()


async def home(app, pilot, wait_until):
    await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and app.screen._loaded)
    await wait_until(pilot, lambda: "digits-linear-learner" in app.screen.pictures)
    await settled(app, pilot, wait_until)


async def run_screen(app, pilot, wait_until):
    await home(app, pilot, wait_until)
    await pilot.press("r", "enter")
    await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
    await settled(app, pilot, wait_until)


@pytest.mark.parametrize("no_color", [False, True], ids=["dark", "nocolor"])
@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_home_looks_as_recorded(recorded, frozen, monkeypatch, wait_until, snapshots, size, no_color):
    async def body(app, pilot):
        await home(app, pilot, wait_until)
        await snapshots.compare(app, pilot, named("home", size, no_color))

    shot(recorded, frozen, monkeypatch, size, no_color, body)


@pytest.mark.parametrize("no_color", [False, True], ids=["dark", "nocolor"])
@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_run_panes_looks_as_recorded(recorded, frozen, monkeypatch, wait_until, snapshots, size, no_color):
    async def body(app, pilot):
        await run_screen(app, pilot, wait_until)
        for place in PLACES:
            app.screen.show(place)
            await wait_until(pilot, lambda place=place: app.screen.place == place)
            await settled(app, pilot, wait_until)
            await snapshots.compare(app, pilot, named(f"run-{place}", size, no_color))

    shot(recorded, frozen, monkeypatch, size, no_color, body)


@pytest.mark.parametrize("no_color", [False, True], ids=["dark", "nocolor"])
@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_readers_looks_as_recorded(recorded, frozen, monkeypatch, wait_until, snapshots, size, no_color):
    async def body(app, pilot):
        await run_screen(app, pilot, wait_until)
        app.screen.show("deploy")
        await wait_until(pilot, lambda: app.screen.place == "deploy")
        for key, what in (("e", "explain"), ("x", "code"), ("k", "calls"), ("question_mark", "help")):
            await pilot.press(key)
            await settled(app, pilot, wait_until)
            await snapshots.compare(app, pilot, named(what, size, no_color))
            await pilot.press("escape")
            await wait_until(pilot, lambda: isinstance(app.screen, RunScreen))

    shot(recorded, frozen, monkeypatch, size, no_color, body)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_dialogs_looks_as_recorded(recorded, frozen, monkeypatch, wait_until, snapshots, size):
    from sagewizard.errors import DataError
    from sagewizard.tui.screens.modals import Confirm, QuitGuard, TypedConfirm
    from sagewizard.tui.screens.own_data import OwnDataScreen

    async def body(app, pilot):
        await run_screen(app, pilot, wait_until)
        dialogs = {
            "confirm": Confirm(
                "Stop the job?", "It ends; what it has done so far is billed.", "Stop the job"
            ),
            "typed": TypedConfirm("This creates resources that cost money.", "Type 1234 to go on.", "1234"),
            "quit": QuitGuard(app.control.model, busy=True),
            "own-data": OwnDataScreen(app.control, app.control.recipe),
        }
        for name, dialog in dialogs.items():
            app.push_screen(dialog)
            await settled(app, pilot, wait_until)
            for field in app.screen.query("Input"):
                field.cursor_blink = False
            await snapshots.compare(app, pilot, named(f"dialog-{name}", size, no_color=False))
            app.pop_screen()
            await pilot.pause()
        app.show_error(DataError("the label is missing", file="a.csv", row=3, remedy="Fill in the cell."))
        await settled(app, pilot, wait_until)
        await snapshots.compare(app, pilot, named("dialog-error", size, no_color=False))

    shot(recorded, frozen, monkeypatch, size, False, body)


def test_a_small_terminal_looks_as_recorded(recorded, frozen, monkeypatch, wait_until, snapshots):
    async def body(app, pilot):
        await settled(app, pilot, wait_until)
        await snapshots.compare(app, pilot, "too-small-50x15")

    shot(recorded, frozen, monkeypatch, (50, 15), False, body)
