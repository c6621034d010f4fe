"""A sandbox killed in the middle of a step: the app says so, and offers to start it again and go on."""

from __future__ import annotations

import asyncio
import threading

from sagewizard.engine.steps import Step
from sagewizard.settings import Settings
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.modals import ErrorDialog
from sagewizard.tui.screens.run import RunScreen


def test_a_sandbox_killed_in_a_step_is_offered_to_be_started_again_and_the_run_goes_on(
    tmp_path, wait_until, sandbox_server_killer, monkeypatch, shown
):
    settings = Settings(home=tmp_path / "killed", data=None)
    begun, gone = threading.Event(), threading.Event()
    real = Step.run

    def run(self, context):
        if self.name == "prepare" and not gone.is_set():
            begun.set()
            assert gone.wait(60)
        return real(self, context)

    monkeypatch.setattr(Step, "run", run)

    async def go():
        app = SageWizardApp(settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(80, 24)) as pilot:
            await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.cards))
            await pilot.press("enter")
            await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
            control = app.control
            control.start_step("prepare")
            await wait_until(pilot, begun.is_set, seconds=60)
            run_id = control.model.run_id
            sandbox_server_killer(settings)
            gone.set()
            await wait_until(pilot, lambda: isinstance(app.screen, ErrorDialog), seconds=90)
            assert "Start the sandbox again and go on" in shown(app)
            assert control.model.step("prepare").status == "failed"
            assert not control.busy
            await pilot.click("#retry")
            await wait_until(pilot, lambda: control.model.step("prepare").status == "done", seconds=90)
            assert control.model.run_id == run_id
            assert control.model.step("preview").attempt == 1

    asyncio.run(go())
