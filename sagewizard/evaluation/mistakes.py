"""Owns the list of what a model got wrong, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.evaluation import _inputs
from sagewizard.evaluation._reading import optional_float, reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong row: its index from 0 in the test set, what it is, what was said, and how wrong that is.

    `wrongness` orders the list. Binary: how far the score is on the wrong side of the threshold. Multiclass:
    the score of the predicted class less the score of the right one. Regression: the absolute error.
    """

    index: int
    actual: str
    predicted: str
    wrongness: float
    score: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values that `from_dict` reads back."""
        return {
            "index": self.index,
            "actual": self.actual,
            "predicted": self.predicted,
            "wrongness": self.wrongness,
            "score": self.score,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Mistake:
        """Read what `as_dict` wrote; `DataError` when it is something else."""
        with reading("a mistake"):
            return cls(
                int(data["index"]),
                str(data["actual"]),
                str(data["predicted"]),
                float(data["wrongness"]),
                optional_float(data, "score"),
            )


def binary_mistakes(
    actual: ArrayLike,
    scores: ArrayLike,
    *,
    threshold: float = 0.5,
    negative_label: str = "0",
    positive_label: str = "1",
    limit: int | None = 100,
) -> list[Mistake]:
    """List the rows on the wrong side of the threshold, the farthest first, of equals the earlier row."""
    truth = _inputs.binary_labels(actual, "actual")
    values = _inputs.numbers(scores, "scores")
    _inputs.same_length(truth, values, ("actual", "scores"))
    said = values >= threshold
    wrongness = np.abs(values - threshold)
    names = (negative_label, positive_label)
    return [
        Mistake(i, names[int(truth[i])], names[int(said[i])], float(wrongness[i]), float(values[i]))
        for i in _worst(truth != said, wrongness, limit)
    ]


def multiclass_mistakes(
    actual: ArrayLike,
    scores: ArrayLike,
    labels: Sequence[object],
    *,
    limit: int | None = 100,
) -> list[Mistake]:
    """List the rows whose highest of (rows, classes) scores is another class, the widest lead first."""
    names = _inputs.class_names(list(labels), "labels")
    values = _inputs.matrix(scores, "scores", len(names))
    at = {name: i for i, name in enumerate(names)}
    given = _inputs.class_names(actual, "actual")
    truth = np.array([at.get(name, -1) for name in given])
    _inputs.same_length(truth, values, ("actual", "scores"))
    said = values.argmax(axis=1)
    rows = np.arange(len(said))
    # A class that the model does not know has no score of its own: it counts as 0.
    own = np.where(truth >= 0, values[rows, np.maximum(truth, 0)], 0.0)
    lead = values[rows, said] - own
    return [
        Mistake(i, given[i], names[said[i]], float(lead[i]), float(values[i, said[i]]))
        for i in _worst(truth != said, lead, limit)
    ]


def regression_mistakes(actual: ArrayLike, predicted: ArrayLike, *, limit: int | None = 100) -> list[Mistake]:
    """List the rows predicted with an error, the largest first."""
    truth = _inputs.numbers(actual, "actual")
    said = _inputs.numbers(predicted, "predicted")
    _inputs.same_length(truth, said, ("actual", "predicted"))
    error = np.abs(said - truth)
    return [
        Mistake(i, f"{truth[i]:.6g}", f"{said[i]:.6g}", float(error[i]), float(said[i]))
        for i in _worst(error > 0, error, limit)
    ]


def _worst(wrong: NDArray[np.bool_], wrongness: NDArray[np.float64], limit: int | None) -> list[int]:
    rows = np.flatnonzero(wrong)
    order = np.argsort(-wrongness[rows], kind="stable")
    chosen: list[int] = rows[order[:limit]].tolist()
    return chosen
