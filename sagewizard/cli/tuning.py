"""A tuning job in words: its plan, one line a training job, and the table and chart at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.i18n import _, ngettext
from sagewizard.render.cells import clean
from sagewizard.render.tuning import chosen_text, objective_chart, objective_text, trial_table
from sagewizard.render.units import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.render.ink import Ink
    from sagewizard.tuning_events import Trial, TrialReported, TuningPlanned

# Narrower than this a chart says less than the table above it.
CHART_COLUMNS = 50


def plan_lines(event: TuningPlanned) -> list[str]:
    """Return what is about to be done: how many jobs, what they search, how long, how much."""
    from sagewizard.cli.report import usd

    jobs = ngettext("{jobs} training job", "{jobs} training jobs", event.jobs).format(jobs=event.jobs)
    machine = event.instance_type
    if event.instance_count > 1:
        machine = f"{event.instance_count} x {machine}"
    words = (
        _("{jobs}, {parallel} at a time, each on {machine}, {strategy}: {objective} as high as it gets")
        if event.goal == "Maximize"
        else _("{jobs}, {parallel} at a time, each on {machine}, {strategy}: {objective} as low as it gets")
    )
    lines = [
        words.format(
            jobs=jobs, parallel=event.parallel, machine=machine, strategy=event.strategy,
            objective=event.objective,
        )
    ]  # fmt: skip
    searched = "; ".join(f"{name} {text}" for name, text in event.ranges.items())
    lines.append(_("searched: {ranges}").format(ranges=searched))
    words = (
        _("On AWS it would take about {minutes} minutes and cost about {usd} (prices: {source}).")
        if event.simulated
        else _("It takes about {minutes} minutes and costs about {usd} (prices: {source}).")
    )
    if event.usd is None:
        words = _("On AWS it takes about {minutes} minutes; no price is known for {machine}.")
    text = words.format(
        minutes=f"{event.minutes:.0f}", usd=usd(event.usd), source=event.price_source,
        machine=event.instance_type,
    )  # fmt: skip
    if event.seconds_here is not None:
        text += " " + _("Here it takes about {time} and costs nothing.").format(
            time=duration(max(1.0, event.seconds_here))
        )
    return [*lines, text]


def trial_line(event: TrialReported) -> tuple[str, bool]:
    """Return one line for a training job that has ended, and whether it is bad news."""
    trial = event.trial
    place = _("job {number} of {jobs}").format(number=trial.number, jobs=event.jobs)
    chosen = clean(chosen_text(trial))
    if trial.objective is None:
        reason = clean(trial.reason) or _("it reported no objective")
        return f"{place}: {trial.status}, {reason} ({chosen})", trial.status == "Failed"
    name = event.objective.rpartition(":")[2] or event.objective
    mark = f", {_('the best so far')}" if event.best == trial.name else ""
    stopped = f", {_('stopped early')}" if trial.status == "Stopped" else ""
    return f"{place}: {name} {objective_text(trial.objective)}{mark}{stopped}  {chosen}", False


def summary_lines(
    job: str,
    trials: Sequence[Trial],
    objective: str,
    goal: str,
    best: str,
    best_objective: float | None,
    ink: Ink,
) -> list[str]:
    """Return title, table (the best first) and chart of a tuning job."""
    done = sum(trial.over for trial in trials)
    jobs = ngettext("{done} training job", "{done} training jobs", done).format(done=done)
    title = _("Tuning job {job}: {jobs}, no objective yet").format(job=job, jobs=jobs)
    if best_objective is not None:
        title = _("Tuning job {job}: {jobs}, best {objective} {value}").format(
            job=job, jobs=jobs, objective=objective, value=objective_text(best_objective)
        )
    lines = [ink.paint(title, "bold")]
    if trials:
        lines += trial_table(trials, objective, best=best, goal=goal, ink=ink).splitlines()
    if best and best not in {trial.name for trial in trials}:
        lines.append(_("The best is a job of an earlier tuning: {name}.").format(name=best))
    if ink.width >= CHART_COLUMNS:
        chart = objective_chart(trials, objective, goal, ink=ink.narrower(max(0, ink.width - 90)))
        lines += ["", *chart.splitlines()] if chart else []
    return lines
