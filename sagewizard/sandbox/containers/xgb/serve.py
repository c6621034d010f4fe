"""The serving program of XGBoost in algorithm mode: one model file or an ensemble of them."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.sandbox.containers import serving
from sagewizard.sandbox.containers.contract import base_folder
from sagewizard.sandbox.containers.serving import Reply, error_reply
from sagewizard.sandbox.containers.xgb import model_file, payloads, replies
from sagewizard.sandbox.containers.xgb.channels import LIBSVM
from sagewizard.sandbox.containers.xgb.image import Image, image_of
from sagewizard.sandbox.containers.xgb.matrices import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

OUTPUT_VARIABLE = "SAGEMAKER_INFERENCE_OUTPUT"
ENSEMBLE_VARIABLE = "SAGEMAKER_INFERENCE_ENSEMBLE"
_LONGEST = 20 << 20
_VOTED = ("multi:softmax", "binary:hinge")


def main() -> int:
    """Serve the model of the environment's tree until told to stop."""
    environ = dict(os.environ)
    environ[serving.LENGTH_VARIABLE] = str(longest(environ))
    return serving.serve(lambda: XgboostApplication(environ), environ)


def longest(environ: Mapping[str, str]) -> int:
    """Return the most bytes a request may have: MAX_CONTENT_LENGTH, but no more than 20 MiB."""
    text = environ.get(serving.LENGTH_VARIABLE, "")
    return min(int(text) if text.isdecimal() else serving.DEFAULT_LENGTH, _LONGEST)


class XgboostApplication:
    """Answers requests with the models of a folder, which are loaded with the first one that needs them.

    As in the container /ping passes without a model, and a request is answered with 500 and the reason.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.image: Image = image_of(environ)
        self.base = base_folder(environ)
        self.batch = bool(environ.get(serving.BATCH_VARIABLE))
        self.selected = environ.get(OUTPUT_VARIABLE)
        self.ensemble = environ.get(ENSEMBLE_VARIABLE, "true").lower() == "true"
        self.limit = longest(environ)
        self._models: list[model_file.LoadedModel] | None = None
        self._lock = threading.Lock()
        self._preload()

    def _preload(self) -> None:
        """Load the models before the first request; what is wrong with them is said when somebody asks."""
        try:
            self.models()
        except Exception as error:
            print(f"Unable to load model: {self._shown(error)}", flush=True)  # noqa: T201 - the log

    @property
    def folder(self) -> Path:
        """The folder of the model files."""
        return self.base / "model"

    def models(self) -> list[model_file.LoadedModel]:
        """Return the models; ModelError when they cannot be loaded."""
        with self._lock:
            if self._models is None:
                self._models = model_file.read_all(self.folder, ensemble=self.ensemble)
            return self._models

    def _shown(self, error: Exception) -> str:
        return plain(error).replace(str(self.base), "/opt/ml")

    def ping(self) -> bool:
        """Answer that the container runs."""
        return True

    def execution_parameters(self) -> Mapping[str, Any]:
        """Tell batch transform how to call: one request a core, many records in each."""
        return serving.many_records_a_request(self.limit)

    def invoke(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Predict for the rows of a request."""
        if not body:
            return Reply(204, "text/html; charset=utf-8", b"")
        try:
            form = payloads.form_of(self.image, content_type)
            features = payloads.decode(body, form)
        except payloads.PayloadError as error:
            return error_reply(415, str(error))
        try:
            models = self.models()
        except Exception as error:
            return error_reply(500, f"Unable to load model: {self._shown(error)}")
        try:
            predictions = self.predict(models, features, form)
        except Exception as error:
            return error_reply(400, f"Unable to evaluate payload provided: {plain(error)}")
        try:
            reply_type = replies.choose(accept) if self.image.heeds_accept else replies.CSV
        except replies.AcceptError as error:
            return error_reply(406, str(error))
        return self._reply(models[0], predictions, reply_type)

    def predict(self, models: list[model_file.LoadedModel], features: Any, form: str) -> NDArray[np.float32]:
        """Return predictions (n,) or (n, classes); the mean of an ensemble, the majority where they vote."""
        import xgboost

        first = models[0]
        if first.pickled:
            _check_width(features.shape[1], first.features, form)
            features = _fit(features, first.features)
        matrix = xgboost.DMatrix(features, nthread=1)
        with self._lock:
            found = [
                model.booster.predict(matrix, validate_features=False, iteration_range=model.rounds)
                for model in models
            ]
        if len(found) == 1:
            return np.asarray(found[0])
        stacked = np.stack(found)
        return _majority(stacked) if first.objective in _VOTED else stacked.mean(axis=0)

    def _reply(
        self, model: model_file.LoadedModel, predictions: NDArray[np.float32], reply_type: str
    ) -> Reply:
        if self.selected is None:
            body = replies.encode(
                predictions, reply_type, one_line=self.image.answers_on_one_line, batch=self.batch
            )
        else:
            names = replies.selected_names(self.selected)
            try:
                rows = replies.select(predictions, names, model.objective, model.classes)
                body = replies.encode_selected(rows, names, reply_type, batch=self.batch)
            except ValueError as error:
                return error_reply(500, str(error))
        media = "text/csv; charset=utf-8" if reply_type == replies.CSV else reply_type
        return Reply(200, media, body)


def _check_width(given: int, trained: int, form: str) -> None:
    """Refuse a width that pickled models do not take: CSV and RecordIO may lack the last column."""
    if form == LIBSVM:
        if given > trained + 1:
            raise ValueError(
                f"Feature size of libsvm inference data {given} is larger than feature size of trained model "
                f"{trained}."
            )
    elif given not in (trained, trained - 1):
        raise ValueError(
            f"Feature size of {form} inference data {given} is not consistent with feature size of trained "
            f"model {trained}."
        )


def _fit(features: Any, width: int) -> Any:
    """Give a table the model's width: missing columns are missing values, one too many is left out."""
    given = features.shape[1]
    if given == width:
        return features
    if given > width:
        return features[:, :width]
    if not isinstance(features, np.ndarray):
        fitted = features.copy()
        fitted.resize((features.shape[0], width))
        return fitted
    return np.pad(features, ((0, 0), (0, width - given)), constant_values=np.nan)


def _majority(votes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the commonest value of each row of votes (models, n), the smallest of several."""
    classes = np.unique(votes)
    counts = (votes[:, :, None] == classes).sum(axis=0)
    return np.asarray(classes[counts.argmax(axis=1)])
