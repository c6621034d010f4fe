"""From checked hyperparameters to what XGBoost is given, with the defaults of the image's version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.contract import AlgorithmError
from sagewizard.sandbox.containers.xgb import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.sandbox.containers.xgb.image import Image
    from sagewizard.sandbox.containers.xgb.log import XgboostLog

_NOT_FOR_XGBOOST = frozenset(
    {
        *("num_round", "csv_weights", "early_stopping_rounds", "save_model_on_termination"),
        *("_kfold", "_num_cv_round", "_tuning_objective_metric", "use_dask_gpu_training", "nthread"),
        # Parameters that XGBoost has dropped since; none of them changes a model trained on a CPU.
        *("silent", "predictor", "sketch_eps", "dsplit", "lambda_bias", "prob_buffer_row"),
        *("deterministic_histogram", "single_precision_histogram"),
    }
)
_RENAMED_UPDATERS = {
    "distcol": "grow_colmaker",
    "grow_local_histmaker": "grow_histmaker",
    "grow_skmaker": "grow_histmaker",
}
# What XGBoost reported without an eval_metric before version 1.3, and before 2.0.
_ERRORS = {
    "binary:logistic": "error",
    "binary:logitraw": "error",
    "multi:softmax": "merror",
    "multi:softprob": "merror",
}
_PRECISION = {"rank:pairwise": "map"}
_EXACT_BELOW = 4 << 20  # rows from which auto meant approx
_GPU_FAMILIES = ("ml.p", "ml.g")


@dataclass(frozen=True, slots=True)
class Metrics:
    """What is reported after each round: by XGBoost, by the container; and what early stopping watches."""

    of_xgboost: list[str] | None
    own: list[str]
    watched: str | None


def choose_metrics(image: Image, values: Mapping[str, Any], log: XgboostLog) -> Metrics:
    """Join eval_metric with the tuning objective and part them by who computes them."""
    tuning = None
    goal = values.get("_tuning_objective_metric")
    if goal is not None:
        name = str(goal).split(":")[1]
        tuning = name.split(",")
        log.info(f"Setting up HPO optimized metric to be : {name}")
    asked = values.get("eval_metric")
    union = metrics.union(tuning, asked)
    own = [name for name in union or [] if name in metrics.OWN]
    others = [name for name in union or [] if name not in metrics.OWN]
    watched = tuning[-1] if tuning else asked[-1] if asked else None
    return Metrics(others or None, own, metrics.reported_name(watched) if watched else None)


def build(
    image: Image, values: Mapping[str, Any], chosen: Metrics, *, rows: int, hosts: int, instance_type: str
) -> dict[str, Any]:
    """Return the parameters of `xgboost.train`.

    Up to 1.7-1, auto is exact below 4 Mi rows on one host and approx otherwise, and the first prediction is
    0.5; both are what makes predictions equal those of the real images.
    """
    parameters = {name: value for name, value in values.items() if name not in _NOT_FOR_XGBOOST}
    parameters["nthread"] = 1
    if parameters.get("objective") == "reg:linear":
        parameters["objective"] = "reg:squarederror"
    if "updater" in parameters:
        names = [_RENAMED_UPDATERS.get(name, name) for name in parameters["updater"]]
        parameters["updater"] = ",".join(name for name in dict.fromkeys(names) if name != "sync")
    for name in ("monotone_constraints", "interaction_constraints"):
        if name in parameters:
            parameters[name] = str(parameters[name]).replace(" ", "")
    parameters.pop("eval_metric", None)
    usual = (_ERRORS if image.counts_errors else {}) | (_PRECISION if image.exact_on_small_data else {})
    if chosen.of_xgboost:
        parameters["eval_metric"] = chosen.of_xgboost
    elif parameters.get("objective") in usual:
        parameters["eval_metric"] = usual[parameters["objective"]]
    _choose_tree_method(image, parameters, rows, hosts, instance_type)
    if image.exact_on_small_data:
        parameters.setdefault("base_score", 0.5)
        if str(parameters.get("objective", "")).startswith("rank:"):
            # Before 2.0 each row met one other row of its group, drawn at random.
            parameters.setdefault("lambdarank_pair_method", "mean")
            parameters.setdefault("lambdarank_num_pair_per_sample", 1)
    return parameters


def _choose_tree_method(
    image: Image, parameters: dict[str, Any], rows: int, hosts: int, instance_type: str
) -> None:
    method = parameters.get("tree_method", "auto")
    if method == "gpu_hist":
        if not instance_type.startswith(_GPU_FAMILIES):
            raise AlgorithmError(
                "XGB train call failed with exception:\n Must have at least one device for tree_method "
                f"gpu_hist, and the instance type {instance_type or 'of this job'} has no GPU."
            )
        parameters["tree_method"] = "hist"
    elif method == "auto" and image.exact_on_small_data and parameters.get("booster") != "gblinear":
        if "updater" in parameters:
            parameters.pop("tree_method", None)
        else:
            parameters["tree_method"] = "exact" if hosts == 1 and rows < _EXACT_BELOW else "approx"
