"""Owns a tuning job as text: the table of its training jobs, the objective over the jobs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sagewizard.i18n import _
from sagewizard.render.chart import Series, line_chart
from sagewizard.render.ink import Ink
from sagewizard.render.tables import table
from sagewizard.render.units import MISSING, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.render.ink import Style
    from sagewizard.tuning_events import Trial

ROOMY = 100


def value_text(value: str) -> str:
    """Return a chosen value with four significant digits if it is a fraction, else as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    if not math.isfinite(number) or value.lstrip("-").isdigit():
        return value
    return f"{number:.4g}"


def objective_text(value: float | None) -> str:
    """Return an objective with five significant digits, as SageMaker keeps it; `-` for none."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.5g}"


def chosen_text(trial: Trial) -> str:
    """Return the values of a trial in a line: `wd 0.0031, learning_rate 0.01`."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in trial.hyperparameters.items())


def trial_table(
    trials: Sequence[Trial],
    objective: str,
    *,
    best: str = "",
    ink: Ink | None = None,
    goal: str = "",
) -> str:
    """Return the training jobs as a table: number, objective, the values chosen, status, and seconds if wide.

    The one named `best` has the word behind it; where there is little room it stands instead of its status,
    and the others have one short word. With a `goal` (Maximize or Minimize) the best comes first,
    and those without an objective last; else they stand in the order of their creation.
    """
    ink = ink or Ink()
    roomy = ink.width >= ROOMY
    names = list(dict.fromkeys(name for trial in trials for name in trial.hyperparameters))
    shown = list(trials)
    if goal:
        sign = -1 if goal == "Maximize" else 1
        shown.sort(key=lambda trial: (trial.objective is None, sign * (trial.objective or 0.0), trial.number))
    rows: list[list[object]] = []
    styles: list[Style | None] = []
    for trial in shown:
        chosen = trial.name == best
        took = None if trial.started is None or trial.ended is None else trial.ended - trial.started
        rows.append(
            [
                trial.number,
                objective_text(trial.objective),
                *(value_text(trial.hyperparameters.get(name, "")) for name in names),
                *(
                    [trial.status, duration(took), _("best") if chosen else ""]
                    if roomy
                    else [_("best") if chosen else _short(trial.status)]
                ),
            ]
        )
        styles.append("good" if chosen else "bad" if trial.status == "Failed" else None)
    headers = [_("job"), objective.rpartition(":")[2] or objective, *names, _("status")]
    headers += [_("took"), ""] if roomy else []
    return table(rows, headers, ink=ink, styles=styles)


def _short(status: str) -> str:
    """Return a status in at most eight cells, so that the values chosen need not give way to it."""
    words = {
        "Completed": _("done"),
        "InProgress": _("at work"),
        "Failed": _("failed"),
        "Stopped": _("stopped"),
    }
    return words.get(status, status)


def best_so_far(trials: Sequence[Trial], goal: str) -> list[float]:
    """Return the best objective after each trial that has one, in the order of their creation."""
    found: list[float] = []
    for trial in trials:
        if trial.objective is None or not trial.over:
            continue
        value = trial.objective
        if found:
            value = max(found[-1], value) if goal == "Maximize" else min(found[-1], value)
        found.append(value)
    return found


def objective_chart(
    trials: Sequence[Trial], objective: str, goal: str, *, ink: Ink | None = None, height: int = 8
) -> str:
    """Return the objective of each trial as a mark over its number, and the best so far as a line.

    "" when fewer than two trials have an objective: a point alone shows nothing.
    """
    scored = [trial for trial in trials if trial.objective is not None and trial.over]
    if len(scored) < 2:
        return ""
    line = best_so_far(trials, goal)
    x = [float(trial.number) for trial in scored]
    # A gap after each mark keeps the marks apart: they are jobs of their own, not a curve.
    spread = [value for number in x for value in (number, math.nan)]
    marks = [value for trial in scored for value in (float(trial.objective or 0.0), math.nan)]
    return line_chart(
        [Series(_("best so far"), x, line), Series(_("each job"), spread, marks)],
        ink=ink,
        height=height,
        title=objective,
        x_name=_("training job"),
    )
