"""Owns line charts in text: loss curves, ROC and precision-recall, in braille, glyphs or ASCII."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sagewizard.i18n import _
from sagewizard.render.cells import cell_width, clean, cut, pad
from sagewizard.render.ink import Ink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sagewizard.evaluation.curves import Curve
    from sagewizard.render.ink import Style

_GLYPHS: Final = "●×○+◆□"
_ASCII_GLYPHS: Final = "*x.+o#"
_STYLES: Final[tuple[Style, ...]] = ("accent", "warn", "good", "bad", "bold", "dim")
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot of a braille character (U+2800), by row and column."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name and its points; a point that is not finite breaks the line."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_chart(
    series: Sequence[Series],
    *,
    ink: Ink | None = None,
    height: int = 12,
    title: str = "",
    x_name: str = "",
    y_name: str = "",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> str:
    """Return a chart as wide as the ink and `height` lines high, axes and names beside.

    One series is drawn in braille dots (two across, four down a cell), several with a glyph each, so that
    they differ without colour. Ranges default to what the points cover.
    """
    ink = ink or Ink()
    points = [[(float(x), float(y)) for x, y in zip(s.x, s.y, strict=True)] for s in series]
    finite = [p for line in points for p in line if math.isfinite(p[0]) and math.isfinite(p[1])]
    head = [ink.paint(cut(clean(title), ink.width, unicode=ink.unicode), "bold")] if title else []
    if not finite:
        return "\n".join([*head, cut(_("Nothing to draw yet."), ink.width, unicode=ink.unicode)])
    x_low, x_high = x_range or _span([x for x, _y in finite])
    y_low, y_high = y_range or _span([y for _x, y in finite])
    height = max(height, 3)
    step = _step(y_low, y_high, max(2, height // 4))
    if y_range is None:  # whole steps, so that the highest and the lowest line carry a figure
        y_low, y_high = math.floor(y_low / step) * step, math.ceil(y_high / step) * step
    marks = _ticks(y_low, y_high, step)
    texts = _labels(marks)
    left = max(cell_width(text) for text in texts)
    width = max(4, ink.width - left - 2)
    grid = _Grid(width, height, (x_low, x_high), (y_low, y_high), ink)
    fine = len(series) == 1 and ink.unicode
    for i, line in enumerate(points):
        if fine:
            grid.dots(line, _STYLES[0])
        else:
            glyphs = _GLYPHS if ink.unicode else _ASCII_GLYPHS
            grid.glyphs(line, glyphs[i % len(glyphs)], _STYLES[i % len(_STYLES)])
    rows = {grid.row(mark): text for mark, text in zip(marks, texts, strict=True)}
    lines = list(head)
    if y_name:
        lines.append(ink.paint(cut(clean(y_name), ink.width, unicode=ink.unicode), "dim"))
    for at, drawn in enumerate(grid.lines()):
        axis = ink.pick("┤" if at in rows else "│", "+" if at in rows else "|")
        lines.append(f"{pad(rows.get(at, ''), left, 'right')} {axis}{drawn}".rstrip(" "))
    corner = ink.pick("└", "+") + ink.pick("─", "-") * width
    lines.append(f"{' ' * left} {corner}")
    lines.append(" " * (left + 2) + _x_axis(x_low, x_high, width, clean(x_name), ink))
    if len(series) > 1:
        glyphs = _GLYPHS if ink.unicode else _ASCII_GLYPHS
        legend = "   ".join(f"{glyphs[i % len(glyphs)]} {clean(s.name)}" for i, s in enumerate(series))
        lines.append(cut(" " * (left + 2) + legend, ink.width, unicode=ink.unicode))
    return "\n".join(lines)


def scatter_chart(
    x: Sequence[float],
    y: Sequence[float],
    *,
    ink: Ink | None = None,
    height: int = 12,
    level: float | None = None,
    title: str = "",
    x_name: str = "",
    y_name: str = "",
) -> str:
    """Return a chart of single points, in braille dots or, in ASCII, one character each.

    `level` draws a thin line at a height of y, under the points. A break after each point keeps them apart.
    """
    ink = ink or Ink()
    across: list[float] = []
    up: list[float] = []
    for one, other in zip(x, y, strict=True):
        across += [float(one), math.nan]
        up += [float(other), math.nan]
    if level is not None and across:
        finite = [value for value in across if math.isfinite(value)]
        # Every second column is left blank, so that the line does not hide points that lie on it.
        steps = max(2, ink.width // 2)
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        for step in range(steps + 1):
            across += [low + (high - low) * step / steps, math.nan]
            up += [level, math.nan]
    return line_chart(
        [Series(title, across, up)], ink=ink, height=height, title=title, x_name=x_name, y_name=y_name
    )


def curve_chart(curve: Curve, *, ink: Ink | None = None, height: int = 16) -> str:
    """Return an ROC or precision-recall curve with its area, between 0 and 1 on both axes."""
    roc = curve.kind == "roc"
    title = (
        _("ROC curve, area {area:.4f} (0.5 is chance)").format(area=curve.area)
        if roc
        else _("Precision-recall curve, average precision {area:.4f}").format(area=curve.area)
    )
    return line_chart(
        [Series(title, curve.x, curve.y)],
        ink=ink,
        height=height,
        title=title,
        x_name=_(curve.x_name),
        y_name=_(curve.y_name),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.0),
    )


class _Grid:
    """The cells of a chart; the top row is 0."""

    def __init__(
        self, width: int, height: int, x: tuple[float, float], y: tuple[float, float], ink: Ink
    ) -> None:
        self._width, self._height, self._x, self._y, self._ink = width, height, x, y, ink
        self._cells: dict[tuple[int, int], tuple[str, Style]] = {}
        self._bits: dict[tuple[int, int], int] = {}
        self._style: Style = "accent"

    def row(self, value: float) -> int:
        """Return the line on which a value of y lies."""
        return _place(value, *self._y, self._height, flip=True)

    def dots(self, line: Sequence[tuple[float, float]], style: Style) -> None:
        """Draw a line in braille dots."""
        self._style = style
        for column, row in self._walk(line, self._width * 2, self._height * 4):
            cell = (row // 4, column // 2)
            self._bits[cell] = self._bits.get(cell, 0) | _DOTS[row % 4][column % 2]

    def glyphs(self, line: Sequence[tuple[float, float]], glyph: str, style: Style) -> None:
        """Draw a line with one character a cell; the series drawn last lies on top."""
        for column, row in self._walk(line, self._width, self._height):
            self._cells[(row, column)] = (glyph, style)

    def _walk(self, line: Sequence[tuple[float, float]], across: int, down: int) -> Iterator[tuple[int, int]]:
        """Yield the places of a line, joined between neighbouring points (Bresenham by the longer side)."""
        last: tuple[int, int] | None = None
        for x, y in line:
            if not (math.isfinite(x) and math.isfinite(y)) or not self._inside(x, y):
                last = None
                continue
            here = (_place(x, *self._x, across), _place(y, *self._y, down, flip=True))
            if last is not None:
                steps = max(abs(here[0] - last[0]), abs(here[1] - last[1]))
                for i in range(1, steps):
                    yield (
                        last[0] + round((here[0] - last[0]) * i / steps),
                        last[1] + round((here[1] - last[1]) * i / steps),
                    )
            yield here
            last = here

    def _inside(self, x: float, y: float) -> bool:
        return self._x[0] <= x <= self._x[1] and self._y[0] <= y <= self._y[1]

    def lines(self) -> Iterator[str]:
        """Yield the drawn lines, without blanks at their ends."""
        for row in range(self._height):
            parts: list[str] = []
            run = ""
            for column in range(self._width):
                if (bits := self._bits.get((row, column))) is not None:
                    run += chr(0x2800 + bits)
                    continue
                if run:
                    parts.append(self._ink.paint(run, self._style))
                    run = ""
                glyph, style = self._cells.get((row, column), (" ", None))
                parts.append(self._ink.paint(glyph, style))
            yield "".join([*parts, self._ink.paint(run, self._style)]).rstrip(" ")


def _place(value: float, low: float, high: float, cells: int, *, flip: bool = False) -> int:
    share = (value - low) / (high - low) if high > low else 0.0
    at = min(max(int(share * cells), 0), cells - 1)
    return cells - 1 - at if flip else at


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        margin = abs(low) * 0.1 or 1.0
        return low - margin, high + margin
    return low, high


def _step(low: float, high: float, most: int) -> float:
    """Return 1, 2 or 5 times a power of ten, of which about `most` lie in the range."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1, 2, 5) if m * power >= rough * 0.999), 10 * power)


def _ticks(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of a step within a range."""
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    found = [i * step for i in range(first, last + 1)]
    return found or [low]


def _labels(values: Sequence[float]) -> list[str]:
    """Write ticks with as many decimals as tell them apart."""
    largest = max(abs(value) for value in values)
    if largest >= 1e6 or 0 < largest < 1e-4:
        return [f"{value:.3g}" for value in values]
    for digits in range(8):
        texts = [f"{value + 0.0:.{digits}f}" for value in values]
        exact = all(abs(float(t) - v) <= 1e-6 * largest for t, v in zip(texts, values, strict=True))
        if exact and len(set(texts)) == len(texts):
            return texts
    return [f"{value:.6g}" for value in values]


def _x_axis(low: float, high: float, width: int, name: str, ink: Ink) -> str:
    first, last = f"{low:.6g}", f"{high:.6g}"
    room = width - len(first) - len(last)
    if room < 2:
        return cut(first, width, unicode=ink.unicode)
    middle = cut(name, room - 2, unicode=ink.unicode) if room > 4 else ""
    before = max(0, (room - cell_width(middle)) // 2)
    after = max(0, room - before - cell_width(middle))
    return first + " " * before + middle + " " * after + last
