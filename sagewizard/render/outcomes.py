"""Owns what came out beside a confusion matrix, as text: thresholds, clusters, folds, residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.i18n import _
from sagewizard.render.chart import scatter_chart
from sagewizard.render.metrics import metric_name
from sagewizard.render.tables import table
from sagewizard.render.units import count, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.outcome_events import ClustersMeasured, CrossValidated, ThresholdsCompared
    from sagewizard.render.cells import Align
    from sagewizard.render.ink import Ink


def thresholds(event: ThresholdsCompared, *, ink: Ink | None = None) -> str:
    """Return one line a threshold: its four counts, as in the confusion matrix, and its measures."""
    rows = [
        (
            f"{row.threshold:.4g}", count(row.tp), count(row.fp), count(row.fn), count(row.tn),
            number(row.accuracy), number(row.precision), number(row.recall), number(row.f1),
        )
        for row in event.rows
    ]  # fmt: skip
    headers = [
        _("threshold"), "TP", "FP", "FN", "TN", _("accuracy"), _("precision"), _("recall"), "F1",
    ]  # fmt: skip
    return table(rows, headers, ink=ink, align=["right"] * 9)


def clusters(event: ClustersMeasured, *, ink: Ink | None = None) -> str:
    """Return labels (down) against clusters (across), with the size and the name of each cluster."""
    rows = [
        (label, *(count(value) for value in line))
        for label, line in zip(event.labels, event.counts, strict=True)
    ]
    rows.append((_("rows"), *(count(size) for size in event.sizes)))
    rows.append((_("mostly"), *(name or "-" for name in event.names)))
    headers = [_("cluster"), *(str(number) for number in range(len(event.sizes)))]
    return table(rows, headers, ink=ink, align=_figures(len(event.sizes)))


def folds(event: CrossValidated, *, ink: Ink | None = None) -> str:
    """Return one line a metric: mean, spread, and the value of every fold."""
    rows = [
        (metric_name(item.name), number(item.mean), number(item.spread), *(number(v) for v in item.values))
        for item in event.metrics
    ]
    headers = [_("metric"), _("mean"), _("spread"), *(str(n) for n in range(1, event.folds + 1))]
    return table(rows, headers, ink=ink, align=_figures(2 + event.folds))


def _figures(columns: int) -> list[Align]:
    """Return the alignment of a name and some columns of figures."""
    figures: list[Align] = ["right"] * columns
    return ["left", *figures]


def residuals(
    expected: Sequence[float], predicted: Sequence[float], *, ink: Ink | None = None, height: int = 12
) -> str:
    """Return a scatter of errors (true minus predicted) over predictions, with a line at zero.

    A good model leaves a level cloud around the line; a bow or a funnel is something it has not learnt.
    """
    errors = [true - said for true, said in zip(expected, predicted, strict=True)]
    return scatter_chart(
        list(predicted), errors, ink=ink, height=height, level=0.0,
        title=_("Residuals: true minus predicted"), x_name=_("predicted"),
    )  # fmt: skip
