"""Owns the list of metrics as text, with a reason beside each that is not defined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from sagewizard.i18n import _
from sagewizard.render.cells import cell_width, clean, cut, pad
from sagewizard.render.ink import Ink
from sagewizard.render.tables import table
from sagewizard.render.units import count, number

if TYPE_CHECKING:
    from sagewizard.evaluation.metrics import Metrics, MulticlassMetrics

_NAMES: Final[Mapping[str, str]] = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "mcc": "MCC",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "log_loss": "log loss",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R2",
    "mape": "MAPE",
    "macro_precision": "precision, macro",
    "macro_recall": "recall, macro",
    "macro_f1": "F1, macro",
    "weighted_precision": "precision, weighted",
    "weighted_recall": "recall, weighted",
    "weighted_f1": "F1, weighted",
    "top_k_accuracy": "top-k accuracy",
    "silhouette": "silhouette",
    "adjusted_rand": "adjusted Rand index",
    "purity": "purity",
}


def metric_name(name: str) -> str:
    """Return how a metric is written for people; a name that is not known stays as it is."""
    return _NAMES.get(name, clean(name))


def metric_list(metrics: Metrics | Mapping[str, float | None], *, ink: Ink | None = None) -> str:
    """Return one line a metric: name, value with four decimals, and the note where there is one."""
    ink = ink or Ink()
    scores: Mapping[str, float | None]
    notes: Mapping[str, str] = {}
    if isinstance(metrics, Mapping):
        scores = metrics
    else:
        scores, notes = metrics.scores(), metrics.notes
        if (k := getattr(metrics, "top_k", None)) is not None:
            scores = {f"top-{k} accuracy" if n == "top_k_accuracy" else n: v for n, v in scores.items()}
    if not scores:
        return _("No metrics.")
    names = {name: cut(metric_name(name), max(4, ink.width - 12), unicode=ink.unicode) for name in scores}
    left = max(map(cell_width, names.values()))
    values = {name: number(value) for name, value in scores.items()}
    right = max(map(len, values.values()))
    lines = []
    for name in scores:
        line = f"{pad(names[name], left)}  {values[name]:>{right}}"
        room = ink.width - cell_width(line) - 2
        note = cut(clean(notes.get(name, "")), room, unicode=ink.unicode) if room > 3 else ""
        lines.append(line + (f"  {ink.paint(note, 'dim')}" if note else ""))
    return "\n".join(lines)


def class_table(metrics: MulticlassMetrics, *, ink: Ink | None = None) -> str:
    """Return precision, recall, F1 and rows of each class as a table."""
    rows = [
        (c.label, number(c.precision), number(c.recall), number(c.f1), count(c.support))
        for c in metrics.per_class
    ]
    headers = [_("class"), _("precision"), _("recall"), "F1", _("rows")]
    return table(rows, headers, ink=ink, align=["left", "right", "right", "right", "right"])
