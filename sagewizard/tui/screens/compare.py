"""Owns the comparison of two runs: metrics, settings, matrices and times side by side, with what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from sagewizard.engine.comparing import compare
from sagewizard.evaluation.confusion import ConfusionMatrix
from sagewizard.render.cells import cut
from sagewizard.render.metrics import metric_name
from sagewizard.render.units import duration, number
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.screens.base import AppScreen
from sagewizard.tui.widgets.heatmap import HeatMap
from sagewizard.tui.words import dollars

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.engine.comparing import Change
    from sagewizard.engine.history import RunSummary


class CompareScreen(AppScreen):
    """The older run on the left, the newer one on the right."""

    KEYS_OF = "compare"
    BINDINGS = bindings_for("compare")
    CSS_PATH = "../styles/runs.tcss"
    AUTO_FOCUS = "#compare-scroll"

    def __init__(self, older: RunSummary, newer: RunSummary) -> None:
        super().__init__(id="compare")
        self.older, self.newer = older, newer

    def compose_main(self) -> ComposeResult:
        """Lay out the table and the two matrices."""
        with VerticalScroll(id="compare-scroll", can_focus=True):
            yield Static(joined_rows(compare_rows(self.older, self.newer)), id="compare-table")
            with Horizontal(id="compare-matrices"):
                for which, run in (("older", self.older), ("newer", self.newer)):
                    with Vertical(classes="compare-side"):
                        yield Static(Text(f"{which}: {run.run_id}", "bold"))
                        yield HeatMap(id=f"compare-{which}")

    def on_mount(self) -> None:
        """Draw the matrices."""
        self.draw_status()
        for which, run in (("older", self.older), ("newer", self.newer)):
            self.query_one(f"#compare-{which}", HeatMap).show(matrix_of(run))

    def status(self) -> tuple[list[str], list[str]]:
        """Say what is compared."""
        return ["sagewizard", "Runs", "Compare two"], []

    def action_compare_close(self) -> None:
        """Go back to the runs."""
        self.app.pop_screen()


def matrix_of(run: RunSummary) -> ConfusionMatrix | None:
    """Return the confusion matrix of a run, None without one."""
    if not run.labels:
        return None
    return ConfusionMatrix(run.labels, run.confusion, run.labels[1] if len(run.labels) == 2 else None)


def compare_rows(older: RunSummary, newer: RunSummary) -> list[tuple[str, str, str, str]]:
    """Return (what, older, newer, difference) of everything that two runs can be compared by."""
    rows = [("", "older", "newer", "difference"), ("run", older.run_id, newer.run_id, "")]
    rows.append(
        ("recipe", older.recipe, newer.recipe, "" if older.recipe == newer.recipe else "✗ another recipe")
    )
    found = compare(older, newer)
    rows += [
        (metric_name(row.name), number(row.one), number(row.other), _difference(row)) for row in found.metrics
    ]
    rows.append(("steps took", duration(older.seconds), duration(newer.seconds), ""))
    word = "would cost" if older.simulated and newer.simulated else "cost"
    rows.append((word, dollars(older.usd), dollars(newer.usd), ""))
    changed = {row.name for row in found.settings}
    for path in sorted({*older.settings, *newer.settings}):
        one, other = older.settings.get(path), newer.settings.get(path)
        texts = ["recipe's" if value is None else str(value) for value in (one, other)]
        rows.append((path, *texts, "changed" if path in changed else ""))  # type: ignore[arg-type]
    return rows


def _difference(row: Change) -> str:
    if row.change is None:
        return ""
    if row.same:
        return "= same"
    return f"{'▲' if row.change > 0 else '▼'} {row.change:+.4f} {'better' if row.better else 'worse'}"


def joined_rows(rows: list[tuple[str, str, str, str]]) -> Text:
    """Return the rows as aligned columns."""
    widths = [min(28, max(len(row[i]) for row in rows)) for i in range(4)]
    lines = []
    for at, row in enumerate(rows):
        cells = [cut(text, width).ljust(width) for text, width in zip(row, widths, strict=True)]
        lines.append(Text("  ".join(cells).rstrip(), "bold" if at == 0 else "", no_wrap=True))
    return Text("\n").join(lines)
