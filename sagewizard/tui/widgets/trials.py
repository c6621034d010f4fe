"""Owns a tuning job as text for its pane: the plan, the best, and one panel a hyperparameter."""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING

from textual.content import Content

from sagewizard.render.cells import cell_width, clean, cut
from sagewizard.render.ink import Ink
from sagewizard.render.units import money
from sagewizard.tui.words import duration, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagewizard.engine.tuning_plan import TuningPlan
    from sagewizard.tui.views import Tuning
    from sagewizard.tuning_events import Trial, TuningPlanned

PANEL = 34
"""Cells that a panel needs, its gap included."""
PANEL_ROWS = 5
DECADES = 2.0
"""Values that span more powers of ten than this are drawn on a logarithmic scale."""


def plan_text(plan: TuningPlan | TuningPlanned, *, simulated: bool, seconds_here: float | None) -> Content:
    """Return how many jobs, how long, how much, and what is searched."""
    from sagewizard.engine.tuning_plan import TuningPlan

    if isinstance(plan, TuningPlan):
        tuning = plan.tuning
        strategy, objective, goal = tuning.strategy, tuning.objective, tuning.goal
        jobs, parallel = tuning.jobs, tuning.parallel
        ranges = {entry.name: entry.words for entry in tuning.ranges}
    else:
        strategy, objective, goal = plan.strategy, plan.objective, plan.goal
        jobs, parallel, ranges = plan.jobs, plan.parallel, plan.ranges
    price = f"about {money(plan.usd)}" if plan.usd is not None else "no price is known"
    where = "on AWS it would take" if simulated else "it takes"
    long = f"{where} about {duration(plan.minutes * 60)}, {price}"
    if seconds_here is not None:
        long += f"; here about {duration(max(1.0, seconds_here))}, nothing to pay"
    machine = f"{plan.instance_count} x {plan.instance_type}"
    direction = "as high as it gets" if goal == "Maximize" else "as low as it gets"
    rows = [
        ("Jobs", f"{plural(jobs, 'training job')}, {parallel} at a time, each on {machine}"),
        ("Cost", long),
        ("Goal", f"{clean(objective)} {direction}"),
        ("Strategy", strategy),
    ]
    lines = [Content.assemble((f"{name:<10}", "bold"), text) for name, text in rows]
    width = max((len(name) for name in ranges), default=0)
    for number, (name, words) in enumerate(ranges.items()):
        head = "Searched" if number == 0 else ""
        lines.append(Content.assemble((f"{head:<10}", "bold"), f"{clean(name):<{width}}  {clean(words)}"))
    return Content("\n").join(lines)


def best_text(tuning: Tuning) -> Content:
    """Return how many trials have ended and how, and the best one with its values."""
    from sagewizard.render.tuning import objective_text, value_text

    over = [trial for trial in tuning.trials.values() if trial.over]
    working = len(tuning.trials) - len(over)
    of = f" of {tuning.max_jobs}" if tuning.max_jobs else ""
    counts = [f"{len(over)}{of} jobs done"]
    counts += [f"{working} at work"] if working else []
    failed = sum(trial.status == "Failed" for trial in over)
    stopped = sum(trial.status == "Stopped" for trial in over)
    counts += [f"{failed} failed"] if failed else []
    counts += [f"{stopped} stopped"] if stopped else []
    if tuning.status in ("Stopping", "Stopped"):
        counts.append("stopping" if tuning.status == "Stopping" else "stopped: what is done counts")
    lines = [Content(", ".join(counts))]
    best = tuning.best
    if best is not None and best.objective is not None:
        lines.append(
            Content.assemble(
                (f"★ Best: job {best.number}, {objective_text(best.objective)}", "bold $text-success"),
                f"  {clean(tuning.objective_name)}",
            )
        )
        chosen = [f"{clean(name)} {clean(value_text(value))}" for name, value in best.hyperparameters.items()]
        lines.append(Content("  " + " · ".join(chosen)))
    elif tuning.best_name:
        lines.append(Content(f"★ Best: {clean(tuning.best_name)}, a job of an earlier tuning"))
    return Content("\n").join(lines)


def panels(
    trials: Sequence[Trial], objective: str, best: str, width: int, *, ranges: Mapping[str, str]
) -> str:
    """Return one small chart a hyperparameter, its values across and the objective up, side by side.

    "" until two trials have an objective. Values over many powers of ten, and those searched on a logarithmic
    scale, are drawn by their powers of ten; words stand side by side in the order of the alphabet.
    """
    scored = [trial for trial in trials if trial.over and trial.objective is not None]
    names = list(dict.fromkeys(name for trial in scored for name in trial.hyperparameters))
    if len(scored) < 2 or not names:
        return ""
    across = max(1, min(len(names), width // PANEL))
    each = (width - 2 * (across - 1)) // across
    drawn = [_panel(scored, best, name, each, "logarithmic" in ranges.get(name, "")) for name in names]
    lines = [f"{clean(objective)} against each hyperparameter: ● the best job, × the others"]
    for start in range(0, len(drawn), across):
        for parts in zip_longest(*drawn[start : start + across], fillvalue=""):
            padded = [part + " " * (each - cell_width(part)) for part in parts]
            lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _panel(trials: Sequence[Trial], best: str, name: str, width: int, logarithmic: bool) -> list[str]:
    from sagewizard.render.chart import Series, line_chart

    with_it = [trial for trial in trials if name in trial.hyperparameters]
    values, title = _positions([trial.hyperparameters[name] for trial in with_it], name, logarithmic)
    marked: list[tuple[list[float], list[float]]] = [([], []), ([], [])]
    for trial, value in zip(with_it, values, strict=True):
        across, up = marked[0 if trial.name == best else 1]
        across += [value, math.nan]  # the gap keeps the marks apart
        up += [float(trial.objective or 0.0), math.nan]
    series = [Series("best", *marked[0]), Series("others", *marked[1])]
    drawn = line_chart(series, ink=Ink("none", True, width), height=PANEL_ROWS).splitlines()
    return [cut(title, width), *drawn[:-1]]  # what the marks mean stands above all panels


def _positions(texts: Sequence[str], name: str, logarithmic: bool) -> tuple[list[float], str]:
    """Return where values lie on a panel's axis, and the panel's title."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        words = sorted(set(texts))
        listed = ", ".join(f"{at} {clean(word)}" for at, word in enumerate(words, start=1))
        return [float(words.index(text) + 1) for text in texts], f"{clean(name)}: {listed}"
    low, high = min(numbers), max(numbers)
    if low > 0 and (logarithmic or math.log10(high / low) > DECADES):
        return [math.log10(number) for number in numbers], f"{clean(name)}, as a power of ten"
    return numbers, clean(name)
