"""Owns what the app reminds of: endpoints that are alive, when each was last asked, what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.engine.ledger import Entry
    from sagewizard.settings import Settings


@dataclass(frozen=True, slots=True)
class Used:
    """An endpoint that is alive; `used` is when it was last asked, in seconds since the epoch."""

    run_id: str
    name: str
    used: float
    hourly_usd: float | None
    simulated: bool


def endpoints(settings: Settings) -> list[Used]:
    """Return the endpoints of all runs that the ledger has as alive, oldest first; reads disk."""
    from sagewizard.engine.ledger import Ledger

    return [
        Used(entry.run_id, entry.name, last_use(settings, entry), entry.hourly_usd, entry.target != "aws")
        for entry in Ledger(settings.ledger).alive()
        if entry.kind == "endpoint"
    ]


def last_use(settings: Settings, entry: Entry) -> float:
    """Return when an endpoint was last asked: its run's journal grows with every prediction."""
    from sagewizard.engine import journal

    since = entry.created or entry.intended
    try:
        return max(since, (settings.runs / entry.run_id / journal.NAME).stat().st_mtime)
    except OSError:
        return since


def reminder(found: Sequence[Used], now: float) -> tuple[str, str]:
    """Return title and text of a reminder of one or more endpoints."""
    from sagewizard.tui.words import duration, per_hour

    lines = [f"{one.name}, last used {duration(max(0.0, now - one.used))} ago" for one in found]
    hourly = sum(one.hourly_usd or 0.0 for one in found)
    together = "Together they" if len(found) > 1 else "It"
    if hourly and all(one.simulated for one in found):
        lines.append(f"{together} would cost {per_hour(hourly)} on AWS.")
    elif hourly:
        lines.append(f"{together} cost{'' if len(found) > 1 else 's'} {per_hour(hourly)}.")
    lines.append("F3 shows what is alive; delete what you do not need.")
    title = "An endpoint is alive" if len(found) == 1 else f"{len(found)} endpoints are alive"
    return title, "\n".join(lines)
