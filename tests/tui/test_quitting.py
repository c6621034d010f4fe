"""Leaving the app in the middle of each step, as chosen; what is alive is told, and Home goes on there."""

from __future__ import annotations

import asyncio

import pytest

from sagewizard.engine.ledger import Ledger
from sagewizard.recipe import finding
from sagewizard.settings import Settings
from sagewizard.targets import open_target
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.control import RunControl
from sagewizard.tui.farewell import exit_code, farewell, still_alive
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.modals import QuitGuard
from sagewizard.tui.screens.run import RunScreen

STEPS = finding.load("digits-linear-learner").steps


@pytest.fixture
def held(monkeypatch):
    """Hold the engine right after a step has begun, until it is told to let go of the run."""
    place = {"step": "", "reached": False}
    real = RunControl._post_event

    def post(self, event, generation=None):
        real(self, event, generation)
        if event.kind == "step_started" and event.step == place["step"]:
            place["reached"] = True
            assert self._cancel.wait(120), "nobody left"

    monkeypatch.setattr(RunControl, "_post_event", post)
    return place


async def on_run_screen(app, pilot, wait_until):
    await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)


async def resume(app, pilot, wait_until):
    """Go on with the newest run as a person does."""
    await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.runs))
    await pilot.press("r", "enter")
    await on_run_screen(app, pilot, wait_until)


def alive(settings):
    return {entry.name for entry in Ledger(settings.ledger).alive() if entry.kind != "s3-prefix"}


def told(lines):
    """Return what the lines on the shell name as alive."""
    return {line.split()[1] for line in lines if line.startswith("  ")}


@pytest.mark.parametrize(("target", "code"), [("sandbox", 0), ("aws", 5)])
def test_what_aws_goes_on_billing_is_the_last_word_and_exit_code_5(settings, target, code):
    Ledger(settings.ledger).intend(
        run_id="20261121-000000-abcd", target=target, account="123456789012", region="us-east-1",
        kind="endpoint", name="sw-e", now=0.0, hourly_usd=0.115,
    )  # fmt: skip
    control = RunControl(settings)
    said = farewell(control)
    assert (said[-1] == "What is alive on AWS costs $0.115/h until it is deleted.") == (code == 5)
    assert exit_code(still_alive(control), 0) == code
    assert exit_code(still_alive(control), 1) == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_step_can_be_left_in_its_middle_and_home_goes_on_exactly_there(
    tmp_path, wait_until, held, shown
):
    from sagewizard.sandbox import launcher

    settings = Settings(home=tmp_path / "home", data=None)

    async def leave_in(number, step):
        app = SageWizardApp(settings)
        app.look_for_idle = lambda: None
        held.update(step=step, reached=False)
        async with app.run_test(size=(80, 24)) as pilot:
            if number == 0:
                await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.cards))
                await pilot.press("enter")
                await on_run_screen(app, pilot, wait_until)
            else:
                await resume(app, pilot, wait_until)
                # A step without a wait in it comes to its end when it is left; the run stops behind it.
                before, views = STEPS[number - 1], app.control.model.steps
                assert views[before].status in ("stopped", "done")
                first = before if views[before].status == "stopped" else step
                assert [name for name, view in views.items() if view.status == "done"] == list(
                    STEPS[: STEPS.index(first)]
                )
                again = {"train": "train" if first == before else "algorithm"}.get(first, first)
                assert app.screen.place == again
            app.control.start_step(step)
            await wait_until(pilot, lambda: held["reached"])
            await wait_until(pilot, lambda: app.control.model.step(step).status == "running")
            await pilot.press("ctrl+q")
            await wait_until(pilot, lambda: isinstance(app.screen, QuitGuard))
            assert "The run is at work" in shown(app)
            if number % 2:
                await pilot.press("ctrl+q")
            else:
                await pilot.click("#keep")
        app.control.settle(20)
        assert not app.control.busy
        lines = farewell(app.control)
        assert told(lines) == alive(settings)
        assert f"Go on with `sagewizard runs resume {app.control.model.run_id}`" in lines[-1]
        return app.control.model.run_id

    try:
        ids = set()
        for number, step in enumerate(STEPS):
            ids.add(asyncio.run(leave_in(number, step)))
            kinds = {entry.kind for entry in Ledger(settings.ledger).alive()}
            if step in ("predict", "transform", "evaluate"):
                assert "endpoint" in kinds
        assert len(ids) == 1
        asyncio.run(tear_down_and_leave(settings, wait_until, held))
    finally:
        launcher.stop(settings, force=True)


async def tear_down_and_leave(settings, wait_until, held):
    """Leave a run whose endpoint is alive by tearing it down."""
    app = SageWizardApp(settings)
    app.look_for_idle = lambda: None
    held.update(step="", reached=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.cards))
        await pilot.press("enter")
        await on_run_screen(app, pilot, wait_until)
        app.control.start_step("deploy")
        await wait_until(pilot, lambda: app.control.model.step("deploy").status == "done")
        mine = {entry.name for entry in Ledger(settings.ledger).alive(run_id=app.control.model.run_id)}
        assert len(mine & alive(settings)) == 3
        await wait_until(pilot, lambda: not app.control.busy)
        await pilot.press("ctrl+q")
        await wait_until(pilot, lambda: isinstance(app.screen, QuitGuard))
        await pilot.click("#teardown")
        for _ in range(1500):
            if not app.is_running:
                break
            await asyncio.sleep(0.02)
    assert not app.is_running
    assert not mine & alive(settings)
    assert not mine & told(farewell(app.control))


@pytest.mark.slow
def test_a_training_job_goes_on_or_is_stopped_as_chosen(tmp_path, wait_until, shown):
    """At the speed of AWS, so that the job is at work for as long as the test looks."""
    from sagewizard.sandbox import launcher

    settings = Settings(home=tmp_path / "home", data=None)
    launcher.ensure(settings, pace="real")

    def status(name):
        from sagewizard.engine import Engine

        api = Engine(open_target("sandbox", settings), settings=settings).api()
        return api("sagemaker", "DescribeTrainingJob", TrainingJobName=name)["TrainingJobStatus"]

    async def leave(choice):
        app = SageWizardApp(settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(80, 24)) as pilot:
            if choice == "keep":
                await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.cards))
                await pilot.press("enter")
                await on_run_screen(app, pilot, wait_until)
                app.control.start_step("train")
            else:
                await resume(app, pilot, wait_until)
                assert app.control.model.step("train").status == "stopped"
                app.control.start_step("train")  # it follows the same job again
            model = app.control.model
            await wait_until(pilot, lambda: app.control.busy and model.job_at_work() is not None)
            job = model.job_at_work()
            await pilot.press("ctrl+q")
            await wait_until(pilot, lambda: isinstance(app.screen, QuitGuard))
            assert "goes on by itself unless you stop it" in shown(app)
            await pilot.click(f"#{choice}")
            for _ in range(500):
                if not app.is_running:
                    break
                await asyncio.sleep(0.02)
        assert not app.is_running
        app.control.settle(20)
        return job.name, farewell(app.control)

    try:
        name, lines = asyncio.run(leave("keep"))
        assert lines[0] == f"The training job {name} goes on without the app."
        assert name in told(lines)
        assert status(name) == "InProgress"
        again, lines = asyncio.run(leave("stop"))
        assert again == name
        assert lines[0] == f"The training job {name} was told to stop."
        assert name not in told(lines)
        assert status(name) in ("Stopping", "Stopped")
    finally:
        launcher.stop(settings, force=True)
