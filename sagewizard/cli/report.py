"""The report at the end of a run: confusion matrix, metrics, costs, the command that does it again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sagewizard.cli.terminal import wrap
from sagewizard.errors import SageWizardError
from sagewizard.evaluation import ConfusionMatrix
from sagewizard.i18n import _
from sagewizard.outcome_events import ClustersMeasured, CrossValidated, ThresholdsCompared
from sagewizard.recipe.command import command_line
from sagewizard.render import clusters, confusion_matrix, folds, metric_list, residuals, thresholds
from sagewizard.render.units import count, duration, hourly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagewizard.cli.run import Outcome
    from sagewizard.events import CostChanged, CostItem, EvaluationMade, RunFinished
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.render.ink import Ink
    from sagewizard.target import Target


def usd(amount: float | None) -> str:
    """Write a small bill so that it can be told from nothing: `$0.0123`, `<$0.0001`, `$1.20`."""
    if amount is None:
        return _("no price known")
    if amount == 0 or amount >= 1:
        return f"${amount:,.2f}"
    return f"${amount:.4f}" if amount >= 0.0001 else "<$0.0001"


def final_report(
    outcome: Outcome,
    recipe: Recipe,
    target: Target,
    named: str,
    end: RunFinished,
    ink: Ink,
    *,
    until: str | None = None,
    keep: bool = False,
    budget: float | None = None,
) -> list[str]:
    """Return the lines of the report."""
    lines: list[str] = []
    if outcome.tuning is not None and outcome.tuning.over:
        from sagewizard.cli.tuning import summary_lines

        tuning = outcome.tuning
        lines += summary_lines(
            tuning.job, tuning.trials, tuning.objective, tuning.goal, tuning.best, tuning.best_objective, ink
        )
        lines += [""] if outcome.evaluation is not None else []
    if outcome.evaluation is not None:
        lines += evaluation_lines(outcome.evaluation, ink)
        lines += detail_lines(outcome, ink)
    words = _("Run {run}: {time}") if end.complete else _("Run {run}: {time}, not to its end")
    lines += ["", words.format(run=end.run_id, time=duration(end.seconds))]
    if outcome.cost is not None and outcome.cost.items:
        lines += cost_lines(outcome.cost, ink)
    for line in estimate_lines(recipe, target):
        lines += wrap(line, min(ink.width, 100))
    again = command_line(named, recipe.settings, target.name, until=until, keep=keep, budget=budget)
    lines += ["", _("The same again:"), f"  {again}"]
    return lines


def evaluation_lines(event: EvaluationMade, ink: Ink) -> list[str]:
    """Return confusion matrix and metrics as lines."""
    lines: list[str] = []
    if event.labels:
        positive = event.labels[1] if len(event.labels) == 2 else None
        matrix = ConfusionMatrix(event.labels, event.confusion, positive)
        rows = count(matrix.total)
        words = _("Confusion matrix of the {split} split, {rows} rows, by the predictions of the {source}")
        title = words.format(split=event.split, rows=rows, source=event.source)
        lines += confusion_matrix(matrix, ink=ink, title=title).splitlines()
        lines.append("")
    lines += metric_list(event.metrics, ink=ink).splitlines()
    return lines


def detail_lines(outcome: Outcome, ink: Ink) -> list[str]:
    """Return what came out beside the metrics: thresholds, clusters, folds, residuals."""
    lines: list[str] = []
    for event in outcome.details:
        match event:
            case ThresholdsCompared():
                words = _("The threshold {used:.4g} beside {other:.4g}, for {positive}:")
                used, other = event.rows[0].threshold, event.rows[1].threshold
                lines += ["", words.format(used=used, other=other, positive=event.positive)]
                lines += thresholds(event, ink=ink).splitlines()
            case ClustersMeasured():
                words = _("Labels (down) in clusters (across), {rows} rows of the {split} split:")
                lines += ["", words.format(rows=count(sum(event.sizes)), split=event.split)]
                lines += clusters(event, ink=ink).splitlines()
            case CrossValidated():
                lines += ["", *fold_lines(event, ink)]
    return lines + residual_lines(outcome, ink)


def fold_lines(event: CrossValidated, ink: Ink) -> list[str]:
    """Return the figures of a cross-validation, and what it has cost."""
    kind = _("stratified folds") if event.stratified else _("folds")
    words = _("Cross-validation, {count} {kind}, one training job each, {seconds} billed seconds together:")
    head = words.format(count=event.folds, kind=kind, seconds=count(event.billable_seconds))
    return [head, *folds(event, ink=ink).splitlines()]


def residual_lines(outcome: Outcome, ink: Ink) -> list[str]:
    """Return the residuals of a regression as a picture; nothing for anything else."""
    from pathlib import Path

    from sagewizard.engine import results

    if outcome.start is None or outcome.evaluation is None or "rmse" not in outcome.evaluation.metrics:
        return []
    try:
        found = results.load(Path(outcome.start.folder))
    except SageWizardError:  # the figures are there; a picture that cannot be drawn is left out
        return []
    picture = residuals(found.expected.tolist(), found.predicted.tolist(), ink=ink)
    return ["", *picture.splitlines()]


def cost_lines(cost: CostChanged, ink: Ink) -> list[str]:
    """Return the bill line by line."""
    from sagewizard.render import table

    words = (
        _("On AWS, these seconds would have cost {usd} (prices: {source}):")
        if cost.simulated
        else _("It cost {usd} (prices: {source}):")
    )
    rows = [
        [
            item.kind if jobs == 1 else f"{jobs} x {item.kind}",
            f"{item.instance_count} x {item.instance_type}",
            duration(item.seconds),
            hourly(item.hourly_usd),
            usd(item.usd),
        ]
        for item, jobs in _grouped(cost.items)
    ]
    sources = ", ".join(dict.fromkeys(item.price_source for item in cost.items if item.price_source))
    text = words.format(usd=usd(cost.usd), source=sources or _("unknown"))
    lines = wrap(text, min(ink.width, 100))
    return lines + [f"  {line}" for line in table(rows, ink=ink.narrower(2)).splitlines()]


def _grouped(items: Iterable[CostItem]) -> list[tuple[CostItem, int]]:
    """Put items of one kind on one kind of machine into a line; return each with how many there are."""
    found: dict[tuple[object, ...], tuple[CostItem, int]] = {}
    for item in items:
        key = (item.kind, item.component, item.instance_type, item.instance_count, item.hourly_usd)
        before, jobs = found.get(key, (None, 0))
        if before is not None:
            item = replace(
                item, seconds=before.seconds + item.seconds,
                usd=None if item.usd is None or before.usd is None else before.usd + item.usd,
            )  # fmt: skip
        found[key] = (item, jobs + 1)
    return list(found.values())


def estimate_lines(recipe: Recipe, target: Target) -> list[str]:
    """Return what the recipe costs on AWS with AWS's own waiting times; nothing on AWS itself."""
    from sagewizard.engine.estimate import estimate

    if not target.simulated:
        return []
    found = estimate(recipe, target.prices, target.region)
    if not found.items:
        return []
    missing = [item.instance_type for item in found.items if item.usd is None]
    parts = ", ".join(
        _("{what} {minutes} min of {instance}").format(
            what=_(item.what), minutes=f"{item.minutes:g}", instance=item.instance_type
        )
        for item in found.items
        if item.usd is not None
    )
    words = _(
        "AWS is slower to start machines: there the recipe takes about {minutes} minutes and costs about"
        " {usd} ({parts})."
    )
    line = words.format(minutes=f"{found.minutes:.0f}", usd=usd(found.usd), parts=parts)
    if missing:
        line += " " + _("No price is known for {names}.").format(names=", ".join(dict.fromkeys(missing)))
    return [line]
