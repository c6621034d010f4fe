"""Step evaluate: predictions of the test split against its labels: confusion matrix, metrics, curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.engine import predictions, results
from sagewizard.engine.artifact import threshold_of
from sagewizard.engine.results import FILE
from sagewizard.engine.state import write_atomically
from sagewizard.engine.steps import predict, transform
from sagewizard.engine.steps.result import StepResult
from sagewizard.errors import UsageError
from sagewizard.events import EvaluationMade

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext

WRONG_ROWS = 200


def run(context: RunContext) -> StepResult:
    """Measure, write results/evaluation.json, tell the outcome."""
    import orjson

    source, path = _source(context)
    kind = context.recipe.effective_hyperparameters().get("predictor_type", "")
    found = results.measure(
        kind, context.dataset.classes, *predictions.load(path), source=source, split="test",
        threshold=threshold_of(context),
    )  # fmt: skip
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
