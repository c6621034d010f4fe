"""XGBoost in the catalogue: channels, metrics, images and the rules between hyperparameters.

Sources: the container AWS publishes (aws/sagemaker-xgboost-container), and the metric definitions a real
DescribeTrainingJob of 0.90-1 returns (2020-03); newer metrics follow the same form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.algorithms.framework_accounts import FRAMEWORK_ACCOUNTS
from sagewizard.algorithms.schema import (
    Algorithm,
    Channel,
    Goal,
    ImageSource,
    InstanceTypes,
    MetricDefinition,
    Problem,
)
from sagewizard.algorithms.xgboost_hyperparameters import HYPERPARAMETERS, MULTICLASS
from sagewizard.algorithms.xgboost_versions import (
    FIRST_ACCOUNTS,
    FIRST_TAGS,
    MAXIMISED,
    MINIMISED,
    TAGS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTENT_TYPES = (
    "csv",
    "libsvm",
    "parquet",
    "recordio-protobuf",
    "text/csv",
    "text/libsvm",
    "text/x-libsvm",
    "application/x-parquet",
    "application/x-recordio-protobuf",
)
"""In the order in which the container's own refusal lists them."""
THRESHOLD_METRICS = ("error", "ndcg", "map")

_BOTH = ("FullyReplicated", "ShardedByS3Key")
CHANNELS = (
    Channel("train", True, CONTENT_TYPES, _BOTH, "The rows the trees are grown on: label first, no header."),
    Channel(
        "validation",
        False,
        CONTENT_TYPES,
        _BOTH,
        "Rows kept back: the log shows how the model does on them, and early stopping watches them.",
    ),
    Channel("code", False, ("text/python",), ("FullyReplicated",), "A training script of one's own."),
)

_HELP = {
    "accuracy": "Share of rows judged rightly.",
    "auc": "Area under the ROC curve.",
    "aucpr": "Area under the precision-recall curve.",
    "balanced_accuracy": "Recall of each class, averaged over the classes.",
    "f1": "Balance of precision and recall, averaged over the classes.",
    "f1_binary": "Balance of precision and recall of the positive class.",
    "f1_macro": "Balance of precision and recall, averaged over the classes.",
    "map": "Mean average precision of a ranking.",
    "ndcg": "Quality of a ranking, 1 for a perfect one.",
    "precision": "Of the rows called positive, the share that is.",
    "r2": "Share of the label's variance that the model explains.",
    "recall": "Of the positive rows, the share that was found.",
    "error": "Share of rows judged wrongly at a threshold of 0.5.",
    "logloss": "Negative log-likelihood of the true answers.",
    "mae": "Mean of the absolute errors.",
    "merror": "Share of rows whose class was named wrongly.",
    "mlogloss": "Negative log-likelihood of the true classes.",
    "mse": "Mean of the squared errors.",
    "rmse": "Root of the mean squared error.",
    "rmsle": "Root of the mean squared error of logarithms.",
}
_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


def _metric_definitions() -> Iterator[MetricDefinition]:
    for split in ("train", "validation"):
        for names, goal in ((MAXIMISED, Goal.MAXIMIZE), (MINIMISED, Goal.MINIMIZE)):
            for name in names:
                yield MetricDefinition(
                    f"{split}:{name}",
                    rf".*\[[0-9]+\].*#011{split}-{name}:{_NUMBER}.*",
                    goal,
                    _HELP.get(name, f"XGBoost's {name}."),
                    tunable=split == "validation",
                )


def _classes_are_counted(values: Mapping[str, str]) -> Iterator[Problem]:
    if values.get("objective") in MULTICLASS and "num_class" not in values:
        allowed = "a whole number of at least 2"
        yield Problem("num_class", f"it is required for {values['objective']}: {allowed}", allowed)


def _metrics_are_known(values: Mapping[str, str]) -> Iterator[Problem]:
    known = [*MAXIMISED, *MINIMISED]
    objective = values.get("objective", "reg:squarederror")
    text = values.get("eval_metric")
    for metric in text.split(",") if text is not None else []:
        name, at, threshold = metric.partition("@")
        if at and name not in THRESHOLD_METRICS:
            allowed = ", ".join(THRESHOLD_METRICS)
            yield Problem(
                "eval_metric", f"only {allowed} take a threshold, not '{name}'", allowed, value=metric
            )
        elif at and not _is_number(threshold):
            yield Problem("eval_metric", f"the threshold in '{metric}' is not a number", value=metric)
        elif name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, n=1)
            yield Problem(
                "eval_metric",
                f"there is no metric '{name}'",
                ", ".join(known),
                near[0] if near else None,
                metric,
            )
        elif metric == "auc" and not objective.startswith(("binary:", "rank:")):
            yield Problem("eval_metric", f"auc does not go with {objective}", value=metric)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


ALGORITHM = Algorithm(
    name="xgboost",
    title="XGBoost",
    summary="Grows many small decision trees, each correcting the ones before. The first choice for tables "
    "of numbers: strong, quick, and content with raw features.",
    hyperparameters=HYPERPARAMETERS,
    channels=CHANNELS,
    metric_definitions=tuple(_metric_definitions()),
    image=ImageSource("sagemaker-xgboost", FRAMEWORK_ACCOUNTS, TAGS, "3.0-5"),
    inference_content_types=(
        "text/csv",
        "text/libsvm",
        "text/x-libsvm",
        "application/x-recordio-protobuf",
    ),
    inference_accepts=(
        "text/csv",
        "application/json",
        "application/jsonlines",
        "application/x-recordio-protobuf",
    ),
    instance_types=InstanceTypes(training="ml.m4.xlarge", hosting="ml.m4.xlarge", transform="ml.m4.xlarge"),
    input_modes=("File", "Pipe"),
    rules=(_classes_are_counted, _metrics_are_known),
    earlier_images=(ImageSource("xgboost", FIRST_ACCOUNTS, FIRST_TAGS, "1"),),
)

__all__ = ["ALGORITHM"]
