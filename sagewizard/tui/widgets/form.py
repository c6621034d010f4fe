"""Owns the form of options: a row each, checked while typing, with what it means and what may stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from sagewizard.tui.words import WIDE

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from sagewizard.recipe.options import Option
    from sagewizard.tui.control import RunControl


class FormRow(Horizontal):
    """One option: its title, its value to edit, and what is wrong or changed."""

    def __init__(self, option: Option, control: RunControl, *, asked: bool = False) -> None:
        super().__init__(classes="form-row")
        self.option = option
        self.control = control
        self.asked = asked
        # Kept, not asked for by query: a Changed may come while the row is being taken apart.
        self.field = self._field()
        self._state = Static("", classes="form-state")

    def compose(self) -> ComposeResult:
        """Yield name, field, state."""
        yield Static(Content(self.option.definition.title), classes="form-name")
        yield self.field
        yield self._state

    def _field(self) -> Input:
        definition = self.option.definition
        words = [*definition.words, *definition.choices]
        if definition.kind == "boolean":
            words += ["true", "false"]
        return Input(
            value=self.current(),
            compact=True,
            placeholder="not set" if definition.default is None else str(definition.default),
            suggester=SuggestFromList(words) if words else None,
            select_on_focus=True,
        )

    def current(self) -> str:
        """Return the value in force as text; "" when the algorithm's default is."""
        from sagewizard.recipe.options import as_text

        recipe = self.control.recipe
        path = self.option.path
        if recipe is None:
            return ""
        given = (
            path in recipe.settings
            or path in recipe.values
            or (self.option.hyperparameter and self.option.name in recipe.hyperparameters)
        )
        value = recipe.value(path)
        return (as_text(value) or "") if given and value is not None else ""

    def draw(self, fault: str = "") -> None:
        """Say whether the value is right, and whether it differs from the recipe."""
        changes = self.control.changes()
        changed = self.option.path in changes
        self.set_class(bool(fault), "-wrong")
        self.set_class(changed, "-changed")
        state, narrow = "", self.app.size.width < WIDE
        if fault:
            state = "✗ invalid"
        elif changed:
            before = changes[self.option.path][0]
            state = f"~ was {before}" if narrow else f"~ changed, recipe: {before}"
        elif self.asked:
            state = "you decide" if narrow else "for you to decide"
        elif not self.field.value and self.option.definition.default is not None:
            state = "default"
        self._state.update(Content(state))


class OptionForm(Vertical):
    """Rows of options; what has the focus is explained below."""

    KEYS_OF: ClassVar[str] = ""

    class Done(Message):
        """Enter was pressed in a field whose value is right."""

    def __init__(self, control: RunControl, **options: Any) -> None:
        super().__init__(**options)
        self.control = control
        self.everything = False

    def compose(self) -> ComposeResult:
        """Yield rows and help."""
        with VerticalScroll(id="form-rows", can_focus=False):
            for option in self.shown():
                yield self._row(option)
        yield Static("", id="form-help")

    def shown(self) -> list[Option]:
        """Return the options of the form: those of the recipe and those for beginners, or all of them."""
        recipe = self.control.recipe
        if recipe is None:
            return []
        found = []
        asked = self.asked()
        for option in recipe.options().values():
            if option.section not in ("train", "tune"):
                continue
            if option.path in asked:
                found.append((asked.index(option.path) - len(asked), option))
                continue
            given = option.path in recipe.settings or option.path in recipe.values
            given = given or option.name in recipe.hyperparameters
            if given or self.everything or not option.definition.advanced:
                found.append(((not given) + 2 * (not option.hyperparameter), option))
        # What the class is to decide comes first, then what the recipe sets; the machines come last.
        return [option for _rank, option in sorted(found, key=lambda pair: pair[0])]

    def _row(self, option: Option) -> FormRow:
        return FormRow(option, self.control, asked=option.path in self.asked())

    def asked(self) -> list[str]:
        """Return the paths of the settings that the recipe leaves to the class, in its order."""
        recipe = self.control.recipe
        steps = [step for step in ("train", "tune") if recipe is not None and step in recipe.steps]
        return [option.path for step in steps for option in recipe.asked(step)] if recipe else []

    def on_mount(self) -> None:
        """Draw every row's state."""
        for row in self.query(FormRow):
            row.draw()
        self.explain(None)

    async def rebuild(self) -> None:
        """Make the rows again: more or fewer of them, or other values."""
        rows = self.query_one("#form-rows")
        focused = next((row.option.path for row in self.query(FormRow) if row.field.has_focus), "")
        for row in self.query(FormRow):
            self.take(row)  # the Changed of the last key may still be under way
        await rows.remove_children()
        await rows.mount_all([self._row(option) for option in self.shown()])
        for row in self.query(FormRow):
            row.draw()
            if row.option.path == focused:
                row.field.focus()

    def reread(self) -> None:
        """Show the values in force, for instance after a reset."""
        for row in self.query(FormRow):
            with self.prevent(Input.Changed):
                row.field.value = row.current()
            row.draw()

    @property
    def current(self) -> FormRow | None:
        """The row with the focus."""
        return next((row for row in self.query(FormRow) if row.field.has_focus), None)

    def explain(self, row: FormRow | None, fault: str = "") -> None:
        """Say what a setting means, its range and default."""
        widget = self.query_one("#form-help", Static)
        if row is None:
            widget.update("Tab goes to the settings: arrow keys choose one, typing changes it.")
            return
        definition = row.option.definition
        default = f" Default: {definition.default}." if definition.default is not None else ""
        parts = [Content.assemble((f"✗ {fault}", "$text-error"))] if fault else []
        parts.append(Content.assemble(("For you to decide. " if row.asked else "", "bold"), definition.help))
        # The list of words is long for some: what a setting means comes before it, and stays in sight.
        parts.append(Content.assemble((row.option.path, "bold"), f"  {row.option.allowed}.{default}"))
        widget.update(Content("\n").join(parts))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Explain what has the focus."""
        row = event.widget.parent
        if isinstance(row, FormRow):
            self.explain(row)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Check while typing, and take what is right."""
        event.stop()
        row = event.input.parent
        if not isinstance(row, FormRow):
            return
        fault = self.take(row)
        row.draw(fault)
        if row.field.has_focus:
            self.explain(row, fault)

    def take(self, row: FormRow) -> str:
        """Set the option to what the field holds; return what is wrong with it."""
        text, path = row.field.value.strip(), row.option.path
        if text == row.current():
            return ""
        if not text:
            self.control.reset_option(path)
            return ""
        return self.control.set_option(path, text)

    def faults(self) -> list[tuple[FormRow, str]]:
        """Return the rows whose value is wrong."""
        found = []
        for row in self.query(FormRow):
            text = row.field.value.strip()
            fault = self.control.check_option(row.option.path, text) if text else ""
            if fault:
                found.append((row, fault))
        return found

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on when everything is right, else go to what is not."""
        event.stop()
        wrong = self.faults()
        if wrong:
            row, fault = wrong[0]
            row.field.focus()
            self.explain(row, fault)
            return
        self.post_message(self.Done())

    def on_key(self, event: events.Key) -> None:
        """Move between the rows with the arrow keys."""
        if event.key not in ("up", "down"):
            return
        rows = list(self.query(FormRow))
        row = self.current
        if row is None or not rows:
            return
        event.stop()
        event.prevent_default()
        place = rows.index(row) + (1 if event.key == "down" else -1)
        rows[max(0, min(place, len(rows) - 1))].field.focus()
