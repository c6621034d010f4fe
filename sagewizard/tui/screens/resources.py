"""Owns the Resources screen: everything alive of any run, its age and price; deleting and filtering it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from sagewizard.render.units import duration
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.screens.lists import ListScreen
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.rows import tail
from sagewizard.tui.words import dollars, per_hour, plural

if TYPE_CHECKING:
    from textual.widget import Widget

    from sagewizard.engine.inventory import Deletion
    from sagewizard.engine.ledger import Entry
    from sagewizard.errors import SageWizardError
    from sagewizard.tui.control import RunControl

BUCKET = "s3-prefix"
SHORT_NAME = 20
"""Characters of a name that fit beside the other columns at 80 columns."""


@dataclass
class Found:
    """What a look at ledger and target gave: rows, those that the target has confirmed, why it could not."""

    entries: list[Entry]
    checked: set[int] = field(default_factory=set)
    problem: str = ""


class ResourcesScreen(ListScreen):
    """The ledger first, at once; then what the target says of it."""

    KEYS_OF = "resources"
    BINDINGS = bindings_for("resources")
    CSS_PATH = "../styles/resources.tcss"
    AUTO_FOCUS = "#resources-table"
    READING = "Reading the ledger."
    FILTERS = "Filter by kind, name, run or state"

    def __init__(self, control: RunControl) -> None:
        super().__init__(control)
        self.found: Found | None = None
        self.with_data = False
        self.looking = False
        self.deleting: set[int] = set()
        self.told: list[str] = []

    def below(self) -> list[Widget]:
        """Return what is said when nothing is listed, and what happened."""
        return [Static(id="resources-empty"), Static(id="resources-told")]

    def on_mount(self) -> None:
        """Let ages and costs move on."""
        self.set_interval(1.0, self.draw)

    def status(self) -> tuple[list[str], list[str]]:
        """Say what all runs together go on costing."""
        entries = self.found.entries if self.found else []
        hourly = sum(entry.hourly_usd or 0.0 for entry in entries)
        alive = [entry for entry in entries if entry.kind != BUCKET]
        right = [f"{len(alive)} alive", f"{per_hour(hourly)} together" if hourly else "nothing is billing"]
        return ["sagewizard", "Resources"], right

    # Actions

    def action_resources_refresh(self) -> None:
        """Look again."""
        self.reload()

    def reload(self) -> None:
        """Read the ledger, then ask the target whether what it lists is there."""
        if self.looking:
            return
        self.looking = True
        settings, control = self.control.settings, self.control

        def ledger() -> list[Entry]:
            from sagewizard.engine.ledger import Ledger

            return Ledger(settings.ledger).alive()

        def check() -> Found:
            from sagewizard.engine import inventory
            from sagewizard.errors import SageWizardError

            entries = ledger()
            checked: set[int] = set()
            # AWS is asked only when the person has chosen it: asking needs their account.
            run = next((e.run_id for e in entries if e.target == control.target_name), None)
            problem = ""
            if run is not None:
                try:
                    engine = control.engine(run)
                    checked = inventory.check(engine, [e for e in entries if inventory.belongs(engine, e)])
                except SageWizardError as error:
                    problem = f"{error.message} {error.remedy}".strip()
            return Found(ledger(), checked, problem)

        def first(entries: list[Entry]) -> None:
            if self.found is None:
                self._take(Found(entries))

        def checked(found: Found) -> None:
            self.looking = False
            self._take(found)

        def failed(error: SageWizardError) -> None:
            self.looking = False
            self.control.on_error(error)

        control.call(ledger, first, failed)
        control.call(check, checked, failed)

    def action_resources_delete(self) -> None:
        """Delete the selected resource, after a question."""
        key = self.table.key
        chosen = [entry for entry in self.shown() if str(entry.id) == key]
        if not chosen:
            self.notify("There is nothing to delete.", markup=False)
            return
        entry = chosen[0]
        price = f" It ends {per_hour(entry.hourly_usd)}." if entry.hourly_usd else ""
        what = "all objects of the run below it are" if entry.kind == BUCKET else "it is"
        text = f"{entry.name} of the run {entry.run_id}: {what} gone for good.{price}"
        self._ask(chosen, f"Delete this {entry.kind}?", text, entry.name)

    def action_resources_delete_all(self) -> None:
        """Delete everything that is listed, after a question."""
        chosen = self.shown()
        if not chosen:
            self.notify("There is nothing to delete.", markup=False)
            return
        hourly = sum(entry.hourly_usd or 0.0 for entry in chosen)
        runs = plural(len({entry.run_id for entry in chosen}), "run")
        text = f"They belong to {runs}, and are gone for good. It ends {per_hour(hourly) or 'no cost'}."
        self._ask(chosen, f"Delete all {plural(len(chosen), 'resource')} in this list?", text, "delete all")

    def action_resources_filter(self) -> None:
        """Type to filter."""
        self.open_filter()

    def action_resources_data(self) -> None:
        """Show the runs' data in the bucket too, or leave it out."""
        self.with_data = not self.with_data
        self.draw()

    def action_resources_close(self) -> None:
        """Empty the filter first, then go back."""
        self.close()

    # Inside

    def shown(self) -> list[Entry]:
        """Return what is listed: what costs most first, then the newest."""
        wanted = self.wanted
        entries = [
            e for e in (self.found.entries if self.found else []) if self.with_data or e.kind != BUCKET
        ]
        kept = [entry for entry in entries if all(word in self._haystack(entry) for word in wanted)]
        return sorted(kept, key=lambda entry: (-(entry.hourly_usd or 0.0), -entry.id))

    def _haystack(self, entry: Entry) -> str:
        return f"{entry.kind} {entry.name} {entry.run_id} {self._state(entry)}".lower()

    def _take(self, found: Found) -> None:
        self.found = found
        if whole(self):
            self.draw()

    def draw(self) -> None:
        """Draw list, sums and what happened."""
        if not self.query("#resources-table") or self.found is None:
            return
        from sagewizard.engine.inventory import so_far

        entries, now = self.shown(), self.control.clock.now()
        table, empty = self.table, self.query_one("#resources-empty", Static)
        table.display, empty.display = bool(entries), not entries
        if not entries:
            empty.update(self._nothing())
        roomy = self.size.width >= 100
        heads = ("state", "kind", "age", "per hour", "so far", "name", *(("run",) if roomy else ()))
        table.fill(
            heads,
            {
                str(entry.id): (
                    self._state(entry),
                    entry.kind,
                    duration(max(0.0, now - (entry.created or entry.intended))),
                    per_hour(entry.hourly_usd) or "-",
                    dollars(so_far(entry, now)) if entry.billable else "-",
                    entry.name if roomy else tail(entry.name, SHORT_NAME),
                    *((entry.run_id,) if roomy else ()),
                )
                for entry in entries
            },
        )
        self.query_one("#resources-head", Static).update(self._head(entries, now))
        self.query_one("#resources-told", Static).update(Text("\n".join(self.told[-4:])))
        self.draw_status()

    def _head(self, entries: list[Entry], now: float) -> Text:
        from sagewizard.engine.inventory import so_far

        hourly = sum(entry.hourly_usd or 0.0 for entry in entries)
        spent = sum(so_far(entry, now) or 0.0 for entry in entries if entry.billable)
        real = any(entry.target == "aws" for entry in entries)
        word = "cost" if real else "would cost"
        if not entries:
            text = Text("… asking the target" if self.looking else "", "dim")
            if self.found is not None and self.found.problem:
                text.append(f"! Not asked: {self.found.problem}", "not dim")
            return text
        text = Text(plural(len(entries), "resource"), "bold")
        text.append(f"  {word} {per_hour(hourly) or '$0/h'} together, {dollars(spent)} so far", "not bold")
        if self.looking:
            text.append("  … asking the target", "dim")
        elif self.found is not None and self.found.problem:
            text.append(f"\n! Not asked: {self.found.problem}", "not bold")
        return text

    def _nothing(self) -> Text:
        if self.wanted:
            return Text("Nothing fits this filter. Esc empties it.")
        more = "" if self.with_data else " b shows the data that runs have left in the bucket."
        return Text(
            "✓ Nothing is alive, and nothing is billing.\n"
            "What a run makes is listed here until the target says that it is gone.\n"
            f"Esc goes back, F2 goes to the recipes.{more}"
        )

    def _state(self, entry: Entry) -> str:
        if entry.id in self.deleting:
            return "▶ deleting"
        if self.found is not None and entry.id in self.found.checked:
            return "● alive"
        return "? intended" if entry.created is None else "? not asked"

    def _ask(self, chosen: list[Entry], title: str, text: str, word: str) -> None:
        from sagewizard.tui.screens.modals import Confirm, TypedConfirm

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete(chosen)

        if any(entry.target == "aws" for entry in chosen):
            self.app.push_screen(
                TypedConfirm(f"{title} This is on AWS.", f"{text} Type: {word}", word), answered
            )
        else:
            self.app.push_screen(Confirm(title, text, "Delete"), answered)

    def _delete(self, chosen: list[Entry]) -> None:
        control = self.control
        ids = {entry.id for entry in chosen}
        self.deleting |= ids

        def work() -> list[Deletion]:
            import threading

            from sagewizard.engine import inventory

            outcomes = []
            for run_id in dict.fromkeys(entry.run_id for entry in chosen):
                engine = control.engine(run_id)
                mine = [e for e in chosen if e.run_id == run_id and inventory.belongs(engine, e)]
                outcomes.append(
                    inventory.delete(engine, mine, cancel=threading.Event(), on_event=control.hear)
                )
            return outcomes

        def done(outcomes: list[Deletion]) -> None:
            self.deleting -= ids
            for outcome in outcomes:
                self.told += [
                    f"✓ {entry.kind} {entry.name}: gone, the target says" for entry in outcome.deleted
                ]
                self.told += [f"✗ {entry.kind} {entry.name}: {reason}" for entry, reason in outcome.failed]
                self.told += [f"! {run}: at work in another process, left alone" for run in outcome.busy]
            self.reload()

        def failed(error: SageWizardError) -> None:
            self.deleting -= ids
            self.control.on_error(error)
            self.reload()

        control.call(work, done, failed)
        self.draw()
