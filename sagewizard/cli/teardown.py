"""The command `teardown`: shows what it would delete, has it confirmed, deletes it, says what is left."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from sagewizard import settings as settings_module
from sagewizard.cli.places import Place, Unasked, look
from sagewizard.cli.terminal import Console, console, wide
from sagewizard.engine import inventory, log_removal
from sagewizard.engine import state as states
from sagewizard.engine.ledger import Entry, Ledger
from sagewizard.errors import CancelledError, UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.render import table
from sagewizard.render.units import duration, hourly

if TYPE_CHECKING:
    import argparse

    from sagewizard import events as ev
    from sagewizard.settings import Settings


def teardown(options: argparse.Namespace) -> int:
    """Delete what one run or all runs have made."""
    settings = settings_module.load()
    ledger = Ledger(settings.ledger)
    if bool(options.run) == bool(options.all):
        raise UsageError("Say what to tear down.", remedy="Name a run, or give --all.")
    run_id = None
    if options.run:
        run_id, target_name = _wanted(settings, ledger, options.run)
        options.target = target_name or options.target
    err = console()
    if _nothing_at_all(options, settings, ledger, run_id):
        err.line("There is nothing to delete.")
        return ExitCode.OK
    places = []
    for place in look(options, settings, ledger, run_id=run_id):
        if isinstance(place, Unasked):
            err.line(f"{err.glyph('warning')} {place.region} was not asked: {place.why}.", "warn")
            continue
        if place.problem:
            err.line(
                f"{err.glyph('warning')} {place.engine.target.region}: only what the ledger knows of, since"
                f" tags could not be read: {place.problem}.",
                "warn",
            )
        for other in place.others:
            err.line(f"{other.kind} {other.name} is tagged as made by {other.owner}: left alone.", "dim")
        place.entries = [entry for entry in place.entries if _chosen(options, entry)]
        places.append(place)
    entries = [entry for place in places for entry in place.entries]
    logs = {id(place): _logs(options, ledger, place, run_id) for place in places}
    if not entries and not any(logs.values()):
        err.line("There is nothing to delete.")
        return ExitCode.OK
    if options.target != "sandbox" or len(places) > 1:
        _show(entries, err)
    if options.target != "sandbox" and not options.yes:
        _confirm(places, entries, err)
    return _delete(options, places, logs, err)


def _nothing_at_all(
    options: argparse.Namespace, settings: Settings, ledger: Ledger, run_id: str | None
) -> bool:
    """Whether there is no need to open the target: nothing in the ledger, and no sandbox with tags."""
    from sagewizard.targets import sandbox_runs

    if ledger.alive(run_id=run_id, target=options.target) or options.logs:
        return False
    return run_id is not None or (options.target == "sandbox" and not sandbox_runs(settings))


def _chosen(options: argparse.Namespace, entry: Entry) -> bool:
    if options.only:
        return entry.kind in options.only
    return bool(options.data) or entry.kind != "s3-prefix"


def _logs(options: argparse.Namespace, ledger: Ledger, place: Place, run_id: str | None) -> list[Entry]:
    """Return the rows, closed ones too, whose logs are to go."""
    if not options.logs:
        return []
    rows = ledger.of_run(run_id) if run_id else ledger.all()
    return [entry for entry in rows if inventory.belongs(place.engine, entry)]


def _show(entries: list[Entry], err: Console) -> None:
    if not entries:
        return
    now = time.time()
    rows = [
        [
            entry.kind, entry.name, entry.region, duration(now - (entry.created or entry.intended)),
            hourly(entry.hourly_usd) if entry.hourly_usd else "",
        ]
        for entry in entries
    ]  # fmt: skip
    err.line(table(rows, ["kind", "name", "region", "age", "per hour"], ink=wide(err)))
    err.line(f"Together {hourly(sum(entry.hourly_usd or 0.0 for entry in entries))}.")


def _confirm(places: list[Place], entries: list[Entry], err: Console) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "Deleting on AWS asks for the account number, and there is no terminal to type it on.",
            remedy="Look at the list above, then add --yes.",
        )
    account = places[0].engine.target.account_id
    what = "1 resource" if len(entries) == 1 else f"{len(entries)} resources"
    err.stream.write(f"Type the account number {account} to delete {what}: ")
    err.stream.flush()
    if sys.stdin.readline().strip() != account:
        raise CancelledError("Nothing was deleted.", remedy="The list above is what there is.")


def _delete(
    options: argparse.Namespace, places: list[Place], logs: dict[int, list[Entry]], err: Console
) -> int:
    from sagewizard.cli.live import LiveView
    from sagewizard.cli.run import interruptible

    cancel = threading.Event()
    view = LiveView(err)

    def show(event: ev.Event) -> None:
        if options.json:
            sys.stdout.buffer.write(event.to_json() + b"\n")
        view.show(event)

    failed: list[tuple[Entry, str]] = []
    busy: list[Entry] = []
    lost = ""
    removed = 0
    with interruptible(cancel, err):
        try:
            for place in places:
                outcome = inventory.delete(place.engine, place.entries, cancel=cancel, on_event=show)
                failed += outcome.failed
                busy += [entry for entry in place.entries if entry.run_id in outcome.busy]
                try:
                    removed += len(log_removal.remove(place.engine.api(cancel), logs[id(place)]))
                except CancelledError:
                    raise
                except Exception as error:
                    lost = inventory.reason(error)
        except CancelledError:
            err.line("Stopped. What is left can be deleted with the same command.")
            rest = [entry for place in places for entry in _open_rows(place)]
            return _price(rest, err) if _billed(rest) else ExitCode.INTERRUPTED
        finally:
            view.close()
    if options.logs:
        err.line(f"{removed} logs were deleted." if removed != 1 else "1 log was deleted.")
    if lost:
        err.line(f"{err.glyph('warning')} Not all logs could be deleted: {lost}.", "warn")
    return _left(failed, busy, err) or (ExitCode.JOB_FAILED if lost else ExitCode.OK)


def _left(failed: list[tuple[Entry, str]], busy: list[Entry], err: Console) -> int:
    """Say what is still there and why, its price on the last line; return the exit code."""
    for run_id in dict.fromkeys(entry.run_id for entry in busy):
        err.line(
            f"{err.glyph('warning')} The run {run_id} is being worked on by another process: left alone.",
            "warn",
        )
    if not failed and not busy:
        return ExitCode.OK
    for entry, why in failed:
        price = f", {hourly(entry.hourly_usd)}" if entry.hourly_usd else ""
        text = f"{entry.kind} {entry.name} in {entry.region} could not be deleted: {why.rstrip('.')}{price}."
        err.line(f"{err.glyph('failed')} {text}", "bad")
    if failed:
        err.line("  Try again with the same command; the SageMaker console shows them, too.")
    rest = [entry for entry, _why in failed] + busy
    if any(entry.billable for entry in rest):
        return _price(rest, err)
    things = "1 resource is" if len(rest) == 1 else f"{len(rest)} resources are"
    err.line(f"{things} still there; nothing of it is billed by the hour.", "warn")
    return ExitCode.JOB_FAILED


def _price(rest: list[Entry], err: Console) -> int:
    """Say what is left and what it costs, as the last line; return the exit code."""
    billed = [entry for entry in rest if entry.billable]
    things = "1 resource goes" if len(billed) == 1 else f"{len(billed)} resources go"
    err.line(
        f"{things} on costing {hourly(sum(entry.hourly_usd or 0.0 for entry in billed))} until deleted.",
        "warn",
    )
    return ExitCode.BILLABLE_REMAINS


def _billed(rest: list[Entry]) -> bool:
    """Whether AWS goes on billing something: nothing in the sandbox is billed."""
    return any(entry.billable and entry.target != "sandbox" for entry in rest)


def _open_rows(place: Place) -> list[Entry]:
    still = {entry.id for entry in place.engine.ledger.alive()}
    return [entry for entry in place.entries if entry.id in still]


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
