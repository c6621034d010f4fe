"""Owns the Runs screen: the history with its metrics; open, resume, compare two, export."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from sagewizard.render.metrics import metric_name
from sagewizard.render.units import duration, number
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.screens.lists import ListScreen
from sagewizard.tui.whole import whole
from sagewizard.tui.words import RUN_STATES, dollars, plural

if TYPE_CHECKING:
    from textual.widget import Widget

    from sagewizard.engine.history import RunSummary
    from sagewizard.errors import SageWizardError
    from sagewizard.tui.control import RunControl


class RunsScreen(ListScreen):
    """One row a run, newest first."""

    KEYS_OF = "runs"
    BINDINGS = bindings_for("runs")
    CSS_PATH = "../styles/runs.tcss"
    AUTO_FOCUS = "#runs-table"
    READING = "Reading the runs."
    FILTERS = "Filter by recipe, id, state or setting"

    def __init__(self, control: RunControl) -> None:
        super().__init__(control)
        self.found: list[RunSummary] | None = None
        self.marked: list[str] = []

    def below(self) -> list[Widget]:
        """Return what is known of the selected run."""
        return [Static(id="runs-about")]

    def on_screen_resume(self) -> None:
        """Read again after a run was looked at."""
        super().on_screen_resume()
        if self.found is not None:
            self.reload()

    def reload(self) -> None:
        """Read the runs again."""
        settings = self.control.settings

        def read() -> list[RunSummary]:
            from sagewizard.engine.history import summaries

            return summaries(settings)

        self.control.call(read, self._take)

    def status(self) -> tuple[list[str], list[str]]:
        """Say how many runs there are."""
        count = len(self.found or [])
        return ["sagewizard", "Runs"], [plural(count, "run")]

    # Actions

    def action_runs_open(self) -> None:
        """Open the selected run."""
        self._open(go_on=False)

    def action_runs_resume(self) -> None:
        """Open the selected run and do what is left of it."""
        self._open(go_on=True)

    def action_runs_watch(self) -> None:
        """Play the selected run back."""
        key = self.table.key
        if key:
            self.app.open_replay(key)  # type: ignore[attr-defined]  # the app is always ours

    def action_runs_mark(self) -> None:
        """Mark the selected run, or take the mark away; the two marked last count."""
        key = self.table.key
        if not key:
            return
        if key in self.marked:
            self.marked.remove(key)
        else:
            self.marked = [*self.marked, key][-2:]
        self.draw()

    def action_runs_compare(self) -> None:
        """Compare two marked runs, or the marked one with the selected one."""
        from sagewizard.tui.screens.compare import CompareScreen

        key = self.table.key
        chosen = list(dict.fromkeys([*self.marked, key]))[:2]
        runs = {summary.run_id: summary for summary in self.found or []}
        pair = [runs[run_id] for run_id in chosen if run_id in runs]
        if len(pair) < 2:
            self.notify("Mark a run with Space, go to another one, and press v.", markup=False)
            return
        older, newer = sorted(pair, key=lambda summary: (summary.created, summary.run_id))
        self.app.push_screen(CompareScreen(older, newer))

    def action_runs_export(self) -> None:
        """Write what is listed to a JSON and a CSV file."""
        ids = [summary.run_id for summary in self.shown()]
        if not ids:
            self.notify("There are no runs to export.", markup=False)
            return
        settings, now = self.control.settings, self.control.clock.now()

        def write() -> str:
            from sagewizard.engine.history import export

            json_path, csv_path = export(settings, ids, now=now)
            return f"{plural(len(ids), 'run')} exported to {json_path} and {csv_path.name}"

        self.control.call(write, lambda text: self.notify(text, markup=False, timeout=12))

    def action_runs_filter(self) -> None:
        """Type to filter."""
        self.open_filter()

    def action_runs_close(self) -> None:
        """Empty the filter first, then go back."""
        self.close()

    def on_data_table_row_highlighted(self) -> None:
        """Tell more of the selected run."""
        self._draw_about()

    # Inside

    def shown(self) -> list[RunSummary]:
        """Return what is listed."""
        wanted = self.wanted
        return [run for run in self.found or [] if all(word in _haystack(run) for word in wanted)]

    def _take(self, found: list[RunSummary]) -> None:
        self.found = found
        if whole(self):
            self.draw()
            self.draw_status()

    def draw(self) -> None:
        """Draw the list."""
        if not self.query("#runs-table") or self.found is None:
            return
        runs, wide = self.shown(), self.size.width >= 100
        table = self.table
        table.display = bool(runs)
        kinds = {run.score[0] for run in runs if run.score is not None}
        score = metric_name(kinds.pop()) if len(kinds) == 1 else "score"
        heads = (
            "",
            "state",
            "recipe",
            "started",
            score,
            *(("AUC", "took") if wide else ()),
            "cost",
            "alive",
        )
        table.fill(heads, {run.run_id: self._row(run, wide, len(kinds) > 1) for run in runs})
        head = self.query_one("#runs-head", Static)
        if not self.found:
            head.update(
                Text(
                    "There are no runs yet.\n"
                    "Esc goes back to the recipes: Enter on one of them starts the first run."
                )
            )
        elif not runs:
            head.update(Text("No run fits this filter. Esc empties it."))
        else:
            head.update(
                Text("Enter opens, u goes on where it stopped, Space marks, v compares, x exports", "dim")
            )
        self._draw_about()

    def _row(self, run: RunSummary, wide: bool, mixed: bool) -> tuple[str, ...]:
        glyph, word = RUN_STATES.get(run.status, ("?", run.status))
        value = ""
        if run.score is not None:
            value = f"{metric_name(run.score[0])} {number(run.score[1])}" if mixed else number(run.score[1])
        more = (number(run.metrics.get("roc_auc")), duration(run.seconds)) if wide else ()
        started = time.strftime("%m-%d %H:%M" if not wide else "%Y-%m-%d %H:%M", time.localtime(run.created))
        mark = "◆" if run.run_id in self.marked else " "
        alive = f"{run.alive} alive" if run.alive else "-"
        return (mark, f"{glyph} {word}", run.recipe, started, value or "-", *more, dollars(run.usd), alive)

    def _draw_about(self) -> None:
        about = self.query_one("#runs-about", Static)
        key = self.table.key
        run = next((run for run in self.found or [] if run.run_id == key), None)
        if run is None:
            about.update("")
            return
        lines = [Text(f"{run.run_id}  {run.recipe} on {run.target}", "bold")]
        lines.append(Text(f"Done     {', '.join(run.done) or 'nothing yet'}"))
        if run.settings:
            lines.append(
                Text("Set      " + ", ".join(f"{path}={value}" for path, value in run.settings.items()))
            )
        if run.metrics:
            measures = "  ".join(f"{metric_name(n)} {number(v)}" for n, v in list(run.metrics.items())[:6])
            lines.append(Text(f"Metrics  {measures}"))
        if run.error:
            lines.append(Text(f"Error    {run.error}"))
        lines.append(Text(f"Journal  {self._place(run)}", "dim"))
        about.update(Text("\n").join(lines))

    def _place(self, run: RunSummary) -> str:
        """Return where the journal is, from the home on: the rest is the same for all runs."""
        home = self.control.settings.home
        path = Path(run.journal)
        return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)

    def _open(self, *, go_on: bool) -> None:
        key = self.table.key
        if not key:
            return
        control = self.control

        def opened() -> None:
            if go_on and control.model.next_step():
                control.run_rest()
            self.app.open_run_screen()  # type: ignore[attr-defined]  # the app is always ours

        if control.busy and control.model.run_id == key:
            self.app.open_run_screen()  # type: ignore[attr-defined]  # the app is always ours
            return

        def failed(error: SageWizardError) -> None:
            control.on_error(error)

        control.detach()
        control.open_run(key, opened, failed)


def _haystack(run: RunSummary) -> str:
    state = RUN_STATES.get(run.status, ("", run.status))[1]
    settings = " ".join(f"{path}={value}" for path, value in run.settings.items())
    return f"{run.recipe} {run.run_id} {state} {run.target} {settings}".lower()
