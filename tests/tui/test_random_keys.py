"""Random keys on every screen: no exception, and the app still answers.

The ordinary suite presses some keys on each, in one app. `pytest -m thorough` presses a thousand on each
screen at each size (SAGEWIZARD_RANDOM_KEYS says how many), which takes half an hour on two cores.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import itertools
import os
import random

import pytest

from sagewizard import targets
from sagewizard.errors import SandboxError
from sagewizard.recipe import finding
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.bindings import KEYS
from sagewizard.tui.control import RunControl
from sagewizard.tui.panes import PANES
from sagewizard.tui.screens.compare import CompareScreen
from sagewizard.tui.screens.going_to_aws import GoingToAws
from sagewizard.tui.screens.help import HelpScreen
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.jump import JumpScreen
from sagewizard.tui.screens.modals import Confirm, ErrorDialog, QuitGuard, TeardownThenQuit, TypedConfirm
from sagewizard.tui.screens.own_data import OwnDataScreen
from sagewizard.tui.screens.palette import Palette, commands, themes
from sagewizard.tui.screens.reading import CallsScreen, CodeScreen, ExplainScreen
from sagewizard.tui.screens.resources import ResourcesScreen
from sagewizard.tui.screens.run import RunScreen
from sagewizard.tui.screens.runs import RunsScreen
from sagewizard.tui.screens.step_settings import StepSettings
from sagewizard.tuning_events import Trial, TuningChanged, TuningPlanned

RUN = "20261121-025731-ddb9"
SIZES = [(80, 24), (120, 40)]
BATCH = 10
"""Keys between two looks at where the person is."""
FEW = 40
MANY = int(os.environ.get("SAGEWIZARD_RANDOM_KEYS", "1000"))
BOUND = sorted({one for key in KEYS for one in key.keys.split(",")})
LEAVING = ["escape", "q", "f1", "f2", "f3", "f4", "f5", "ctrl+o", "ctrl+p", "ctrl+q", "ctrl+c"]
"""Keys that open or close screens: pressed now and then, so that the others meet the screen that is meant."""
PLAIN = [
    "enter", "tab", "shift+tab", "up", "down", "left", "right", "home", "end", "pageup", "pagedown", "space",
    "backspace", "delete", "a", "1", "0", "9", "-", ".", "é", "/", "?",
]  # fmt: skip


def some_keys(chance, count, leaving):
    """Return keys: bound ones and plain ones; with `leaving` one in twelve opens or closes something."""
    bound = [key for key in BOUND if key not in LEAVING]
    kinds = chance.choices((LEAVING, PLAIN, bound), weights=(1 if leaving else 0, 5, 6), k=count)
    return [chance.choice(kind) for kind in kinds]


# The screens: each opens itself over Home.


def of_run(place):
    async def opened(stage):
        await stage.run_screen(place)

    return opened


async def of_tuning(stage):
    await stage.tune_pane()


def pushed(make):
    async def opened(stage):
        stage.app.push_screen(make(stage))

    return opened


def over_run(key):
    """Open what a key of the run screen shows, over the pane that has made calls."""

    async def opened(stage):
        await stage.run_screen("deploy")
        stage.app.simulate_key(key)

    return opened


async def of_home(_stage):
    return


async def of_replay(stage):
    stage.app.open_shipped_replay("vertebral-xgboost")


def jump(stage):
    return JumpScreen(stage.app.screen)


def two_runs(stage):
    run = stage.summary
    return CompareScreen(run, dataclasses.replace(run, run_id="20261121-030000-abcd"))


SCREENS = {
    "home": (HomeScreen, of_home),
    **{f"run {place}": (RunScreen, of_run(place)) for place in PANES if place != "tune"},
    "run tune": (RunScreen, of_tuning),
    "replay": (RunScreen, of_replay),
    "resources": (ResourcesScreen, pushed(lambda stage: ResourcesScreen(stage.app.control))),
    "runs": (RunsScreen, pushed(lambda stage: RunsScreen(stage.app.control))),
    "compare": (CompareScreen, pushed(two_runs)),
    "explain": (ExplainScreen, over_run("e")),
    "code": (CodeScreen, over_run("x")),
    "calls": (CallsScreen, over_run("k")),
    "help": (HelpScreen, over_run("question_mark")),
    "jump": (JumpScreen, pushed(jump)),
    "palette": (Palette, pushed(lambda _stage: commands())),
    "themes": (Palette, pushed(lambda _stage: themes())),
    "confirm": (Confirm, pushed(lambda _stage: Confirm("Stop it?", "It ends.", "Stop"))),
    "typed confirm": (TypedConfirm, pushed(lambda _stage: TypedConfirm("This costs.", "Type 1.", "1"))),
    "on AWS": (GoingToAws, pushed(lambda stage: stage.going_to_aws())),
    "error": (
        ErrorDialog,
        pushed(lambda _stage: ErrorDialog("no label", "Add it.", "a.csv", "one\n\ntwo\n" * 9, retry="Again")),
    ),
    "quit": (QuitGuard, pushed(lambda stage: QuitGuard(stage.app.control.model, busy=True))),
    "teardown and quit": (
        TeardownThenQuit,
        pushed(lambda stage: TeardownThenQuit(stage.app.control)),
    ),
    "step settings": (
        StepSettings,
        pushed(lambda stage: StepSettings(stage.app.control, "deploy", "Settings of the endpoint")),
    ),
    "own data": (
        OwnDataScreen,
        pushed(lambda stage: OwnDataScreen(stage.app.control, stage.app.control.recipe)),
    ),
}


class Stage:
    """An app over a recorded run, and the ways to each of its screens."""

    def __init__(self, app, pilot, wait_until, going_to_aws):
        self.app, self.pilot, self._until, self.going_to_aws = app, pilot, wait_until, going_to_aws
        self.summary = None
        self._errors = False

    async def _wait(self, pilot, condition):
        """Wait; an error that a key of the screen before had asked for may come late, and is closed."""

        def held():
            if not self._errors and isinstance(self.app.screen, ErrorDialog) and self.app.screen.is_mounted:
                self.app.pop_screen()
                return False
            return condition()

        await self._until(pilot, held)

    async def begin(self):
        from sagewizard.engine.history import summaries

        await self._wait(
            self.pilot, lambda: isinstance(self.app.screen, HomeScreen) and self.app.screen._loaded
        )
        (self.summary,) = summaries(self.app.settings)

    async def open(self, name):
        """Close all and come to a screen again; keys may have opened another run meanwhile.

        What a key had asked for may still come, and lie on top of the screen that is meant: then once more.
        """
        app, (kind, opened) = self.app, SCREENS[name]
        self._errors = name == "error"
        for _ in range(5):
            await self._close_all()
            app._replay = None
            if name != "run tune" and app.control.model.run_id != RUN:
                there = []
                app.control.open_run(RUN, lambda there=there: there.append(True))
                await self._wait(self.pilot, lambda there=there: bool(there))
                await self._close_all()
            await opened(self)
            looks = itertools.count()
            # 250 looks are 5 s: what was asked for has been read by then, or another screen has come.
            await self._wait(self.pilot, lambda looks=looks: self._on(kind) or next(looks) > 250)
            if self._on(kind):
                return
        raise AssertionError(f"{name} never came on top:\n{app.screen_stack}")

    def _on(self, kind):
        return isinstance(self.app.screen, kind) and self.app.screen.is_mounted

    async def _close_all(self):
        """Leave every screen but Home, when nothing that was asked for is on its way any more."""
        app = self.app
        looks = itertools.count()

        def still():
            at_work = any(not worker.is_finished for worker in app.workers)
            return not (at_work or app.control._queue.qsize()) or next(looks) > 250

        await self._wait(self.pilot, lambda: app.screen.is_mounted)
        for _ in range(2):
            await self._wait(self.pilot, still)
            while len(app.screen_stack) > 1:
                app.pop_screen()
                await self._wait(self.pilot, lambda: app.screen.is_mounted)

    async def run_screen(self, place):
        app = self.app
        app.push_screen(RunScreen(app.control))
        await self._wait(
            self.pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None
        )
        if app.screen.place != place:
            app.screen.show(place)
            await self._wait(self.pilot, lambda: app.screen.place == place)

    async def tune_pane(self):
        control = self.app.control
        recipe = finding.load("vertebral-xgboost").with_settings({"tune.enabled": "true"})
        control.open_recipe(recipe)
        for event in a_tuning():
            control.model.apply(event)
        await self.run_screen("tune")


def a_tuning():
    """Return what the engine tells of a tuning at work: its plan, and jobs that ended in different ways."""
    told = {"run_id": "r", "sequence": 1, "time": 1_795_229_800.0}
    yield TuningPlanned(
        **told, step="tune", strategy="Bayesian", objective="validation:auc", goal="Maximize", jobs=10,
        parallel=2, instance_type="ml.m5.large", instance_count=1, ranges={"eta": "0.1 to 0.3"}, minutes=9.0,
    )  # fmt: skip
    trials = [
        Trial(
            f"job-{n}", n, "Failed" if n == 3 else "InProgress" if n > 6 else "Completed",
            {"eta": f"0.{n}", "alpha": str(10.0**n), "kind": "abc"[n % 3]},
            None if n == 3 or n > 6 else 0.9 - n / 100, 1_795_229_700.0 + n,
        )
        for n in range(1, 9)
    ]  # fmt: skip
    yield TuningChanged(
        **told, job="tuning", status="InProgress", strategy="Bayesian", objective="validation:auc",
        goal="Maximize", jobs=10, parallel=2, trials=tuple(trials), best="job-1", best_objective=0.89,
    )  # fmt: skip


async def press(stage, name, count, chance, clock, leaving):
    """Press that many keys, each ten of them begun on the screen that is meant; return how many."""
    app, kind = stage.app, SCREENS[name][0]
    pressed = 0
    last = collections.deque(maxlen=40)
    await stage.open(name)
    while pressed < count:
        screen = app.screen
        astray = isinstance(screen, RunScreen) and name.startswith("run ") and screen.place != name[4:]
        if type(screen) is not kind or not screen.is_mounted or astray:
            await stage.open(name)
        batch = BATCH if leaving else min(count, 2 * BATCH)
        for key in some_keys(chance, batch, leaving):
            last.append(key)
            app.simulate_key(key)
        pressed += batch
        clock.moment += 0.5
        await stage.pilot.pause()
        assert app._exception is None, (name, list(last))
        assert app.is_running, (name, list(last))
    return pressed


def walk(settings, clock, ways, size, names, count, *, leaving=True):
    """Press keys on some screens in one app."""

    async def go():
        app = SageWizardApp(settings, clock=clock)
        app.look_for_idle = lambda: None
        async with app.run_test(size=size) as pilot:
            stage = Stage(app, pilot, *ways)
            await stage.begin()
            for name in names:
                chance = random.Random(f"{name} {size}")
                assert await press(stage, name, count, chance, clock, leaving) >= count

    asyncio.run(go())


@pytest.fixture(autouse=True)
def nothing_is_started(monkeypatch):
    """Keys may ask for anything; what would start a server, reach AWS or end the app is refused."""

    def refuse(*_arguments, **_options):
        raise SandboxError("There is no sandbox in this test.", remedy="None is needed.")

    monkeypatch.setattr(RunControl, "_begin", lambda self, **_wanted: False)
    monkeypatch.setattr(RunControl, "engine", refuse)
    monkeypatch.setattr(targets, "open_target", refuse)
    monkeypatch.setattr(SageWizardApp, "leave", lambda self: None)


@pytest.fixture
def home(recorded, two_alive):
    """The recorded run, and two resources that are alive."""
    two_alive(recorded, RUN)
    return recorded


@pytest.fixture
def ways(wait_until, going_to_aws):
    """How to wait, and how to make the dialog of a run on AWS."""
    return wait_until, going_to_aws


@pytest.mark.slow
@pytest.mark.timeout(900)  # on a machine where much else runs, 15 s of processor time take long
def test_every_screen_takes_any_keys(home, frozen, ways):
    """In one app, as a person has one; the same keys each time, none of which leaves the screen by itself."""
    walk(home, frozen, ways, SIZES[0], SCREENS, FEW, leaving=False)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", SCREENS)
def test_every_screen_takes_thousands_of_keys(home, frozen, ways, name, size):
    walk(home, frozen, ways, size, [name], MANY)


def test_every_pane_and_every_screen_is_in_the_list():
    """A screen that is added has to be added here: all that the app's own modules define are."""
    import importlib
    import pkgutil

    from textual.screen import Screen

    from sagewizard.tui import screens

    found = set()
    for module in pkgutil.iter_modules(screens.__path__):
        loaded = importlib.import_module(f"{screens.__name__}.{module.name}")
        found |= {one for one in vars(loaded).values() if isinstance(one, type) and issubclass(one, Screen)}
    ours = {one for one in found if one.__module__.startswith("sagewizard.")}
    bases = {base for one in ours for base in one.__mro__[1:]}
    assert ours - bases <= {kind for kind, _opened in SCREENS.values()}
    assert {f"run {place}" for place in PANES} <= set(SCREENS)
