"""Owns what a question is: one interface for every front end, with a default, a way back and a help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sagewizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagewizard.guide.voice import Voice

BACK: Final = "b"
HELP: Final = "?"
MOST_EXPLAINED: Final = 14


class Back(Exception):  # noqa: N818 (a wish of the person, and no error)
    """The person wants to go back to the question before."""


class Leave(Exception):  # noqa: N818
    """The person wants to stop here; `code` is the exit code when nothing else decides it."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


class EndOfAnswers(Exception):  # noqa: N818
    """Standard input has ended in the middle of the guide."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of several: the word for it, how it is shown, and what `?` says about it."""

    value: str
    title: str
    help: str = ""


class Front(Protocol):
    """Puts questions to a person: with prompt_toolkit, as plain lines, or from a script in tests."""

    def choose(self, question: str, choices: Sequence[Choice], default: str) -> str:
        """Return the value of a choice, BACK or HELP. Raises KeyboardInterrupt or EndOfAnswers."""
        ...

    def text(self, question: str, default: str) -> str:
        """Return what was written, without the spaces around it; "" for the default."""
        ...


class Asker:
    """Asks through a front end; what is wrong is said, and asked again."""

    def __init__(self, front: Front, voice: Voice) -> None:
        self.front = front
        self.voice = voice

    def choose(self, question: str, choices: Sequence[Choice], default: str, about: str = "") -> str:
        """Return the value of one of the choices. Raises Back."""
        while True:
            answer = self.front.choose(question, choices, default)
            if answer == BACK:
                raise Back
            if answer != HELP:
                return answer
            if about:
                self.voice.text(about)
            # A long list is explained one by one, when a person chooses from it.
            for choice in choices if len(choices) <= MOST_EXPLAINED else ():
                if choice.help:
                    self.voice.text(f"{choice.title}: {choice.help}", "  ")

    def text(
        self, question: str, default: str, check: Callable[[str], str], about: str = "", *, shown: str = ""
    ) -> str:
        """Return a text for which `check` finds no fault. Raises Back.

        `b` alone goes back and `?` explains; in double quotes a text is taken as it is.
        """
        while True:
            answer = self.front.text(question, shown or default)
            if answer == BACK:
                raise Back
            if answer == HELP:
                self.voice.text(about or _("Write an answer, or Enter for the default."))
                continue
            if len(answer) > 1 and answer[0] == answer[-1] == '"':
                answer = answer[1:-1]
            answer = answer or default
            fault = check(answer)
            if not fault:
                return answer
            fault = fault if fault.endswith((".", "?")) else f"{fault}."
            self.voice.text(_("Not taken: {fault}").format(fault=fault), style="bad")
