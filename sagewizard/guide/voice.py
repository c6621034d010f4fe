"""Owns what the guide says: lines on standard output, as wide as the terminal, or 79 cells when plain."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

from sagewizard.render.cells import clean, cut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagewizard.cli.terminal import Console
    from sagewizard.render.ink import Ink, Style

PLAIN_COLUMNS = 79
MOST_COLUMNS = 100


class Voice:
    """Speaks to the person; `plain` leaves out drawings, rules, colours and cursor movements."""

    def __init__(self, out: Console, *, plain: bool) -> None:
        self.plain = plain
        if plain:
            ink = replace(out.ink, color="none", unicode=False, width=PLAIN_COLUMNS)
            out = replace(out, ink=ink, movable=False)
        self.out = out
        self._note = False

    @property
    def columns(self) -> int:
        """How wide a line may be."""
        return PLAIN_COLUMNS if self.plain else min(MOST_COLUMNS, self.out.size()[0] - 1)

    @property
    def ink(self) -> Ink:
        """What may be drawn, two cells narrower for the indent."""
        return replace(self.out.ink, width=self.columns - 2)

    def text(self, text: str, indent: str = "", style: Style | None = None) -> None:
        """Say a text, broken between words; paragraphs are kept apart by nothing but their line ends."""
        for part in text.strip().split("\n\n"):
            lines = textwrap.wrap(
                clean(" ".join(part.split())), self.columns, initial_indent=indent,
                subsequent_indent=indent + ("  " if indent else ""), break_on_hyphens=False,
                break_long_words=False,  # an address in two pieces is read, and copied, as two
            )  # fmt: skip
            for line in lines:
                self.line(line, style)

    def line(self, text: str = "", style: Style | None = None) -> None:
        """Say one line as it is; in plain words it is broken between words where it is too long."""
        self.quiet()
        if self.plain and len(text) > PLAIN_COLUMNS and " " in text.strip():
            indent = " " * (len(text) - len(text.lstrip()))
            for piece in textwrap.wrap(
                text, PLAIN_COLUMNS, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
            ):
                self.out.line(piece, style)
            return
        self.out.line(text, style)

    def command(self, line: str) -> None:
        """Say a line of a command: in one piece, however long it is, so that it can be copied."""
        self.quiet()
        self.out.line(f"  {line}")

    def lines(self, lines: Iterable[str], indent: str = "  ") -> None:
        """Say lines that were drawn elsewhere; when plain, without the rules between them."""
        for line in lines:
            if self.plain and re.fullmatch(r"[-+|\s]+", line) and line.strip():
                continue
            self.line(indent + line if line else "")

    def heading(self, text: str) -> None:
        """Begin a part."""
        self.line()
        self.line(cut(clean(text), self.columns, unicode=self.ink.unicode), "bold")

    def note(self, text: str) -> None:
        """Show how far something is, on the one line that is drawn again; only where that can be."""
        if not self.out.movable:
            return
        text = cut(clean(text), self.columns, unicode=self.ink.unicode)
        self.out.stream.write(f"\r\x1b[2K{text}")
        self.out.stream.flush()
        self._note = True

    def quiet(self) -> None:
        """Take the progress line away."""
        if self._note:
            self.out.stream.write("\r\x1b[2K")
            self.out.stream.flush()
            self._note = False
