"""Owns the dialog with the settings of one step: an endpoint's machine and end, what a teardown takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import Input, Static

from sagewizard.tui.screens.modals import Dialog
from sagewizard.tui.widgets.form import FormRow, OptionForm

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.recipe.options import Option
    from sagewizard.tui.control import RunControl


class StepForm(OptionForm):
    """The options of one step, all of them: they are few."""

    def __init__(self, control: RunControl, step: str) -> None:
        super().__init__(control)
        self.step = step

    def shown(self) -> list[Option]:
        """Return the step's options in their own order, those for beginners first."""
        recipe = self.control.recipe
        found = recipe.options().values() if recipe is not None else ()
        mine = [option for option in found if option.section == self.step]
        return sorted(mine, key=lambda option: option.definition.advanced)

    def asked(self) -> list[str]:
        """Return the paths of the settings that the recipe leaves to the class."""
        recipe = self.control.recipe
        there = recipe is not None and self.step in recipe.steps
        return [option.path for option in recipe.asked(self.step)] if recipe is not None and there else []


class StepSettings(Dialog):
    """The settings of a step; what is right is taken while it is typed. Answers whether anything changed."""

    SAFE = False
    CSS: ClassVar[str] = """
    StepSettings StepForm { height: auto; }
    StepSettings #form-rows { height: auto; max-height: 9; }
    StepSettings #form-help { min-height: 4; max-height: 6; }
    StepSettings .form-row .form-name { width: 24; }
    """

    def __init__(self, control: RunControl, step: str, title: str) -> None:
        super().__init__()
        self._control, self._step, self._title = control, step, title
        self._before = dict(control.recipe.settings) if control.recipe is not None else {}

    def compose_box(self) -> ComposeResult:
        """Yield the rows and their help."""
        yield Static(Content(self._title), classes="dialog-title")
        yield StepForm(self._control, self._step)
        yield Static("↑ and ↓ choose a setting, typing changes it, Enter closes.", classes="dialog-hint")

    def on_mount(self) -> None:
        """Put the cursor into the setting that is asked for most: how long, else the first."""
        rows = list(self.query(FormRow))
        chosen = next((row for row in rows if row.option.live), rows[0] if rows else None)
        if chosen is not None:
            chosen.query_one(Input).focus()

    def on_option_form_done(self, event: OptionForm.Done) -> None:
        """Close when Enter was pressed and everything is right."""
        event.stop()
        self._close()

    def action_dialog_close(self) -> None:
        """Close; what was right is set."""
        self._close()

    def _close(self) -> None:
        recipe = self._control.recipe
        self.dismiss(recipe is not None and dict(recipe.settings) != self._before)


def settings_line(control: RunControl, step: str, *names: str) -> str:
    """Return settings of a step with their values, as one line for its pane."""
    shown = []
    for name in names:
        option = control.option(f"{step}.{name}")
        if option is not None:
            shown.append(f"{option.definition.title}: {control.recipe_text(option.path)}")
    return ", ".join(shown)
