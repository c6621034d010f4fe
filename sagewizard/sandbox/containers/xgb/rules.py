"""The container's own check of hyperparameters: its rules, its order, its sentences, per image version.

Ranges come from the catalogue; the sentences are those of the container AWS publishes
(aws/sagemaker-xgboost-container). Names, then values, then ranges, then what depends on each other: the first
fault ends the job.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from sagewizard import algorithms
from sagewizard.algorithms import Kind, xgboost_versions
from sagewizard.algorithms.xgboost import THRESHOLD_METRICS
from sagewizard.sandbox.containers.contract import CustomerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.algorithms import Hyperparameter, Interval
    from sagewizard.sandbox.containers.xgb.image import Image

_LISTS = ("eval_metric", "updater")
_VERSIONED = ("objective", "tree_method", "predictor")
_TREE_BUILDERS = (
    "grow_colmaker",
    "distcol",
    "grow_histmaker",
    "grow_local_histmaker",
    "grow_quantile_histmaker",
)
_TREE_UPDATERS = (*_TREE_BUILDERS, "grow_skmaker", "sync", "refresh", "prune")
_LINEAR_UPDATERS = ("shotgun", "coord_descent")
_UPDATERS = (
    *("grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker", "grow_skmaker", "sync"),
    *("refresh", "prune", "grow_quantile_histmaker", "shotgun", "coord_descent"),
)


def check(image: Image, hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the hyperparameters as values, or raise CustomerError with the container's sentence.

    Whole numbers become int, numbers float, lists with commas lists of text, constraints tuples and lists.
    """
    known = {
        entry.name: entry
        for entry in algorithms.get("xgboost").hyperparameters
        if not entry.versions or image.version in entry.versions
    }
    for entry in known.values():
        if entry.required and entry.name not in hyperparameters:
            raise CustomerError(f"Missing required hyperparameter: {entry.name}")
    values: dict[str, Any] = {}
    for name, text in hyperparameters.items():
        if name not in known:
            raise CustomerError(f"Extraneous hyperparameter found: {name}")
        values[name] = _parse(known[name], text)
    for name, value in values.items():
        _check_range(image, known[name], value)
    _check_together(image, values)
    return values


def _parse(entry: Hyperparameter, text: str) -> Any:
    try:
        if entry.name in _LISTS:
            return text.split(",")
        if entry.name in ("monotone_constraints", "interaction_constraints"):
            return _literal(entry.name, text)
        if entry.kind is Kind.INTEGER:
            return int(text)
        return float(text) if entry.kind is Kind.FLOAT else text
    except ValueError:
        raise CustomerError(
            f"Hyperparameter {entry.name}: could not parse value (caused by ValueError)"
        ) from None


