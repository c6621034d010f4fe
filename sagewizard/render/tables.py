"""Owns tables: columns measured in cells, numbers to the right, too long texts cut with an ellipsis."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sagewizard.render.cells import Align, cell_width, clean, fit
from sagewizard.render.ink import Ink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.render.ink import Style

_GAP: Final = 2
_SMALLEST: Final = 6
"""Cells below which no column of texts is squeezed: a few characters and an ellipsis still tell something."""

_NUMBER: Final = re.compile(r"[~<]?-?\$?[0-9][0-9,]*(\.[0-9]+)?([eE][+-]?[0-9]+)?( ?%|/h)?")


def table(
    rows: Sequence[Sequence[object]],
    headers: Sequence[str] = (),
    *,
    ink: Ink | None = None,
    align: Sequence[Align] | None = None,
    styles: Sequence[Style | None] | None = None,
    whole: int = 0,
) -> str:
    """Return the rows as lines no wider than the ink.

    A column whose values all are numbers (with a unit sign or none) goes to the right unless `align` says
    otherwise, and no number is ever cut, only its header. Of the others the widest are cut first; what
    does not fit even so is left out, from the end, and a last line says how many columns. None is an empty
    cell. `styles` colours each row. The first `whole` columns are not cut while others can go instead.
    """
    ink = ink or Ink()
    texts = [["" if value is None else clean(value) for value in row] for row in rows]
    head = [clean(header) for header in headers]
    columns = max((len(row) for row in [*texts, head]), default=0)
    for row in [*texts, head]:
        row += [""] * (columns - len(row))
    if not columns:
        return ""
    sides = list(align or ()) or [
        "right" if _numeric([row[i] for row in texts]) else "left" for i in range(columns)
    ]
    widths = [max(cell_width(row[i]) for row in [*texts, head]) for i in range(columns)]
    least = [
        max(cell_width(row[i]) for row in texts) if _numeric([row[i] for row in texts])
        else widths[i] if i < whole else min(_SMALLEST, widths[i])
        for i in range(columns)
    ]  # fmt: skip
    shown = columns
    while shown > 1 and sum(least[:shown]) + (shown - 1) * _GAP > ink.width:
        shown -= 1
    widths = _squeezed(widths[:shown], least, ink.width - (shown - 1) * _GAP)

    def line(row: Sequence[str]) -> str:
        cells = (
            fit(text, width, side, unicode=ink.unicode)
            for text, width, side in zip(row, widths, sides, strict=False)
        )
        return (" " * _GAP).join(cells).rstrip(" ")

    lines = []
    if head and any(head):
        lines.append(ink.paint(line(head), "bold"))
        lines.append(ink.paint(ink.pick("─", "-") * (sum(widths) + (shown - 1) * _GAP), "dim"))
    lines += [
        ink.paint(line(row), styles[i] if styles and i < len(styles) else None) for i, row in enumerate(texts)
    ]
    if shown < columns:
        more = columns - shown
        words = "1 more column does not fit" if more == 1 else f"{more} more columns do not fit"
        lines.append(fit(f"({words})", ink.width, unicode=ink.unicode).rstrip())
    return "\n".join(lines)


def _numeric(values: Sequence[str]) -> bool:
    filled = [value for value in values if value not in ("", "-")]
    return bool(filled) and all(_NUMBER.fullmatch(value) for value in filled)


def _squeezed(widths: list[int], least: list[int], room: int) -> list[int]:
    """Take cells from the widest column that may lose some until all fit; of equals from the last."""
    widths = list(widths)
    while sum(widths) > room:
        spare = [i for i, width in enumerate(widths) if width > least[i]]
        if not spare:
            # Even a single column is wider than the room.
            return [min(width, max(room, 1)) for width in widths]
        widths[max(spare, key=lambda i: (widths[i], i))] -= 1
    return widths
