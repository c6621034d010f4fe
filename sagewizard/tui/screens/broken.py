"""Owns what a person is offered when a step did not work: the error as a dialog, and how the run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.tui.panes.base import TITLES
from sagewizard.tui.screens.modals import ErrorDialog

if TYPE_CHECKING:
    from sagewizard.tui.control import RunControl
    from sagewizard.tui.views import Problem


def dialog_of(problem: Problem, control: RunControl) -> ErrorDialog:
    """Return the dialog: a sandbox that has gone can be started again, an endpoint made without its end."""
    parts = (problem.error, problem.where, problem.message, problem.remedy, f"run {control.model.run_id}")
    retry = ""
    if problem.error in ("SandboxError", "TargetError") and control.model.simulated:
        retry = "Start the sandbox again and go on"
    elif problem.error == "ScheduleError":
        retry = "Deploy it without"
    return ErrorDialog(
        problem.message,
        problem.remedy,
        problem.where,
        "\n".join(part for part in parts if part),
        title=f"{TITLES.get(problem.step, problem.step) or 'This'} did not work",
        retry="" if control.recorded else retry,
    )


def go_on(problem: Problem, control: RunControl) -> None:
    """Do what the dialog has offered, and go on where the run was going."""
    if problem.error == "ScheduleError":
        control.set_option("deploy.ttl_else", "continue")
    step = control.running_until or control.model.next_step()
    if step:
        control.start_step(step)
