"""Owns the confusion matrix: its counts, its rates and its form as JSON; importing it costs no numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sagewizard.errors import DataError
from sagewizard.evaluation._reading import optional_float, reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

Normalise = Literal["actual", "predicted", "all"]


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """Counts of (actual row, predicted column) for each pair of labels.

    `counts[i][j]` is how many rows of class `labels[i]` were predicted as `labels[j]`. `positive` is the
    label that counts as positive when there are two, None otherwise. `threshold` is the score from which
    on (inclusive) a row was predicted positive, where the predictions came from a threshold.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    positive: str | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        size = len(self.labels)
        if size < 1 or len(set(self.labels)) != size:
            raise DataError("A confusion matrix needs labels that differ", remedy="Name each class once.")
        if len(self.counts) != size or any(len(row) != size for row in self.counts):
            raise DataError(
                f"A confusion matrix of {size} labels needs {size} rows of {size} counts",
                remedy="Give one row and one column for each label.",
            )
        if any(count < 0 for row in self.counts for count in row):
            raise DataError("A confusion matrix cannot hold negative counts", remedy="Count rows.")
        if self.positive is not None and (size != 2 or self.positive not in self.labels):
            raise DataError(
                f"{self.positive!r} cannot be the positive label of {list(self.labels)}",
                remedy="A positive label is one of exactly two labels.",
            )

    @classmethod
    def from_predictions(
        cls,
        actual: ArrayLike,
        predicted: ArrayLike,
        *,
        labels: Sequence[object] | None = None,
        positive: object | None = None,
    ) -> ConfusionMatrix:
        """Count labels against predicted labels, each of shape (rows,).

        Labels are compared as text after whole numbers lose their decimal point. Without `labels`, all that
        occur are taken, in order of number or text. With two labels, `positive` defaults to "1" if it is one
        of them. Raises `DataError` for no rows, unequal lengths, NaN, or a label that `labels` does not name.
        """
        import numpy as np

        from sagewizard.evaluation import _inputs

        first = _inputs.class_names(actual, "actual")
        second = _inputs.class_names(predicted, "predicted")
        if len(first) != len(second):
            raise DataError(
                f"There are {len(first)} labels and {len(second)} predictions",
                remedy="Each row of the test set needs one label and one prediction.",
            )
        names = (
            _inputs.in_order({*first, *second})
            if labels is None
            else _inputs.class_names(list(labels), "labels")
        )
        index = {name: i for i, name in enumerate(names)}
        for what, values in (("label", first), ("prediction", second)):
            if not index.keys() >= set(values):
                row = next(i for i, value in enumerate(values) if value not in index)
                raise DataError(
                    f"The {what} {values[row]!r} is none of the classes {', '.join(names)}",
                    remedy="Name every class, or leave the list of classes out.",
                    row=row + 1,
                )
        size = len(names)
        pairs = np.fromiter((index[v] for v in first), np.int64, len(first)) * size
        pairs += np.fromiter((index[v] for v in second), np.int64, len(second))
        counts = np.bincount(pairs, minlength=size * size).reshape(size, size)
        chosen: str | None = None
        if positive is not None:
            chosen = _inputs.class_names([positive], "positive")[0]
        elif size == 2 and "1" in index:
            chosen = "1"
        return cls(tuple(names), tuple(tuple(int(v) for v in row) for row in counts), chosen)

    @classmethod
    def at_threshold(
        cls,
        actual: ArrayLike,
        scores: ArrayLike,
        threshold: float,
        *,
        negative_label: str = "0",
        positive_label: str = "1",
    ) -> ConfusionMatrix:
        """Count 0/1 labels against `score >= threshold`; to try many thresholds, use `ThresholdSweep`."""
        import numpy as np

        from sagewizard.evaluation import _inputs

        truth = _inputs.binary_labels(actual, "actual")
        values = _inputs.numbers(scores, "scores")
        _inputs.same_length(truth, values, ("actual", "scores"))
        if np.isnan(threshold):
            raise DataError("A threshold cannot be NaN", remedy="Give a number.")
        said = values >= threshold
        tp = int(np.count_nonzero(truth & said))
        fp = int(np.count_nonzero(said)) - tp
        fn = int(np.count_nonzero(truth)) - tp
        return cls.binary(
            tp=tp,
            fp=fp,
            fn=fn,
            tn=len(truth) - tp - fp - fn,
            negative_label=negative_label,
            positive_label=positive_label,
            threshold=float(threshold),
        )

    @classmethod
    def binary(
        cls,
        *,
        tp: int,
        fp: int,
        fn: int,
        tn: int,
        negative_label: str = "0",
        positive_label: str = "1",
        threshold: float | None = None,
    ) -> ConfusionMatrix:
        """Build the matrix of two labels, the negative one first."""
        return cls((negative_label, positive_label), ((tn, fp), (fn, tp)), positive_label, threshold)

    def _cell(self, actual_positive: bool, predicted_positive: bool) -> int:
        if self.positive is None:
            raise DataError(
                "Only a matrix of two labels, one of them positive, has true and false positives",
                remedy="Read the counts by label instead.",
            )
        at = self.labels.index(self.positive)
        return self.counts[at if actual_positive else 1 - at][at if predicted_positive else 1 - at]

    @property
    def tp(self) -> int:
        """True positives: positive, and predicted positive."""
        return self._cell(True, True)

    @property
    def fp(self) -> int:
        """False positives: negative, but predicted positive."""
        return self._cell(False, True)

    @property
    def fn(self) -> int:
        """False negatives: positive, but predicted negative."""
        return self._cell(True, False)

    @property
    def tn(self) -> int:
        """True negatives: negative, and predicted negative."""
        return self._cell(False, False)

    @property
    def total(self) -> int:
        """How many rows were counted."""
        return sum(self.actual_totals)

    @property
    def correct(self) -> int:
        """How many rows were predicted right: the diagonal."""
        return sum(self.counts[i][i] for i in range(len(self.labels)))

    @property
    def accuracy(self) -> float | None:
        """Right predictions in all, 0 to 1; None of an empty matrix."""
        return self.correct / self.total if self.total else None

    @property
    def actual_totals(self) -> tuple[int, ...]:
        """Rows of each actual class, in the order of `labels`."""
        return tuple(sum(row) for row in self.counts)

    @property
    def predicted_totals(self) -> tuple[int, ...]:
        """Rows predicted as each class, in the order of `labels`."""
        return tuple(sum(column) for column in zip(*self.counts, strict=True))

    @property
    def recalls(self) -> tuple[float | None, ...]:
        """Of each actual class, the share predicted right; None for a class without rows."""
        return tuple(
            row[i] / total if total else None
            for i, (row, total) in enumerate(zip(self.counts, self.actual_totals, strict=True))
        )

    @property
    def precisions(self) -> tuple[float | None, ...]:
        """Of the rows predicted as each class, the share that is right; None for one never predicted."""
        return tuple(
            self.counts[i][i] / total if total else None for i, total in enumerate(self.predicted_totals)
        )

    def rates(self, by: Normalise = "actual") -> tuple[tuple[float | None, ...], ...]:
        """Return the counts divided by their row's total, their column's, or all; None where that is 0."""
        rows, columns, everything = self.actual_totals, self.predicted_totals, self.total

        def rate(i: int, j: int) -> float | None:
            total = {"actual": rows[i], "predicted": columns[j], "all": everything}[by]
            return self.counts[i][j] / total if total else None

        size = range(len(self.labels))
        return tuple(tuple(rate(i, j) for j in size) for i in size)

    def confusions(self) -> list[tuple[str, str, int]]:
        """List (actual, predicted, count) of every wrong pair that occurs, the most frequent first."""
        size = range(len(self.labels))
        wrong = [(i, j) for i in size for j in size if i != j and self.counts[i][j]]
        wrong.sort(key=lambda pair: (-self.counts[pair[0]][pair[1]], pair))
        return [(self.labels[i], self.labels[j], self.counts[i][j]) for i, j in wrong]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values that `from_dict` reads back."""
        return {
            "kind": "confusion_matrix",
            "labels": list(self.labels),
            "counts": [list(row) for row in self.counts],
            "positive": self.positive,
            "threshold": self.threshold,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ConfusionMatrix:
        """Read what `as_dict` wrote; `DataError` when it is something else."""
        with reading("a confusion matrix"):
            positive = data.get("positive")
            return cls(
                tuple(str(label) for label in data["labels"]),
                tuple(tuple(int(count) for count in row) for row in data["counts"]),
                None if positive is None else str(positive),
                optional_float(data, "threshold"),
            )
