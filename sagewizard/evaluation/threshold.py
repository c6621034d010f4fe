"""Owns the choice of a threshold: the counts at every threshold from one sort, and the best one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sagewizard.errors import UsageError
from sagewizard.evaluation import _inputs
from sagewizard.evaluation._reading import optional_float, reading
from sagewizard.evaluation.confusion import ConfusionMatrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

Criterion = Literal["accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision"]
CRITERIA: tuple[Criterion, ...] = (
    "accuracy",
    "f_beta",
    "precision_at_target_recall",
    "recall_at_target_precision",
)


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """A threshold, why it was chosen, and what it gives on the rows it was chosen on."""

    threshold: float
    criterion: Criterion
    value: float
    precision: float
    recall: float
    beta: float | None = None
    target: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values that `from_dict` reads back."""
        return {
            "kind": "threshold_choice",
            "threshold": self.threshold,
            "criterion": self.criterion,
            "value": self.value,
            "precision": self.precision,
            "recall": self.recall,
            "beta": self.beta,
            "target": self.target,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ThresholdChoice:
        """Read what `as_dict` wrote; `DataError` when it is something else."""
        with reading("a choice of threshold"):
            return cls(
                threshold=float(data["threshold"]),
                criterion=_criterion(data["criterion"]),
                value=float(data["value"]),
                precision=float(data["precision"]),
                recall=float(data["recall"]),
                beta=optional_float(data, "beta"),
                target=optional_float(data, "target"),
            )


def _criterion(name: str) -> Criterion:
    for known in CRITERIA:
        if name == known:
            return known
    raise UsageError(
        f"{name!r} is not a criterion for a threshold", remedy=f"Choose one of {', '.join(CRITERIA)}."
    )


class ThresholdSweep:
    """Every threshold's confusion counts, sorted once, looked up in O(log n).

    Takes 0/1 labels and finite scores of any range, both of shape (rows,). A row is predicted positive
    when `score >= threshold`. Scores are compared as float64, so a float32 score and the threshold that
    was read from it are equal. Memory: 24 bytes a row.
    """

    def __init__(
        self,
        actual: ArrayLike,
        scores: ArrayLike,
        *,
        negative_label: str = "0",
        positive_label: str = "1",
    ) -> None:
        truth = _inputs.binary_labels(actual, "actual")
        values = _inputs.numbers(scores, "scores")
        _inputs.same_length(truth, values, ("actual", "scores"))
        order = np.argsort(values, kind="stable")
        self._scores: NDArray[np.float64] = values[order]
        # _below[i] is the number of positive rows among the i lowest scores.
        self._below: NDArray[np.int64] = np.concatenate(([0], np.cumsum(truth[order], dtype=np.int64)))
        starts = np.flatnonzero(np.concatenate(([True], self._scores[1:] != self._scores[:-1])))
        above_all = np.nextafter(self._scores[-1], np.inf)
        self._starts: NDArray[np.int64] = np.append(starts, len(values))
        self._thresholds: NDArray[np.float64] = np.append(self._scores[starts], above_all)
        self._labels = (negative_label, positive_label)

    def __len__(self) -> int:
        return len(self._scores)

    @property
    def positives(self) -> int:
        """How many rows are positive."""
        return int(self._below[-1])

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Every threshold that gives different counts, ascending; the last one predicts nothing positive."""
        view = self._thresholds.view()
        view.flags.writeable = False
        return view

    def counts(self, threshold: float) -> tuple[int, int, int, int]:
        """Return (tp, fp, fn, tn) of `score >= threshold`; NaN is a `UsageError`, infinities are fine."""
        if np.isnan(threshold):
            raise UsageError("A threshold cannot be NaN", remedy="Give a number.")
        rank = int(np.searchsorted(self._scores, threshold, side="left"))
        fn = int(self._below[rank])
        tp = self.positives - fn
        return tp, len(self) - rank - tp, fn, rank - fn

    def matrix(self, threshold: float) -> ConfusionMatrix:
        """Return the confusion matrix of a threshold."""
        tp, fp, fn, tn = self.counts(threshold)
        return ConfusionMatrix.binary(
            tp=tp,
            fp=fp,
            fn=fn,
            tn=tn,
            negative_label=self._labels[0],
            positive_label=self._labels[1],
            threshold=float(threshold),
        )

    def measures(self, threshold: float) -> dict[str, float]:
        """Return accuracy, precision, recall, F1 and MCC at a threshold, from its four counts alone.

        With nothing to divide by, a measure counts as 0, as `binary_metrics` has it.
        """
        tp, fp, fn, tn = self.counts(threshold)
        root = float(np.sqrt(float(tp + fp) * float(tp + fn) * float(tn + fp) * float(tn + fn)))
        return {
            "accuracy": (tp + tn) / len(self),
            "precision": tp / (tp + fp) if tp + fp else 0.0,
            "recall": tp / (tp + fn) if tp + fn else 0.0,
            "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0,
            "mcc": (tp * tn - fp * fn) / root if root else 0.0,
        }

    def step(self, threshold: float, by: int) -> float:
        """Return the threshold `by` distinct thresholds higher (lower if negative), held within the range."""
        if by > 0:
            at = int(np.searchsorted(self._thresholds, threshold, side="right")) + by - 1
        elif by < 0:
            at = int(np.searchsorted(self._thresholds, threshold, side="left")) + by
        else:
            return float(threshold)
        return float(self._thresholds[min(max(at, 0), len(self._thresholds) - 1)])

    def nudge(self, threshold: float, rows: int) -> float:
        """Return the threshold at which at least `rows` more rows are predicted positive (fewer if negative).

        For arrow keys on large test sets, where one distinct score a key press would take thousands.
        """
        rank = int(np.searchsorted(self._scores, threshold, side="left")) - rows
        if rank >= len(self._scores):
            return float(self._thresholds[-1])
        if rows < 0:
            return float(self._thresholds[int(np.searchsorted(self._starts, rank, side="left"))])
        return float(self._scores[max(rank, 0)])

    def best(
        self, criterion: str = "f_beta", *, beta: float = 1.0, target: float | None = None
    ) -> ThresholdChoice:
        """Return the best threshold by a criterion; of equals the highest.

        `f_beta` and `accuracy` take the highest value; `precision_at_target_recall` the highest precision
        among thresholds with recall >= `target`; `recall_at_target_precision` the other way round. Precision
        counts as 0 where nothing is predicted positive. `UsageError` when the rows hold one class only, or
        when no threshold reaches the target.
        """
        wanted = _criterion(criterion)
        if self.positives in (0, len(self)):
            only = self._labels[1 if self.positives else 0]
            raise UsageError(
                f"All {len(self)} rows are of the class {only}, so no threshold can be chosen on them",
                remedy="Choose the threshold on rows of both classes: stratify the split.",
            )
        rank = self._starts.astype(np.float64)
        fn = self._below[self._starts].astype(np.float64)
        tp = self.positives - fn
        said = len(self) - rank
        precision = np.divide(tp, said, out=np.zeros_like(tp), where=said > 0)
        recall = tp / self.positives
        allowed = np.ones(len(tp), dtype=np.bool_)
        if wanted == "accuracy":
            value = (tp + rank - fn) / len(self)
        elif wanted == "f_beta":
            if not (np.isfinite(beta) and beta > 0):
                raise UsageError(f"beta is {beta}, but must be above 0", remedy="Take 1, 0.5 or 2.")
            square = beta * beta
            value = (1 + square) * tp / (square * self.positives + said)
        else:
            held, value = (
                (recall, precision) if wanted == "precision_at_target_recall" else (precision, recall)
            )
            if target is None or not 0 <= target <= 1:
                raise UsageError(
                    f"The criterion {wanted} needs a target from 0 to 1, not {target}",
                    remedy="Give the recall or precision that must be reached, for instance 0.8.",
                )
            allowed = held >= target
            if not allowed.any():
                top = int(np.argmax(held))
                raise UsageError(
                    f"No threshold reaches a precision of {target:g}; the highest is {held[top]:.4f} "
                    f"at {self._thresholds[top]:.6g}",
                    remedy="Lower the target.",
                )
        value = np.where(allowed, value, -1.0)
        at = len(value) - 1 - int(np.argmax(value[::-1]))
        return ThresholdChoice(
            threshold=float(self._thresholds[at]),
            criterion=wanted,
            value=float(value[at]),
            precision=float(precision[at]),
            recall=float(recall[at]),
            beta=float(beta) if wanted == "f_beta" else None,
            target=None if wanted in ("accuracy", "f_beta") else target,
        )
