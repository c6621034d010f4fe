"""The configuration of a training job: defaults, what the job sets, and what `auto` comes to.

What `auto` means is documented for most (Developer Guide of 2017, and 2023); DEFAULTS is what the real
container prints as its default-input.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard import algorithms
from sagewizard.algorithms.linear_learner_hyperparameters import BINARY, LOSSES, MULTICLASS, REGRESSOR
from sagewizard.sandbox.containers.contract import AlgorithmError, CustomerError
from sagewizard.sandbox.containers.linear_learner import losses, thresholds
from sagewizard.sandbox.containers.linear_learner.candidates import AUTO_MODELS, Fixed
from sagewizard.sandbox.containers.linear_learner.schema_text import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

# Set by the container itself; accepted, printed, and without effect on a single machine.
INTERNAL = {
    "_kvstore": "auto",
    "_num_gpus": "auto",
    "_num_kv_servers": "auto",
    "_log_level": "info",
    "_enable_profiler": "false",
}
CALIBRATION_ROWS = 10_000_000
_AUTO_LOSS = {BINARY: "logistic", MULTICLASS: "softmax_loss", REGRESSOR: "squared_loss"}


def default_configuration() -> dict[str, str]:
    """Return default-input.json as the container prints it: every value a string."""
    entries = algorithms.get("linear-learner").hyperparameters
    values = {entry.name: entry.default for entry in entries if entry.default is not None}
    # The container's own file differs from the guide in these two.
    values |= {"num_classes": "1", "num_calibration_samples": str(CALIBRATION_ROWS)}
    return {**values, **INTERNAL}


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything a training job was told, `auto` resolved wherever it does not depend on the data."""

    predictor_type: str
    classes: int
    feature_dim: int | None
    mini_batch_size: int
    epochs: int
    loss: str
    optimizer: str
    use_bias: bool
    models: int
    fixed: Fixed
    use_lr_scheduler: bool
    momentum: float
    beta_1: float
    beta_2: float
    bias_lr_mult: float
    bias_wd_mult: float
    init_method: str
    init_scale: float
    init_sigma: float
    init_bias: float
    normalize_data: bool
    normalize_label: bool
    unbias_data: bool
    unbias_label: bool
    num_point_for_scaler: int
    num_calibration_samples: int
    early_stopping_patience: int
    early_stopping_tolerance: float
    criterion: thresholds.Criterion
    positive_example_weight_mult: str
    f_beta: float
    margin: float
    quantile: float
    loss_insensitivity: float
    huber_delta: float
    accuracy_top_k: int
    balance_multiclass_weights: bool

    @property
    def binary(self) -> bool:
        """Whether the job trains a binary classifier."""
        return self.predictor_type == BINARY

    @property
    def multiclass(self) -> bool:
        """Whether the job trains a multiclass classifier."""
        return self.predictor_type == MULTICLASS

    @property
    def regression(self) -> bool:
        """Whether the job trains a regressor."""
        return self.predictor_type == REGRESSOR

    @property
    def outputs(self) -> int:
        """How many scores one model gives for a row."""
        return self.classes if self.multiclass else 1

    def build_loss(self) -> losses.Loss:
        """Make the loss the job minimises."""
        if self.loss == "logistic":
            return losses.Logistic()
        if self.loss == "hinge_loss":
            return losses.Hinge(self.margin)
        if self.multiclass:
            return losses.Softmax(self.classes)
        return losses.regression_loss(
            self.loss, insensitivity=self.loss_insensitivity, quantile=self.quantile, delta=self.huber_delta
        )


def configure(hyperparameters: Mapping[str, str]) -> tuple[Configuration, dict[str, str]]:
    """Check hyperparameters and resolve them; also returns the final configuration for the log.

    A name or value the schema does not take is an AlgorithmError with the schema's sentence, as the real
    container has it; values that do not go together are a CustomerError.
    """
    catalogue = algorithms.get("linear-learner")
    # The container's schema takes any positive number of classes; that at least 3 are needed is a rule of
    # multiclass_classifier alone, checked below.
    relaxed = {
        name: value for name, value in hyperparameters.items() if not _ignored_classes(name, hyperparameters)
    }
    sentence = refusal(catalogue, relaxed, INTERNAL)
    if sentence is not None:
        raise AlgorithmError(sentence)
    final = {**default_configuration(), **hyperparameters}
    return _Reader(final).configuration(), final


