"""The report at the end of a run: confusion matrix, metrics, costs, the command that does it again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from sagewizard.cli.terminal import wrap
from sagewizard.evaluation import ConfusionMatrix
from sagewizard.i18n import _
from sagewizard.render import confusion_matrix, metric_list
from sagewizard.render.units import count, duration, hourly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.cli.run import Outcome
    from sagewizard.events import CostChanged, EvaluationMade, RunFinished
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
) -> list[str]:
    """Return the lines of the report."""
    lines: list[str] = []
    if outcome.evaluation is not None:
        lines += evaluation_lines(outcome.evaluation, ink)
    words = _("Run {run}: {time}") if end.complete else _("Run {run}: {time}, not to its end")
    lines += ["", words.format(run=end.run_id, time=duration(end.seconds))]
    if outcome.cost is not None and outcome.cost.items:
        lines += cost_lines(outcome.cost, ink)
    for line in estimate_lines(recipe, target):
        lines += wrap(line, min(ink.width, 100))
    again = command_line(named, recipe.settings, target.name, until=until, keep=keep)
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
            item.kind,
            f"{item.instance_count} x {item.instance_type}",
            duration(item.seconds),
            hourly(item.hourly_usd),
            usd(item.usd),
        ]
        for item in cost.items
    ]
    sources = ", ".join(dict.fromkeys(item.price_source for item in cost.items if item.price_source))
    text = words.format(usd=usd(cost.usd), source=sources or _("unknown"))
    lines = wrap(text, min(ink.width, 100))
    return lines + [f"  {line}" for line in table(rows, ink=ink.narrower(2)).splitlines()]


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


def command_line(
    named: str,
    settings: Mapping[str, object],
    target: str,
    *,
    until: str | None = None,
    keep: bool = False,
) -> str:
    """Return the command that does the same again, ready to paste."""
    from sagewizard.recipe.options import as_text

    words = ["sagewizard", "run", named]
    for path, value in settings.items():
        words += ["--set", f"{path}={as_text(value)}"]
    words += ["--until", until] if until else []
    words += ["--keep"] if keep else []
    if target != "sandbox":
        words += ["--target", target]
    return shlex.join(words)
