"""The shell's screens look as recorded, at two sizes, in colour and with NO_COLOR, from one recorded run."""

from __future__ import annotations

import pytest

from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.run import RunScreen

PLACES = ("dataset", "preview", "prepare", "algorithm", "train", "deploy")


@pytest.fixture(autouse=True)
def two_recipes(monkeypatch):
    """A new recipe in the gallery is no change of the screen."""
    from sagewizard import gallery

    every = gallery.cards
    names = ("digits-linear-learner", "mnist-linear-learner")
    monkeypatch.setattr(gallery, "cards", lambda: [card for card in every() if card.name in names])


async def home(app, pilot, wait_until, settled):
    await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and app.screen._loaded)
    await wait_until(pilot, lambda: "digits-linear-learner" in app.screen.pictures)
    await settled(app, pilot)


async def run_screen(app, pilot, wait_until, settled):
    await home(app, pilot, wait_until, settled)
    await pilot.press("r", "enter")
    await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
    await settled(app, pilot)


def test_home_looks_as_recorded(recorded, frozen, shot, settled, wait_until, snapshots, size, no_color):
    async def body(app, pilot):
        await home(app, pilot, wait_until, settled)
        await snapshots.compare(app, pilot, snapshots.named("home", size, no_color))

    shot(recorded, frozen, size, no_color, body)


def test_run_panes_looks_as_recorded(recorded, frozen, shot, settled, wait_until, snapshots, size, no_color):
    async def body(app, pilot):
        await run_screen(app, pilot, wait_until, settled)
        for place in PLACES:
            app.screen.show(place)
            await wait_until(pilot, lambda place=place: app.screen.place == place)
            await settled(app, pilot)
            await snapshots.compare(app, pilot, snapshots.named(f"run-{place}", size, no_color))

    shot(recorded, frozen, size, no_color, body)


def test_readers_looks_as_recorded(recorded, frozen, shot, settled, wait_until, snapshots, size, no_color):
    async def body(app, pilot):
        await run_screen(app, pilot, wait_until, settled)
        app.screen.show("deploy")
        await wait_until(pilot, lambda: app.screen.place == "deploy")
        below = app.screen
        for key, what in (("e", "explain"), ("x", "code"), ("k", "calls"), ("question_mark", "help")):
            await settled(app, pilot)
            await pilot.press(key)
            await wait_until(pilot, lambda: app.screen is not below)
            below.redraw_keys()  # whatever redraws it meanwhile: the keys below stay those of the run screen
            await settled(app, pilot)
            await snapshots.compare(app, pilot, snapshots.named(what, size, no_color))
            await pilot.press("escape")
            await wait_until(pilot, lambda: app.screen is below)

    shot(recorded, frozen, size, no_color, body)


def test_dialogs_looks_as_recorded(
    recorded, frozen, shot, settled, wait_until, snapshots, going_to_aws, size, no_color
):
    from sagewizard.errors import DataError
    from sagewizard.tui.screens.jump import JumpScreen
    from sagewizard.tui.screens.modals import Confirm, QuitGuard, TeardownThenQuit, TypedConfirm
    from sagewizard.tui.screens.own_data import OwnDataScreen
    from sagewizard.tui.screens.palette import commands, themes
    from sagewizard.tui.screens.step_settings import StepSettings

    async def body(app, pilot):
        await run_screen(app, pilot, wait_until, settled)
        app.control.teardown = lambda *_given, **_named: None  # the dialog is looked at while it works
        dialogs = {
            "confirm": Confirm(
                "Stop the job?", "It ends; what it has done so far is billed.", "Stop the job"
            ),
            "typed": TypedConfirm("This creates resources that cost money.", "Type 1234 to go on.", "1234"),
            "quit": QuitGuard(app.control.model, busy=True),
            "own-data": OwnDataScreen(app.control, app.control.recipe),
            "step-settings": StepSettings(app.control, "deploy", "Settings of the endpoint"),
            "on-aws": going_to_aws(),
            "jump": JumpScreen(app.screen),
            "palette": commands(),
            "themes": themes(),
            "teardown-quit": TeardownThenQuit(app.control),
        }
        for name, dialog in dialogs.items():
            app.push_screen(dialog)
            await settled(app, pilot)
            await snapshots.compare(app, pilot, snapshots.named(f"dialog-{name}", size, no_color))
            app.pop_screen()
            await pilot.pause()
        app.show_error(DataError("the label is missing", file="a.csv", row=3, remedy="Fill in the cell."))
        await settled(app, pilot)
        await snapshots.compare(app, pilot, snapshots.named("dialog-error", size, no_color))

    shot(recorded, frozen, size, no_color, body)


def test_a_small_terminal_looks_as_recorded(recorded, frozen, shot, settled, wait_until, snapshots):
    async def body(app, pilot):
        await settled(app, pilot)
        await snapshots.compare(app, pilot, "too-small-50x15")

    shot(recorded, frozen, (50, 15), False, body)
