"""The commands `resources`, `teardown` and `cost`: what runs have made, what it costs, how it goes away."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from sagewizard import events as ev
from sagewizard import settings as settings_module
from sagewizard.cli.report import usd
from sagewizard.cli.terminal import Console, console, wide
from sagewizard.engine import inventory
from sagewizard.engine import state as states
from sagewizard.engine.ledger import Entry, Ledger
from sagewizard.errors import BillableRemainsError, CancelledError, SageWizardError, UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.render import table
from sagewizard.render.units import duration, hourly

if TYPE_CHECKING:
    import argparse

    from sagewizard.engine import Engine
    from sagewizard.settings import Settings


def resources(options: argparse.Namespace) -> int:
    """List what is alive, after asking the target whether it still is."""
    settings = settings_module.load()
    ledger = Ledger(settings.ledger)
    alive = [e for e in ledger.alive() if options.data or e.kind != "s3-prefix"]
    here = [entry for entry in alive if entry.target == options.target]
    checked: set[int] = set()
    err = console()
    if here and not options.offline:
        engine = _engine(options, settings)
        checked = inventory.check(engine, here)
        alive = [e for e in ledger.alive() if options.data or e.kind != "s3-prefix"]
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
            *([entry.target if entry.id in checked else f"{entry.target}, not asked"] if apart else []),
        ]
        for entry in alive
    ]
    headers = ["kind", "name", "age", "per hour"]
    headers += (["so far"] if roomy else []) + (["where"] if apart else [])
    out.line(table(rows, headers, ink=ink))
    total = sum(entry.hourly_usd or 0.0 for entry in alive)
    err.line(f"Together {hourly(total)}. Delete with `sagewizard teardown RUN`, or `--all`.")
    return ExitCode.OK


def teardown(options: argparse.Namespace) -> int:
    """Delete what one run or all runs have made."""
    settings = settings_module.load()
    ledger = Ledger(settings.ledger)
    if bool(options.run) == bool(options.all):
        raise UsageError("Say what to tear down.", remedy="Name a run, or give --all.")
    if options.run:
        run_id, target_name = _wanted(settings, ledger, options.run)
        options.target = target_name or options.target
        entries = ledger.alive(run_id=run_id)
    else:
        entries = ledger.alive(target=options.target)
    entries = [entry for entry in entries if options.data or entry.kind != "s3-prefix"]
    err = console()
    if not entries:
        err.line("There is nothing to delete.")
        return ExitCode.OK
    engine = _engine(options, settings)
    return _delete(options, engine, [entry for entry in entries if inventory.belongs(engine, entry)], err)


def _delete(options: argparse.Namespace, engine: Engine, entries: list[Entry], err: Console) -> int:
    from sagewizard.cli.live import LiveView
    from sagewizard.cli.run import interruptible

    cancel = threading.Event()
    view = LiveView(err)

    def show(event: ev.Event) -> None:
        if options.json:
            sys.stdout.buffer.write(event.to_json() + b"\n")
        view.show(event)

    with interruptible(cancel, err):
        try:
            outcome = inventory.delete(engine, entries, cancel=cancel, on_event=show)
        except CancelledError:
            err.line("Stopped. What is left can be deleted with the same command.")
            return ExitCode.INTERRUPTED
        finally:
            view.close()
    for run_id in outcome.busy:
        err.line(
            f"{err.glyph('warning')} The run {run_id} is being worked on by another process: left alone.",
            "warn",
        )
    if outcome.failed:
        raise BillableRemainsError(
            f"{len(outcome.failed)} resources could not be deleted and go on costing"
            f" {hourly(outcome.hourly_usd)}.",
            remedy="The lines above say why; try again with the same command.",
        )
    return ExitCode.BILLABLE_REMAINS if outcome.busy else ExitCode.OK


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
    err.line(f"Billed by AWS: {usd(real)}. Costs now: {hourly(sum(e.hourly_usd or 0.0 for e in alive))}.")
    return ExitCode.OK


def _wanted(settings: Settings, ledger: Ledger, wanted: str) -> tuple[str, str]:
    """Find a run by its folder, or by the ledger alone when the folder is gone."""
    try:
        state = states.find(settings.runs, wanted)
        return state.run_id, state.target
    except UsageError:
        known = {entry.run_id: entry.target for entry in ledger.alive()}
        close = [run_id for run_id in known if run_id == wanted or run_id.endswith(wanted)]
        if len(close) == 1:
            return close[0], known[close[0]]
        raise


def _engine(options: argparse.Namespace, settings: Settings) -> Engine:
    from sagewizard.cli.run import open_for
    from sagewizard.engine import Engine

    try:
        return Engine(open_for(options, settings, options.target, options.region), settings=settings)
    except SageWizardError as error:
        error.remedy = f"{error.remedy} The ledger alone: `sagewizard resources --offline`.".strip()
        raise


def _per_hour(usd_per_hour: float | None) -> str:
    return hourly(usd_per_hour) if usd_per_hour else ""


def _entry(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def _json(value: Any) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
