"""Owns the algorithm pane: the form of hyperparameters and instances, made from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import TITLES, Action, StepPane
from sagewizard.tui.panes.switching import follow_steps
from sagewizard.tui.widgets.form import OptionForm

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.tui.model import RunModel


class AlgorithmPane(StepPane):
    """What is trained with which settings; nothing here costs anything."""

    KEYS_OF = "algorithm"
    BINDINGS = bindings_for("algorithm")
    TOPICS: ClassVar[frozenset[str]] = frozenset((t.OPTIONS, t.STEPS))
    BODY_BEFORE = True
    BEGINS_IN_FIELD = True

    def compose(self) -> ComposeResult:
        """Lay out title and form; the form scrolls by itself."""
        yield Static(classes="pane-title")
        yield Static(classes="pane-intro")
        yield Static(classes="pane-progress")
        with Vertical(classes="pane-body"):
            yield OptionForm(self.control, id="form")
        yield Static(classes="pane-choices")
        yield Static(classes="pane-notes")
        yield Static(classes="pane-action")

    def focus_first(self) -> None:
        """Put the cursor into the first setting."""
        rows = self.query("FormRow Input")
        if rows:
            rows.first().focus()

    @property
    def train(self) -> str:
        """The step that the settings are for."""
        return next((step for step in ("train", "tune") if step in self.control.steps), "train")

    def _frame(self, model: RunModel) -> None:
        super()._frame(model)
        recipe = self.control.recipe
        if recipe is not None:
            algorithm = recipe.algorithm
            changed = len(self._changes())
            note = f"  {changed} changed" if changed else "  as in the recipe"
            self.query_one(".pane-title", Static).update(Content.assemble((algorithm.title, "bold"), note))
            intro = self.query_one(".pane-intro", Static)
            intro.display = self.app.size.height >= 32
            intro.update(Content(algorithm.summary))

    def _changes(self) -> dict[str, tuple[object, object]]:
        """Return what of the form differs from the recipe; the data is no part of it."""
        found = self.control.changes()
        return {path: pair for path, pair in found.items() if path.startswith(("train.", "tune."))}

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Let the rail follow a step that was switched on or off in the form."""
        if t.OPTIONS in topics and follow_steps(self.control):
            self.control.post(lambda: {t.STEPS})

    def own_action(self) -> Action | None:
        """Go on to training."""
        name = TITLES.get(self.train, self.train)
        if self.control.stale == self.train:
            return Action(f"Go on to {name}, to do it again with your changes", lambda: self.go(self.train))
        return Action(f"Keep these settings and go on to {name}", lambda: self.go(self.train))

    def on_option_form_done(self, event: OptionForm.Done) -> None:
        """Go on when Enter was pressed in a field."""
        event.stop()
        self.go(self.train)

    def explain(self) -> str:
        """Return what the algorithm is, and how to choose."""
        recipe = self.control.recipe
        if recipe is None:
            return ""
        algorithm = recipe.algorithm
        lines = [f"# {algorithm.title}", algorithm.summary, "## Settings of this recipe"]
        for name, value in recipe.effective_hyperparameters().items():
            entry = algorithm.hyperparameter(name)
            if entry is not None:
                lines.append(f"- **{entry.title}** (`{name}` = {value}): {entry.help}")
        lines += [
            "## How to try things",
            "Change one setting at a time, train, and compare. `Ctrl+G` shows what differs from the recipe.",
        ]
        return "\n\n".join(lines) + "\n"

    def action_algorithm_reset(self) -> None:
        """Put the setting under the cursor back to the recipe's value."""
        form = self.query_one(OptionForm)
        row = form.current
        if row is not None:
            self.control.reset_option(row.option.path)
            form.reread()
            form.explain(row)

    def action_algorithm_reset_all(self) -> None:
        """Put all settings back to the recipe's values."""
        for path in self._changes():
            self.control.reset_option(path)
        self.query_one(OptionForm).reread()
        self.notify("All settings are as in the recipe again.", markup=False)

    async def action_algorithm_advanced(self) -> None:
        """Show or hide what beginners can leave alone."""
        form = self.query_one(OptionForm)
        form.everything = not form.everything
        await form.rebuild()
        if form.current is None:
            self.focus_first()

    def action_algorithm_diff(self) -> None:
        """Show what differs from the recipe."""
        from sagewizard.tui.screens.reading import ExplainScreen

        changes = self._changes()
        lines = ["# What differs from the recipe", ""]
        lines += [f"- `{path}`: {before} → **{now}**" for path, (before, now) in changes.items()]
        if not changes:
            lines.append("Nothing: everything is as in the recipe.")
        self.app.push_screen(ExplainScreen("\n".join(lines) + "\n", title="Changes"))
