"""The stored outcome of a run's evaluation: labels, predictions, scores, metrics, curves and threshold.

Everything comes from the run's folder, so it can be looked at when the target is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard import evaluation
from sagewizard.engine import predictions
from sagewizard.errors import SageWizardError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from sagewizard.evaluation.metrics import Metrics

FILE = "evaluation.json"
BINARY, MULTICLASS, REGRESSION = "binary_classifier", "multiclass_classifier", "regressor"
CLUSTERING = "clustering"


@dataclass(frozen=True)
class Results:
    """What the step evaluate measured, and the rows it measured on.

    `expected`, `predicted` (rows,) float64: positions in `classes`, or the numbers of a regression; `scores`
    (rows, k) float64 with k = 1 but for several classes. `threshold` is the model's own: a row is positive
    when its score is above it; None where there is none or it is not known.
    """

    kind: str
    source: str
    split: str
    classes: tuple[str, ...]
    expected: NDArray[np.float64]
    predicted: NDArray[np.float64]
    scores: NDArray[np.float64]
    metrics: Metrics
    confusion: evaluation.ConfusionMatrix | None
    curves: Mapping[str, evaluation.Curve]
    threshold: float | None

    def __len__(self) -> int:
        return len(self.expected)

    @property
    def cut(self) -> float:
        """The threshold t for which `score >= t` tells what the model told, as `ThresholdSweep` compares.

        Without the model's own threshold it is read from the rows: the lowest score predicted positive.
        """
        if self.threshold is not None:
            return float(np.nextafter(self.threshold, np.inf))
        said = self.scores[self.predicted == 1, 0]
        return float(said.min()) if len(said) else float(np.nextafter(self.scores.max(), np.inf))

    def sweep(self) -> evaluation.ThresholdSweep:
        """Return the counts at every threshold; for a binary classifier."""
        if self.kind != BINARY:
            raise UsageError(f"A {self.kind} has no threshold.", remedy="Look at its confusion matrix.")
        return evaluation.ThresholdSweep(
            self.expected, self.scores[:, 0], negative_label=self.classes[0], positive_label=self.classes[1]
        )

    def mistakes(self, limit: int | None = None) -> list[evaluation.Mistake]:
        """Return the rows that the model got wrong, the worst first; of a regression, all with an error."""
        if self.kind == REGRESSION:
            return evaluation.regression_mistakes(self.expected, self.predicted, limit=limit)
        if self.kind == BINARY:
            return self.mistakes_at(self.cut, limit)
        if self.kind == CLUSTERING:
            return []
        return evaluation.multiclass_mistakes(
            self._names(self.expected), self.scores, list(self.classes), limit=limit
        )

    def mistakes_at(self, cut: float, limit: int | None = None) -> list[evaluation.Mistake]:
        """Return the rows on the wrong side of a threshold, the farthest first."""
        return evaluation.binary_mistakes(
            self.expected, self.scores[:, 0], threshold=cut, negative_label=self.classes[0],
            positive_label=self.classes[1], limit=limit,
        )  # fmt: skip

    def class_curves(self, number: int) -> tuple[evaluation.Curve, evaluation.Curve]:
        """Return the ROC and the precision-recall curve of one class against the rest. DataError without."""
        if self.kind == BINARY and number == 1 and {"roc", "pr"} <= self.curves.keys():
            return self.curves["roc"], self.curves["pr"]
        if self.scores.shape[1] != len(self.classes):
            raise UsageError(
                "The predictions hold no score for each class.", remedy="Look at the matrix instead."
            )
        truth = self.expected == number
        return (
            evaluation.roc_curve(truth, self.scores[:, number]),
            evaluation.pr_curve(truth, self.scores[:, number]),
        )

    def _names(self, values: NDArray[np.float64]) -> list[str]:
        return [self.classes[int(value)] for value in values]


def measure(
    kind: str,
    classes: tuple[str, ...],
    expected: Sequence[float],
    predicted: Sequence[float],
    scores: Sequence[tuple[float, ...]],
    *,
    source: str,
    split: str,
    threshold: float | None,
) -> Results:
    """Measure predictions against the targets: metrics, confusion matrix, curves."""
    true, said = np.array(expected), np.array(predicted)
    table = np.array(scores, dtype=np.float64)
    confusion: evaluation.ConfusionMatrix | None = None
    metrics: Metrics
    curves: dict[str, evaluation.Curve] = {}
    if kind == REGRESSION:
        metrics = evaluation.regression_metrics(true, said)
    else:
        names = np.array(classes)
        labels, answers = names[true.astype(int)], names[said.astype(int)]
        confusion = evaluation.ConfusionMatrix.from_predictions(
            labels, answers, labels=list(classes), positive=classes[1] if len(classes) == 2 else None
        )
        if kind == BINARY:
            metrics = evaluation.binary_metrics(true, table[:, 0], predicted=said)
            if 0 < true.sum() < len(true):
                curves = {
                    "roc": evaluation.roc_curve(true, table[:, 0]),
                    "pr": evaluation.pr_curve(true, table[:, 0]),
                }
        else:
            metrics = evaluation.multiclass_metrics(
                labels, answers, scores=table if table.shape[1] == len(classes) else None,
                labels=list(classes),
            )  # fmt: skip
    return Results(
        kind, source, split, classes, true, said, table, metrics, confusion, curves, threshold
    )  # fmt: skip


def as_dict(results: Results, *, predictions_file: str) -> dict[str, Any]:
    """Return what evaluation.json holds; the rows themselves stay in the file of the predictions."""
    wrong = np.flatnonzero(results.expected != results.predicted) + 1
    return {
        "kind": results.kind,
        "source": results.source,
        "split": results.split,
        "rows": len(results),
        "classes": list(results.classes),
        "threshold": results.threshold,
        "metrics": results.metrics.as_dict(),
        "confusion": results.confusion.as_dict() if results.confusion else None,
        "curves": {name: curve.as_dict() for name, curve in results.curves.items()},
        "wrong_rows": wrong.tolist() if results.confusion else [],
        "predictions": predictions_file,
    }


def load(folder: Path) -> Results:
    """Read the results of a run from its folder. UsageError when there are none or they are damaged."""
    import orjson

    path = folder / "results" / FILE
    try:
        body = orjson.loads(path.read_bytes())
        name = str(body["predictions"])
        if "/" in name or name.startswith("."):
            raise ValueError(f"the predictions cannot be in {name!r}")
        confusion = body["confusion"]
        stored = (
            str(body["kind"]),
            evaluation.load_metrics(body["metrics"]),
            evaluation.ConfusionMatrix.from_dict(confusion) if confusion else None,
            {key: evaluation.Curve.from_dict(value) for key, value in body["curves"].items()},
            None if body["threshold"] is None else float(body["threshold"]),
        )
        classes = tuple(str(label) for label in body["classes"])
        source, split = str(body["source"]), str(body["split"])
    except FileNotFoundError as error:
        raise UsageError("This run has not been evaluated yet.", remedy="Do the step evaluate.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SageWizardError) as error:
        raise UsageError(
            f"The evaluation of this run cannot be read: {error}.", where=str(path),
            remedy="Make it again: --from evaluate.",
        ) from error  # fmt: skip
    expected, predicted, scores = predictions.load(path.parent / name)
    kind, metrics, matrix, curves, threshold = stored
    return Results(
        kind, source, split, classes, np.array(expected), np.array(predicted),
        np.array(scores, dtype=np.float64), metrics, matrix, curves, threshold,
    )  # fmt: skip
