"""Two runs side by side as text: what differs in their settings, metrics, times and costs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sagewizard.cli.report import usd
from sagewizard.i18n import _
from sagewizard.recipe.options import as_text
from sagewizard.render import table
from sagewizard.render.metrics import metric_name
from sagewizard.render.units import duration, number

if TYPE_CHECKING:
    from sagewizard.engine.comparing import Change, Comparison
    from sagewizard.render.ink import Ink


def comparison_lines(found: Comparison, ink: Ink) -> list[str]:
    """Return the lines of a comparison."""
    runs = (found.one, found.other)
    rows = [
        ["", *(run.run_id for run in runs), _("difference")],
        [_("recipe"), *(run.recipe for run in runs), "" if found.same_recipe else _("changed")],
        [_("started"), *(time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created)) for run in runs), ""],
        [_("state"), *(run.status for run in runs), ""],
    ]
    rows += [
        [row.name, *(_set(value) for value in (row.one, row.other)), _("changed")] for row in found.settings
    ]
    rows += [
        [metric_name(row.name), number(row.one), number(row.other), _metric(row, ink, found.same_recipe)]
        for row in found.metrics
    ]
    for row in found.seconds:
        name = _("all steps took") if row.name == "all" else _("{step} took").format(step=row.name)
        rows.append(
            [name, *("-" if value is None else duration(value) for value in (row.one, row.other)), ""]
        )
    word = _("would cost") if all(run.simulated for run in runs) else _("cost")
    rows.append([word, usd(found.usd.one), usd(found.usd.other), ""])
    lines = table(rows[1:], rows[0], ink=ink).splitlines()
    if not found.settings and found.same_recipe:
        lines += ["", _("Both have the same settings.")]
    if not found.same_recipe:
        lines += ["", _("They are runs of different recipes: their figures do not say which one is better.")]
    return lines


def _set(value: object) -> str:
    return _("the recipe's") if value is None else str(as_text(value))


def _metric(row: Change, ink: Ink, comparable: bool) -> str:
    if row.change is None:
        return ""
    if row.same:
        return _("same")
    arrow = ink.pick("▲ ", "") if row.change > 0 else ink.pick("▼ ", "")
    verdict = f" {_('better') if row.better else _('worse')}" if comparable else ""
    return f"{arrow}{row.change:+.4f}{verdict}"
