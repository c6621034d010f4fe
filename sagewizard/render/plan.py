"""Owns the plan of a run as text: what will be made, where, for how long, at what price, and whose prices."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from sagewizard.i18n import _
from sagewizard.render.cells import cell_width
from sagewizard.render.ink import Ink
from sagewizard.render.tables import table
from sagewizard.render.units import duration, hourly, money

if TYPE_CHECKING:
    from sagewizard.engine.plan import PlannedResource, RunPlan

UNCUT: Final = 1000
"""Columns in which no table of a plan has to cut anything."""
HEAD: Final = 2
"""Lines of a table before its rows: the names of the columns, and a rule."""


def plan_lines(plan: RunPlan, ink: Ink | None = None) -> list[str]:
    """Return the plan as lines no wider than the ink; every figure stands with its source."""
    ink = ink or Ink()
    where = (
        _("the sandbox on this machine")
        if plan.simulated
        else _("AWS account {account}").format(account=plan.account)
    )
    title = _("Plan for {recipe} in {where}, {region}").format(
        recipe=plan.recipe, where=where, region=plan.region
    )
    lines = [*(ink.paint(part, "bold") for part in _wrapped(title, ink)), ""]
    lines += _resources(plan, ink) if plan.resources else [_("Nothing is made.")]
    lines.append("")
    lines += _wrapped(_total(plan), ink)
    for extra in (_stays(plan), _ttl(plan), *_fallbacks(plan), _unpriced(plan), _budget(plan)):
        lines += _wrapped(extra, ink) if extra else []
    if plan.proposals:
        lines += ["", *proposal_lines(plan, ink)]
    return lines


def proposal_lines(plan: RunPlan, ink: Ink | None = None) -> list[str]:
    """Return the instance types that cannot be had, each with the reason and what to take instead."""
    ink = ink or Ink()
    words = _("On AWS, not every instance type can be had:") if plan.simulated else _(
        "Not every instance type can be had:"
    )  # fmt: skip
    lines = [ink.paint(words, "warn")]
    for proposal in plan.proposals:
        lines += _wrapped(
            f"{proposal.path} {proposal.wanted}: {proposal.reason}. {proposal.remedy}", ink, "  "
        )
    return lines


def _resources(plan: RunPlan, ink: Ink) -> list[str]:
    """Return what is made as a table; where it is too wide, each machine stands below what it is for."""
    rows = [_row(item) for item in plan.resources]
    headers = [_("step"), _("makes"), _("instances"), _("min"), _("per hour"), _("about"), _("at most")]
    whole = table(rows, headers, ink=Ink(width=UNCUT)).splitlines()
    if max(cell_width(line) for line in whole) <= ink.width:
        return table(rows, headers, ink=ink).splitlines()
    few = [[step, what, about, most] for step, what, _machine, _minutes, _price, about, most in rows]
    drawn = table(few, [headers[0], headers[1], headers[5], headers[6]], ink=ink).splitlines()
    lines, indent = (
        drawn[:HEAD],
        max(cell_width(step) for step in [headers[0], *(row[0] for row in rows)]) + 4,
    )
    for line, (_step, _what, machine, minutes, price, *_rest) in zip(drawn[HEAD:], rows, strict=True):
        lines.append(line)
        if machine:
            told = _("{machine}, {minutes} min at {price}")
            lines.append(" " * indent + told.format(machine=machine, minutes=minutes, price=price))
    return lines


def _row(item: PlannedResource) -> list[str]:
    what = item.what if item.count == 1 else f"{item.count} x {item.what}"
    if not item.instance_type:
        return [item.step, what, "", "", "", "", ""]
    spot = ", " + _("spot") if item.spot else ""
    return [
        item.step,
        what,
        f"{item.instance_count} x {item.instance_type}{spot}",
        f"{item.minutes or 0.0:.0f}",
        hourly(item.hourly_usd),
        money(item.usd, approximate=True),
        money(item.most_usd) if item.most_usd is not None else "",
    ]


def _total(plan: RunPlan) -> str:
    sources = "; ".join(plan.sources)
    price = _("prices: {sources}").format(sources=sources) if sources else _("no prices")
    if plan.simulated:
        words = _(
            "Here it costs nothing and takes seconds. On AWS it would take about {minutes} minutes and cost"
            " about {usd} ({price})."
        )
    else:
        words = _("It takes about {minutes} minutes and costs about {usd} ({price}).")
    return words.format(minutes=f"{plan.minutes:.0f}", usd=money(plan.usd), price=price)


def _stays(plan: RunPlan) -> str:
    if not plan.hourly_after:
        return ""
    return _("The endpoint stays after the run and costs {price} until it is deleted.").format(
        price=hourly(plan.hourly_after)
    )


def _ttl(plan: RunPlan) -> str:
    if plan.ttl is None:
        return ""
    if plan.ttl_problem:
        return _("The endpoint will not delete itself: {problem}.").format(problem=plan.ttl_problem)
    words = _(
        "The endpoint deletes itself {time} after its last use, even if this machine never comes back"
        " (EventBridge Scheduler)."
    )
    told = words.format(time=duration(plan.ttl.seconds))
    if plan.tail_usd:
        tail = _("Until then it comes to {usd}, which is part of the sum above.")
        told += " " + tail.format(usd=money(plan.tail_usd))
    return told


def _fallbacks(plan: RunPlan) -> list[str]:
    words = _("Where AWS has no such machine to spare, {step} takes {types}.")
    return [
        words.format(
            step=one.step,
            types=_(", else ").join(f"{name} ({hourly(price)})" for name, price in one.types)
            or _("no other"),
        )
        for one in plan.fallbacks
    ]


def _unpriced(plan: RunPlan) -> str:
    if not plan.unpriced:
        return ""
    return _("No price is known for {names}: the sum is without it.").format(names=", ".join(plan.unpriced))


def _budget(plan: RunPlan) -> str:
    if plan.budget is None:
        return ""
    words = _("The run stops and tears down before it would pass the budget of {usd}.")
    return words.format(usd=money(plan.budget))


def _wrapped(text: str, ink: Ink, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, max(40, ink.width), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
