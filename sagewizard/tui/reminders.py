"""Owns what the app reminds of: endpoints that are alive, when each was last asked; and when."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.engine.ledger import Entry
    from sagewizard.settings import Settings


IDLE: Final = 600.0
"""Seconds after which an endpoint that nobody asks is mentioned."""
SHOWN_FOR: Final = 8.0
"""Seconds that a reminder stays."""


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


class Reminders:
    """Decides which endpoints to remind of: every one at the start, later those that were long not asked."""

    def __init__(self) -> None:
        self._started = True
        """Until the first look at what is alive: that one tells of everything."""
        self._reminded: dict[str, float] = {}
        """When an endpoint that was mentioned for being idle had been used last."""

    def due(self, found: Sequence[Used], now: float, *, run_id: str = "", asked: float = 0.0) -> list[Used]:
        """Return the endpoints to tell of now; `asked` is when those of the run were asked on the screen."""
        due = []
        for endpoint in found:
            used = max(endpoint.used, asked) if endpoint.run_id == run_id else endpoint.used
            idle = now - used >= IDLE
            if (self._started or idle) and self._reminded.get(endpoint.name) != used:
                due.append(dataclasses.replace(endpoint, used=used))
            if idle:
                self._reminded[endpoint.name] = used
        self._started = False
        return due


def reminder(found: Sequence[Used], now: float) -> str:
    """Return a reminder of one or more endpoints: one line at 80 columns, since it covers what is there."""
    from sagewizard.tui.words import ago, per_hour, plural

    idle = min(now - one.used for one in found)
    state = f"idle {ago(idle).removesuffix(' ago')}" if idle >= IDLE else "alive"
    text = f"{plural(len(found), 'endpoint')} {state}"
    hourly = sum(one.hourly_usd or 0.0 for one in found)
    if hourly:
        text += f", {'would cost' if all(one.simulated for one in found) else 'costing'} {per_hour(hourly)}"
    return f"{text} · F3 shows {'it' if len(found) == 1 else 'them'}"
