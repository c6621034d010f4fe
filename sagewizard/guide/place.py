"""Owns what every part of the guide works with: the asker, the voice and the session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sagewizard.cli.problems import show_problem
from sagewizard.engine.estimate import estimate
from sagewizard.guide.asking import Choice, Leave
from sagewizard.guide.keys import unheard
from sagewizard.guide.progress import Progress
from sagewizard.guide.session import StepBroke
from sagewizard.i18n import _

if TYPE_CHECKING:
    from sagewizard import events as ev
    from sagewizard.guide.asking import Asker
    from sagewizard.guide.session import Session
    from sagewizard.guide.voice import Voice

WITHOUT: Final = "without"
"""The answer of whoever deploys an endpoint that cannot delete itself as it was to."""


@dataclass
class Place:
    """Where the guide stands; `first` and `assigned` are what the command line named, `kept` no teardown."""

    asker: Asker
    voice: Voice
    session: Session
    instructor: bool = False
    kept: bool = False
    first: str | None = None
    assigned: dict[str, str] = field(default_factory=dict)

    def introduce(self, step: str) -> str:
        """Say what a step does; return what `?` adds: why, what to expect, what it costs."""
        text = self.session.recipe.text(step)
        self.voice.heading(text.title)
        self.voice.text(text.what)
        self.voice.text(_("A question: {text}").format(text=text.question) if text.question else "")
        if self.instructor and text.instructor:
            self.voice.text(_("For the instructor: {text}").format(text=text.instructor))
        parts = [text.why, text.expect, _("Cost: {text}").format(text=text.cost) if text.cost else ""]
        return "\n\n".join(part for part in parts if part)

    def do(self, until: str) -> None:
        """Do the steps up to one; a step that fails can be tried again. Raises Back or Leave."""
        while True:
            try:
                with unheard():
                    self.session.do(until, Progress(self.voice, self.session.recipe.notes).hear)
            except StepBroke as broken:
                self._broke(broken.event)
                continue
            finally:
                self.voice.quiet()
            return

    def answer(self, step: str) -> None:
        """Give the answer to the recipe's question at a step, once its outcome has been seen."""
        text = self.session.recipe.text(step).answer
        if text:
            self.voice.text(_("The answer: {text}").format(text=text))

    def price_of(self, *steps: str) -> str:
        """Say what some steps take and cost on AWS."""
        prices, region = self.session.prices
        found = estimate(self.session.recipe, prices, region, steps=steps)
        usd = None if any(item.usd is None for item in found.items) else found.usd
        if usd is None:
            return _("about {minutes} minutes on AWS, no price known").format(minutes=f"{found.minutes:.0f}")
        from sagewizard.cli.report import usd as written

        words = _("about {minutes} minutes and {usd} on AWS")
        return words.format(minutes=f"{found.minutes:.0f}", usd=written(usd))

    def _broke(self, event: ev.RunFailed) -> None:
        from sagewizard.guide.asking import Back

        place = f"{event.where}: " if event.where else ""
        self.voice.quiet()
        show_problem(f"{place}{event.message}", event.remedy, self.voice.out)
        choices = [
            Choice("stop", _("Stop here")),
            Choice("again", _("Try again")),
            Choice("change", _("Go back and change something")),
        ]
        if event.error == "ScheduleError":
            words = _("Deploy it without: it stays until it is torn down")
            choices.insert(1, Choice(WITHOUT, words))
        answer = self.asker.choose(_("What now?"), choices, "stop", event.remedy)
        if answer == WITHOUT:
            self.session.set({"deploy.ttl_else": "continue"})
        if answer == "stop":
            raise Leave(event.exit_code)
        if answer == "change":
            raise Back
