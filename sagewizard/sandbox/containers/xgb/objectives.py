"""What an objective asks of labels, with the sentences XGBoost has for labels it cannot take.

The sentences are those of the XGBoost versions in the images; the newest library words some differently, or
only finds out later. 0.72's container puts them into words of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.contract import AlgorithmError, CustomerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from sagewizard.sandbox.containers.xgb.image import Image

LOGISTIC = ("binary:logistic", "binary:logitraw", "reg:logistic")
MULTICLASS = ("multi:softmax", "multi:softprob")
_LOGISTIC_RANGE = "label must be in [0,1] for logistic regression"
_CLASS_RANGE = "SoftmaxMultiClassObj: label must be in [0, num_class)."
_ONE_CLASS = "Check failed: !auc_error AUC: the dataset only contains pos or neg samples"
_BASE_SCORE = (
    "Check failed: base_score > 0.0f && base_score < 1.0f base_score must be in (0,1) for logistic loss"
)
# part of XGBoost's sentence: the sentence of 0.72's container, None where it has none of its own
_USER_ERRORS: dict[str, str | None] = {
    "label must be in [0,1] for logistic regression": (
        "Label must be in [0,1] for logistic regression task. If input is in csv format, ensure the first "
        "column is the label."
    ),
    "label must be in [0, num_class)": (
        "Label must be in [0, num_class) for multi classification task. If input is in csv format, ensure "
        "the first column is the label."
    ),
    "feature_names mismatch": (
        "Feature names/Number of features mismatched between training and validation input. Please check "
        "features in training and validation data."
    ),
    "Check failed: preds.size() == info.labels_.size()": (
        "Given label size mismatched with prediction size. Please ensure the first column is label and the "
        "correct metric is applied."
    ),
    _ONE_CLASS: (
        "Metric 'auc' cannot be computed with all positive or all negative samples. Please ensure labels in "
        "the datasets contain both positive and negative samples."
    ),
    _BASE_SCORE: "Base_score must be in (0,1) for logistic objective function.",
    "PoissonRegression: label must be nonnegative": "For Poisson Regression, label must be non-negative",
    "TweedieRegression: label must be nonnegative": "For Tweedie Regression, label must be non-negative",
    "Parameter reg_lambda should be greater equal to 0": "Parameter reg_lambda should be greater equal to 0",
    "Target is multiclass but average='binary'": None,
}


def failure(image: Image, text: str) -> CustomerError | AlgorithmError:
    """Turn the text of a failed training into the container's error: the user's, or the algorithm's."""
    for part, first in _USER_ERRORS.items():
        if part in text:
            return CustomerError(first if image.is_first and first is not None else text)
    return AlgorithmError(f"XGB train call failed with exception:\n {text}")


def check(image: Image, values: Mapping[str, Any], labels: Mapping[str, NDArray[np.float32]]) -> None:
    """Refuse labels, and a first prediction, that the objective cannot work with."""
    objective = values.get("objective", "reg:squarederror")
    base = values.get("base_score")
    if objective in LOGISTIC and base is not None and not 0 < base < 1:
        raise failure(image, _BASE_SCORE)
    for channel, known in labels.items():
        text = _fault(objective, known, values) if channel == "train" else None
        if text is None and _asks_for_auc(values) and not image.since("1.5-1") and _one_class(known):
            text = _ONE_CLASS
        if text is not None:
            raise failure(image, text)


def _fault(objective: str, labels: NDArray[np.float32], values: Mapping[str, Any]) -> str | None:
    if objective in LOGISTIC and ((labels < 0) | (labels > 1)).any():
        return _LOGISTIC_RANGE
    if objective in MULTICLASS and ((labels < 0) | (labels >= values["num_class"])).any():
        return _CLASS_RANGE
    if objective == "count:poisson" and (labels < 0).any():
        return "Check failed: label_correct PoissonRegression: label must be nonnegative"
    if objective == "reg:tweedie" and (labels < 0).any():
        return "Check failed: label_correct TweedieRegression: label must be nonnegative"
    return None


def _asks_for_auc(values: Mapping[str, Any]) -> bool:
    asked = [*values.get("eval_metric", []), str(values.get("_tuning_objective_metric", ""))]
    binary = str(values.get("objective", "")).startswith("binary:")
    return binary and any(metric.removeprefix("validation:") == "auc" for metric in asked)


def _one_class(labels: NDArray[np.float32]) -> bool:
    return bool(len(labels)) and bool((labels == labels[0]).all())


def check_widths(image: Image, train: int, validation: int) -> None:
    """Refuse a validation channel with other columns than train, as versions with feature names do."""
    if train == validation or image.since("1.7-1"):
        return
    names, other = ([f"f{i}" for i in range(width)] for width in (train, validation))
    text = f"feature_names mismatch: {names} {other}"
    if train > validation:
        text += f"\nexpected {', '.join(sorted(set(names) - set(other)))} in input data"
    else:
        extra = ", ".join(sorted(set(other) - set(names)))
        text += f"\ntraining data did not have the following fields: {extra}"
    raise failure(image, text)
