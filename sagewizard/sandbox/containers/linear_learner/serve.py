"""The serving program of Linear Learner: four request formats, four reply formats, from model_algo-1."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.algorithms.linear_learner_hyperparameters import BINARY, REGRESSOR
from sagewizard.data import recordio
from sagewizard.sandbox.containers import payloads, serving
from sagewizard.sandbox.containers.contract import base_folder
from sagewizard.sandbox.containers.linear_learner import artifact
from sagewizard.sandbox.containers.linear_learner.training import sigmoid, softmax
from sagewizard.sandbox.containers.serving import Reply, error_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

REPLY_TYPES = (payloads.JSON, payloads.JSONLINES, payloads.RECORDIO, payloads.CSV)


def main() -> int:
    """Serve the model of the environment's tree until told to stop."""
    return serving.serve(lambda: load(os.environ))


def load(environ: Mapping[str, str]) -> LinearLearnerApplication:
    """Load the model; ArtifactError when there is none that can be served."""
    model = artifact.read(base_folder(environ) / "model" / artifact.FILE_NAME)
    return LinearLearnerApplication(model, batch=bool(environ.get(serving.BATCH_VARIABLE)))


class LinearLearnerApplication:
    """Answers requests with a trained model; holds nothing that changes, so threads need no lock."""

    def __init__(self, model: artifact.LinearModel, *, batch: bool = False) -> None:
        self.model = model
        self.batch = batch

    def ping(self) -> bool:
        """Answer that the model is loaded."""
        return True

    def execution_parameters(self) -> Mapping[str, Any]:
        """Tell batch transform how to call: one request a core, many records in each."""
        return {
            "MaxConcurrentTransforms": os.cpu_count() or 1,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": serving.DEFAULT_LENGTH >> 20,
        }

    def invoke(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Predict for the rows of a request."""
        reply_type = choose_reply_type(accept)
        if reply_type is None:
            return error_reply(
                406, f"Accept type {accept} is not supported. Use one of {', '.join(REPLY_TYPES)}."
            )
        if not body:
            return error_reply(
                400, "Customer Error: The request body is empty. Please fix the input and try again."
            )
        try:
            features = payloads.decode_features(body, content_type, self.model.width)
        except payloads.UnsupportedContentTypeError:
            types = ", ".join(payloads.REQUEST_TYPES)
            return error_reply(
                415,
                f"Customer Error: Content type {content_type or 'none'} is not supported. "
                f"Use one of {types}.",
            )
        except payloads.PayloadError as error:
            return error_reply(
                400,
                "Customer Error: Unable to decode payload: Incorrect data format. (caused by ValueError)\n\n"
                f"Caused by: {error}",
            )
        if features.shape[1] != self.model.width:
            return error_reply(
                400,
                f"Customer Error: The feature dimension of the input: {features.shape[1]} does not match the "
                f"feature dimension of the model: {self.model.width}. Please fix the input and try again.",
            )
        return self._reply(self.predict(features), reply_type)

    def predict(self, features: Any) -> dict[str, NDArray[Any]]:
        """Return `score` and, for classifiers, `predicted_label` for features (n, d)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._predict(features)

    def _predict(self, features: Any) -> dict[str, NDArray[Any]]:
        model = self.model
        raw: Array = np.asarray(features @ model.weights, np.float32) + model.bias
        if model.predictor_type == REGRESSOR:
            return {"score": raw[:, 0]}
        if model.predictor_type == BINARY:
            score = sigmoid(raw[:, 0]) if model.loss == "logistic" else raw[:, 0]
            assert model.threshold is not None, "artifact.read refuses a binary model without one"
            return {"score": score, "predicted_label": (score > model.threshold).astype(np.int64)}
        probabilities = softmax(raw)
        return {"score": probabilities, "predicted_label": probabilities.argmax(axis=1)}

    def _reply(self, columns: dict[str, NDArray[Any]], reply_type: str) -> Reply:
        if reply_type == payloads.RECORDIO:
            return Reply(200, reply_type, recordio.encode_predictions(columns))
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        predictions = [dict(zip(columns, row, strict=True)) for row in rows]
        if reply_type == payloads.JSON:
            return Reply(200, reply_type, json.dumps({"predictions": predictions}).encode())
        if reply_type == payloads.JSONLINES:
            lines = [json.dumps(prediction) for prediction in predictions]
        else:
            lines = [_csv_line(prediction) for prediction in predictions]
        end = "\n" if self.batch else ""
        content_type = "text/csv; charset=utf-8" if reply_type == payloads.CSV else reply_type
        return Reply(200, content_type, ("\n".join(lines) + end).encode())


def _csv_line(prediction: Mapping[str, Any]) -> str:
    """Write a prediction as CSV: the label first, then the score or the scores."""
    score = prediction["score"]
    scores = score if isinstance(score, list) else [score]
    label = [prediction["predicted_label"]] if "predicted_label" in prediction else []
    return ",".join(map(str, [*label, *scores]))


def choose_reply_type(accept: str) -> str | None:
    """Return the first of the accepted types that can be written, JSON when anything will do, else None."""
    for part in accept.split(","):
        media = payloads.media_type(part)
        if media in ("", "*/*", "application/*"):
            return payloads.JSON
        if media in REPLY_TYPES:
            return media
    return None
