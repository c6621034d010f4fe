"""Step evaluate: predictions of the test split against its labels: confusion matrix and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard import evaluation
from sagewizard.engine import predictions
from sagewizard.engine.state import write_atomically
from sagewizard.engine.steps import predict, transform
from sagewizard.engine.steps.result import StepResult
from sagewizard.errors import UsageError
from sagewizard.events import EvaluationMade

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext

FILE = "evaluation.json"
WRONG_ROWS = 200


def run(context: RunContext) -> StepResult:
    """Measure, write results/evaluation.json, tell the outcome."""
    source, path = _source(context)
    expected, predicted, scores = predictions.load(path)
    kind = context.recipe.effective_hyperparameters().get("predictor_type", "")
    classes = context.dataset.classes
    metrics, confusion = _measure(kind, classes, np.array(expected), np.array(predicted), scores)
    values = {name: float(value) for name, value in metrics.scores().items() if value is not None}
    wrong = tuple(
        row for row, (one, other) in enumerate(zip(expected, predicted, strict=True), start=1) if one != other
    )
    body = {
        "source": source,
        "split": "test",
        "rows": len(expected),
        "metrics": metrics.as_dict(),
        "confusion": confusion.as_dict() if confusion else None,
        "wrong_rows": wrong if confusion else (),
    }
    import orjson

    write_atomically(context.results / FILE, orjson.dumps(body, option=orjson.OPT_INDENT_2))
    context.emit(
        EvaluationMade, step="evaluate", source=source, split="test",
        labels=confusion.labels if confusion else (), confusion=confusion.counts if confusion else (),
        metrics=values, wrong_rows=wrong[:WRONG_ROWS] if confusion else (),
        files={"evaluation": FILE, "predictions": path.name},
    )  # fmt: skip
    shown = {"f1": "F1", "macro_f1": "macro F1", "rmse": "RMSE", "accuracy": "accuracy", "roc_auc": "ROC AUC"}
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


def _measure(
    kind: str,
    classes: tuple[str, ...],
    expected: np.ndarray[Any, Any],
    predicted: np.ndarray[Any, Any],
    scores: list[tuple[float, ...]],
) -> tuple[evaluation.Metrics, evaluation.ConfusionMatrix | None]:
    if kind == "regressor":
        return evaluation.regression_metrics(expected, predicted), None
    names = np.array(classes)
    true, said = names[expected.astype(int)], names[predicted.astype(int)]
    confusion = evaluation.ConfusionMatrix.from_predictions(
        true, said, labels=list(classes), positive=classes[1] if len(classes) == 2 else None
    )
    if kind == "binary_classifier":
        single = np.array([score[0] for score in scores])
        return evaluation.binary_metrics(expected, single, predicted=predicted), confusion
    table = np.array(scores)
    return (
        evaluation.multiclass_metrics(
            true, said, scores=table if table.shape[1] == len(classes) else None, labels=list(classes)
        ),
        confusion,
    )


def _source(context: RunContext) -> tuple[str, Any]:
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
