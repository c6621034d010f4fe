"""Owns the confusion matrix as a heat map: counts and rates, shaded by rate, with words for each shade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from sagewizard.render.cells import cell_width, clean, cut
from sagewizard.render.units import count, percent
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.coloured import Coloured
from sagewizard.tui.widgets.digit import colourless, joined, shade

if TYPE_CHECKING:
    from sagewizard.evaluation.confusion import ConfusionMatrix

MOST_CLASSES = 26
FAINT = 0.1
"""A share that is drawn as the faintest shade: no count looks like none."""
HIGH = 32
"""Lines of the terminal from which cells have bars."""
_RIGHT, _WRONG = (0, 95, 60), (135, 30, 30)
_PAPER = (24, 24, 28)


def tint(rate: float | None, right: bool) -> str:
    """Return the background of a cell: from nearly black to full green (right) or full red (wrong)."""
    share = 0.0 if rate is None else min(1.0, max(0.0, rate)) ** 0.5
    top = _RIGHT if right else _WRONG
    red, green, blue = (round(p + (t - p) * share) for p, t in zip(_PAPER, top, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def heat_lines(matrix: ConfusionMatrix, *, plain: bool, room: int = 76, bars: bool = True) -> list[Text]:
    """Return the matrix as lines no wider than `room` cells: rows are actual, columns predicted.

    Two labels: large cells with the count, its kind (TP, FP, FN, TN) and its share of the row, and a bar of
    that share if `bars`. More: one cell a pair with a shade that tells the share of the row, and recalls.
    """
    if len(matrix.labels) == 2 and matrix.positive is not None:
        return _binary(matrix, plain, room, bars)
    return _multiclass(matrix, plain, room)


def _style(rate: float | None, right: bool, plain: bool) -> Style:
    if plain:
        return Style(bold=right)
    return Style(color="#ffffff", bgcolor=tint(rate, right), bold=right)


def _binary(matrix: ConfusionMatrix, plain: bool, room: int, bars: bool) -> list[Text]:
    names = [clean(label) for label in matrix.labels]
    positive = matrix.labels.index(matrix.positive or "")
    left = min(max(cell_width(name) for name in names) + 4, max(8, room // 3))
    cell = max(10, min(18, (room - left - 2) // 2))
    rates = matrix.rates("actual")
    head = Text(" " * left, no_wrap=True, end="")
    for name in names:
        head.append(" " + cut(f"said {name}", cell).center(cell))
    lines = [head]
    for i in (0, 1):
        rows = [Text(no_wrap=True, end="") for _ in range(3 if bars else 2)]
        side = cut(f"is {names[i]}", left)
        for number, row in enumerate(rows):
            row.append(side.ljust(left) if number == 1 else " " * left, "bold")
        for j in (0, 1):
            rate, right = rates[i][j], i == j
            word = ("T" if right else "F") + ("P" if j == positive else "N")
            style = _style(rate, right, plain)
            filled = round((rate or 0.0) * (cell - 2))
            texts = (
                f"{count(matrix.counts[i][j])} {word}".center(cell),
                percent(rate).center(cell),
                (" " + "█" * filled + "░" * (cell - 2 - filled) + " "),
            )
            for row, text in zip(rows, texts, strict=False):
                row.append(" ")
                row.append(text, style)
        lines += rows
        if i == 0:
            lines.append(Text("", end=""))
    return lines


def _multiclass(matrix: ConfusionMatrix, plain: bool, room: int) -> list[Text]:
    if len(matrix.labels) > MOST_CLASSES:
        return [
            Text(
                f"{len(matrix.labels)} classes do not fit on a screen; the most frequent mistakes are below."
            )
        ]
    names = [clean(label) for label in matrix.labels]
    rates = matrix.rates("actual")
    size = range(len(names))
    left = max(2, min(max(cell_width(name) for name in names), 12))
    widest = max(len(str(value)) for row in matrix.counts for value in row)
    longest = max(cell_width(name) for name in names)
    cell = max(widest + 2, min(5, longest))
    if (longest + 1) * len(names) <= room - left - 9:  # few classes: their whole names
        cell = max(cell, longest + 1)
    fits = max(1, (room - left - 9) // cell)
    lines: list[Text] = []
    for start in range(0, len(names), fits):
        part = range(start, min(start + fits, len(names)))
        last = part[-1] == size[-1]
        head = Text(("is \\ said" if left >= 9 else "is").rjust(left) + " ", "bold", no_wrap=True, end="")
        for j in part:
            head.append(cut(names[j], cell - 1).rjust(cell - 1) + " ")
        if last:
            head.append("  recall")
        lines.append(head)
        for i in size:
            line = Text(cut(names[i], left).rjust(left) + " ", "bold", no_wrap=True, end="")
            for j in part:
                value, rate = matrix.counts[i][j], rates[i][j]
                if value:
                    # The shade before the figure tells the share of the row where there is no colour.
                    mark = shade(max(rate or 0.0, FAINT)) if plain else " "
                    line.append(f"{mark}{value:>{cell - 2}} ", _style(rate, i == j, plain))
                else:
                    line.append("·".rjust(cell - 1) + " ", "dim")
            if last:
                line.append(percent(matrix.recalls[i]).rjust(8))
            lines.append(line)
        if part[-1] != size[-1]:
            lines.append(Text("", end=""))
    return lines


class HeatMap(Coloured):
    """The matrix; `show` draws another one, as often as a key is held down."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.matrix: ConfusionMatrix | None = None

    def show(self, matrix: ConfusionMatrix | None) -> None:
        """Draw a matrix; None empties the widget."""
        self.matrix = matrix
        self.redraw()

    def on_resize(self) -> None:
        """Fit the columns to the new width."""
        self.redraw()

    def redraw(self) -> None:
        """Draw what is shown."""
        if not whole(self):
            return
        if self.matrix is None:
            self.update("")
            return
        room = max(30, self.size.width or 76)
        self.update(
            joined(
                heat_lines(self.matrix, plain=colourless(self), room=room, bars=self.app.size.height >= HIGH)
            )
        )
