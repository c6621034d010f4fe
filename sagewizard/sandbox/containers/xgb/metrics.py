"""The metrics that the container computes itself, because XGBoost does not have them.

Classification metrics look at classes: the largest score of several, a score above 0.5 of a probability,
above 0 of a raw score. Their names and averages are those of the container's custom metrics.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.algorithms.xgboost_versions import MAXIMISED, MINIMISED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

OWN = frozenset(name for name, (_, own) in (MAXIMISED | MINIMISED).items() if own)
_TO_MAXIMISE = re.compile(rf"(?:{'|'.join(map(re.escape, MAXIMISED))})(?:@.*)?")
_AVERAGED = {
    "f1": ("f1", "macro"),
    "f1_macro": ("f1", "macro"),
    "f1_binary": ("f1", "binary"),
    "precision": ("precision", "binary"),
    "precision_macro": ("precision", "macro"),
    "precision_micro": ("precision", "micro"),
    "recall": ("recall", "binary"),
    "recall_macro": ("recall", "macro"),
    "recall_micro": ("recall", "micro"),
}
_PROBABILITIES = ("binary:logistic", "reg:logistic")


def is_maximised(metric: str) -> bool:
    """Tell whether more is better."""
    return _TO_MAXIMISE.fullmatch(metric) is not None


def reported_name(metric: str) -> str:
    """Write a metric as XGBoost reports it: error@.40 becomes error@0.4."""
    name, at, threshold = metric.partition("@")
    if at and name == "error":
        return f"error@{float(threshold):g}"
    return metric


def union(tuning: Sequence[str] | None, asked: Sequence[str] | None) -> list[str] | None:
    """Join the tuning objective with the metrics asked for: sorted when there are both, else as they are."""
    if tuning is None or asked is None:
        return list(tuning or asked or []) or None
    return sorted({*tuning, *asked})


def own_metrics(
    names: Sequence[str], objective: str
) -> Callable[[NDArray[np.float32], Any], list[tuple[str, float]]] | None:
    """Make the function XGBoost calls after each round with predictions and matrix; None without names."""
    if not names:
        return None

    def compute(predictions: NDArray[np.float32], matrix: Any) -> list[tuple[str, float]]:
        labels = matrix.get_label()
        return [(name, value_of(name, labels, predictions, objective)) for name in names]

    return compute


def classes_of(predictions: NDArray[np.float32], objective: str) -> NDArray[np.int64]:
    """Name the class of each row: predictions are (n,) or (n, classes)."""
    if predictions.ndim > 1:
        return np.asarray(predictions.argmax(axis=1), np.int64)
    if objective == "multi:softmax":
        return predictions.astype(np.int64)
    border = 0.5 if objective in _PROBABILITIES else 0.0
    return (predictions > border).astype(np.int64)


def value_of(
    name: str, labels: NDArray[np.float32], predictions: NDArray[np.float32], objective: str
) -> float:
    """Compute one metric; ValueError when it does not fit the labels, as precision with three classes."""
    if not len(labels):
        return 0.0
    if name == "mse":
        return float(np.mean((labels.astype(np.float64) - predictions) ** 2))
    from sklearn import metrics

    if name == "r2":
        return float(metrics.r2_score(labels, predictions)) if len(labels) > 1 else float("nan")
    found = classes_of(predictions, objective)
    if name == "accuracy":
        return float(metrics.accuracy_score(labels, found))
    if name == "balanced_accuracy":
        hits = [np.mean(found[labels == known] == known) for known in np.unique(labels)]
        return float(np.mean(hits))
    kind, average = _AVERAGED[name]
    score = getattr(metrics, f"{kind}_score")
    return float(score(labels, found, average=average, zero_division=0))
