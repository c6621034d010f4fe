"""Replies of an XGBoost endpoint: predictions, or the selected contents, in the four accepted types.

SAGEMAKER_INFERENCE_OUTPUT names contents, such as predicted_label,probabilities; a name that does not go with
the objective is NaN. Without it a reply is the predictions alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data import recordio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CSV, JSON = "text/csv", "application/json"
JSONLINES, RECORDIO = "application/jsonlines", "application/x-recordio-protobuf"
ACCEPTS = (JSON, JSONLINES, RECORDIO, CSV)

_CLASSES = ("predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores")
_SCORES = ("predicted_label", "labels", "raw_score", "raw_scores")
SELECTABLE: dict[str, tuple[str, ...]] = {
    "reg:squarederror": ("predicted_score",),
    "reg:logistic": ("predicted_score",),
    "reg:gamma": ("predicted_score",),
    "reg:tweedie": ("predicted_score",),
    "reg:absoluteerror": ("predicted_score",),
    "binary:logistic": _CLASSES,
    "binary:logitraw": _SCORES,
    "binary:hinge": _SCORES,
    "multi:softmax": _SCORES,
    "multi:softprob": _CLASSES,
}


class AcceptError(ValueError):
    """A reply type that cannot be written."""


def choose(accept: str) -> str:
    """Return the reply type: CSV when the caller does not mind; AcceptError for one that is not written."""
    media = accept.split(";")[0].strip().lower()
    if media in ("", "*/*"):
        return CSV
    if media not in ACCEPTS:
        raise AcceptError(
            f"Accept type {accept.split(';')[0].strip()} is not supported. "
            f"Please use supported accept types: {list(ACCEPTS)}."
        )
    return media


def encode(predictions: NDArray[np.float32], reply_type: str, *, one_line: bool, batch: bool) -> bytes:
    """Write predictions (n,) or (n, classes); `batch` is batch transform, one prediction a line."""
    values = predictions.tolist()
    if reply_type == JSON:
        return json.dumps({"predictions": [{"score": value} for value in values]}).encode()
    if reply_type == JSONLINES:
        return "".join(json.dumps({"score": value}) + "\n" for value in values).encode()
    if reply_type == RECORDIO:
        return recordio.encode_predictions({"score": predictions})
    if batch:
        return ("\n".join(map(str, values)) + "\n").encode()
    if one_line:
        return ",".join(map(str, values)).encode()
    rows = [value if isinstance(value, list) else [value] for value in values]
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def selected_names(setting: str) -> list[str]:
    """Read SAGEMAKER_INFERENCE_OUTPUT."""
    return setting.replace(" ", "").lower().split(",")


def select(
    predictions: NDArray[np.float32], names: Sequence[str], objective: str, classes: int
) -> list[dict[str, Any]]:
    """Build the selected contents of each prediction; ValueError for an objective that has none."""
    if objective not in SELECTABLE:
        raise ValueError(f"Objective `{objective}` unsupported for selectable inference predictions.")
    known = SELECTABLE[objective]
    rows = []
    for prediction in predictions:
        content = _contents(prediction, objective, classes)
        row = {name: content[name] for name in known if name in names}
        rows.append(row | {name: float("nan") for name in names if name not in known})
    return rows


def _contents(prediction: Any, objective: str, classes: int) -> dict[str, Any]:
    if objective.startswith("reg:"):
        return {"predicted_score": prediction.item()}
    if objective == "multi:softprob":
        best, scores = prediction.max().item(), prediction.tolist()
        return {
            "predicted_label": int(prediction.argmax()),
            "labels": list(range(classes)),
            "probability": best,
            "probabilities": scores,
            "raw_score": best,
            "raw_scores": scores,
        }
    score = prediction.item()
    label: float = score
    if objective == "binary:logistic":
        label = int(score > 0.5)
    elif objective == "binary:logitraw":
        label = int(score > 0)
    both = [1.0 - score, score]
    return {
        "predicted_label": label,
        "labels": list(range(classes)) if objective == "multi:softmax" else [0, 1],
        "probability": score,
        "probabilities": both,
        "raw_score": score,
        "raw_scores": both,
    }


def encode_selected(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], reply_type: str, *, batch: bool
) -> bytes:
    """Write selected contents."""
    if reply_type == JSON:
        return json.dumps({"predictions": list(rows)}).encode()
    if reply_type == JSONLINES:
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if reply_type == RECORDIO:
        found = rows[0] if rows else {}
        columns = {name: np.array([row[name] for row in rows], np.float32) for name in found}
        return recordio.encode_predictions(columns)
    lines = [
        ",".join(f'"{row[name]}"' if isinstance(row[name], list) else str(row[name]) for name in names)
        for row in rows
    ]
    return ("\n".join(lines) + ("\n" if batch else "")).encode()
