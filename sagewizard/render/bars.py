"""Owns one-line pictures: the progress bar, the sparkline and the histogram in a line."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final

from sagewizard.render.cells import cell_width, clean, cut
from sagewizard.render.ink import Ink
from sagewizard.render.units import duration, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS: Final = "_.-=+*#@"


def progress_bar(
    done: float,
    total: float | None,
    *,
    ink: Ink | None = None,
    label: str = "",
    detail: str = "",
    elapsed: float | None = None,
) -> str:
    """Return one line no wider than the ink: label, bar, share, detail and the seconds left.

    The time left is what the rest takes at the pace so far, shown from two seconds on. Without `total` there
    is no bar: label, detail and the time so far.
    """
    ink = ink or Ink()
    label, detail = clean(label), clean(detail)
    if total is None or not math.isfinite(total) or total <= 0:
        parts = [label, detail, duration(elapsed) if elapsed is not None else ""]
        return cut("  ".join(part for part in parts if part), ink.width, unicode=ink.unicode)
    share = min(max(done / total, 0.0), 1.0) if math.isfinite(done) else 0.0
    figures = [f"{percent(share, 0):>5}", detail]
    if elapsed is not None and elapsed >= 2 and 0 < share < 1:
        figures.append(f"{duration(elapsed * (1 - share) / share)} left")
    tail = "  ".join(part for part in figures if part)
    for width in range(min(40, ink.width), 4, -1):
        bar = _bar(share, width - 2, ink)
        line = "  ".join(part for part in (label, f"[{bar}]", tail) if part)
        if cell_width(line) <= ink.width:
            return line
    return cut("  ".join(part for part in (label, tail) if part).strip(), ink.width, unicode=ink.unicode)


def _bar(share: float, width: int, ink: Ink) -> str:
    if not ink.unicode:
        full = int(share * width)
        return "#" * full + "-" * (width - full)
    eighths = int(share * width * 8)
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (_EIGHTHS[rest] if rest else "")
    return bar + " " * (width - len(bar))


def sparkline(values: Sequence[float], *, ink: Ink | None = None, width: int | None = None) -> str:
    """Return a line of bars from the smallest to the largest value; one that is not finite is a blank.

    More values than `width` (default: the ink's) are averaged in equal groups. Equal values give a low line.
    """
    ink = ink or Ink()
    room = max(1, ink.width if width is None else width)
    numbers = [float(value) for value in values]
    if len(numbers) > room:
        edges = [len(numbers) * i // room for i in range(room + 1)]
        groups = [[v for v in numbers[a:b] if math.isfinite(v)] for a, b in itertools.pairwise(edges)]
        numbers = [math.fsum(group) / len(group) if group else math.nan for group in groups]
    finite = [value for value in numbers if math.isfinite(value)]
    if not finite:
        return " " * len(numbers)
    low, high = min(finite), max(finite)
    levels = _LEVELS if ink.unicode else _ASCII_LEVELS
    span = high - low

    def level(value: float) -> str:
        if not math.isfinite(value):
            return " "
        return (
            levels[min(int((value - low) / span * len(levels)), len(levels) - 1)] if span > 0 else levels[0]
        )

    return "".join(map(level, numbers))


def histogram_line(values: ArrayLike, *, bins: int = 20, ink: Ink | None = None) -> str:
    """Return how values are spread as a sparkline of counts from zero, between the least and the greatest."""
    import numpy as np

    ink = ink or Ink()
    array = np.asarray(values, dtype=np.float64).ravel()
    array = array[np.isfinite(array)]
    if not array.size:
        return "-"
    low, high = f"{array.min():.4g}", f"{array.max():.4g}"
    if low == high:
        return f"{low}"
    room = max(1, min(bins, ink.width - len(low) - len(high) - 2))
    counts, _edges = np.histogram(array, room)
    levels = _LEVELS if ink.unicode else _ASCII_LEVELS
    top = int(counts.max())
    # A bin that holds anything shows, however small beside the largest; an empty one is blank.
    line = "".join(levels[-(-int(c) * len(levels) // top) - 1] if c else " " for c in counts)
    return f"{low} {line} {high}"
