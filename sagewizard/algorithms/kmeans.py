"""K-Means in the catalogue: hyperparameters, channels, metrics and image.

Sources: SageMaker Developer Guide, "K-Means hyperparameters" and "Tune a K-Means model"; the metric
definitions are those a real DescribeTrainingJob returns.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sagewizard.algorithms.first_party import first_party
from sagewizard.algorithms.forms import NOT_NEGATIVE, POSITIVE, count, number, switch
from sagewizard.algorithms.schema import (
    Channel,
    Goal,
    Hyperparameter,
    Interval,
    Kind,
    MetricDefinition,
    Problem,
    Scaling,
    Tunable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTENT_TYPES = ("application/x-recordio-protobuf", "text/csv;label_size=0")
METRICS = ("msd", "ssd")
_INITS = ("random", "kmeans++")

HYPERPARAMETERS = (
    Hyperparameter(
        "k",
        Kind.INTEGER,
        "Number of clusters",
        "How many groups the rows are sorted into. There is no right number in general: try several and look "
        "where more clusters stop making the distances much smaller.",
        required=True,
        interval=Interval(low=1),
    ),
    Hyperparameter(
        "feature_dim",
        Kind.INTEGER,
        "Number of features",
        "How many numbers describe one row. The job fails early when the data has another width.",
        required=True,
        interval=Interval(low=1),
    ),
    count(
        "mini_batch_size",
        "Rows per mini-batch",
        "How many rows are looked at before the centers move. Larger batches move them more steadily.",
        "5000",
        tunable=Tunable(3000, 15000, Scaling.LINEAR),
    ),
    count(
        "epochs",
        "Passes over the data",
        "How often the training data is gone through. One pass is enough for large data; small data gains "
        "from a few more.",
        "1",
        tunable=Tunable(1, 10, Scaling.LINEAR),
    ),
    Hyperparameter(
        "init_method",
        Kind.CHOICE,
        "First centers",
        "How the first centers are chosen. random takes rows by chance; kmeans++ takes rows that lie far "
        "from each other, which costs more time at the start and often gives better clusters.",
        "random",
        choices=_INITS,
        tunable=Tunable(values=_INITS),
    ),
    count(
        "extra_center_factor",
        "Extra centers",
        "While the data is read, this many times k centers are kept, and only at the end they are merged "
        "into k. More of them make a bad start less likely. auto takes 10.",
        "auto",
        words=("auto",),
        tunable=Tunable(4, 10, Scaling.LINEAR),
    ),
    Hyperparameter(
        "half_life_time_size",
        Kind.INTEGER,
        "Half-life of a row",
        "After how many more rows a row counts half as much for its center, which lets old rows fade when "
        "the data changes over time. 0 turns it off: every row counts the same.",
        "0",
        interval=NOT_NEGATIVE,
        advanced=True,
    ),
    Hyperparameter(
        "local_lloyd_init_method",
        Kind.CHOICE,
        "Merging: first centers",
        "How the first centers are chosen when the many centers are merged into k.",
        "kmeans++",
        choices=_INITS,
        advanced=True,
    ),
    count(
        "local_lloyd_max_iter",
        "Merging: most rounds",
        "How many rounds each attempt at merging takes at most.",
        "300",
        advanced=True,
    ),
    count(
        "local_lloyd_num_trials",
        "Merging: attempts",
        "How many times the merging is tried; the attempt with the smallest distances wins. auto takes 10.",
        "auto",
        words=("auto",),
        advanced=True,
    ),
    number(
        "local_lloyd_tol",
        "Merging: tolerance",
        "Merging ends once a round changes the centers by less than this.",
        "0.0001",
        POSITIVE,
        advanced=True,
    ),
    Hyperparameter(
        "eval_metrics",
        Kind.TEXT,
        "Metrics",
        "Which figures are reported, as a JSON list: msd is the mean of the squared distances to the nearest "
        "center, ssd is their sum.",
        '["msd"]',
        advanced=True,
    ),
    switch(
        "force_dense",
        "Dense data",
        "Whether the rows are held with all their zeros. It changes speed and memory, not the clusters.",
        "true",
        advanced=True,
    ),
    Hyperparameter(
        "_tuning_objective_metric",
        Kind.TEXT,
        "Objective metric",
        "The metric a tuning job aims at; SageMaker sets it.",
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
        "The rows that are sorted into clusters. They need no label.",
    ),
    Channel(
        "test", False, CONTENT_TYPES, ("FullyReplicated",), "Rows the finished clusters are measured on."
    ),
)

_HELP = {
    "msd": "Mean of the squared distances between rows and their nearest center.",
    "ssd": "Sum of the squared distances between rows and their nearest center.",
}


def _loss(split: str, name: str, *, tunable: bool) -> MetricDefinition:
    regex = rf"#quality_metric: host=\S+, {split} {name} <loss>=(\S+)"
    return MetricDefinition(f"{split}:{name}", regex, Goal.MINIMIZE, _HELP[name], tunable)


METRIC_DEFINITIONS = (
    _loss("test", "msd", tunable=True),
    _loss("test", "ssd", tunable=True),
    _loss("train", "msd", tunable=False),
    MetricDefinition(
        "train:progress",
        r"#progress_metric: host=\S+, completed (\S+) %",
        help="Share of the epochs done, in percent.",
    ),
    MetricDefinition(
        "train:throughput",
        r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
        help="Rows trained on per second.",
    ),
)


def metric_names(text: str) -> list[str] | None:
    """Read a value of eval_metrics; None when it is not a JSON list of known names."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return None
    sound = isinstance(names, list) and names and all(name in METRICS for name in names)
    return list(dict.fromkeys(names)) if sound else None


def _metrics_are_known(values: Mapping[str, str]) -> Iterator[Problem]:
    text = values.get("eval_metrics")
    if text is not None and metric_names(text) is None:
        allowed = 'a JSON list of msd and ssd, such as ["msd", "ssd"]'
        yield Problem("eval_metrics", f"'{text}' is not {allowed}", allowed, value=text)


ALGORITHM = first_party(
    "kmeans",
    title="K-Means",
    summary="Sorts rows into k groups of similar rows without being told any labels, and keeps the middle of "
    "each group.",
    hyperparameters=HYPERPARAMETERS,
    channels=CHANNELS,
    metric_definitions=METRIC_DEFINITIONS,
    supervised=False,
    rules=(_metrics_are_known,),
)
