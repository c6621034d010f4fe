"""Owns how many cells a text takes, how it is cut and padded to fit, and how hostile characters leave it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

Align = Literal["left", "right", "centre"]

_SGR: Final = re.compile(r"\x1b\[[0-9;]*m")
_EMOJI_STYLE: Final = "\ufe0f"


def cell_width(text: str) -> int:
    """Return how many cells a text takes: wide characters two, combining ones none, SGR sequences none.

    Widths are Unicode's East Asian Width (UAX 11) with Ambiguous as narrow, as terminals outside East Asian
    locales draw it.
    """
    text = _SGR.sub("", text)
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if character == _EMOJI_STYLE:
        return 0
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clean(text: object) -> str:
    """Return text from outside fit for a terminal: no control, escape, direction or unpaired characters.

    Line breaks and tabs become one space, everything else that draws nothing is replaced by `?`.
    """
    out = []
    for character in str(text):
        category = unicodedata.category(character)
        if character in "\n\r\t\v\f\u2028\u2029":
            out.append(" ")
        elif category in ("Cc", "Cs", "Co", "Cn") or (category == "Cf" and character != "\u200d"):
            out.append("?")
        else:
            out.append(character)
    return "".join(out)


def fit(text: str, width: int, align: Align = "left", *, unicode: bool = True) -> str:
    """Return text of exactly `width` cells: padded, or cut with an ellipsis; takes no SGR sequences."""
    text = cut(text, width, unicode=unicode)
    room = width - cell_width(text)
    if align == "right":
        return " " * room + text
    if align == "centre":
        return " " * (room // 2) + text + " " * (room - room // 2)
    return text + " " * room


def cut(text: str, width: int, *, unicode: bool = True) -> str:
    """Return text of at most `width` cells, with an ellipsis where something was cut; no SGR sequences."""
    if cell_width(text) <= width:
        return text
    if width <= 0:
        return ""
    ellipsis = "…" if unicode else ("..." if width >= 6 else "~")
    room = width - len(ellipsis)
    out, used = [], 0
    for character in text:
        used += _width(character)
        if used > room:
            break
        out.append(character)
    return "".join(out) + ellipsis


def pad(text: str, width: int, align: Align = "left") -> str:
    """Return text padded to `width` cells; it may hold SGR sequences and is never cut."""
    room = max(0, width - cell_width(text))
    if align == "right":
        return " " * room + text
    if align == "centre":
        return " " * (room // 2) + text + " " * (room - room // 2)
    return text + " " * room


def beside(blocks: list[list[str]], gap: int = 2) -> list[str]:
    """Join blocks of lines side by side, shorter ones filled with blanks; lines may hold SGR sequences."""
    widths = [max((cell_width(line) for line in block), default=0) for block in blocks]
    height = max((len(block) for block in blocks), default=0)
    return [
        (" " * gap)
        .join(
            pad(block[i] if i < len(block) else "", width)
            for block, width in zip(blocks, widths, strict=True)
        )
        .rstrip(" ")
        for i in range(height)
    ]
