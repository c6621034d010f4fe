"""Step evaluate: predictions of the test split against its labels: confusion matrix, metrics, curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.engine import predictions, results
from sagewizard.engine.artifact import threshold_of
from sagewizard.engine.formats import natural_threshold
from sagewizard.engine.results import FILE
from sagewizard.engine.state import write_atomically
from sagewizard.engine.steps import predict, transform
from sagewizard.engine.steps.result import StepResult
from sagewizard.errors import UsageError
from sagewizard.events import EvaluationMade
from sagewizard.outcome_events import ClustersMeasured, ThresholdRow, ThresholdsCompared
from sagewizard.recipe.tasks import BINARY, CLUSTERING

if TYPE_CHECKING:
    from pathlib import Path

    from sagewizard.engine.context import RunContext

WRONG_ROWS = 200
JUDGED = "predictions-evaluated.csv"
"""The predictions with the classes of the evaluation, where these are not the model's own."""


def run(context: RunContext) -> StepResult:
    """Measure, write results/evaluation.json, tell the outcome."""
    import orjson

    source, path = _source(context)
    if context.recipe.task == CLUSTERING:
        found, path = _clusters(context, source, path)
    else:
        threshold = _threshold(context)
        if context.recipe.threshold is not None and context.recipe.task == BINARY:
            path = _judge(context, path, context.recipe.threshold)
        found = results.measure(
            context.recipe.task, context.dataset.classes, *predictions.load(path), source=source,
            split="test", threshold=threshold,
        )  # fmt: skip
        _compare_thresholds(context, found)
    values = {name: float(value) for name, value in found.metrics.scores().items() if value is not None}
    confusion = found.confusion
    body = results.as_dict(found, predictions_file=path.name)
    write_atomically(context.results / FILE, orjson.dumps(body, option=orjson.OPT_INDENT_2))
    context.emit(
        EvaluationMade, step="evaluate", source=source, split="test",
        labels=confusion.labels if confusion else (), confusion=confusion.counts if confusion else (),
        metrics=values, wrong_rows=tuple(body["wrong_rows"][:WRONG_ROWS]),
        files={"evaluation": FILE, "predictions": path.name},
    )  # fmt: skip
    shown = {
        "f1": "F1",
        "macro_f1": "macro F1",
        "rmse": "RMSE",
        "mae": "MAE",
        "r2": "R2",
        "accuracy": "accuracy",
        "roc_auc": "ROC AUC",
        "silhouette": "silhouette",
        "purity": "purity",
    }
    summary = ", ".join(f"{title} {values[name]:.4f}" for name, title in shown.items() if name in values)
    return StepResult(
        summary[0].upper() + summary[1:],
        {
            "source": source,
            "metrics": values,
            "labels": list(confusion.labels) if confusion else [],
            "confusion": [list(row) for row in confusion.counts] if confusion else [],
        },
    )


def _threshold(context: RunContext) -> float | None:
    """Return the threshold in force: the one asked for, else the model's own; None where there is none."""
    if context.recipe.task != BINARY or context.recipe.algorithm.script_mode:
        return None
    if context.recipe.threshold is not None:
        return context.recipe.threshold
    if context.recipe.algorithm.name == "linear-learner":
        return threshold_of(context)
    return natural_threshold(context.recipe)


def _judge(context: RunContext, path: Path, threshold: float) -> Path:
    """Write the predictions once more, with the classes that a threshold makes of the scores."""
    expected, _predicted, scores = predictions.load(path)
    answers = [predictions.Answer(float(row[0] > threshold), row) for row in scores]
    judged = context.results / JUDGED
    predictions.save(judged, answers, expected)
    return judged


def _compare_thresholds(context: RunContext, found: results.Results) -> None:
    """Tell what the threshold in force gives, and beside it what 0.5 would have given."""
    import numpy as np

    if found.kind != BINARY or found.threshold is None:
        return
    natural = natural_threshold(context.recipe)
    if found.threshold == natural:
        return
    sweep = found.sweep()
    rows = []
    for threshold in (found.threshold, natural):
        # The sweep compares with >=, and a row is positive when its score is above the threshold.
        cut = float(np.nextafter(threshold, np.inf))
        tp, fp, fn, tn = sweep.counts(cut)
        measures = sweep.measures(cut)
        rows.append(
            ThresholdRow(
                threshold, tp, fp, fn, tn, measures["accuracy"], measures["precision"], measures["recall"],
                measures["f1"],
            )
        )  # fmt: skip
    context.emit(
        ThresholdsCompared, step="evaluate", split=found.split, positive=found.classes[1], rows=tuple(rows)
    )


def _clusters(context: RunContext, source: str, path: Path) -> tuple[results.Results, Path]:
    """Measure clusters: sizes, labels in each, silhouette; each cluster stands for its commonest label."""
    import numpy as np

    from sagewizard import evaluation

    part, labels = context.dataset.parts["test"], context.dataset.classes
    expected, predicted, scores = predictions.load(path)
    k = int(context.recipe.effective_hyperparameters()["k"])
    found = evaluation.cluster_metrics(part.features, predicted, expected, labels, k)
    context.emit(
        ClustersMeasured, step="evaluate", split="test", labels=found.labels, names=found.names,
        sizes=found.sizes, counts=found.counts, silhouette=found.metrics.silhouette,
    )  # fmt: skip
    said = [float(labels.index(found.names[int(cluster)])) for cluster in predicted]
    answers = [predictions.Answer(value, row) for value, row in zip(said, scores, strict=True)]
    named = context.results / JUDGED
    predictions.save(named, answers, expected)
    confusion = evaluation.ConfusionMatrix.from_predictions(
        [labels[int(value)] for value in expected], [labels[int(value)] for value in said], labels=labels
    )
    outcome = results.Results(
        kind=CLUSTERING, source=source, split="test", classes=labels, expected=np.array(expected),
        predicted=np.array(said), scores=np.array(scores, dtype=np.float64), metrics=found.metrics,
        confusion=confusion, curves={}, threshold=None,
    )  # fmt: skip
    return outcome, named


def _source(context: RunContext) -> tuple[str, Path]:
    wanted = context.text("source")
    found = {
        "endpoint": context.results / predict.FILE
        if context.state.outputs("predict") else None,
        "transform": context.results / transform.FILE
        if context.state.outputs("transform") else None,
    }  # fmt: skip
    for name, path in found.items():
        if path is not None and path.exists() and wanted in ("auto", name):
            return name, path
    raise UsageError(
        "There are no predictions to evaluate"
        + (f" from the {wanted}" if wanted != "auto" else "") + ".",
        remedy="Do the step predict or transform first.",
    )  # fmt: skip
