"""Owns a grey picture on the screen: half blocks where there are colours, else shades or braille."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from sagewizard.render.cells import cut
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.coloured import Coloured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.widget import Widget

ROOMY = 16
"""Pixels across below which a picture is doubled: scikit-learn's digits are 8x8, four lines of text."""
WIDE = 20
"""Pixels across from which a picture without colours is drawn in braille: shades of 28 columns are a blur."""


def colourless(widget: Widget) -> bool:
    """Whether pictures have to do without colours here: NO_COLOR, or the terminal's own sixteen."""
    app = widget.app
    return bool(getattr(app, "colourless", False) or app.no_color)


def picture(
    values: Sequence[float],
    height: int,
    width: int,
    *,
    plain: bool,
    high: float | None = None,
    double: bool | None = None,
) -> list[Text]:
    """Return the lines of a picture of height x width values from 0 (paper) to `high` (ink), all as wide.

    `high` defaults to the largest value. 28x28 take 28x14 cells in half blocks, 8x8 take 16x8 (doubled,
    unless `double` says otherwise: 8x4). `plain` draws shades (doubled, as half blocks are) or, from 20
    pixels across, braille at double size.
    """
    top = high if high is not None else max((float(v) for v in values), default=0.0)
    rows = [
        [min(1.0, max(0.0, float(v) / top)) if top > 0 else 0.0 for v in values[y * width : (y + 1) * width]]
        for y in range(height)
    ]
    double = width < ROOMY if double is None else double
    if plain:
        return _braille(rows) if width >= WIDE else _shades(rows, double)
    if double:
        rows = [[v for v in row for _ in (0, 1)] for row in rows for _ in (0, 1)]
    if len(rows) % 2:
        rows.append([0.0] * len(rows[0]))
    lines = []
    for upper, lower in zip(rows[0::2], rows[1::2], strict=True):
        line = Text(no_wrap=True, end="")
        for a, b in zip(upper, lower, strict=True):
            line.append("▀", block_style(round(a * 255), round(b * 255)))
        lines.append(line)
    return lines


@functools.lru_cache(maxsize=4096)
def block_style(upper: int, lower: int) -> Style:
    """Return the colours of one cell with two pixels, each a grey level from 0 to 255."""
    return Style(color=f"#{upper:02x}{upper:02x}{upper:02x}", bgcolor=f"#{lower:02x}{lower:02x}{lower:02x}")


SHADES = " ░▒▓█"


def shade(value: float) -> str:
    """Return the character of an ink level from 0 to 1; the faintest trace is not taken for paper."""
    if value <= 0.02:
        return SHADES[0]
    return SHADES[min(4, max(1, round(value * 4)))]


def _shades(rows: list[list[float]], double: bool) -> list[Text]:
    if double:
        return [Text("".join(shade(v) * 2 for v in row), no_wrap=True, end="") for row in rows]
    pairs = zip(rows[0::2], [*rows[1::2], [0.0] * len(rows[0])], strict=False)
    return [
        Text("".join(shade((a + b) / 2) for a, b in zip(*pair, strict=True)), no_wrap=True, end="")
        for pair in pairs
    ]


_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot of a braille character (U+2800), by row and column."""


def _braille(rows: list[list[float]]) -> list[Text]:
    """Draw every pixel as one dot across and down, doubled so that 28x28 take 28x14 cells."""
    rows = [[v for v in row for _ in (0, 1)] for row in rows for _ in (0, 1)]
    lines = []
    for y in range(0, len(rows), 4):
        text = ""
        for x in range(0, len(rows[0]), 2):
            bits = 0
            for dy, pair in enumerate(_DOTS):
                for dx, bit in enumerate(pair):
                    if y + dy < len(rows) and rows[y + dy][x + dx] >= 0.4:
                        bits |= bit
            text += chr(0x2800 + bits)
        lines.append(Text(text, no_wrap=True, end=""))
    return lines


def captioned(lines: list[Text], captions: Sequence[str]) -> list[Text]:
    """Return the lines with captions below, each cut and padded to the picture's width."""
    width = max((line.cell_len for line in lines), default=0)
    below = []
    for caption in captions:
        text = Text(cut(caption, width), no_wrap=True, end="")
        text.pad_right(max(0, width - text.cell_len))
        below.append(text)
    return [*lines, *below]


def beside(blocks: Sequence[list[Text]], gap: int = 2) -> list[Text]:
    """Join blocks of lines side by side; shorter ones are filled with blanks."""
    height = max((len(block) for block in blocks), default=0)
    widths = [max((line.cell_len for line in block), default=0) for block in blocks]
    out = []
    for y in range(height):
        line = Text(no_wrap=True, end="")
        for x, (block, width) in enumerate(zip(blocks, widths, strict=True)):
            if x:
                line.append(" " * gap)
            cell = block[y] if y < len(block) else Text()
            line.append_text(cell)
            line.append(" " * (width - cell.cell_len))
        out.append(line)
    return out


def joined(lines: Sequence[Text]) -> Text:
    """Join lines to one text."""
    return Text("\n", no_wrap=True).join(lines)


class DigitView(Coloured):
    """One picture with a caption below it; empty until `show` is called."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._shown: tuple[tuple[float, ...], int, int, tuple[str, ...], float | None] | None = None

    def show(
        self,
        values: Sequence[float],
        height: int,
        width: int,
        captions: Sequence[str] = (),
        *,
        high: float | None = None,
    ) -> None:
        """Draw a picture; `high` is what counts as full ink (default: its largest value)."""
        self._shown = (tuple(values), height, width, tuple(captions), high)
        self.redraw()

    def clear(self) -> None:
        """Show nothing."""
        self._shown = None
        self.update("")

    def redraw(self) -> None:
        """Draw what is shown."""
        if self._shown is None or not whole(self):
            return
        values, height, width, captions, high = self._shown
        lines = picture(values, height, width, plain=colourless(self), high=high)
        self.update(joined(captioned(lines, captions)))
