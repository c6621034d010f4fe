"""Linear Learner in the catalogue: channels, metrics, images and the rules between hyperparameters.

Sources: SageMaker Developer Guide, "Linear Learner algorithm"; the metric definitions are those a real
DescribeTrainingJob returns (2020-03), with roc_auc_score and rmse from the guide's newer tuning page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.algorithms.first_party import first_party
from sagewizard.algorithms.linear_learner_hyperparameters import (
    BINARY,
    HYPERPARAMETERS,
    LOSSES,
    MULTICLASS,
    REGRESSOR,
)
from sagewizard.algorithms.schema import (
    Channel,
    Goal,
    MetricDefinition,
    Problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTENT_TYPES = ("application/x-recordio-protobuf", "text/csv")

_BOTH = ("FullyReplicated", "ShardedByS3Key")
CHANNELS = (
    Channel("train", True, CONTENT_TYPES, _BOTH, "The rows the model learns from. Shuffle them first."),
    Channel(
        "validation",
        False,
        CONTENT_TYPES,
        ("FullyReplicated",),
        "Rows kept back: they decide which model is best, where the threshold lies and when to stop.",
    ),
    Channel("test", False, CONTENT_TYPES, ("FullyReplicated",), "Rows the finished model is scored on."),
)

_QUALITY = r"#quality_metric: host=\S+, {prefix}{split} {name} <{kind}>=(\S+)"
# label, the name in the log as a regex, kind, help; in the order the log has them
_BINARY_SCORES = (
    ("binary_classification_accuracy", "binary_classification_accuracy", "Share of rows judged rightly."),
    ("binary_f_beta", r"binary_f_\S+", "Balance of precision and recall, weighed by f_beta."),
    ("precision", "precision", "Of the rows called positive, the share that is."),
    ("recall", "recall", "Of the positive rows, the share that was found."),
)
_REGRESSION_LOSSES = (
    ("mse", "mse", "Mean of the squared errors."),
    ("absolute_loss", "absolute_loss", "Mean of the absolute errors."),
)
_MULTICLASS_SCORES = (
    ("multiclass_accuracy", "multiclass_accuracy", "Share of rows whose class was named rightly."),
    (
        "multiclass_top_k_accuracy",
        r"multiclass_top_k_accuracy_\S+",
        "Share of rows whose class is among the k most likely.",
    ),
    ("dcg", "dcg", "Discounted gain: 1 when the true class comes first, less the further down it is."),
    ("macro_recall", "macro_recall", "Recall of each class, averaged over the classes."),
    ("macro_precision", "macro_precision", "Precision of each class, averaged over the classes."),
    ("macro_f_beta", r"macro_f_\S+", "F score of each class, averaged over the classes."),
)


def _quality(
    name: str, split: str, logged: str, kind: str, text: str, *, prefix: str = "", tunable: bool
) -> MetricDefinition:
    regex = _QUALITY.format(prefix=prefix, split=split, name=logged, kind=kind)
    goal = Goal.MINIMIZE if kind == "loss" else Goal.MAXIMIZE
    return MetricDefinition(f"{split}:{name}", regex, goal, text, tunable)


def _metric_definitions() -> Iterator[MetricDefinition]:
    for split in ("train", "validation", "test"):
        held_back = split != "train"
        for name, logged, text in _BINARY_SCORES:
            yield _quality(name, split, logged, "score", text, tunable=held_back)
        for name, logged, text in _REGRESSION_LOSSES:
            yield _quality(name, split, logged, "loss", text, tunable=held_back)
    for split in ("validation", "test"):
        for name, logged, text in _MULTICLASS_SCORES:
            yield _quality(name, split, logged, "score", text, tunable=True)
        yield _quality(
            "roc_auc_score", split, "roc_auc_score", "score", "Area under the ROC curve.", tunable=True
        )
    yield _quality("rmse", "validation", "rmse", "loss", "Root of the mean squared error.", tunable=True)
    loss = "Loss the training minimises, after each epoch."
    for split in ("train", "validation"):
        yield _quality(
            "objective_loss",
            split,
            r"\S+_objective",
            "loss",
            loss,
            prefix=r"epoch=\S+, ",
            tunable=split == "validation",
        )
    final = "Loss of the chosen model at the end of the job."
    yield _quality("objective_loss:final", "train", r"\S+_objective", "loss", final, tunable=False)
    yield _quality("objective_loss:final", "validation", r"\S+_objective", "loss", final, tunable=False)
    yield _quality("objective_loss", "test", r"\S+_objective", "loss", final, tunable=True)
    yield MetricDefinition(
        "train:progress",
        r"#progress_metric: host=\S+, completed (\S+) %",
        help="Share of the epochs done, in percent.",
    )
    yield MetricDefinition(
        "train:throughput",
        r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
        help="Rows trained on per second.",
    )


def _classes_are_counted(values: Mapping[str, str]) -> Iterator[Problem]:
    if values.get("predictor_type") == MULTICLASS and "num_classes" not in values:
        allowed = "a whole number from 3 to 1000000"
        yield Problem("num_classes", f"it is required for {MULTICLASS}: {allowed}", allowed)


def _loss_fits(values: Mapping[str, str]) -> Iterator[Problem]:
    kind, loss = values.get("predictor_type", ""), values.get("loss", "auto")
    if kind in LOSSES and loss not in ("auto", *LOSSES[kind]):
        allowed = ", ".join(("auto", *LOSSES[kind]))
        yield Problem("loss", f"{loss} does not go with {kind}: choose one of {allowed}", allowed, value=loss)


ALGORITHM = first_party(
    "linear-learner",
    title="Linear Learner",
    summary="Learns a straight border or a straight line: quick, robust, and easy to explain. "
    "Trains many models at once and keeps the best.",
    hyperparameters=HYPERPARAMETERS,
    channels=CHANNELS,
    metric_definitions=tuple(_metric_definitions()),
    rules=(_classes_are_counted, _loss_fits),
)

__all__ = ["ALGORITHM", "BINARY", "MULTICLASS", "REGRESSOR"]
