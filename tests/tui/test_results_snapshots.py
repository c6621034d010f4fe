"""The results look as recorded, at two sizes, in colour and with NO_COLOR, from one recorded run."""

from __future__ import annotations

import pytest

from sagewizard.tui.screens.resources import ResourcesScreen
from sagewizard.tui.screens.run import RunScreen
from sagewizard.tui.screens.runs import RunsScreen

RUN = "20261121-025731-ddb9"
KINDS = {
    "tune": ("20261121-062001-5c03", "tune"),
    "evaluate-clusters": ("20261121-061855-7f81", "evaluate"),
    "evaluate-regression": ("20261121-061920-b26d", "evaluate"),
    "train-regression": ("20261121-061920-b26d", "train"),
}
"""What the panes of other kinds of models are called in the pictures: their recorded run, and the place."""
PLACES = ("predict", "transform", "evaluate", "teardown")


def test_results_panes_looks_as_recorded(
    recorded, frozen, shot, settled, wait_until, snapshots, size, no_color
):
    async def body(app, pilot):
        await settled(app, pilot)
        app.control.open_run(RUN, lambda: app.push_screen(RunScreen(app.control)) and None)
        await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
        for place in PLACES:
            app.screen.show(place)
            await wait_until(pilot, lambda place=place: app.screen.place == place)
            await settled(app, pilot)
            app.screen.pane.query_one(".pane-scroll").focus()
            await pilot.pause()
            await snapshots.compare(app, pilot, snapshots.named(f"run-{place}", size, no_color))
        app.screen.show("evaluate")
        await wait_until(pilot, lambda: app.screen.place == "evaluate")
        await settled(app, pilot)
        app.screen.pane.query_one(".pane-scroll").focus()
        await settled(app, pilot)
        await pilot.press("right", "right", "v", "end")
        await settled(app, pilot)
        await snapshots.compare(app, pilot, snapshots.named("run-evaluate-moved", size, no_color))

    shot(recorded, frozen, size, no_color, body)


@pytest.fixture
def all_there(monkeypatch):
    """A target that says of every resource of the ledger that it is there."""
    from sagewizard.engine import inventory
    from sagewizard.tui.control import RunControl

    monkeypatch.setattr(RunControl, "engine", lambda self, run_id=None: self)
    monkeypatch.setattr(inventory, "belongs", lambda _engine, _entry: True)
    monkeypatch.setattr(inventory, "check", lambda _engine, entries: {entry.id for entry in entries})


def test_resources_looks_as_recorded(
    recorded, frozen, shot, settled, wait_until, snapshots, all_there, two_alive, size, no_color
):
    async def body(app, pilot):
        def looked():
            return isinstance(app.screen, ResourcesScreen) and not app.screen.looking

        await settled(app, pilot)
        await pilot.press("f3")
        await wait_until(pilot, looked)
        await settled(app, pilot)
        await snapshots.compare(app, pilot, snapshots.named("resources-empty", size, no_color))
        two_alive(recorded, RUN)
        app.screen.action_resources_refresh()
        await wait_until(pilot, lambda: looked() and len(app.screen.shown()) == 2)
        await settled(app, pilot)
        await snapshots.compare(app, pilot, snapshots.named("resources", size, no_color))

    shot(recorded, frozen, size, no_color, body)


def on_screen(app, kind):
    return isinstance(app.screen, kind)


def test_runs_and_compare_looks_as_recorded(
    recorded, frozen, shot, settled, wait_until, snapshots, size, no_color
):
    import dataclasses

    from sagewizard.tui.screens.compare import CompareScreen

    async def body(app, pilot):
        await settled(app, pilot)
        await pilot.press("f4")
        await wait_until(pilot, lambda: on_screen(app, RunsScreen) and bool(app.screen.found))
        await settled(app, pilot)
        await snapshots.compare(app, pilot, snapshots.named("runs", size, no_color))
        (run,) = app.screen.found
        other = dataclasses.replace(
            run, run_id="20261121-030000-abcd", settings={"train.epochs": 5},
            metrics={name: value - 0.01 for name, value in run.metrics.items()},
        )  # fmt: skip
        app.push_screen(CompareScreen(run, other))
        await settled(app, pilot)
        await snapshots.compare(app, pilot, snapshots.named("compare", size, no_color))

    shot(recorded, frozen, size, no_color, body)


def test_other_kinds_looks_as_recorded(
    recorded_kinds, frozen, shot, settled, wait_until, snapshots, size, no_color
):
    async def body(app, pilot):
        await settled(app, pilot)
        for name, (run, place) in KINDS.items():
            opened = []
            app.control.open_run(run, lambda opened=opened: opened.append(RunScreen(app.control)))
            await wait_until(pilot, lambda opened=opened: bool(opened))
            await app.push_screen(opened[0])
            await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
            app.screen.show(place)
            await wait_until(pilot, lambda place=place: app.screen.place == place)
            await settled(app, pilot)
            app.screen.pane.query_one(".pane-scroll").focus()
            await pilot.pause()
            await snapshots.compare(app, pilot, snapshots.named(f"run-{name}", size, no_color))
            app.pop_screen()
            await pilot.pause()
            app.control.detach()

    shot(recorded_kinds, frozen, size, no_color, body)
