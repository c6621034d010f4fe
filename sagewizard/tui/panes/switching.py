"""Owns how a person switches a recipe's tuning on or off in the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagewizard.tui.control import RunControl
    from sagewizard.tui.panes.base import StepPane


def follow_steps(control: RunControl) -> bool:
    """Let the model have the steps of the recipe as it is now set; tell whether they changed."""
    recipe, model = control.recipe, control.model
    if recipe is None or control.busy or tuple(model.steps) == recipe.steps:
        return False
    model.take_steps(recipe.steps, recipe.text)
    return True


def switch_tuning(pane: StepPane, *, on: bool) -> bool:
    """Switch the step tune on or off; say why not, and return False, when it cannot be."""
    control, say = pane.control, pane.app.notify
    recipe = control.recipe
    if recipe is None or "tune" not in recipe.all_steps:
        say("This recipe has no tuning.", markup=False)
        return False
    if control.busy:
        say("The run is at work: switch the tuning before or after.", markup=False)
        return False
    if control.model.step("tune" if not on else "deploy").status != "waiting":
        words = "Deploy is done already: a new run can tune." if on else "The tuning is done already."
        say(words, markup=False)
        return False
    problem = control.set_option("tune.enabled", "true" if on else "false")
    if problem:
        say(problem, severity="warning", markup=False)
        return False
    follow_steps(control)
    say("The tuning is on: it comes after Train." if on else "The tuning is left out.", markup=False)
    return True
