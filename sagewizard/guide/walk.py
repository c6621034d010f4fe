"""Owns the way through the guide: the parts in order, back and forth, and the last words when one leaves."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from sagewizard.cli.problems import show_alive, show_error
from sagewizard.errors import CancelledError, SageWizardError
from sagewizard.events import AliveResource
from sagewizard.exit_codes import ExitCode
from sagewizard.guide.asking import Asker, Back, Choice, EndOfAnswers, Leave
from sagewizard.guide.place import Place
from sagewizard.guide.session import next_step, unfinished
from sagewizard.guide.stages import begin, ending, serving, training
from sagewizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.guide.asking import Front
    from sagewizard.guide.session import Session
    from sagewizard.guide.voice import Voice

PARTS: Final[tuple[tuple[str, Callable[[Place], None]], ...]] = (
    ("", begin.recipe),
    ("dataset", begin.data),
    ("preview", begin.preview),
    ("train", training.hyperparameters),
    ("train", training.train),
    ("deploy", serving.deploy),
    ("predict", serving.predict),
    ("transform", serving.transform),
    ("evaluate", ending.results),
    ("teardown", ending.teardown),
    ("", ending.end),
)
"""The parts and the step of the recipe that each is about; a part whose step a recipe lacks is left out."""


class Walk:
    """One person's way through a project.

    `anew` begins a new run although there is an unfinished one: a file of answers is written for a whole run.
    """

    def __init__(
        self, front: Front, voice: Voice, session: Session, *, instructor: bool = False, anew: bool = False
    ) -> None:
        self.anew = anew
        self.voice = voice
        self.session = session
        self.place = Place(Asker(front, voice), voice, session, instructor)

    def run(self, named: str | None, assigned: dict[str, str]) -> int:
        """Go from the beginning, or where a run stopped, to the end; return the exit code."""
        try:
            self._walk(named, assigned)
        except KeyboardInterrupt:
            self.voice.line()
            self.voice.line(_("Stopped."))
            return self._farewell(int(ExitCode.INTERRUPTED))
        except EndOfAnswers:
            self.voice.line(_("The answers have ended before the guide did: stopped as with Ctrl-C."))
            return self._farewell(int(ExitCode.INTERRUPTED))
        except CancelledError as error:
            show_error(error, self.voice.out)
            return self._farewell(int(error.exit_code))
        except Leave as leave:
            return self._farewell(leave.code)
        show_left(self.place)
        return self._code(0)

    def _walk(self, named: str | None, assigned: dict[str, str]) -> None:
        self.place.first, self.place.assigned = named, assigned
        self.voice.line(_("SageWizard, question by question."), "bold")
        self.voice.text(_("Enter takes the default, ? explains, b goes back, Ctrl-C stops; nothing is lost."))
        at = self._resumed(named, assigned)
        forward = True
        while at < len(PARTS):
            step, part = PARTS[at]
            lacks = step and self.session.chosen and step not in self.session.recipe.all_steps
            if lacks and not (step == "train" and "tune" in self.session.recipe.all_steps):
                at += 1 if forward else -1
                continue
            try:
                part(self.place)
            except Back:
                forward = False
                if at == 0:
                    self.voice.text(_("There is nothing before this question."))
                at = max(0, at - 1)
                continue
            except CancelledError:
                raise
            except SageWizardError as error:
                self.voice.quiet()
                show_error(error, self.voice.out)
                if at == 0 and not self.session.chosen:
                    raise Leave(int(error.exit_code)) from error
                self._what_now(error)
                continue
            forward = True
            at += 1

    def _what_now(self, error: SageWizardError) -> None:
        choices = [Choice("stop", _("Stop here")), Choice("again", _("Ask again"))]
        try:
            answer = self.place.asker.choose(_("What now?"), choices, "stop", error.remedy)
        except Back:
            return
        if answer == "stop":
            raise Leave(int(error.exit_code)) from error

    def _resumed(self, named: str | None, assigned: dict[str, str]) -> int:
        """Offer to go on with a run that was left; return the number of the part to begin with."""
        from sagewizard.recipe import finding

        wanted = finding.load(named).name if named else None
        state = unfinished(self.session.settings, wanted, self.session.target_name)
        if state is None or assigned:
            return 0
        done = [name for name, step in state.steps.items() if step.status == "finished"]
        words = _("There is an unfinished run of {recipe}: {run}, done up to {step}.")
        self.voice.line()
        self.voice.text(words.format(recipe=state.recipe, run=state.run_id, step=done[-1] if done else "-"))
        if self.anew:
            self.voice.text(_("The answers come from a pipe, so this is a new run; go on with that one by:"))
            self.voice.command(f"sagewizard runs resume {state.run_id}")
            return 0
        choices = [
            Choice("resume", _("Go on with it")),
            Choice("new", _("Begin a new one"), _("The other one stays as it is.")),
        ]
        try:
            answer = self.place.asker.choose(_("Go on?"), choices, "resume")
        except Back:
            return 0
        if answer == "new":
            return 0
        self.session.resume(state)
        self.place.first = None
        return _part_of(next_step(state, self.session.recipe.steps))

    def _farewell(self, code: int) -> int:
        self.voice.quiet()
        if self.session.run_id:
            # Each on a line of its own, so that it can be copied whole.
            self.voice.line(_("Go on with it here, or without questions:"))
            self.voice.command(f"sagewizard guide {self._named()}")
            self.voice.command(f"sagewizard runs resume {self.session.run_id}")
            show_left(self.place, silent_end=True)
        else:
            self.voice.text(_("Nothing was created."))
        return self._code(code)

    def _named(self) -> str:
        words = ["--target", self.session.target_name] if not self.session.simulated else []
        return shlex.join([self.session.named, *words])

    def _code(self, code: int) -> int:
        """Return 5 when something that is billed is left, as every command does."""
        billed = any(entry.hourly_usd for entry in self.session.alive())
        return int(ExitCode.BILLABLE_REMAINS) if billed and not self.session.simulated else code


def show_left(place: Place, *, silent_end: bool = False) -> None:
    """Say what the run at hand has made that is still there, and how it goes away."""
    session = place.session
    if not session.chosen or not session.run_id:
        return
    alive = [
        AliveResource(entry.kind, entry.name, entry.created or entry.intended, entry.hourly_usd)
        for entry in session.alive()
    ]
    if alive:
        show_alive(alive, session.run_id, session.simulated, place.voice.out)
    elif silent_end:
        place.voice.text(_("Nothing of it is alive."))


def _part_of(step: str) -> int:
    """Return the part of the guide that does a step; the last one for none."""
    order = [name for name, _part in PARTS[:-1]]
    wanted = {"prepare": "train", "tune": "train"}.get(step, step)
    return order.index(wanted) if step else len(PARTS) - 1
