"""Owns what a terminal can show: colours, characters and width; everything else in this package asks it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

Colours = Literal["none", "16", "256", "true"]
Style = Literal["good", "bad", "warn", "accent", "dim", "bold"]

_SGR: Final[Mapping[Style, str]] = {
    "good": "32",
    "bad": "31",
    "warn": "33",
    "accent": "36",
    "dim": "2",
    "bold": "1",
}
RESET: Final = "\x1b[0m"
_SAMPLE: Final = "▀█░▓─│┤└…⠿⣿▁✓→·×●"
"""One of each kind of character drawn here; a stream whose encoding lacks one of them gets ASCII."""


@dataclass(frozen=True, slots=True)
class Ink:
    """What may be drawn: `color` depth, characters beyond ASCII or not, and the width in cells.

    Colour only ever repeats what a character or a word says as well.
    """

    color: Colours = "none"
    unicode: bool = True
    width: int = 80

    def paint(self, text: str, style: Style | None) -> str:
        """Return the text in a style, or as it is when there is no colour."""
        if style is None or self.color == "none" or not text:
            return text
        return f"\x1b[{_SGR[style]}m{text}{RESET}"

    def pick(self, character: str, ascii_character: str) -> str:
        """Return the first where it can be shown, else the second."""
        return character if self.unicode else ascii_character

    def narrower(self, by: int) -> Ink:
        """Return the same with less width, at least 1."""
        return replace(self, width=max(1, self.width - by))


def ink_for(
    stream: TextIO,
    environ: Mapping[str, str] | None = None,
    *,
    color: Literal["auto", "always", "never"] = "auto",
    width: int | None = None,
) -> Ink:
    """Return what a stream can show.

    No colour with NO_COLOR (any value but an empty one), TERM=dumb, or when the stream is no terminal, unless
    `color` is `always`. Width is the terminal's (COLUMNS wins), 80 for a stream that is no terminal.
    """
    env = os.environ if environ is None else environ
    try:
        terminal = stream.isatty()
    except ValueError:  # a closed stream
        terminal = False
    if width is None:
        width = 80
        if terminal:
            columns = env.get("COLUMNS", "")
            width = int(columns) if columns.isdecimal() else shutil.get_terminal_size().columns
    return Ink(_colours(env, terminal, color), _takes(stream), max(1, min(width, 500)))


def _colours(env: Mapping[str, str], terminal: bool, color: str) -> Colours:
    term = env.get("TERM", "")
    refused = bool(env.get("NO_COLOR")) or term == "dumb" or not terminal
    if color == "never" or (color == "auto" and refused):
        return "none"
    if env.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "true"
    return "256" if "256" in term else "16"


def _takes(stream: TextIO) -> bool:
    try:
        _SAMPLE.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True
