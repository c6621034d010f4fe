"""Shows an error to a person: what is wrong, where, and what to do next, on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.cli.terminal import Console, console
from sagewizard.exit_codes import ExitCode
from sagewizard.i18n import _
from sagewizard.render.cells import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.errors import SageWizardError
    from sagewizard.events import AliveResource


def show_error(error: SageWizardError, out: Console | None = None) -> None:
    """Write an error and its remedy."""
    out = out or console()
    show_problem(error.message, error.remedy, out, where=error.where)


def show_problem(message: str, remedy: str, out: Console, *, where: str = "") -> None:
    """Write what is wrong, where, and what to do about it."""
    text = clean(message)
    text = text if text.endswith((".", "!", "?")) else f"{text}."
    place = f"{clean(where)}: " if where else ""
    out.line(f"{out.glyph('failed')} {place}{text[0].upper()}{text[1:]}", "bad")
    if remedy:
        ending = "" if remedy.rstrip().endswith((".", "!", "?", ")")) else "."
        out.line(f"  {clean(remedy)}{ending}")


def left_on_aws(out: Console | None = None) -> ExitCode:
    """Return how a command ends that was cut off: 5, with the price as the last line, if AWS bills something.

    What the ledger has is all that can be told in a hurry.
    """
    from sagewizard import settings
    from sagewizard.engine.ledger import Ledger
    from sagewizard.errors import SageWizardError
    from sagewizard.render.units import hourly

    try:
        alive = Ledger(settings.load().ledger).alive(target="aws")
    except SageWizardError:
        return ExitCode.INTERRUPTED
    billed = [entry for entry in alive if entry.billable]
    if not billed:
        return ExitCode.INTERRUPTED
    out = out or console()
    out.line(_("Delete it with `{command}`.").format(command="sagewizard teardown --all --target aws"))
    price = hourly(sum(entry.hourly_usd or 0.0 for entry in billed))
    words = _("{count} resources on AWS, by the ledger, cost {price} until they are deleted.")
    if len(billed) == 1:
        words = _("1 resource on AWS, by the ledger, costs {price} until it is deleted.")
    out.line(words.format(count=len(billed), price=price), "warn")
    return ExitCode.BILLABLE_REMAINS


def show_alive(alive: Sequence[AliveResource], run_id: str, simulated: bool, out: Console) -> None:
    """Write what is still there, what it costs an hour, and how it goes away; the price on the last line."""
    from sagewizard.render.units import hourly

    if not alive:
        return
    out.line(_("Still there:"), "warn")
    for resource in alive:
        price = f", {hourly(resource.hourly_usd)}" if resource.hourly_usd else ""
        out.line(f"  {resource.kind} {resource.name}{price}")
    out.line("  " + _("Delete it with `{command}`.").format(command=f"sagewizard teardown {run_id}"))
    total = sum(resource.hourly_usd or 0.0 for resource in alive)
    if total:
        words = (
            _("On AWS this would cost {price} until it is deleted.")
            if simulated
            else _("This costs {price} until it is deleted.")
        )
        out.line(words.format(price=hourly(total)), "warn")
