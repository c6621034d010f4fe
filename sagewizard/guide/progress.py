"""Owns the one line that tells how far a step is, and the lines that stay when something has happened."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sagewizard import events as ev
from sagewizard import tuning_events as tv
from sagewizard.cli.terminal import amount
from sagewizard.cli.tuning import trial_line
from sagewizard.i18n import _
from sagewizard.outcome_events import DeletionScheduled, Noted
from sagewizard.render.units import clock_time, duration, hourly

if TYPE_CHECKING:
    from collections.abc import Collection

    from sagewizard.guide.voice import Voice

SECONDS_BETWEEN = 0.1
"""Between two drawings of the line: more often is more than the eye takes."""


class Progress:
    """Hears the events of a run; without a line to draw again it tells each change of a job once.

    `known` are notes that the person has been told already.
    """

    def __init__(self, voice: Voice, known: Collection[str] = ()) -> None:
        self._voice = voice
        self._known = known
        self._title = ""
        self._job = ""
        self._metric = ""
        self._amount = ""
        self._told = ""
        self._began = time.monotonic()
        self._drawn = 0.0
        self._simulated = False

    def hear(self, event: ev.Event) -> None:
        """Take one event."""
        match event:
            case ev.RunStarted():
                self._simulated = event.simulated
            case ev.StepStarted():
                self._title, self._began = event.text.title, time.monotonic()
                self._job = self._metric = self._amount = self._told = ""
            case ev.JobStatusChanged():
                kind = event.resource.replace("-", " ")
                self._job = f"{kind}: {event.status}"
                if event.secondary_status and event.secondary_status != event.status:
                    self._job += f", {event.secondary_status}"
                self._tell(self._job)
            case ev.MetricReported():
                epoch = "" if event.epoch is None else _("epoch {n}, ").format(n=event.epoch + 1)
                self._metric = f"{epoch}{event.name} {event.value:.4f}"
            case ev.StepProgressed():
                self._amount = event.message
                if event.total:
                    done, total = amount(event.done, event.unit), amount(event.total, event.unit)
                    self._amount += _(", {done} of {total}").format(done=done, total=total)
            case tv.TrialReported():
                if event.trial.over:
                    self._stays(trial_line(event)[0].replace("  ", "; "))
            case ev.ResourceCreated():
                if event.hourly_usd:
                    kind = event.resource.replace("-", " ")
                    price = hourly(event.hourly_usd)
                    words = _("{kind} {name}: {price}")
                    if self._simulated:
                        words = _("{kind} {name}: on AWS it would cost {price}")
                    self._stays(words.format(kind=kind, name=event.name, price=price))
            case ev.ResourceDeletionFailed():
                self._stays(_("{name} is still there: {why}").format(name=event.name, why=event.message))
            case ev.Warned() | Noted():
                if event.message not in self._known:
                    self._stays(event.message)
            case DeletionScheduled():
                words = _("The endpoint deletes itself at {time} unless it is used before")
                self._stays(words.format(time=clock_time(event.at)))
            case ev.StepFinished():
                took = duration(event.seconds)
                words = _("Done in {time}: {summary}").format(time=took, summary=event.summary)
                self._voice.text(words if words.endswith(".") else f"{words}.", style="good")
                self._title = ""
        self._draw()

    def _tell(self, text: str) -> None:
        if not self._voice.out.movable and text != self._told:
            self._told = text
            self._voice.text(text, "  ")

    def _stays(self, text: str) -> None:
        self._voice.text(text, "  ")

    def _draw(self) -> None:
        now = time.monotonic()
        if not self._title or now - self._drawn < SECONDS_BETWEEN:
            return
        self._drawn = now
        passed = duration(now - self._began)
        parts = [f"{self._title}, {passed}", self._job, self._metric or self._amount]
        self._voice.note("  ".join(part for part in parts if part))
