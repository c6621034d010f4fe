"""PCA in the catalogue: hyperparameters, channels and image.

Source: SageMaker Developer Guide, "PCA hyperparameters" and "How PCA works".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.algorithms.first_party import first_party
from sagewizard.algorithms.forms import switch
from sagewizard.algorithms.schema import (
    Channel,
    Hyperparameter,
    Interval,
    Kind,
    MetricDefinition,
    Problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTENT_TYPES = ("application/x-recordio-protobuf", "text/csv;label_size=0")
REGULAR, RANDOMIZED = "regular", "randomized"

HYPERPARAMETERS = (
    Hyperparameter(
        "feature_dim",
        Kind.INTEGER,
        "Number of features",
        "How many numbers describe one row. The job fails early when the data has another width.",
        required=True,
        interval=Interval(low=1),
    ),
    Hyperparameter(
        "num_components",
        Kind.INTEGER,
        "Number of components",
        "How many numbers are to be left of each row: the directions in which the rows differ most are kept "
        "and the others dropped. At most as many as there are features.",
        required=True,
        interval=Interval(low=1),
    ),
    Hyperparameter(
        "mini_batch_size",
        Kind.INTEGER,
        "Rows per mini-batch",
        "How many rows are looked at together. It changes speed and memory, not the result.",
        required=True,
        interval=Interval(low=1),
    ),
    Hyperparameter(
        "algorithm_mode",
        Kind.CHOICE,
        "Way of computing",
        "regular is exact and suits up to some thousand features; randomized approximates and suits many "
        "rows with many features.",
        REGULAR,
        choices=(REGULAR, RANDOMIZED),
    ),
    switch(
        "subtract_mean",
        "Centre the features",
        "Whether the mean of each feature is taken off before. Without it the first component mostly says "
        "where the data lies and not how it varies.",
        "true",
    ),
    Hyperparameter(
        "extra_components",
        Kind.INTEGER,
        "Extra components",
        "How many components more than wanted are computed in randomized mode, which makes the wanted ones "
        "more exact. -1 takes the larger of 10 and the number of components.",
        "-1",
        interval=Interval(low=-1),
        only_when=(("algorithm_mode", (RANDOMIZED,)),),
        advanced=True,
    ),
    Hyperparameter(
        "_tuning_objective_metric",
        Kind.TEXT,
        "Objective metric",
        "The metric a tuning job aims at; PCA has none.",
        "",
        internal=True,
    ),
)

CHANNELS = (
    Channel(
        "train",
        True,
        CONTENT_TYPES,
        ("FullyReplicated", "ShardedByS3Key"),
        "The rows whose main directions are sought. They need no label.",
    ),
    Channel("test", False, CONTENT_TYPES, ("FullyReplicated",), "Rows that are read and checked as well."),
)

METRIC_DEFINITIONS = (
    MetricDefinition(
        "train:progress",
        r"#progress_metric: host=\S+, completed (\S+) %",
        help="Share of the data gone through, in percent.",
    ),
    MetricDefinition(
        "train:throughput",
        r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
        help="Rows trained on per second.",
    ),
)


def _components_fit(values: Mapping[str, str]) -> Iterator[Problem]:
    if "num_components" in values and "feature_dim" in values:
        wanted, width = int(values["num_components"]), int(values["feature_dim"])
        if wanted > width:
            allowed = f"at most feature_dim, {width}"
            message = f"{wanted} is more than there are features: it must be {allowed}"
            yield Problem("num_components", message, allowed, value=values["num_components"])


ALGORITHM = first_party(
    "pca",
    title="Principal Component Analysis",
    summary="Describes rows of many features by a few numbers that keep most of what tells the rows apart.",
    hyperparameters=HYPERPARAMETERS,
    channels=CHANNELS,
    metric_definitions=METRIC_DEFINITIONS,
    supervised=False,
    rules=(_components_fit,),
)