def _literal(name: str, text: str) -> Any:
    """Read (1,0,-1) or [[1,2],[3]]; ValueError for anything else, however it was made."""
    if len(text) > 2500:
        raise ValueError("too long")
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError(text) from None
    if name == "monotone_constraints":
        value = (value,) if isinstance(value, int) else value
        sound = isinstance(value, tuple | list) and all(type(item) is int for item in value)
        return tuple(value) if sound else _refuse(text)
    sound = isinstance(value, list | tuple) and all(
        isinstance(group, list | tuple) and all(type(item) is int for item in group) for group in value
    )
    return [list(group) for group in value] if sound else _refuse(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _check_range(image: Image, entry: Hyperparameter, value: Any) -> None:
    name = entry.name
    if name == "eval_metric":
        known = xgboost_versions.metrics(image.version)
        if not all(_is_metric(metric, known) for metric in value):
            raise CustomerError(f"Hyperparameter {name}: value {value} not in range {list(known)}")
    elif name == "updater":
        if any(item not in _UPDATERS for item in value):
            raise CustomerError(f"Hyperparameter {name}: value {value} not in range {list(_UPDATERS)}")
    elif name == "monotone_constraints":
        if any(item not in (-1, 0, 1) for item in value):
            raise CustomerError(f"Hyperparameter {name}: value {value} not in range [-1, 0, 1]")
    elif name == "interaction_constraints":
        if any(item < 1 for group in value for item in group):
            raise CustomerError(f"Hyperparameter {name}: value {value} not in range [1, +inf)")
    elif name == "_tuning_objective_metric":
        goals = [f"validation:{metric}" for metric in xgboost_versions.metrics(image.version)]
        if value not in goals:
            raise CustomerError(f"Hyperparameter {name}: {value} is not in {goals}")
    elif entry.interval is not None:
        if not _inside(entry.interval, value):
            raise CustomerError(f"Hyperparameter {name}: {value} is not in {_written(entry.interval)}")
    else:
        _check_choice(image, entry, value)


def _check_choice(image: Image, entry: Hyperparameter, value: str) -> None:
    if entry.name in _VERSIONED:
        options = list(xgboost_versions.choices(entry.name, image.version))
        if entry.name != "objective" and "gpu" in value and not image.since("1.2-1"):
            raise CustomerError("GPU training is not supported yet.")
    else:
        options = ["true", "false"] if entry.kind is Kind.BOOLEAN else list(entry.choices)
    if value not in options:
        raise CustomerError(f"Hyperparameter {entry.name}: {value} is not in {options}")


def _inside(interval: Interval, value: float) -> bool:
    """Tell whether a number is inside, as the container does: NaN is, since no comparison with it holds."""
    low, high = interval.low, interval.high
    if low is not None and (value <= low if interval.low_open else value < low):
        return False
    return not (high is not None and (value >= high if interval.high_open else value > high))


def _written(interval: Interval) -> str:
    """Write an interval with its brackets: [0, 1], (0, +inf)."""
    low = "(-inf" if interval.low is None else f"{'(' if interval.low_open else '['}{interval.low}"
    high = "+inf)" if interval.high is None else f"{interval.high}{')' if interval.high_open else ']'}"
    return f"{low}, {high}"


def _is_metric(metric: str, known: tuple[str, ...]) -> bool:
    if "<function" in metric:
        raise CustomerError(f"User defined evaluation metric {metric} is not supported yet.")
    if "@" not in metric:
        return metric in known
    name, threshold = (part.strip() for part in metric.split("@")[:2])
    if name not in THRESHOLD_METRICS:
        raise CustomerError(
            f"Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should "
            "be one of these options: 'error', 'ndcg', 'map'."
        )
    try:
        float(threshold)
    except ValueError:
        raise CustomerError(f"Threshold value 't' in '{name}@t' expects float input.") from None
    return True


def _check_together(image: Image, values: Mapping[str, Any]) -> None:
    objective = values.get("objective")
    if objective in ("multi:softmax", "multi:softprob") and "num_class" not in values:
        raise CustomerError("Require input for parameter 'num_class' for multi-classification")
    metrics = values.get("eval_metric", [])
    if "auc" in metrics and not str(objective).startswith(("binary:", "rank:")):
        raise CustomerError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise CustomerError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")
    if "updater" in values:
        _check_updater(values["updater"], values)
    method = values.get("tree_method")
    if "monotone_constraints" in values and method not in ("exact", "hist"):
        raise CustomerError(
            "monotone_constraints can be used only when the tree_method parameter is set to "
            "either 'exact' or 'hist'."
        )
    if "interaction_constraints" in values and method not in ("exact", "hist", "approx"):
        raise CustomerError(
            "interaction_constraints can be used only when the tree_method parameter is set to "
            "either 'exact', 'hist' or 'approx'."
        )


def _check_updater(updaters: list[str], values: Mapping[str, Any]) -> None:
    if values.get("booster") == "gblinear":
        if len(updaters) != 1 or updaters[0] not in _LINEAR_UPDATERS:
            raise CustomerError("Linear updater should be one of these options: 'shotgun', 'coord_descent'.")
    elif values.get("process_type") == "update":
        if any(updater not in ("refresh", "prune") for updater in updaters):
            raise CustomerError("process_type 'update' can only be used with updater 'refresh' and 'prune'")
    elif any(updater not in _TREE_UPDATERS for updater in updaters):
        raise CustomerError(
            "Tree updater should be selected from these options: 'grow_colmaker', 'distcol', "
            "'grow_histmaker', 'grow_local_histmaker', 'grow_skmaker', 'grow_quantile_histmaker', 'sync', "
            "'refresh', 'prune', 'shortgun', 'coord_descent'."
        )
    elif sum(updater in _TREE_BUILDERS for updater in updaters) > 1:
        raise CustomerError(
            "Only one tree grow plugin can be selected. Choose one from the"
            "following: 'grow_colmaker', 'distcol', 'grow_histmaker', 'grow_local_histmaker', 'grow_skmaker'"
        )
