"""The serving program of Linear Learner: scores and labels from model_algo-1."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.algorithms.linear_learner_hyperparameters import BINARY, REGRESSOR
from sagewizard.sandbox.containers import serving
from sagewizard.sandbox.containers.contract import base_folder
from sagewizard.sandbox.containers.first_party_serving import FirstPartyApplication
from sagewizard.sandbox.containers.linear_learner import artifact
from sagewizard.sandbox.containers.linear_learner.training import sigmoid, softmax

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float32]


def main() -> int:
    """Serve the model of the environment's tree until told to stop."""
    return serving.serve(lambda: load(os.environ))


def load(environ: Mapping[str, str]) -> FirstPartyApplication:
    """Load the model; ArtifactError when there is none that can be served."""
    model = artifact.read(base_folder(environ) / "model" / artifact.FILE_NAME)
    return application(model, batch=bool(environ.get(serving.BATCH_VARIABLE)))


def application(model: artifact.LinearModel, *, batch: bool = False) -> FirstPartyApplication:
    """Answer requests with a model; the label stands first in CSV."""
    return FirstPartyApplication(LinearPredictor(model), "predictions", batch=batch, first="predicted_label")


class LinearPredictor:
    """Answers with the score of each row and, for classifiers, its label."""

    def __init__(self, model: artifact.LinearModel) -> None:
        self._model = model

    @property
    def width(self) -> int:
        """How many features a row must have."""
        return self._model.width

    def predict(self, features: Any) -> dict[str, NDArray[Any]]:
        """Return `score` and, for classifiers, `predicted_label` for features (n, d)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._predict(features)

    def _predict(self, features: Any) -> dict[str, NDArray[Any]]:
        model = self._model
        raw: Array = np.asarray(features @ model.weights, np.float32) + model.bias
        if model.predictor_type == REGRESSOR:
            return {"score": raw[:, 0]}
        if model.predictor_type == BINARY:
            score = sigmoid(raw[:, 0]) if model.loss == "logistic" else raw[:, 0]
            assert model.threshold is not None, "artifact.read refuses a binary model without one"
            return {"score": score, "predicted_label": (score > model.threshold).astype(np.int64)}
        probabilities = softmax(raw)
        return {"score": probabilities, "predicted_label": probabilities.argmax(axis=1)}
