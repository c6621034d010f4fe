"""What a recipe predicts, whatever its algorithm calls it: yes or no, a class, a number, or a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.algorithms import Algorithm

Task = Literal["binary_classifier", "multiclass_classifier", "regressor", "clustering", ""]
BINARY, MULTICLASS, REGRESSION, CLUSTERING = (
    "binary_classifier",
    "multiclass_classifier",
    "regressor",
    "clustering",
)

# XGBoost says it by its objective; whatever is not listed predicts a number.
_OBJECTIVES: dict[str, Task] = {
    "binary:logistic": "binary_classifier",
    "binary:logitraw": "binary_classifier",
    "binary:hinge": "binary_classifier",
    "reg:logistic": "binary_classifier",
    "multi:softmax": "multiclass_classifier",
    "multi:softprob": "multiclass_classifier",
}
CLASS_COUNT = {"linear-learner": "num_classes", "xgboost": "num_class"}
"""The hyperparameter that holds the number of classes, by algorithm."""

NATURAL_THRESHOLD = {"binary:logitraw": 0.0}
"""Where an objective's score is no probability: the score above which a row is positive."""


def task_of(algorithm: Algorithm, parameters: Mapping[str, str], stated: str | None) -> Task:
    """Return the task of an algorithm with these hyperparameters; `stated` is the one of a script."""
    match algorithm.name:
        case "linear-learner":
            return _known(parameters.get("predictor_type", ""))
        case "xgboost":
            return _OBJECTIVES.get(parameters.get("objective", ""), "regressor")
        case "kmeans":
            return "clustering"
    return _known(stated or "")


def _known(text: str) -> Task:
    tasks: tuple[Task, ...] = ("binary_classifier", "multiclass_classifier", "regressor")
    return next((task for task in tasks if task == text), "")
