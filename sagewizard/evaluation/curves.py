"""Owns the ROC and precision-recall curves with their thresholds, thinned to what a screen can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sagewizard.errors import DataError, UsageError
from sagewizard.evaluation import _inputs
from sagewizard.evaluation._reading import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

CurveKind = Literal["roc", "pr"]
MOST_POINTS = 400
"""Points kept of a curve: more than the columns of any terminal, and 10 KB as JSON."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, y, threshold) of a curve by ascending x, and the area under the whole curve before thinning.

    ROC: x is the false positive rate, y the true positive rate, area is ROC AUC. PR: x is recall, y is
    precision, area is the average precision (the step-wise sum, not the trapezoids). A row is predicted
    positive when its score is >= the threshold; all thresholds are finite.
    """

    kind: CurveKind
    x: tuple[float, ...]
    y: tuple[float, ...]
    thresholds: tuple[float, ...]
    area: float

    @property
    def x_name(self) -> str:
        """What x measures."""
        return "false positive rate" if self.kind == "roc" else "recall"

    @property
    def y_name(self) -> str:
        """What y measures."""
        return "true positive rate" if self.kind == "roc" else "precision"

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values that `from_dict` reads back."""
        return {
            "kind": self.kind,
            "x": list(self.x),
            "y": list(self.y),
            "thresholds": list(self.thresholds),
            "area": self.area,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Curve:
        """Read what `as_dict` wrote; `DataError` when it is something else."""
        with reading("a curve"):
            kind: CurveKind = "roc" if data["kind"] == "roc" else "pr"
            if data["kind"] not in ("roc", "pr"):
                raise ValueError(f"unknown kind {data['kind']!r}")
            x, y, thresholds = (tuple(float(v) for v in data[name]) for name in ("x", "y", "thresholds"))
            if not len(x) == len(y) == len(thresholds):
                raise ValueError("x, y and thresholds differ in length")
            return cls(kind, x, y, thresholds, float(data["area"]))


def roc_curve(actual: ArrayLike, scores: ArrayLike, *, points: int = MOST_POINTS) -> Curve:
    """Return the ROC curve of 0/1 labels and finite scores of shape (rows,).

    Starts at (0, 0) with a threshold just above the highest score, ends at (1, 1). At most `points` points.
    Raises `DataError` for rows of one class only, for which no ROC curve exists.
    """
    from sklearn import metrics

    truth, values = _both(actual, scores, "ROC")
    x, y, thresholds = metrics.roc_curve(truth, values, drop_intermediate=True)
    thresholds = np.where(np.isfinite(thresholds), thresholds, np.nextafter(values.max(), np.inf))
    return _thinned("roc", x, y, thresholds, float(metrics.auc(x, y)), points)


def pr_curve(actual: ArrayLike, scores: ArrayLike, *, points: int = MOST_POINTS) -> Curve:
    """Return the precision-recall curve of 0/1 labels and finite scores of shape (rows,).

    Starts at recall 0 with precision 1, where nothing is predicted positive, by convention; ends at recall 1.
    At most `points` points. Raises `DataError` for rows of one class only.
    """
    from sklearn import metrics

    truth, values = _both(actual, scores, "precision-recall")
    precision, recall, thresholds = metrics.precision_recall_curve(truth, values, drop_intermediate=True)
    thresholds = np.append(thresholds, np.nextafter(values.max(), np.inf))
    area = float(metrics.average_precision_score(truth, values))
    return _thinned("pr", recall[::-1], precision[::-1], thresholds[::-1], area, points)


def _both(actual: ArrayLike, scores: ArrayLike, name: str) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth = _inputs.binary_labels(actual, "actual")
    values = _inputs.numbers(scores, "scores")
    _inputs.same_length(truth, values, ("actual", "scores"))
    if truth.all() or not truth.any():
        raise DataError(
            f"All {len(truth)} rows are of the class {int(truth[0])}, so there is no {name} curve",
            remedy="Evaluate on rows of both classes: stratify the split.",
        )
    return truth, values


def _thinned(
    kind: CurveKind,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    area: float,
    points: int,
) -> Curve:
    """Keep both ends and points evenly spaced along the curve's length, where its corners are."""
    if points < 2:
        raise UsageError(f"A curve cannot have {points} points", remedy="Ask for at least 2.")
    if len(x) > points:
        length = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))))
        marks = np.linspace(0.0, length[-1], points)
        keep = np.unique(np.clip(np.searchsorted(length, marks), 0, len(x) - 1))
        keep[-1] = len(x) - 1
        x, y, thresholds = x[keep], y[keep], thresholds[keep]
    return Curve(
        kind, tuple(x.tolist()), tuple(y.tolist()), tuple(thresholds.astype(np.float64).tolist()), area
    )
