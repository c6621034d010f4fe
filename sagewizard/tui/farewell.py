"""Owns what stands on the shell once the app has gone: what is alive, and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagewizard.engine.ledger import Entry
    from sagewizard.tui.control import RunControl

SHOWN = 8
"""Resources of other runs that are named; the rest is counted."""


def farewell(control: RunControl, alive: list[Entry] | None = None) -> list[str]:
    """Return the lines for the shell after the app has gone; nothing when nothing is left to do.

    What is alive is what the ledger says (`still_alive`, unless it is given): it also has what was asked for
    while the app was being left.
    """
    model = control.model
    alive = still_alive(control) if alive is None else alive
    mine = [
        entry for entry in alive if entry.run_id == model.run_id and entry.name not in control.told_to_stop
    ]
    others = [entry for entry in alive if entry.run_id != model.run_id]
    lines = []
    complete = model.end is not None and getattr(model.end, "complete", False)
    if model.run_id and (mine or not complete):
        job = next((one for one in reversed(model.jobs.values()) if one.kind != "endpoint"), None)
        if job is not None and job.name in control.told_to_stop:
            lines.append(f"The {job.kind.replace('-', ' ')} {job.name} was told to stop.")
        elif job is not None and not job.ended and any(entry.name == job.name for entry in mine):
            lines.append(f"The {job.kind.replace('-', ' ')} {job.name} goes on without the app.")
        if mine:
            lines += ["Still alive:", *map(_line, mine)]
            lines.append(f"Delete it with `sagewizard teardown {model.run_id}`.")
        lines.append(f"Go on with `sagewizard runs resume {model.run_id}`, or from Home in the app.")
    if others:
        lines += ["Alive, of other runs:", *map(_line, others[:SHOWN])]
        lines += [f"  and {len(others) - SHOWN} more"] if len(others) > SHOWN else []
        lines.append("See all with `sagewizard resources`.")
    price = _billed(alive)
    if price:
        from sagewizard.tui.words import per_hour

        lines.append(f"What is alive on AWS costs {per_hour(price)} until it is deleted.")
    return lines


def exit_code(alive: list[Entry], code: int) -> int:
    """Return 5 when the app is left while AWS goes on billing something, as every command does."""
    from sagewizard.exit_codes import ExitCode

    return int(ExitCode.BILLABLE_REMAINS) if code == 0 and _billed(alive) else code


def _billed(alive: list[Entry]) -> float:
    return sum(entry.hourly_usd or 0.0 for entry in alive if entry.target == "aws")


def _line(entry: Entry) -> str:
    from sagewizard.tui.words import per_hour

    word = "costs" if entry.target == "aws" else "would cost"
    price = f"  {word} {per_hour(entry.hourly_usd)}" if entry.hourly_usd else ""
    return f"  {entry.kind} {entry.name}{price}"


def still_alive(control: RunControl) -> list[Entry]:
    """Return what the ledger says to be alive, of every run."""
    from sagewizard.engine.ledger import Ledger
    from sagewizard.errors import SageWizardError

    ledger = Ledger(control.settings.ledger)
    if not ledger.exists():
        return []
    try:
        # Objects in a bucket are kept on purpose.
        return [entry for entry in ledger.alive() if entry.kind != "s3-prefix"]
    except SageWizardError:
        return []
