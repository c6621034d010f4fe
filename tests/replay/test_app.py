"""The app plays a recorded run on the run screen: every pane draws, nothing is asked of any target."""

from __future__ import annotations

import asyncio
import math

import pytest

from sagewizard.engine import recording
from sagewizard.errors import UsageError
from sagewizard.settings import Settings
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.copying import screen_text
from sagewizard.tui.replaying import ReplayControl, open_replay
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.run import RunScreen

SHOWN = {
    "dataset": "Rows",
    "preview": "v: columns",
    "prepare": "objects",
    "algorithm": "Play",
    "train": "Completed",
    "deploy": "InService",
    "predict": "Request",
    "transform": "Answers 1 to",
    "evaluate": "ROC curve",
    "teardown": "as the recorded run has it",
}


async def until(app, pilot, condition):
    for _ in range(1000):
        if condition():
            await pilot.pause()
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"it never came to hold; the screen:\n{screen_text(app)}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist-linear-learner", "vertebral-xgboost"])
def test_every_pane_of_a_shipped_record_draws(settings, name):
    async def drive():
        app = SageWizardApp(settings, replay=open_replay(name, settings, speed=math.inf))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(app, pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.place)
            control = app.screen.control
            await until(app, pilot, lambda: control.tape.over and control.recipe is not None)
            for place, words in SHOWN.items():
                app.screen.show(place)
                await until(app, pilot, lambda words=words: words in screen_text(app))
                text = screen_text(app)
                assert f"[RECORDED {control.recording.date}] at its end" in text
                assert "cannot be read" not in text and "not part of" not in text
            unpacked = control.recording.folder
            assert unpacked.is_dir()
            await pilot.press("escape")
            await until(app, pilot, lambda: isinstance(app.screen, HomeScreen))
            assert not unpacked.exists()
        assert not (settings.home / "runs").exists(), "nothing of it is kept in the home"
        assert not (settings.home / "sandbox").exists(), "no target was started"

    asyncio.run(drive())


def test_home_offers_one_with_one_key_and_it_says_recorded(settings):
    async def drive():
        app = SageWizardApp(settings)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("w")
            await until(app, pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.place)
            control = app.screen.control
            assert f"[RECORDED {control.recording.date}] playing" in screen_text(app)
            await pilot.press("space")
            await until(app, pilot, lambda: "paused" in screen_text(app))
            position = control.tape.position
            await asyncio.sleep(0.3)
            assert control.tape.position == position
            await pilot.press("plus", "plus")
            assert control.tape.speed == 5.0
            # Paused: while it plays, the app goes on to each step as it comes.
            app.screen.show("deploy")
            await until(app, pilot, lambda: app.screen.place == "deploy")
            await pilot.press("enter")
            await until(app, pilot, lambda: control.model.step("deploy").status != "waiting")
            assert control.model.step("train").status == "done"
            assert control.model.metrics
            await pilot.press("ctrl+q")
        assert app.farewell == []

    asyncio.run(drive())


def test_what_needs_a_target_says_so_in_plain_words(settings):
    told = []
    control = open_replay("vertebral-xgboost", settings, speed=math.inf)
    try:
        control.on_error = told.append
        control.drain()
        assert control.start_step("train") is False
        control.stop_job()
        control.teardown(["x"])
        assert control.refuse()
        assert len(told) == 4
        assert all("This is a recorded run" in error.message and error.remedy for error in told)
        assert control.set_option("train.num_round", "3") == "this is a recorded run"
        desk = control.desk(control.model.run_id, lambda _event: None)
        for ask in (lambda: desk.predict_row(1), lambda: desk.predict_values([1.0] * 6), control.engine):
            with pytest.raises(UsageError, match="This is a recorded run"):
                ask()
        assert desk.output_lines(1, 5)[0].row == 1
        assert desk.threshold() is not None or desk.results().threshold is None
    finally:
        control.left()


def test_seeking_back_gives_the_view_that_the_run_had_then(settings):
    control = open_replay("mnist-linear-learner", settings, speed=math.inf)
    try:
        control.drain()
        assert control.model.end is not None
        control.seek("train")
        view = control.model
        assert view.end is None
        assert {name for name, step in view.steps.items() if step.status == "done"} == {
            "dataset", "preview", "prepare",
        }  # fmt: skip
        assert control.busy
    finally:
        control.left()


def test_a_run_of_this_home_is_played_back_as_well(settings, own_run):
    with recording.open_recording("last", settings) as found:
        control = ReplayControl(Settings(home=settings.home, data=None), found, speed=math.inf)
        control.drain()
        assert control.model.run_id == own_run
        assert control.tape.over
    assert (settings.runs / own_run / "journal.jsonl").is_file(), "closing a run of the home deletes nothing"
