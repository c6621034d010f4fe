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
from sagewizard.engine import state as states
from sagewizard.engine.ledger import JOBS, Entry, Ledger
from sagewizard.errors import BillableRemainsError, CancelledError, SageWizardError, UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.render import table
from sagewizard.render.units import duration, hourly

if TYPE_CHECKING:
    import argparse

    from sagewizard.engine.teardown import Teardown
    from sagewizard.settings import Settings
    from sagewizard.target import Target


def resources(options: argparse.Namespace) -> int:
    """List what is alive, after asking the target whether it still is."""
    settings = settings_module.load()
    ledger = Ledger(settings.ledger)
    alive = [e for e in ledger.alive() if options.data or e.kind != "s3-prefix"]
    here = [entry for entry in alive if entry.target == options.target]
    checked: set[int] = set()
    err = console()
    if here and not options.offline:
        target = _open(options, settings)
        checked = _check(ledger, _teardown(target, ledger, threading.Event(), _nothing), here)
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
            *([usd(_so_far(entry, now)) if entry.billable else ""] if roomy else []),
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
    target = _open(options, settings)
    entries = [e for e in entries if (e.account, e.region) == (target.account_id, target.region)]
    return _delete(options, settings, ledger, target, entries, err)


def _delete(
    options: argparse.Namespace,
    settings: Settings,
    ledger: Ledger,
    target: Target,
    entries: list[Entry],
    err: Console,
) -> int:
    from contextlib import ExitStack

    from sagewizard.cli.live import LiveView
    from sagewizard.cli.run import interruptible
    from sagewizard.clock import SystemClock
    from sagewizard.engine.recorder import Recorder

    cancel = threading.Event()
    clock = SystemClock()
    view = LiveView(err)
    busy: list[str] = []
    failed: list[tuple[Entry, str]] = []
    with ExitStack() as held, interruptible(cancel, err):
        for run_id in dict.fromkeys(entry.run_id for entry in entries):
            folder = settings.runs / run_id
            if folder.is_dir():
                try:
                    held.enter_context(states.exclusive(folder))
                except UsageError:
                    busy.append(run_id)
                    continue
            mine = [entry for entry in entries if entry.run_id == run_id]
            recorder = Recorder(run_id, clock)
            if (folder / states.NAME).is_file():
                recorder.resume(folder)

            def emit(event_type: type[ev.Event], recorder: Any = recorder, **fields: Any) -> None:
                recorder.emit(event_type, **fields)
                event = recorder.next()
                if options.json:
                    sys.stdout.buffer.write(event.to_json() + b"\n")
                view.show(event)

            try:
                failed += _teardown(target, ledger, cancel, emit).delete(mine).failed
            except CancelledError:
                err.line("Stopped. What is left can be deleted with the same command.")
                return ExitCode.INTERRUPTED
            finally:
                recorder.close()
                view.close()
    for run_id in busy:
        err.line(
            f"{err.glyph('warning')} The run {run_id} is being worked on by another process: left alone.",
            "warn",
        )
    if failed:
        total = sum(entry.hourly_usd or 0.0 for entry, _reason in failed)
        raise BillableRemainsError(
            f"{len(failed)} resources could not be deleted and go on costing {hourly(total)}.",
            remedy="The lines above say why; try again with the same command.",
        )
    return ExitCode.BILLABLE_REMAINS if busy else ExitCode.OK


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
        out.line(
            table(rows, ["kind", "name", "instance", "billed", "per hour", "cost", "price from"], ink=wide(out))
        )
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


def _check(ledger: Ledger, tool: Teardown, entries: list[Entry]) -> set[int]:
    """Close the rows whose resource is gone; return the ids of all that were looked at."""
    checked = set()
    for entry in entries:
        if tool.still_there(entry):
            checked.add(entry.id)
        # An intent may belong to a call that is on its way at this moment.
        elif entry.created is not None or time.time() - entry.intended > 600:
            note = "ended" if entry.kind in JOBS else "gone already"
            ledger.deleted(entry.id, now=time.time(), note=note)
    return checked


def _teardown(target: Target, ledger: Ledger, cancel: threading.Event, emit: Any) -> Teardown:
    from sagewizard.clock import SystemClock
    from sagewizard.engine.api import Api
    from sagewizard.engine.teardown import Teardown

    clock = SystemClock()
    return Teardown(target, Api(target, clock=clock, cancel=cancel), ledger, clock, cancel, emit)


def _nothing(_event_type: type[ev.Event], **_fields: Any) -> None:
    return None


def _open(options: argparse.Namespace, settings: Settings) -> Target:
    from sagewizard.cli.run import open_for

    try:
        return open_for(options, settings, options.target, options.region)
    except SageWizardError as error:
        error.remedy = f"{error.remedy} The ledger alone: `sagewizard resources --offline`.".strip()
        raise


def _per_hour(usd_per_hour: float | None) -> str:
    return hourly(usd_per_hour) if usd_per_hour else ""


def _so_far(entry: Entry, now: float) -> float | None:
    if entry.hourly_usd is None:
        return None
    return entry.hourly_usd * max(0.0, now - (entry.created or entry.intended)) / 3600


def _entry(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def _json(value: Any) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
