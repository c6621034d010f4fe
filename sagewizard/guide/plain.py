"""Owns the plain front end: numbered choices, a line at a time, for screen readers and pipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.guide.asking import BACK, HELP, Choice, EndOfAnswers
from sagewizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from sagewizard.guide.voice import Voice


class PlainFront:
    """Reads a line for each answer: its number, its word, nothing for the default, b or ?.

    In a pipe the answers are repeated on the output, so that a transcript can be read; a line that begins
    with # is a comment there.
    """

    def __init__(self, stream: TextIO, voice: Voice) -> None:
        self._stream = stream
        self._voice = voice
        self._piped = not stream.isatty()

    def choose(self, question: str, choices: Sequence[Choice], default: str) -> str:
        """Ask for one of several."""
        words = [choice.value for choice in choices]
        self._voice.text(question)
        for number, choice in enumerate(choices, start=1):
            self._voice.text(f"{number}. {choice.title}", "  ")
        first = words.index(default) + 1
        prompt = _("Number, b for back, ? for help [{default}]: ").format(default=first)
        while True:
            answer = self._read(prompt)
            if answer in (BACK, HELP):
                return answer
            if not answer:
                return default
            if answer in words:
                return answer
            if answer.isdecimal() and 1 <= int(answer) <= len(words):
                return words[int(answer) - 1]
            told = _("There is no answer {answer!r}. Write a number from 1 to {count}.")
            self._voice.text(told.format(answer=answer[:40], count=len(words)))

    def text(self, question: str, default: str) -> str:
        """Ask for a text."""
        self._voice.text(question)
        shown = default if len(default) < 40 else "..." + default[-36:]
        words = _("Answer, b for back, ? for help [{default}]: ") if default else ""
        return self._read(words.format(default=shown) or _("Answer, b for back, ? for help: "))

    def _read(self, prompt: str) -> str:
        out = self._voice.out.stream
        out.write(prompt)
        out.flush()
        while True:
            line = self._stream.readline()
            if not line:
                out.write("\n")
                out.flush()
                raise EndOfAnswers
            answer = line.strip()
            if self._piped and answer.startswith("#"):
                continue
            if self._piped:
                out.write(f"{answer}\n" if len(prompt) + len(answer) < 80 else f"\n{answer[-79:]}\n")
            return answer
