"""Owns the dataset pane: the sources, which one was used, a CSV of one's own in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import Static

from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import Action, StepPane

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.recipe.recipe import Recipe
    from sagewizard.tui.model import RunModel


class DatasetPane(StepPane):
    """Where the data is from, how it is divided, which labels it has."""

    KEYS_OF = "dataset"
    BINDINGS = bindings_for("dataset")
    TOPICS: ClassVar[frozenset[str]] = frozenset((t.DATASET, t.STEPS, t.RUN, t.OPTIONS))

    ALWAYS: ClassVar[frozenset[str]] = frozenset(("dataset.own",))

    def offers(self, key_id: str) -> bool:
        """Offer other data only for a run that happens."""
        return super().offers(key_id) and not self.control.recorded

    def compose_body(self) -> ComposeResult:
        """Yield facts."""
        yield Static(id="dataset-facts")

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Draw what is known of the data."""
        self.query_one("#dataset-facts", Static).update(facts(model, self._sources()))

    def own_action(self) -> Action | None:
        """Ask for the file where the recipe is for one of the person's own."""
        recipe = self.control.recipe
        if recipe is not None and recipe.file.dataset.own and not self.control.busy:
            return Action("Choose your CSV file", self.action_dataset_own)
        return None

    def _sources(self) -> list[str]:
        recipe = self.control.recipe
        if recipe is None:
            return []
        section = recipe.file.dataset
        if section.path is not None:
            return [f"your file {section.path}, label column {section.label_column}"]
        if section.own:
            return ["a CSV file of your own: Enter asks for its path and its label column"]
        from sagewizard.tui.sources import sources_of

        return sources_of(section.name or "")

    def action_dataset_own(self) -> None:
        """Use a CSV file of one's own."""
        from sagewizard.tui.screens.own_data import OwnDataScreen

        recipe = self.control.recipe
        if self.control.refuse():
            return
        if recipe is None or self.control.busy:
            self.notify("The run is at work: change its data before or after.", markup=False)
            return
        original = self.control.before_own or recipe

        def chosen(changed: Recipe | None) -> None:
            if changed is not None:
                self.control.replace_recipe(changed, original)
                self.go("dataset")
                self.notify("Your data is in place: Enter reads and checks it.", markup=False)

        self.app.push_screen(OwnDataScreen(self.control, original), chosen)

    def action_dataset_recipe(self) -> None:
        """Go back to the recipe's own data."""
        original = self.control.before_own
        if original is None:
            self.notify("This is the recipe's own data already.", markup=False)
            return
        self.control.replace_recipe(original)
        self.notify("The recipe's own data is back.", markup=False)


def facts(model: RunModel, sources: list[str]) -> Content:
    """Return the sources in their order, the one that was used, rows and labels."""
    found = model.dataset
    lines = [Content.assemble(("Source" if len(sources) == 1 else "Sources, in this order", "bold"))]
    for source in sources:
        # Where something is found is told with its version or its path.
        used = found is not None and found.source.startswith(source[:12])
        lines.append(Content(f"  {'✓ used' if used else '·     '}  {source}"))
    if found is None:
        return Content("\n").join(lines)
    if not any("✓ used" in line.plain for line in lines):
        lines.append(Content(f"  ✓ used  {found.source}"))
    lines.append(Content(""))
    total = sum(found.rows.values())
    lines.append(Content.assemble(("Rows", "bold"), f"  {total:,} of {found.features} columns"))
    for name, count in found.rows.items():
        share = count / total if total else 0.0
        lines.append(Content(f"  {name:<11}{count:>7,}  {'█' * round(share * 30)} {share:.0%}"))
    if found.labels:
        lines.append(Content(""))
        positive = f", {found.positive_label} is the positive one" if found.positive_label else ""
        lines.append(Content.assemble(("Labels", "bold"), f"  {len(found.labels)}{positive}"))
        largest = max(found.labels.values())
        for label, count in list(found.labels.items())[:12]:
            mark = "← positive" if label == found.positive_label else ""
            bar = "█" * max(1, round(count / largest * 24))
            lines.append(Content(f"  {label[:11]:<11}{count:>7,}  {bar} {mark}"))
        if len(found.labels) > 12:
            lines.append(Content(f"  and {len(found.labels) - 12} more"))
    return Content("\n").join(lines)
