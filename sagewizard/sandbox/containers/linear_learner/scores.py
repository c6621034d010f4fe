"""The final figures of a model on a channel, in the order and under the names the log has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagewizard.sandbox.containers.linear_learner import thresholds
from sagewizard.sandbox.containers.linear_learner.training import score_chunks, sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sagewizard.sandbox.containers.linear_learner.configuration import Configuration
    from sagewizard.sandbox.containers.linear_learner.losses import Loss
    from sagewizard.sandbox.containers.linear_learner.scaling import Design

    Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Score:
    """One figure: `kind` is "loss" when smaller is better and "score" when larger is."""

    name: str
    kind: str
    value: float


def predictions(design: Design, weights: Array, bias: Array, rows: int | None = None) -> Array:
    """Return raw scores (n, C) of the first `rows` rows, regression in the label's own units."""
    limit = design.rows if rows is None else min(rows, design.rows)
    out = np.empty((limit, len(weights)), np.float32)
    for start, scores in score_chunks(design, weights, bias):
        if start >= limit:
            break
        kept = min(len(scores), limit - start)
        out[start : start + kept] = scores[:kept]
    return out


def binary_scores(
    raw: Array,
    labels: Array,
    threshold: float,
    configuration: Configuration,
    loss: Loss,
    class_weights: Array | None,
    objective: str,
) -> list[Score]:
    """Return the figures of a binary classifier; `raw` (n,) are scores before the sigmoid."""
    scores = sigmoid(raw) if configuration.loss == "logistic" else raw
    called, truth = scores > threshold, labels > 0
    hits = int((called & truth).sum())
    precision = hits / max(int(called.sum()), 1)
    recall = hits / max(int(truth.sum()), 1)
    beta = configuration.f_beta
    f = thresholds.f_score(np.array([precision]), np.array([recall]), beta)
    cuts = thresholds.cut(scores, labels, configuration.criterion.middle)
    return [
        Score(objective, "loss", mean_loss(loss, raw[:, None], labels, class_weights)),
        Score("binary_classification_accuracy", "score", float((called == truth).mean())),
        Score(f"binary_f_{beta:.3f}", "score", float(f[0])),
        Score("precision", "score", precision),
        Score("recall", "score", recall),
        Score("roc_auc_score", "score", cuts.roc_auc()),
    ]


def regression_scores(values: Array, labels: Array, loss: Loss, objective: str) -> list[Score]:
    """Return the figures of a regression; `values` (n,) are predictions in the label's units."""
    errors = values.astype(np.float64) - labels
    mse = float((errors**2).mean())
    return [
        Score(objective, "loss", mean_loss(loss, values[:, None], labels, None)),
        Score("mse", "loss", mse),
        Score("absolute_loss", "loss", float(np.abs(errors).mean())),
        Score("rmse", "loss", mse**0.5),
    ]


def multiclass_scores(
    raw: Array,
    labels: Array,
    configuration: Configuration,
    loss: Loss,
    class_weights: Array | None,
    objective: str,
) -> list[Score]:
    """Return the figures of a multiclass classifier; `raw` (n, C) are scores before the softmax.

    The macro figures are means over the classes that occur in the labels or the predictions, as in
    scikit-learn; balanced accuracy is the mean recall of the classes that occur in the labels.
    """
    classes, top, beta = configuration.classes, configuration.accuracy_top_k, configuration.f_beta
    truth = labels.astype(np.intp)
    called = raw.argmax(axis=1)
    own = raw[np.arange(len(raw)), truth]
    # Equal scores rank by class number, as argmax does.
    before = np.arange(classes) < truth[:, None]
    ranks = ((raw > own[:, None]) | ((raw == own[:, None]) & before)).sum(axis=1)
    hits = np.bincount(truth[called == truth], minlength=classes)
    called_counts = np.bincount(called, minlength=classes)
    true_counts = np.bincount(truth, minlength=classes)
    precision = hits / np.maximum(called_counts, 1)
    recall = hits / np.maximum(true_counts, 1)
    occurring = (called_counts + true_counts) > 0
    f = thresholds.f_score(precision, recall, beta)
    cross_entropy = mean_loss(loss, raw, labels, None)
    return [
        Score(objective, "loss", mean_loss(loss, raw, labels, class_weights)),
        Score("multiclass_accuracy", "score", float((called == truth).mean())),
        Score(f"multiclass_top_k_accuracy_{top}", "score", float((ranks < top).mean())),
        Score("dcg", "score", float((1 / np.log2(ranks + 2)).mean())),
        Score("macro_recall", "score", float(recall[occurring].mean())),
        Score("macro_precision", "score", float(precision[occurring].mean())),
        Score(f"macro_f_{beta:.3f}", "score", float(f[occurring].mean())),
        Score("multiclass_balanced_accuracy", "score", float(recall[true_counts > 0].mean())),
        Score("multiclass_log_loss", "loss", cross_entropy),
    ]


def mean_loss(loss: Loss, scores: Array, labels: Array, class_weights: Array | None) -> float:
    """Return the mean loss of one model; `class_weights` (C,) weigh the rows by their label."""
    values = loss.values(scores, labels)[:, 0]
    if class_weights is not None:
        values = values * class_weights[labels.astype(np.intp)]
    return float(values.sum(dtype=np.float64) / len(values))
