"""Owns the ROC and precision-recall curves with a mark that follows the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from sagewizard.render.chart import curve_chart
from sagewizard.render.ink import Ink
from sagewizard.tui.whole import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.evaluation.curves import Curve

MARK = "◆"
_AXES = "│┤"


def chart(curve: Curve, *, width: int, height: int) -> list[str]:
    """Return the curve as plain lines, axes and names beside: title, y name, `height` rows, x axis."""
    return curve_chart(curve, ink=Ink("none", True, max(24, width)), height=max(4, height)).splitlines()


def with_mark(lines: Sequence[str], point: tuple[float, float] | None) -> list[Text]:
    """Put the mark on a drawn chart: its rows are those with an axis, from y = 1 at the top to y = 0."""
    rows = [i for i, line in enumerate(lines) if any(axis in line for axis in _AXES)]
    texts = [Text(line, no_wrap=True, end="") for line in lines]
    if point is None or not rows:
        return texts
    axis = max(lines[rows[0]].find(a) for a in _AXES)
    corner = next((line for line in lines[rows[-1] :] if "└" in line), "")
    across = max(1, len(corner) - axis - 1)
    x, y = (min(1.0, max(0.0, value)) for value in point)
    column = axis + 1 + min(across - 1, int(x * across))
    row = rows[len(rows) - 1 - min(len(rows) - 1, int(y * len(rows)))]
    line = lines[row].ljust(column + 1)
    texts[row] = Text(no_wrap=True, end="")
    texts[row].append(line[:column])
    texts[row].append(MARK, "bold reverse")
    texts[row].append(line[column + 1 :])
    return texts


class CurveView(Static):
    """One curve; `mark` moves the mark without drawing the curve again."""

    def __init__(self, *, id: str | None = None, rows: int = 8) -> None:  # noqa: A002
        super().__init__(id=id)
        self.curve: Curve | None = None
        self._note = ""
        self._point: tuple[float, float] | None = None
        self._rows = rows
        self._lines: list[str] = []
        self._drawn_at = 0

    def show(self, curve: Curve | None, point: tuple[float, float] | None = None, *, note: str = "") -> None:
        """Draw a curve with a note below its title; None empties the widget."""
        self.curve, self._point, self._note, self._drawn_at = curve, point, note, 0
        self._draw()

    def mark(self, point: tuple[float, float] | None) -> None:
        """Move the mark."""
        self._point = point
        self._draw()

    def on_mount(self) -> None:
        """Draw what was shown before there was a screen."""
        self._draw()

    def on_resize(self) -> None:
        """Fit the chart to the new width."""
        self._draw()

    def _draw(self) -> None:
        width = self.size.width
        if self.curve is None or width < 10:
            if self.curve is None and whole(self):
                self.update("")
            return
        if self._drawn_at != width:
            self._lines, self._drawn_at = chart(self.curve, width=width, height=self._rows), width
        lines = with_mark(self._lines, self._point)
        if self._note:
            lines.insert(1, Text(self._note, "dim", no_wrap=True, end=""))
        self.update(Text("\n", no_wrap=True).join(lines))
