"""What the app's tests share: one sandbox for the session, a home each, ways to wait."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from sagewizard.settings import Settings
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.copying import screen_text

os.environ["TEXTUAL_ANIMATIONS"] = "none"
RECORDED = Path(__file__).with_name("recorded")
RECORDED_KINDS = Path(__file__).with_name("recorded_kinds")


LOOKS = {
    "80x24-dark": ((80, 24), False), "80x24-nocolor": ((80, 24), True),
    "120x40-dark": ((120, 40), False), "120x40-nocolor": ((120, 40), True),
}  # fmt: skip


def pytest_generate_tests(metafunc):
    """Draw what asks for a size and `no_color` at two sizes, in colour and without."""
    if {"size", "no_color"} <= set(metafunc.fixturenames):
        # The large one without colours is like the small one: `make thorough` draws it.
        rare = {"120x40-nocolor": pytest.mark.thorough}
        looks = [pytest.param(*look, id=name, marks=rare.get(name, ())) for name, look in LOOKS.items()]
        metafunc.parametrize(("size", "no_color"), looks)


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


async def until(pilot, condition, *, seconds: float = 120.0):
    """Wait until something holds; fails with the text of the screen when it never does.

    Two minutes at least: a machine that is busy with other things needs them, and nobody else waits.
    """
    for _ in range(int(max(120.0, seconds) / 0.02)):
        if condition():
            await pilot.pause()
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"it never came to hold; the screen:\n{screen_text(pilot.app)}")


def on_its_way(app) -> bool:
    """Whether anything is still to come: a worker, what it left for the next tick, a message, a drawing."""
    control = app._control
    if any(thread.name.startswith("sagewizard") for thread in threading.enumerate()):
        return True
    if control is not None and not control._queue.empty():
        return True
    if any(not worker.is_finished for worker in app.workers):
        return True
    screens = list(app.screen_stack)
    nodes = [app, *(node for screen in screens for node in screen.walk_children(with_self=True))]
    if any(not node._message_queue.empty() or node._next_callbacks for node in nodes):
        return True
    if any(not node.is_mounted for node in nodes[1:]):
        return True
    return any(screen._callbacks for screen in screens)


async def until_settled(app, pilot) -> None:
    """Wait until nothing is on its way, twice in a row: then a key meets the screen that is drawn."""

    def still():
        app.tick()
        return not on_its_way(app)

    for _ in range(2):
        await until(pilot, still)


@pytest.fixture
def wait_until():
    return until


@pytest.fixture
def settled():
    return until_settled


@pytest.fixture
def shot(monkeypatch):
    """Run a body with an app on a home, at a size, with colours or without: `shot(home, clock, ...)`."""

    def run(home, clock, size, no_color, body):
        monkeypatch.setenv("TZ", "UTC")
        if no_color:
            monkeypatch.setenv("NO_COLOR", "1")

        async def go():
            app = SageWizardApp(home, clock=clock)
            app.look_for_idle = lambda: None
            async with app.run_test(size=size, notifications=False) as pilot:
                await body(app, pilot)

        asyncio.run(go())

    return run


def load_snapshots():
    spec = importlib.util.spec_from_file_location("tui_snapshots", Path(__file__).with_name("snapshots.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def snapshots():
    """Give the module that draws and compares pictures."""
    return load_snapshots()


@pytest.fixture
def two_alive():
    """Put an endpoint and a model of a run into the ledger of a home, as alive: `two_alive(home, run)`."""
    from sagewizard.engine.ledger import Ledger

    def put(home, run):
        ledger = Ledger(home.ledger)
        for kind, hourly in (("endpoint", 0.115), ("model", None)):
            entry = ledger.intend(
                run_id=run, target="sandbox", account="123456789012", region="us-east-1", kind=kind,
                name=f"sw-{run}-{kind}", now=1_795_229_000.0, hourly_usd=hourly,
            )  # fmt: skip
            ledger.created(entry.id, arn=f"arn:{kind}", now=1_795_229_010.0)

    return put


@pytest.fixture
def going_to_aws():
    """Make the dialog that shows the plan of a run on AWS: `going_to_aws()`."""
    from sagewizard.aws.prices import TablePrices
    from sagewizard.engine.plan import plan_run
    from sagewizard.recipe import finding
    from sagewizard.tui.screens.going_to_aws import GoingToAws

    def make():
        recipe = finding.load("digits-linear-learner")
        plan = plan_run(
            recipe, target="aws", simulated=False, region="us-east-1",
            prices=TablePrices(), account="210987654321", bucket="b",
        )  # fmt: skip
        return GoingToAws(plan, "210987654321", recipe)

    return make


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
