"""Owns the front end with questionary: arrows and Enter, `?` explains, `b` or the left arrow goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import questionary
from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
from questionary import Style

from sagewizard.guide.asking import BACK, HELP, Choice, EndOfAnswers
from sagewizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from sagewizard.guide.voice import Voice

ROOM_TO_WRITE = 8
_STYLE = Style([("qmark", "fg:ansicyan"), ("answer", "fg:ansicyan"), ("pointer", "fg:ansicyan bold")])
_PLAIN_STYLE = Style(
    [(name, "noinherit") for name in ("qmark", "answer", "pointer", "highlighted", "selected")]
)


class QuestionaryFront:
    """Asks with questionary; `source` and `output` are prompt_toolkit's own, and the terminal's without."""

    def __init__(self, voice: Voice, *, source: Input | None = None, output: Output | None = None) -> None:
        self._voice = voice
        self._terminal: dict[str, Any] = {}
        if source is not None:
            self._terminal["input"] = source
        if output is not None:
            self._terminal["output"] = output
        self._style = _PLAIN_STYLE if voice.out.ink.color == "none" else _STYLE
        self._mark = voice.out.ink.pick("?", "?")
        self._pointer = voice.out.ink.pick("»", ">")

    def choose(self, question: str, choices: Sequence[Choice], default: str) -> str:
        """Ask for one of several."""
        room = max(20, self._voice.columns - 4)
        listed = [questionary.Choice(_cut(choice.title, room), value=choice.value) for choice in choices]
        hint = _("(arrows, Enter; ? explains, b goes back)")
        if len(question) + len(hint) + 3 > self._voice.columns:
            hint = _("(? explains, b goes back)")
        prompt = questionary.select(
            question, choices=listed, default=default, style=self._style, qmark=self._mark,
            pointer=self._pointer, instruction=hint, use_jk_keys=False, **self._terminal,
        )  # fmt: skip
        return self._ask(prompt, keys=True)

    def text(self, question: str, default: str) -> str:
        """Ask for a text; Enter alone takes the default, which stands beside the question."""
        shown = f"[{default}] " if default else ""
        hint = f"{shown}{_('(? explains, b goes back)')} "
        if len(question) + len(hint) + ROOM_TO_WRITE > self._voice.columns:
            # It would be broken in the middle of a word.
            self._voice.text(question)
            question = _("Answer")
        prompt = questionary.text(
            question, style=self._style, qmark=self._mark, instruction=hint, **self._terminal
        )
        return self._ask(prompt).strip()

    def _ask(self, prompt: questionary.Question, *, keys: bool = False) -> str:
        self._voice.quiet()
        if keys:
            own = KeyBindings()
            for key, answer in (("?", HELP), ("b", BACK), ("left", BACK)):
                own.add(key, eager=True)(_leaver(answer))
            before = prompt.application.key_bindings
            prompt.application.key_bindings = merge_key_bindings([before, own] if before else [own])
        try:
            return str(prompt.unsafe_ask())
        except EOFError as error:  # Ctrl-D on an empty line, or the terminal has gone
            raise EndOfAnswers from error


def _leaver(answer: str) -> Any:
    def leave(event: Any) -> None:
        event.app.exit(result=answer)

    return leave


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"