def _ignored_classes(name: str, values: Mapping[str, str]) -> bool:
    ignored = values.get("predictor_type") != MULTICLASS
    return name == "num_classes" and ignored and values[name].isascii() and values[name].isdigit()


class _Reader:
    """Turns the texts of a checked configuration into values."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def number(self, name: str, auto: float = 0.0) -> float:
        return auto if self.values[name] == "auto" else float(self.values[name])

    def count(self, name: str, auto: int = 0) -> int:
        return auto if self.values[name] == "auto" else int(self.values[name])

    def switch(self, name: str, *, auto: bool = False) -> bool:
        value = self.values[name].lower()
        return auto if value == "auto" else value == "true"

    def given(self, name: str) -> float | None:
        return None if self.values[name] == "auto" else float(self.values[name])

    def configuration(self) -> Configuration:
        kind = self.values["predictor_type"]
        regression = kind == REGRESSOR
        use_bias = self.switch("use_bias")
        loss = self._loss(kind)
        step = self.given("lr_scheduler_step")
        return Configuration(
            predictor_type=kind,
            classes=self._classes(kind),
            feature_dim=self.count("feature_dim") or None,
            mini_batch_size=self.count("mini_batch_size"),
            epochs=self.count("epochs"),
            loss=loss,
            optimizer=self.values["optimizer"].replace("auto", "adam"),
            use_bias=use_bias,
            models=1 if self.values["_tuning_objective_metric"] else self.count("num_models", AUTO_MODELS),
            fixed=Fixed(
                self.given("learning_rate"),
                self.given("l1"),
                self.given("wd"),
                None if step is None else int(step),
                self.given("lr_scheduler_factor"),
                self.given("lr_scheduler_minimum_lr"),
            ),
            use_lr_scheduler=self.switch("use_lr_scheduler"),
            momentum=self.number("momentum", 0.0),
            beta_1=self.number("beta_1", 0.9),
            beta_2=self.number("beta_2", 0.999),
            bias_lr_mult=self.number("bias_lr_mult", 10.0),
            bias_wd_mult=self.number("bias_wd_mult", 0.0),
            init_method=self.values["init_method"],
            init_scale=self.number("init_scale"),
            init_sigma=self.number("init_sigma"),
            init_bias=self.number("init_bias"),
            normalize_data=self.switch("normalize_data", auto=True),
            normalize_label=regression and self.switch("normalize_label", auto=True),
            unbias_data=self.switch("unbias_data", auto=use_bias),
            unbias_label=regression and use_bias and self.switch("unbias_label", auto=True),
            num_point_for_scaler=self.count("num_point_for_scaler"),
            num_calibration_samples=self.count("num_calibration_samples", CALIBRATION_ROWS),
            early_stopping_patience=self.count("early_stopping_patience"),
            early_stopping_tolerance=self.number("early_stopping_tolerance"),
            criterion=self._criterion(loss),
            positive_example_weight_mult=self.values["positive_example_weight_mult"],
            f_beta=self.number("f_beta"),
            margin=self.number("margin"),
            quantile=self.number("quantile"),
            loss_insensitivity=self.number("loss_insensitivity"),
            huber_delta=self.number("huber_delta"),
            accuracy_top_k=self.count("accuracy_top_k"),
            balance_multiclass_weights=self.switch("balance_multiclass_weights"),
        )

    def _classes(self, kind: str) -> int:
        if kind != MULTICLASS:
            return 2 if kind == BINARY else 1
        classes = self.count("num_classes")
        if classes < 3:
            raise CustomerError(
                f"The value of num_classes must be at least 3 when predictor_type is {MULTICLASS}. "
                f"Found num_classes={classes}."
            )
        return classes

    def _loss(self, kind: str) -> str:
        loss = self.values["loss"]
        if loss == "auto":
            return _AUTO_LOSS[kind]
        if loss not in LOSSES[kind]:
            choices = ", ".join(LOSSES[kind])
            raise CustomerError(
                f"The loss {loss} is not compatible with the predictor_type {kind}. "
                f"Compatible losses are: {choices}."
            )
        return loss

    def _criterion(self, loss: str) -> thresholds.Criterion:
        name = self.values["binary_classifier_model_selection_criteria"]
        return thresholds.Criterion(
            thresholds.ALIASES.get(name, name),
            1.0 if name == "f1" else self.number("f_beta"),
            self.number("target_recall"),
            self.number("target_precision"),
            0.0 if loss == "hinge_loss" else 0.5,
        )
