"""Owns the dialog for a CSV of one's own: path, detected columns, label column, positive label."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from sagewizard.render.cells import clean, cut, fit
from sagewizard.tui.screens.modals import Dialog
from sagewizard.tui.whole import whole
from sagewizard.tui.words import plural

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.engine.looking import CsvLook
    from sagewizard.errors import SageWizardError
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.tui.control import RunControl


MOST_COLUMNS: Final = 30
"""Columns that are listed; the rest is counted."""


class OwnDataScreen(Dialog):
    """Asks for a file, shows its columns, asks for the label; answers the changed recipe or None."""

    SAFE = None
    CSS: ClassVar[str] = """
    OwnDataScreen.-low .dialog-box { padding: 0 2; }
    OwnDataScreen .dialog-buttons { margin-top: 1; }
    OwnDataScreen .own-list { height: auto; max-height: 12; margin-bottom: 1; }
    OwnDataScreen.-low .own-list { max-height: 6; }
    OwnDataScreen.-low.-fault .own-list { max-height: 4; }
    """

    def __init__(self, control: RunControl, recipe: Recipe) -> None:
        super().__init__()
        self._control, self._recipe = control, recipe
        self._look: CsvLook | None = None

    def compose_box(self) -> ComposeResult:
        """Yield the fields."""
        yield Static("Use a CSV file of your own", classes="dialog-title")
        yield Static("Path of the file: one row a line, of numbers and texts.", classes="dialog-hint")
        yield Input(id="own-path", placeholder="~/flowers.csv", compact=True)
        with VerticalScroll(classes="own-list"):
            yield Static("", id="own-columns")
        yield Static("Label column: a name, or a number from 1.", classes="dialog-hint own-more")
        yield Input(id="own-label", compact=True, classes="own-more")
        yield Static(id="own-answers", classes="dialog-hint own-answers")
        yield Input(id="own-positive", compact=True, classes="own-answers")
        yield Static("", id="own-problem", classes="dialog-text")
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button("Look at the file", id="go", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Ask for the path."""
        self._show_fields()
        self._say("")
        self.query_one("#own-path").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another path needs another look, another label perhaps another question."""
        if event.input.id == "own-path" and self._look is not None:
            self._look = None
            self.query_one("#own-columns", Static).update("")
            self.query_one("#go", Button).label = "Look at the file"
        self._show_fields()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Go on."""
        self._go()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Go on, or not."""
        if event.button.id == "cancel":
            self.dismiss(None)
        else:
            self._go()

    def _go(self) -> None:
        path = self.query_one("#own-path", Input).value.strip()
        if not path:
            self._say("Type the path of a file first.")
            return
        self._say("Reading.")
        if self._look is None:
            from sagewizard.engine import looking

            self._control.call(lambda: looking.look_at_csv(path), self._looked, self._refused)
            return
        look, recipe = self._look, self._recipe
        label = self.query_one("#own-label", Input).value.strip()
        positive = self.query_one("#own-positive", Input).value.strip() if self._answers() else ""

        def change() -> Recipe:
            from sagewizard.recipe import own

            return own.in_place_of(recipe, look.path, label or "auto", positive_label=positive or None)

        self._control.call(change, self._changed, self._refused)

    def _answers(self) -> tuple[str, ...]:
        """Return the two values of the label that is typed, where it is a yes or no."""
        if self._look is None:
            return ()
        label = self.query_one("#own-label", Input).value.strip()
        if label in self._look.columns:
            return self._look.answers[self._look.columns.index(label)]
        if label.isdigit() and 1 <= int(label) <= len(self._look.answers):
            return self._look.answers[int(label) - 1]
        return ()

    def _show_fields(self) -> None:
        """Ask for the label once the columns are known, for the positive one of a yes or no only."""
        answers = self._answers()
        self.query_one(".own-list").display = self._look is not None
        for widget in self.query(".own-more"):
            widget.display = self._look is not None
        for widget in self.query(".own-answers"):
            widget.display = bool(answers)
        if answers:
            self.query_one("#own-answers", Static).update(
                Content(f"Which one counts as yes, {answers[0]} or {answers[1]}? Empty lets the data decide.")
            )

    def _changed(self, recipe: Recipe) -> None:
        if whole(self):
            self.dismiss(recipe)

    def _looked(self, look: CsvLook) -> None:
        if not whole(self):
            return
        self._look = look
        self._say("")
        header = "a header" if look.header else "no header"
        lines = [f"{look.rows:,} rows, {len(look.columns)} columns, {header}"]
        for number, (name, kind, distinct) in enumerate(
            zip(look.columns, look.kinds, look.distinct, strict=True), start=1
        ):
            if number > MOST_COLUMNS:
                lines.append(f"  and {len(look.columns) - MOST_COLUMNS} more columns")
                break
            first = ", ".join(row[number - 1] or "(missing)" for row in look.first[:3])
            values, first = plural(distinct, "value"), cut(clean(first), 18)
            lines.append(f"{number:>2} {fit(clean(name), 16)} {kind:<12} {values:>12}  {first}")
        self.query_one("#own-columns", Static).update(Content("\n".join(lines)))
        label = self.query_one("#own-label", Input)
        label.value = look.columns[look.guess] if look.header else str(look.guess + 1)
        self._show_fields()
        label.focus()
        self.query_one("#go", Button).label = "Use it"

    def _refused(self, error: SageWizardError) -> None:
        if whole(self):
            self._say(f"✗ {error}. {error.remedy}")

    def _say(self, text: str) -> None:
        problem = self.query_one("#own-problem", Static)
        problem.update(Content(text))
        problem.display = bool(text)
        self.set_class(bool(text), "-fault")
