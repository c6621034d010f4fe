"""Where a binary classifier draws the line: the threshold that does best by a selection criterion.

A row is called positive when its score is above the threshold. Candidates lie between neighbouring scores
(and beyond both ends), so every way the scores can be cut is looked at, once, after one sort.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACCURACY = "accuracy"
F_BETA = "f_beta"
PRECISION_AT_RECALL = "precision_at_target_recall"
RECALL_AT_PRECISION = "recall_at_target_precision"
LOSS = "loss_function"
ALIASES = {"f1": F_BETA, "cross_entropy_loss": LOSS}


@dataclass(frozen=True, slots=True)
class Criterion:
    """A selection criterion and its settings; `middle` is the score of an undecided row: 0.5 or 0."""

    name: str
    beta: float = 1.0
    target_recall: float = 0.8
    target_precision: float = 0.8
    middle: float = 0.5


@dataclass(frozen=True, slots=True)
class Cuts:
    """Every way to cut sorted scores, from "all positive" to "all negative".

    `thresholds` (k,) rise; `true_positives` and `false_positives` (k,) count the rows above each.
    """

    thresholds: NDArray[np.float32]
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    positives: int
    negatives: int

    @property
    def precision(self) -> NDArray[np.float64]:
        """Precision at each threshold, 0 where nothing is called positive."""
        called = self.true_positives + self.false_positives
        share: NDArray[np.float64] = self.true_positives / np.maximum(called, 1)
        return share

    @property
    def recall(self) -> NDArray[np.float64]:
        """Recall at each threshold, 0 when there are no positives."""
        return self.true_positives / max(self.positives, 1)

    def roc_auc(self) -> float:
        """Return the area under the ROC curve, ties counted half; NaN when a class is missing."""
        if not self.positives or not self.negatives:
            return float("nan")
        heights = (self.true_positives[1:] + self.true_positives[:-1]) / 2
        area = float((heights * (self.false_positives[:-1] - self.false_positives[1:])).sum())
        return area / (self.positives * self.negatives)


def cut(scores: NDArray[np.float32], labels: NDArray[np.float32], middle: float = 0.5) -> Cuts:
    """Sort scores (n,) with labels (n,) of 0 and 1, n at least 1, and count at every cut."""
    order = np.argsort(scores)
    ordered = scores[order]
    truth = labels[order] > 0
    positives = int(truth.sum())
    negatives = len(truth) - positives
    # A cut before row i leaves rows i.. above the threshold; equal scores cannot be told apart.
    starts = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, [len(ordered)]))
    below = np.concatenate(([0], np.cumsum(truth)))[starts]
    true_positives = positives - below
    false_positives = (len(ordered) - starts) - true_positives
    inner = starts[1:-1]
    lower, upper = ordered[inner - 1], ordered[inner]
    between = lower + (upper - lower) / 2
    # Rounding may put the middle of two neighbours on the upper one, which must stay above it.
    between = np.where(between < upper, between, lower)
    if middle:  # probabilities: the outermost thresholds stay between 0 and 1
        first, last = ordered[0] / 2, ordered[-1] + (1 - ordered[-1]) / 2
    else:
        first, last = ordered[0] - 1, ordered[-1] + 1
    first = min(first, np.nextafter(ordered[0], np.float32(-np.inf)))
    thresholds = np.concatenate(([first], between, [max(last, ordered[-1])])).astype(np.float32)
    return Cuts(thresholds, true_positives, false_positives, positives, negatives)


def choose(cuts: Cuts, criterion: Criterion) -> tuple[float, float]:
    """Return the best threshold and the criterion's value there; a larger value is better.

    A target that no threshold reaches is not an error: the one that comes closest is taken, and the value is
    what is missing, as a negative number. Equal values are decided by the other of precision and recall, then
    by closeness to the middle. Under loss_function the threshold is the middle and the value the accuracy.
    """
    precision, recall = cuts.precision, cuts.recall
    total = cuts.positives + cuts.negatives
    accuracy = (cuts.true_positives + cuts.negatives - cuts.false_positives) / max(total, 1)
    second = np.zeros_like(accuracy)
    if criterion.name == LOSS:
        at = int(np.searchsorted(cuts.thresholds, np.float32(criterion.middle), "right")) - 1
        return criterion.middle, float(accuracy[max(at, 0)])
    if criterion.name == F_BETA:
        value = f_score(precision, recall, criterion.beta)
    elif criterion.name == PRECISION_AT_RECALL:
        value = np.where(recall >= criterion.target_recall, precision, recall - criterion.target_recall)
        second = recall
    elif criterion.name == RECALL_AT_PRECISION:
        value = np.where(
            precision >= criterion.target_precision, recall, precision - criterion.target_precision
        )
        second = np.where(precision >= criterion.target_precision, precision, recall)
    else:
        value = accuracy
    best = np.flatnonzero(value == value.max())
    best = best[second[best] == second[best].max()]
    distance = np.abs(cuts.thresholds[best] - criterion.middle)
    chosen = best[int(distance.argmin())]
    return float(cuts.thresholds[chosen]), float(value[chosen])


def f_score(precision: NDArray[np.float64], recall: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Return the weighted harmonic mean of precision and recall, 0 where both are 0."""
    weight = beta * beta
    below = weight * precision + recall
    score: NDArray[np.float64] = (1 + weight) * precision * recall / np.where(below > 0, below, 1)
    return score
