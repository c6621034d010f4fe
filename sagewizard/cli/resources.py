"""The commands `resources` and `cost`: what runs have made, and what it costs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from sagewizard import settings as settings_module
from sagewizard.cli.places import Unasked, look, self_deleting
from sagewizard.cli.report import usd
from sagewizard.cli.terminal import console, wide
from sagewizard.engine import inventory
from sagewizard.engine import state as states
from sagewizard.engine.ledger import Entry, Ledger
from sagewizard.errors import SageWizardError
from sagewizard.exit_codes import ExitCode
from sagewizard.render import table
from sagewizard.render.units import duration, hourly

if TYPE_CHECKING:
    import argparse

    from sagewizard.engine.discovery import Found
    from sagewizard.settings import Settings


def resources(options: argparse.Namespace) -> int:
    """List what is alive, after asking the target whether it still is."""
    settings = settings_module.load()
    ledger = Ledger(settings.ledger)
    checked: set[int] = set()
    err = console()
    others: list[tuple[str, Found]] = []
    if not options.offline and _worth_asking(options, settings, ledger):
        try:
            for place in look(options, settings, ledger):
                if isinstance(place, Unasked):
                    err.line(f"{err.glyph('warning')} {place.region} was not asked: {place.why}.", "warn")
                    continue
                if place.problem:
                    region = place.engine.target.region
                    err.line(
                        f"{err.glyph('warning')} {region}: tags could not be read: {place.problem}.", "warn"
                    )
                checked |= {entry.id for entry in place.entries}
                others += [(place.engine.target.region, one) for one in place.others]
                for line in self_deleting(place):
                    err.line(line)
        except SageWizardError as error:
            error.remedy = f"{error.remedy} The ledger alone: `sagewizard resources --offline`.".strip()
            raise
    alive = [e for e in ledger.alive() if options.data or e.kind != "s3-prefix"]
    for region, other in others:
        err.line(f"{other.kind} {other.name} in {region} is tagged as made by {other.owner}.", "dim")
    if options.json:
        _json([{**_entry(entry), "checked": entry.id in checked} for entry in alive])
        return ExitCode.OK
    out = console(sys.stdout)
    if not alive:
        err.line("Nothing is there that a run has made.")
        return ExitCode.OK
    now = time.time()
    ink = wide(out)
    roomy = ink.width >= 100
    apart = any(entry.id not in checked or entry.target != "sandbox" for entry in alive)
    rows = [
        [
            entry.kind,
            entry.name,
            duration(now - (entry.created or entry.intended)),
            _per_hour(entry.hourly_usd),
            *([usd(inventory.so_far(entry, now)) if entry.billable else ""] if roomy else []),
            *([_where(entry, asked=entry.id in checked)] if apart else []),
        ]
        for entry in alive
    ]
    headers = ["kind", "name", "age", "per hour"]
    headers += (["so far"] if roomy else []) + (["where"] if apart else [])
    out.line(table(rows, headers, ink=ink))
    total = sum(entry.hourly_usd or 0.0 for entry in alive)
    err.line(f"Together {hourly(total)}. Delete with `sagewizard teardown RUN`, or `--all`.")
    return ExitCode.OK


def cost(options: argparse.Namespace) -> int:
    """Show the bill of all runs, or of one line by line."""
    settings = settings_module.load()
    out, err = console(sys.stdout), console()
    now = time.time()
    if options.run:
        state = states.find(settings.runs, options.run)
        from sagewizard.engine.costs import Meter

        meters = [Meter(**saved) for saved in state.meters]
        items = [meter.item(now) for meter in meters]
        if options.json:
            _json([{name: getattr(item, name) for name in item.__slots__} for item in items])
            return ExitCode.OK
        rows = [
            [
                i.kind,
                i.name,
                f"{i.instance_count} x {i.instance_type}",
                duration(i.seconds),
                hourly(i.hourly_usd),
                usd(i.usd),
                i.price_source,
            ]
            for i in items
        ]
        if not rows:
            err.line(f"The run {state.run_id} has cost nothing.")
            return ExitCode.OK
        headers = ["kind", "name", "instance", "billed", "per hour", "cost", "price from"]
        out.line(table(rows, headers, ink=wide(out)))
        word = "This is what AWS would charge; nothing was billed." if state.simulated else "Billed by AWS."
        err.line(f"Together {usd(sum(i.usd or 0.0 for i in items))}. {word}")
        return ExitCode.OK
    found = states.all_runs(settings.runs)
    alive = Ledger(settings.ledger).alive()
    hour = {s.run_id: sum(e.hourly_usd or 0.0 for e in alive if e.run_id == s.run_id) for s in found}
    if options.json:
        _json(
            [
                {
                    "run": s.run_id,
                    "recipe": s.recipe,
                    "target": s.target,
                    "usd": s.usd,
                    "simulated": s.simulated,
                    "hourly_usd": hour[s.run_id],
                }
                for s in found
            ]
        )
        return ExitCode.OK
    if not found:
        err.line("There are no runs yet, and nothing has cost anything.")
        return ExitCode.OK
    rows = [
        [s.run_id, s.recipe, "would cost" if s.simulated else "cost", usd(s.usd), _per_hour(hour[s.run_id])]
        for s in found
    ]
    out.line(table(rows, ["run", "recipe", "", "so far", "now"], ink=wide(out)))
    real = sum(s.usd for s in found if not s.simulated)
    billable = [entry for entry in alive if entry.billable]
    if billable:
        now_rows = [
            [
                e.kind, e.name, e.target, duration(now - (e.created or e.intended)), _per_hour(e.hourly_usd),
                usd(inventory.so_far(e, now)),
            ]
            for e in billable
        ]  # fmt: skip
        out.line()
        headers = ["alive", "name", "where", "since", "per hour", "so far"]
        out.line(table(now_rows, headers, ink=wide(out)))
    for line in _billed_lines(options, found):
        out.line(line)
    here = sum(e.hourly_usd or 0.0 for e in alive if e.target == "sandbox")
    paid = sum(e.hourly_usd or 0.0 for e in alive if e.target != "sandbox")
    err.line(f"On AWS, by the meters of the runs: {usd(real)}, and {hourly(paid)} now.")
    if here:
        err.line(f"What is alive in the sandbox would cost {hourly(here)} on AWS.")
    return ExitCode.OK


def _billed_lines(options: argparse.Namespace, found: list[states.RunState]) -> list[str]:
    """Say what AWS has billed, where it was asked for; a refusal is a line of its own."""
    real = [state for state in found if not state.simulated]
    if not options.billed:
        return []
    if not real:
        return ["", "AWS has billed nothing for runs of this machine: all were in the sandbox."]
    from sagewizard.targets import billed

    try:
        answer = billed(options.profile, since=min(state.created for state in real), now=time.time())
    except SageWizardError as error:
        return ["", f"What AWS has billed is not known. {error.message}. {error.remedy}"]
    lines = [
        "",
        f"Billed by AWS for SageMaker since {answer.since}, as Cost Explorer says (up to a day old):",
    ]
    tagged = {run: amount for run, amount in answer.by_run.items() if run}
    lines += [f"  run {run}: {usd(amount)}" for run, amount in sorted(tagged.items())]
    if not tagged:
        lines.append("  by run: not known; activate the tag sagewizard:run as a cost allocation tag.")
    lines += [f"  {usage}: {usd(amount)}" for usage, amount in sorted(answer.by_usage.items())]
    lines.append(f"  Together {usd(sum(answer.by_usage.values()))}, other people's use included.")
    lines.append(f"  Asking took {answer.requests} requests, {usd(answer.requests * 0.01)}.")
    return lines


def _worth_asking(options: argparse.Namespace, settings: Settings, ledger: Ledger) -> bool:
    """Whether the target may have something of ours; a sandbox that does not run is not started for it."""
    from sagewizard.targets import sandbox_runs

    if options.target != "sandbox" or sandbox_runs(settings):
        return True
    return any(options.data or e.kind != "s3-prefix" for e in ledger.alive(target=options.target))


def _per_hour(usd_per_hour: float | None) -> str:
    return hourly(usd_per_hour) if usd_per_hour else ""


def _where(entry: Entry, *, asked: bool) -> str:
    place = entry.target if entry.target == "sandbox" else f"{entry.target} {entry.region}"
    return place if asked else f"{place}, not asked"


def _entry(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def _json(value: Any) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
