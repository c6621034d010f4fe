"""The app walks a recipe to its end against the real sandbox, by keys alone, and goes on where it was."""

from __future__ import annotations

import asyncio

import pytest

from sagewizard.tui.app import SageWizardApp, farewell
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.modals import ErrorDialog, QuitGuard
from sagewizard.tui.screens.run import RunScreen


async def open_digits(app, pilot, wait_until):
    await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.cards))
    assert app.screen.cards[0].name == "digits-linear-learner"
    await pilot.press("enter")
    await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)


def status(app, step):
    return app.control.model.step(step).status


async def do_step(app, pilot, wait_until, step):
    """Press Enter on the step's place and wait for its end."""
    await wait_until(pilot, lambda: app.screen.place == step and not app.control.busy)
    await pilot.press("enter")
    await wait_until(pilot, lambda: status(app, step) in ("done", "failed") and not app.control.busy)
    assert status(app, step) == "done", app.control.model.error


async def go_on(app, pilot, wait_until, place):
    """Press Enter on a finished step: it goes on to the next place."""
    await pilot.press("enter")
    await wait_until(pilot, lambda: app.screen.place == place)
    await pilot.pause()


def test_enter_alone_walks_to_training_and_a_second_app_goes_on_from_home(
    sandbox_settings, wait_until, shown
):
    async def first():
        app = SageWizardApp(sandbox_settings)
        async with app.run_test(size=(80, 24)) as pilot:
            await open_digits(app, pilot, wait_until)
            assert app.screen.place == "dataset"
            await do_step(app, pilot, wait_until, "dataset")
            assert "1,077" in shown(app)
            await go_on(app, pilot, wait_until, "preview")
            await do_step(app, pilot, wait_until, "preview")
            await wait_until(pilot, lambda: "Rows 1 to" in shown(app))
            await go_on(app, pilot, wait_until, "prepare")
            await do_step(app, pilot, wait_until, "prepare")
            await go_on(app, pilot, wait_until, "algorithm")
            await wait_until(pilot, lambda: app.screen.pane.query_one("OptionForm").current is not None)
            await pilot.press("enter")
            await wait_until(pilot, lambda: app.screen.place == "train")
            await do_step(app, pilot, wait_until, "train")
            model = app.control.model
            assert model.metrics["train:objective_loss"].points
            assert model.job("training-job").status == "Completed"
            assert model.log.total > 100
            assert app.screen.query_one("#log").view.count == min(model.log.total, 10_000)
            await go_on(app, pilot, wait_until, "deploy")
            await do_step(app, pilot, wait_until, "deploy")
            assert "$0.115/h" in shown(app)
            await pilot.press("ctrl+q")
            await wait_until(pilot, lambda: isinstance(app.screen, QuitGuard))
            await pilot.press("ctrl+q")
        assert any("endpoint" in line for line in app.farewell)
        assert any(app.control.model.run_id in line for line in app.farewell)
        return app.control.model.run_id

    async def second(run_id):
        app = SageWizardApp(sandbox_settings)
        async with app.run_test(size=(120, 40)) as pilot:
            await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.runs))
            assert "would cost" in shown(app)
            await pilot.press("r", "enter")
            await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
            assert app.control.model.run_id == run_id
            assert app.screen.place == "predict"
            assert app.control.model.metrics["train:objective_loss"].points
            await pilot.press("a")
            await wait_until(
                pilot, lambda: app.control.model.end is not None and app.control.model.end.time > 0
                and not app.control.busy and status(app, "teardown") == "done", seconds=60,
            )  # fmt: skip
            model = app.control.model
            assert model.evaluation is not None
            assert model.evaluation.metrics["f1"] > 0.9
            assert not model.alive
            assert {view.kind for view in model.gone} >= {"endpoint", "endpoint-config", "model"}
            assert farewell(app.control) == []

    asyncio.run(second(asyncio.run(first())))


def test_a_changed_setting_makes_training_out_of_date_and_it_is_done_again(sandbox_settings, wait_until):
    async def go():
        app = SageWizardApp(sandbox_settings)
        async with app.run_test(size=(100, 30)) as pilot:
            await open_digits(app, pilot, wait_until)
            control = app.control
            control.start_step("train")
            await wait_until(pilot, lambda: status(app, "train") == "done" and not control.busy)
            job = control.model.job("training-job").name
            assert control.set_option("train.epochs", "3") == ""
            await wait_until(pilot, lambda: control.stale == "train")
            app.screen.show("train")
            await wait_until(pilot, lambda: app.screen.place == "train")
            assert "again" in app.screen.pane.primary().label
            await pilot.press("enter")
            await wait_until(
                pilot,
                lambda: not control.busy and status(app, "train") == "done"
                and control.model.job("training-job").name != job,
            )  # fmt: skip
            assert control.model.step("train").options["epochs"] == "3"
            assert len(control.model.metrics["train:objective_loss"].points) <= 3
            assert control.stale == ""

    asyncio.run(go())


@pytest.mark.slow
def test_a_sandbox_that_is_killed_is_started_again_and_the_run_goes_on(
    tmp_path, wait_until, sandbox_server_killer
):
    from sagewizard.settings import Settings

    settings = Settings(home=tmp_path / "killed", data=None)

    async def go():
        app = SageWizardApp(settings)
        async with app.run_test(size=(80, 24)) as pilot:
            await open_digits(app, pilot, wait_until)
            control = app.control
            control.start_step("train")
            await wait_until(pilot, lambda: status(app, "train") == "done" and not control.busy)
            sandbox_server_killer(settings)
            control.start_step("deploy")
            await wait_until(
                pilot,
                lambda: (
                    not control.busy
                    and (status(app, "deploy") == "done" or isinstance(app.screen, ErrorDialog))
                ),
                seconds=60,
            )
            if isinstance(app.screen, ErrorDialog):
                await pilot.click("#retry")
                await wait_until(pilot, lambda: status(app, "deploy") == "done", seconds=60)
            assert status(app, "deploy") == "done"

    asyncio.run(go())
