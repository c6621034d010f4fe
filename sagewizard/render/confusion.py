"""Owns the picture of a confusion matrix: counts, rates, totals and words, at any width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sagewizard.i18n import _, ngettext
from sagewizard.render.cells import cell_width, clean, cut, fit, pad
from sagewizard.render.ink import Ink
from sagewizard.render.units import count, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.evaluation.confusion import ConfusionMatrix
    from sagewizard.render.ink import Style

MOST_CLASSES: Final = 26
"""Beyond it a matrix is unreadable on any terminal: then only the most frequent mistakes are listed."""

_MOST_PAIRS: Final = 5
_LONGEST_LABEL: Final = 12


def confusion_matrix(matrix: ConfusionMatrix, *, ink: Ink | None = None, title: str = "") -> str:
    """Return the matrix as text: rows are what is true, columns what was predicted.

    Two labels: each cell with TP, FP, FN or TN and its share of the row. Up to 26: counts, with totals,
    recall and precision in percent; columns that do not fit follow below. Then the most frequent mistakes in
    words. Right and wrong are told apart by place and word; colour only repeats it.
    """
    ink = ink or Ink()
    heading = cut(clean(title or _title(matrix)), ink.width, unicode=ink.unicode)
    lines = [ink.paint(heading, "bold"), ""]
    if len(matrix.labels) == 2 and matrix.positive is not None:
        lines += _binary(matrix, ink)
    elif len(matrix.labels) <= MOST_CLASSES:
        lines += _multiclass(matrix, ink)
    if len(matrix.labels) != 2 or matrix.positive is None:
        lines += _pairs(matrix, ink)
    return "\n".join(line.rstrip(" ") for line in lines)


def _title(matrix: ConfusionMatrix) -> str:
    rows = ngettext("{n} row", "{n} rows", matrix.total).format(n=count(matrix.total))
    if matrix.threshold is None:
        return _("Confusion matrix of {rows}").format(rows=rows)
    return _("Confusion matrix of {rows} at threshold {threshold}").format(
        rows=rows, threshold=f"{matrix.threshold:.4g}"
    )


def _binary(matrix: ConfusionMatrix, ink: Ink) -> list[str]:
    positive = matrix.labels.index(matrix.positive or "")
    names = [clean(label) for label in matrix.labels]
    rates = matrix.rates("actual")

    def word(i: int, j: int) -> str:
        return ("T" if i == j else "F") + ("P" if j == positive else "N")

    actual, predicted = _("actual"), _("predicted")
    totals, right = _("total"), _("right")
    counts = [[count(value) for value in row] for row in matrix.counts]
    sums = [count(value) for value in matrix.actual_totals]
    heads = [f"{predicted} {name}" for name in names]
    room = max(4, (ink.width - 2 * 2 - 20) // 3)
    heads = [cut(head, room, unicode=ink.unicode) for head in heads]
    sides = [cut(f"{actual} {name}", room, unicode=ink.unicode) for name in names]
    left = max(cell_width(text) for text in [*sides, totals, right])
    # A cell is "958 TP"; the share below it ends under the digits, so that all figures align.
    widths = [
        max(cell_width(heads[j]), 3 + max(cell_width(counts[i][j]) for i in (0, 1)), 7 + 3) for j in (0, 1)
    ]
    last = max(cell_width(text) for text in [totals, count(matrix.total), *sums])
    if left + sum(widths) + last + 7 + 4 * 2 > ink.width:
        return _narrow(matrix, ink)

    def row(side: str, cells: Sequence[str], total: str, share: str) -> str:
        parts = [pad(side, left)]
        parts += [pad(cell, width, "right") for cell, width in zip(cells, widths, strict=True)]
        return "  ".join([*parts, pad(total, last, "right"), pad(share, 7, "right")])

    lines = [ink.paint(row("", heads, totals, right), "dim")]
    for i in (0, 1):
        styles: list[Style] = ["good" if i == j else "bad" for j in (0, 1)]
        cells = [ink.paint(f"{counts[i][j]} {word(i, j)}", styles[j]) for j in (0, 1)]
        lines.append(row(sides[i], cells, sums[i], percent(matrix.recalls[i])))
        lines.append(row("", [f"{percent(rates[i][j])}   " for j in (0, 1)], "", ""))
    columns = [f"{count(value)}   " for value in matrix.predicted_totals]
    lines.append(row(totals, columns, count(matrix.total), ""))
    precisions = [f"{percent(value)}   " for value in matrix.precisions]
    lines.append(row(right, precisions, "", percent(matrix.accuracy)))
    lines.append("")
    name = names[positive]
    legend = [
        _("TP true positive: is {name}, and was found").format(name=name),
        _("FN false negative: is {name}, but was missed").format(name=name),
        _("FP false positive: is not {name}, but was taken for it").format(name=name),
        _("TN true negative: is not {name}, and was not taken for it").format(name=name),
    ]
    return lines + [cut(text, ink.width, unicode=ink.unicode) for text in legend]


def _narrow(matrix: ConfusionMatrix, ink: Ink) -> list[str]:
    """Return the four counts of a binary matrix below each other, for a width that holds no matrix."""
    kinds = (
        ("TP", _("true positives"), matrix.tp),
        ("FN", _("false negatives"), matrix.fn),
        ("FP", _("false positives"), matrix.fp),
        ("TN", _("true negatives"), matrix.tn),
    )
    width = max(len(count(value)) for _short, _words, value in kinds)
    return [
        cut(f"{short} {count(value):>{width}} {words}", ink.width, unicode=ink.unicode)
        for short, words, value in kinds
    ]


def _multiclass(matrix: ConfusionMatrix, ink: Ink) -> list[str]:
    names = [
        cut(clean(label), min(_LONGEST_LABEL, max(1, ink.width // 5)), unicode=ink.unicode)
        for label in matrix.labels
    ]
    totals, recall, precision = _("total"), _("recall"), _("prec. %")
    shares = [_share(value) for value in matrix.precisions]
    left = max(cell_width(text) for text in [*names, totals, precision])
    sums = [str(value) for value in matrix.actual_totals]
    size = range(len(names))
    nothing = ink.pick("·", ".")
    widths = [
        max(
            cell_width(text)
            for text in [names[j], shares[j], str(matrix.predicted_totals[j]), *_column(matrix, j)]
        )
        for j in size
    ]
    recalls = [percent(value) for value in matrix.recalls]
    last = [
        max(map(cell_width, [totals, str(matrix.total), *sums])),
        max(map(cell_width, [recall, *recalls])),
    ]
    if left + 1 + max(widths) + sum(last) + 2 > ink.width:
        return []
    widest = [max(widths)] * len(names)
    if left + sum(widest) + len(widest) + sum(last) + 2 <= ink.width:
        widths = widest
    lines: list[str] = [
        cut(_("Rows are actual, columns are predicted."), ink.width, unicode=ink.unicode),
        "",
    ]
    for part in _parts(widths, ink.width - left, sum(last) + 2):
        end = part[-1] == size[-1]

        def line(
            side: str, cells: Sequence[str], ends: Sequence[str], *, part: range = part, end: bool = end
        ) -> str:
            shown = [pad(cells[j], widths[j], "right") for j in part]
            shown += (
                [pad(text, width, "right") for text, width in zip(ends, last, strict=True)] if end else []
            )
            return " ".join([pad(side, left, "right"), *shown])

        lines.append(ink.paint(line("", names, [totals, recall]), "bold"))
        for i in size:
            cells = []
            for j in size:
                value = matrix.counts[i][j]
                style: Style | None = "good" if i == j else "bad"
                cells.append(ink.paint(str(value), style) if value else ink.paint(nothing, "dim"))
            lines.append(line(names[i], cells, [sums[i], recalls[i]]))
        below = [str(value) for value in matrix.predicted_totals]
        lines.append(line(totals, below, [str(matrix.total), ""]))
        lines.append(line(precision, shares, ["", ""]))
        lines.append("")
    lines.pop()
    accuracy = _("accuracy {share}: {right} of {total} right").format(
        share=percent(matrix.accuracy), right=count(matrix.correct), total=count(matrix.total)
    )
    return [*lines, "", cut(accuracy, ink.width, unicode=ink.unicode)]


def _column(matrix: ConfusionMatrix, j: int) -> list[str]:
    return [str(row[j]) for row in matrix.counts]


def _share(value: float | None) -> str:
    """Return whole percents without the sign: four cells a column leave room for twelve classes."""
    return percent(value, 0).removesuffix(" %").replace("<1", "0")


def _parts(widths: Sequence[int], room: int, at_the_end: int) -> list[range]:
    """Split columns into runs that fit, the last one together with the totals."""
    parts: list[range] = []
    start = 0
    used = 0
    for j, width in enumerate(widths):
        needed = width + 1 + (at_the_end if j == len(widths) - 1 else 0)
        if j > start and used + needed > room:
            parts.append(range(start, j))
            start, used = j, 0
        used += width + 1
    return [*parts, range(start, len(widths))]


def _pairs(matrix: ConfusionMatrix, ink: Ink) -> list[str]:
    found = matrix.confusions()
    if not found:
        return [_("Nothing was confused.")]
    lines = [cut(_("Most frequent mistakes:"), ink.width, unicode=ink.unicode)]
    for actual, predicted, times in found[:_MOST_PAIRS]:
        words = ngettext(
            "{actual} taken for {predicted}: {times} row",
            "{actual} taken for {predicted}: {times} rows",
            times,
        )
        text = words.format(actual=clean(actual), predicted=clean(predicted), times=count(times))
        lines.append(fit(f"  {text}", ink.width, unicode=ink.unicode).rstrip())
    return lines
