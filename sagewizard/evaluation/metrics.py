"""Owns the metrics of predictions: binary, multiclass, regression, and what is undefined in words."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sagewizard.errors import DataError, UsageError
from sagewizard.evaluation import _inputs
from sagewizard.evaluation._reading import optional_float, reading
from sagewizard.evaluation.confusion import ConfusionMatrix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike


class _Metrics:
    """What the three kinds share: their form as JSON."""

    __slots__ = ()
    kind = ""
    notes: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values that `from_dict` reads back; an undefined metric is None."""
        values: dict[str, Any] = {"kind": self.kind}
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if isinstance(value, tuple):
                value = [each.as_dict() if hasattr(each, "as_dict") else each for each in value]
            values[item.name] = dict(value) if isinstance(value, dict) else value
        return values

    def scores(self) -> dict[str, float | None]:
        """Return the metrics alone, by name, in the order in which they are shown."""
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)  # type: ignore[arg-type]
            if item.name not in ("rows", "threshold", "notes", "per_class", "top_k", "positives", "clusters")
        }

    @classmethod
    def _read(cls, data: Mapping[str, Any], numbers: Sequence[str], **others: Any) -> Self:
        if data.get("kind") != cls.kind:
            raise ValueError(f"the kind is {data.get('kind')!r}, not {cls.kind!r}")
        notes = {str(k): str(v) for k, v in dict(data.get("notes") or {}).items()}
        others |= {name: optional_float(data, name) for name in numbers}
        return cls(**others, notes=notes)  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class BinaryMetrics(_Metrics):
    """How well 0/1 labels were predicted, all from 0 to 1 but `mcc` (-1 to 1) and `log_loss` (from 0 up).

    None means undefined on these rows; `notes` says why, by metric. A precision, recall or F1 with nothing to
    divide by counts as 0, an `mcc` likewise, and `notes` says so.
    """

    rows: int
    positives: int
    threshold: float | None
    accuracy: float
    precision: float
    recall: float
    f1: float
    mcc: float
    roc_auc: float | None = None
    pr_auc: float | None = None
    log_loss: float | None = None
    notes: dict[str, str] = field(default_factory=dict)

    kind = "binary"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BinaryMetrics:
        """Read what `as_dict` wrote; `DataError` when it is something else."""
        names = [f.name for f in fields(cls) if f.name not in ("rows", "positives", "notes")]
        with reading("a set of binary metrics"):
            return cls._read(data, names, rows=int(data["rows"]), positives=int(data["positives"]))


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """Precision, recall and F1 of one class, and how many rows it has (`support`)."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True)
class MulticlassMetrics(_Metrics):
    """How well one of several classes was predicted; macro is the mean of classes, weighted the mean by rows.

    A class with nothing to divide by counts as 0, and `notes` names it. `top_k_accuracy` is the share of rows
    whose class is among the `top_k` highest scores, None without scores.
    """

    rows: int
    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    weighted_precision: float
    weighted_recall: float
    weighted_f1: float
    mcc: float
    per_class: tuple[ClassMetrics, ...]
    top_k: int | None = None
    top_k_accuracy: float | None = None
    log_loss: float | None = None
    notes: dict[str, str] = field(default_factory=dict)

    kind = "multiclass"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MulticlassMetrics:
        """Read what `as_dict` wrote; `DataError` when it is something else."""
        skip = ("rows", "per_class", "top_k", "notes")
        with reading("a set of multiclass metrics"):
            classes = tuple(
                ClassMetrics(
                    str(c["label"]),
                    float(c["precision"]),
                    float(c["recall"]),
                    float(c["f1"]),
                    int(c["support"]),
                )
                for c in data["per_class"]
            )
            top = data.get("top_k")
            return cls._read(
                data,
                [f.name for f in fields(cls) if f.name not in skip],
                rows=int(data["rows"]),
                per_class=classes,
                top_k=None if top is None else int(top),
            )


@dataclass(frozen=True, slots=True)
class RegressionMetrics(_Metrics):
    """How well numbers were predicted: `rmse` and `mae` in the label's unit, `mape` a share (0.1 is 10 %).

    `r2` is None for fewer than two rows or a label that never changes, `mape` where a label is 0.
    """

    rows: int
    rmse: float
    mae: float
    r2: float | None = None
    mape: float | None = None
    notes: dict[str, str] = field(default_factory=dict)

    kind = "regression"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RegressionMetrics:
        """Read what `as_dict` wrote; `DataError` when it is something else."""
        with reading("a set of regression metrics"):
            return cls._read(data, ["rmse", "mae", "r2", "mape"], rows=int(data["rows"]))


@dataclass(frozen=True, slots=True)
class ClusterMetrics(_Metrics):
    """How well rows fall into clusters.

    `silhouette` (-1 to 1) asks whether rows are nearer to their own cluster than to the next, and needs no
    labels. `adjusted_rand` (up to 1; 0 for chance) and `purity` (the share of rows that carry the commonest
    label of their cluster) compare the clusters with labels that the algorithm never saw.
    """

    rows: int
    clusters: int
    silhouette: float | None = None
    adjusted_rand: float | None = None
    purity: float | None = None
    notes: dict[str, str] = field(default_factory=dict)

    kind = "clustering"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClusterMetrics:
        """Read what `as_dict` wrote; `DataError` when it is something else."""
        names = [f.name for f in fields(cls) if f.name not in ("rows", "clusters", "notes")]
        with reading("a set of cluster metrics"):
            return cls._read(data, names, rows=int(data["rows"]), clusters=int(data["clusters"]))


_LARGEST = 1e140
"""A billion squares of it still add up to less than the largest float64."""

Metrics = BinaryMetrics | MulticlassMetrics | RegressionMetrics | ClusterMetrics


def load_metrics(data: Mapping[str, Any]) -> Metrics:
    """Read metrics of any kind from what their `as_dict` wrote; `DataError` when it is something else."""
    kinds: dict[str, type[Metrics]] = {
        c.kind: c for c in (BinaryMetrics, MulticlassMetrics, RegressionMetrics, ClusterMetrics)
    }
    with reading("a set of metrics"):
        return kinds[data["kind"]].from_dict(data)


def binary_metrics(
    actual: ArrayLike,
    scores: ArrayLike | None = None,
    *,
    predicted: ArrayLike | None = None,
    threshold: float | None = None,
) -> BinaryMetrics:
    """Measure 0/1 labels against scores, predicted labels or both, each of shape (rows,).

    Predictions are `predicted` if given (a model's own labels, from its calibrated threshold), else
    `score >= threshold` (default 0.5). ROC AUC, PR AUC (average precision) and log loss need scores; log loss
    needs them to be probabilities. Raises `DataError` for empty, unequal, NaN or non-binary input.
    """
    from sklearn import metrics

    truth = _inputs.binary_labels(actual, "actual")
    values = None if scores is None else _inputs.numbers(scores, "scores")
    notes: dict[str, str] = {}
    if predicted is not None:
        said = _inputs.binary_labels(predicted, "predicted")
    elif values is not None:
        threshold = 0.5 if threshold is None else float(threshold)
        said = values >= threshold
    else:
        raise UsageError("There are neither scores nor predicted labels", remedy="Pass one of them.")
    _inputs.same_length(truth, said, ("actual", "predicted"))
    tp, positives, claimed = (int(np.count_nonzero(v)) for v in (truth & said, truth, said))
    if not claimed:
        notes["precision"] = "no row was predicted positive; counted as 0"
    if not positives:
        notes["recall"] = "no row is positive; counted as 0"
    if positives in (0, len(truth)) or claimed in (0, len(truth)):
        notes["mcc"] = "all labels or all predictions are the same; counted as 0"
    auc = average = loss = None
    if values is None:
        for name in ("roc_auc", "pr_auc", "log_loss"):
            notes[name] = "needs scores; there are only predicted labels"
    else:
        _inputs.same_length(truth, values, ("actual", "scores"))
        if positives in (0, len(truth)):
            for name in ("roc_auc", "pr_auc"):
                notes[name] = f"all rows are of the class {int(truth[0])}"
        else:
            auc = float(metrics.roc_auc_score(truth, values))
            average = float(metrics.average_precision_score(truth, values))
        if values.min() < 0 or values.max() > 1:
            notes["log_loss"] = "the scores are not probabilities"
        else:
            loss = float(metrics.log_loss(truth, values, labels=[False, True]))
    return BinaryMetrics(
        rows=len(truth),
        positives=positives,
        threshold=threshold,
        accuracy=float(np.mean(truth == said)),
        precision=tp / claimed if claimed else 0.0,
        recall=tp / positives if positives else 0.0,
        f1=2 * tp / (positives + claimed) if positives + claimed else 0.0,
        mcc=0.0 if "mcc" in notes else float(metrics.matthews_corrcoef(truth, said)),
        roc_auc=auc,
        pr_auc=average,
        log_loss=loss,
        notes=notes,
    )


def multiclass_metrics(
    actual: ArrayLike,
    predicted: ArrayLike | None = None,
    *,
    scores: ArrayLike | None = None,
    labels: Sequence[object] | None = None,
    top_k: int = 3,
) -> MulticlassMetrics:
    """Measure labels against predicted labels, scores or both.

    `actual` and `predicted` have the shape (rows,); `scores` (rows, classes) with columns in the order of
    `labels`, which scores need. Without `predicted`, the highest score decides, the first of equals.
    Raises `DataError` for empty, unequal or NaN input and for a label that `labels` does not name.
    """
    from sklearn import metrics

    if scores is not None and labels is None:
        raise UsageError("Scores need the labels of their columns", remedy="Pass labels in column order.")
    names = None if labels is None else _inputs.class_names(list(labels), "labels")
    values = None if scores is None or names is None else _inputs.matrix(scores, "scores", len(names))
    if predicted is None:
        if values is None or names is None:
            raise UsageError("There are neither scores nor predicted labels", remedy="Pass one of them.")
        predicted = np.asarray(names)[values.argmax(axis=1)]
    confusion = ConfusionMatrix.from_predictions(actual, predicted, labels=names)
    order = list(confusion.labels)
    at = {name: i for i, name in enumerate(order)}
    truth = np.array([at[name] for name in _inputs.class_names(actual, "actual")])
    said = np.array([at[name] for name in _inputs.class_names(predicted, "predicted")])
    notes: dict[str, str] = {}
    without = [n for n, total in zip(order, confusion.actual_totals, strict=True) if not total]
    never = [n for n, total in zip(order, confusion.predicted_totals, strict=True) if not total]
    if without:
        notes["macro_recall"] = f"no rows of {', '.join(without)}; counted as 0"
    if never:
        notes["macro_precision"] = f"never predicted: {', '.join(never)}; counted as 0"
    of_class = metrics.precision_recall_fscore_support(truth, said, labels=range(len(order)), zero_division=0)
    one_sided = len(np.unique(truth)) < 2 or len(np.unique(said)) < 2
    if one_sided:
        notes["mcc"] = "all labels or all predictions are the same; counted as 0"
    top: float | None = None
    loss: float | None = None
    if values is None:
        notes["top_k_accuracy"] = notes["log_loss"] = "needs scores; there are only predicted labels"
    else:
        _inputs.same_length(truth, values, ("actual", "scores"))
        top_k = max(1, min(top_k, len(order)))
        own = values[np.arange(len(truth)), truth]
        # Of equal scores the first column ranks higher, as it does when the highest score decides.
        ties = (values == own[:, None]) & (np.arange(len(order)) < truth[:, None])
        top = float(np.mean(((values > own[:, None]).sum(axis=1) + ties.sum(axis=1)) < top_k))
        if values.min() < 0 or np.abs(values.sum(axis=1) - 1).max() > 1e-3:
            notes["log_loss"] = "the scores of a row are not probabilities that add up to 1"
        else:
            loss = float(-np.mean(np.log(np.clip(own, np.finfo(np.float64).eps, 1.0))))
    means = {
        average: metrics.precision_recall_fscore_support(
            truth, said, labels=range(len(order)), average=average, zero_division=0
        )
        for average in ("macro", "weighted")
    }
    return MulticlassMetrics(
        rows=len(truth),
        accuracy=float(np.mean(truth == said)),
        macro_precision=float(means["macro"][0]),
        macro_recall=float(means["macro"][1]),
        macro_f1=float(means["macro"][2]),
        weighted_precision=float(means["weighted"][0]),
        weighted_recall=float(means["weighted"][1]),
        weighted_f1=float(means["weighted"][2]),
        mcc=0.0 if one_sided else float(metrics.matthews_corrcoef(truth, said)),
        per_class=tuple(
            ClassMetrics(name, float(p), float(r), float(f), int(s))
            for name, p, r, f, s in zip(order, *of_class, strict=True)
        ),
        top_k=top_k if top is not None else None,
        top_k_accuracy=top,
        log_loss=loss,
        notes=notes,
    )


def regression_metrics(actual: ArrayLike, predicted: ArrayLike) -> RegressionMetrics:
    """Measure numbers against predicted numbers, both of shape (rows,) and finite; `DataError` otherwise."""
    from sklearn import metrics

    truth = _inputs.numbers(actual, "actual")
    said = _inputs.numbers(predicted, "predicted")
    _inputs.same_length(truth, said, ("actual", "predicted"))
    if max(np.abs(truth).max(), np.abs(said).max()) > _LARGEST:
        raise DataError(
            f"A label or prediction is beyond {_LARGEST:g}: its error is too large to be squared",
            remedy="A model that diverged predicts such numbers: scale the label or lower the learning rate.",
        )
    notes: dict[str, str] = {}
    r2 = mape = None
    if len(truth) < 2:
        notes["r2"] = "needs at least two rows"
    elif np.all(truth == truth[0]):
        notes["r2"] = "every label is the same"
    else:
        r2 = float(metrics.r2_score(truth, said))
    zeros = int(np.count_nonzero(truth == 0))
    if zeros:
        notes["mape"] = f"{zeros} of {len(truth)} labels are 0"
    else:
        mape = float(metrics.mean_absolute_percentage_error(truth, said))
    return RegressionMetrics(
        rows=len(truth),
        rmse=float(metrics.root_mean_squared_error(truth, said)),
        mae=float(metrics.mean_absolute_error(truth, said)),
        r2=r2,
        mape=mape,
        notes=notes,
    )
