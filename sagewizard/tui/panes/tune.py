"""Owns the tune pane: child jobs in a table, objective against trial, best so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.content import Content
from textual.widgets import Static

from sagewizard.render.ink import Ink
from sagewizard.tui import model as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import StepPane

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.tui.model import RunModel, Tuning
    from sagewizard.tuning_events import Trial


class TunePane(StepPane):
    """The tuning job as it happens, from `RunModel.tuning`."""

    KEYS_OF = "tune"
    BINDINGS = bindings_for("tune")
    TOPICS: ClassVar[frozenset[str]] = frozenset((t.TUNING, t.JOBS, t.STEPS))

    def __init__(self, step: str, control: object) -> None:
        super().__init__(step, control)  # type: ignore[arg-type]
        self._by_objective = False

    def compose_body(self) -> ComposeResult:
        """Yield best, chart, table."""
        yield Static(id="tune-best")
        yield Static(id="tune-chart")
        yield Static(id="tune-table")

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Draw the trials."""
        tuning = model.tuning
        self.query_one("#tune-best", Static).update(best_line(tuning))
        width = max(24, self.query_one(".pane-scroll").size.width - 2)
        self.query_one("#tune-chart", Static).update(Text.from_ansi(tuning_chart(tuning, width)))
        trials = list(tuning.trials.values())
        if self._by_objective:
            worst = float("-inf") if tuning.maximize else float("inf")
            trials.sort(
                key=lambda trial: worst if trial.objective is None else trial.objective,
                reverse=tuning.maximize,
            )
        self.query_one("#tune-table", Static).update(Text(trials_table(trials, width)))

    def action_tune_sort(self) -> None:
        """Sort by order or by objective."""
        self._by_objective = not self._by_objective
        self.refresh_body(self.model, {t.TUNING})


def best_line(tuning: Tuning) -> Content:
    """Return how many trials there are and which is best."""
    if not tuning.trials:
        plan = tuning.plan
        if plan is None:
            return Content("The first trial is about to be created.")
        ranges = ", ".join(f"{name} {words}" for name, words in plan.ranges.items())
        return Content(
            f"{plan.strategy} search for {plan.objective} ({plan.goal}): up to {plan.jobs} trials,"
            f" {plan.parallel} at a time.\n{ranges}"
        )
    done = sum(1 for trial in tuning.trials.values() if trial.status in ("Completed", "Failed", "Stopped"))
    of = f" of {tuning.max_jobs}" if tuning.max_jobs else ""
    text = f"{done}{of} trials done"
    best = tuning.best
    if best is not None and best.objective is not None:
        text += f" · best so far: {tuning.objective_name} {best.objective:.4f} by {best.name}"
    return Content(text)


def tuning_chart(tuning: Tuning, width: int) -> str:
    """Return objective against trial, as points, with the best so far as a line."""
    from sagewizard.render.chart import Series, line_chart

    scored = [(n, trial) for n, trial in enumerate(tuning.trials.values(), 1) if trial.objective is not None]
    if not scored:
        return ""
    best: list[float] = []
    for _number, trial in scored:
        value = trial.objective or 0.0
        best.append(value if not best else (max if tuning.maximize else min)(best[-1], value))
    numbers = [float(number) for number, _trial in scored]
    series = [
        Series("objective", numbers, [trial.objective or 0.0 for _number, trial in scored]),
        Series("best so far", numbers, best),
    ]
    return line_chart(series, ink=Ink(width=width, color="none"), height=6, title="objective by trial")


def trials_table(trials: list[Trial], width: int) -> str:
    """Return trials with their status, objective and hyperparameters."""
    from sagewizard.render import table

    rows = []
    for trial in trials:
        value = "" if trial.objective is None else f"{trial.objective:.5g}"
        settings = ", ".join(f"{name} {text}" for name, text in trial.hyperparameters.items())
        rows.append([trial.name[-16:], trial.status, value, settings])
    return table(rows, ["trial", "status", "objective", "settings"], ink=Ink(width=width)) if rows else ""
