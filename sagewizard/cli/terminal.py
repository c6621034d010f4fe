"""The terminal as the commands see it: which stream, what it can show, and whether lines can be drawn again.

stdout is data, stderr is narration. Nothing here fails on a stream that cannot show a character.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO

from sagewizard.render.ink import Ink, Style, ink_for

if TYPE_CHECKING:
    from collections.abc import Mapping

_GLYPHS = {
    "done": ("✓", "+"),
    "running": ("→", ">"),
    "waiting": ("·", "."),
    "failed": ("×", "x"),
    "skipped": ("·", "-"),
    "bar": ("│", "|"),
    "full": ("█", "#"),
    "empty": ("░", "."),
    "dot": ("·", "-"),
    "warning": ("!", "!"),
}


@dataclass(frozen=True, slots=True)
class Console:
    """One output stream; `movable` says that lines can be drawn again in place."""

    stream: TextIO
    ink: Ink
    terminal: bool
    movable: bool

    def glyph(self, name: str) -> str:
        """Return a sign that the stream can show; a word always stands beside it."""
        return self.ink.pick(*_GLYPHS[name])

    def size(self) -> tuple[int, int]:
        """Return columns and lines as they are now; 80 and 24 when nothing says otherwise."""
        import shutil

        size = shutil.get_terminal_size((80, 24))
        return max(20, size.columns), max(5, size.lines)

    def line(self, text: str = "", style: Style | None = None) -> None:
        """Write one line."""
        self.stream.write(self.ink.paint(text, style) + "\n")
        self.stream.flush()


def console(stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> Console:
    """Look at a stream (stderr by default), at NO_COLOR and at TERM."""
    stream = sys.stderr if stream is None else stream
    env = os.environ if environ is None else environ
    terminal = stream.isatty()
    capable = env.get("TERM", "") not in ("", "dumb")
    ink = ink_for(stream, env, color="auto" if capable else "never")
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        # A character that the stream does not know becomes a question mark instead of an error.
        reconfigure(errors="replace")
    return Console(stream, ink, terminal, terminal and capable)


def wide(out: Console) -> Ink:
    """Return the ink for a table: nothing is cut where the output is read by another program."""
    return out.ink if out.terminal else replace(out.ink, width=500)


def wrap(text: str, columns: int, indent: str = "") -> list[str]:
    """Break a text into lines of some columns, paragraphs kept apart."""
    import textwrap

    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        lines += textwrap.wrap(
            " ".join(paragraph.split()), max(20, columns - len(indent)), break_long_words=False
        )
    return [indent + line for line in lines]


def amount(value: float, unit: str) -> str:
    """Write how much of a unit: bytes as MB, the rest as whole numbers."""
    from sagewizard.render.units import size

    return size(value) if unit == "bytes" else f"{value:,.0f} {unit}".rstrip()
