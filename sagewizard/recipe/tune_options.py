"""The options of the step tune: what its tuning job tries, how often, and on which machines."""

from __future__ import annotations

from sagewizard.algorithms import Hyperparameter, Interval, Kind
from sagewizard.recipe.options import Option
from sagewizard.recipe.step_options import on_capacity, spot

STRATEGIES = ("Bayesian", "Random", "Grid", "Hyperband")
TUNED, BETTER = "tuned", "better"
MOST_JOBS, MOST_RANDOM_JOBS, MOST_PARALLEL = 750, 10_000, 10
"""SageMaker's quotas for one tuning job; ten times as many in parallel can be had by asking AWS."""

_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}"


def _choice(name: str, title: str, default: str, choices: tuple[str, ...], text: str) -> Option:
    return Option("tune", Hyperparameter(name, Kind.CHOICE, title, text, default, choices=choices))


def _whole(
    name: str, title: str, default: str | None, low: int, high: int, text: str, *, advanced: bool = True
) -> Option:
    interval = Interval(low=low, high=high)
    return Option(
        "tune", Hyperparameter(name, Kind.INTEGER, title, text, default, interval=interval, advanced=advanced)
    )


def _text(
    name: str, title: str, default: str | None, text: str, *, pattern: str = "", like: str = ""
) -> Option:
    return Option("tune", Hyperparameter(name, Kind.TEXT, title, text, default), pattern=pattern, like=like)


TUNE_OPTIONS: tuple[Option, ...] = (
    Option(
        "tune",
        Hyperparameter(
            "enabled", Kind.BOOLEAN, "Tune", "Whether the step is done; false leaves it out.", "true"
        ),
    ),
    _choice(
        "strategy",
        "Strategy",
        "Bayesian",
        STRATEGIES,
        "How the next values are chosen. Bayesian learns from the jobs before, Random draws blindly and can "
        "run all jobs at once, Grid tries every combination of lists, Hyperband ends weak jobs early.",
    ),
    _whole(
        "jobs", "Training jobs", "10", 1, MOST_RANDOM_JOBS,
        "How many training jobs there are at most; each is billed. For Grid it follows from the lists.",
        advanced=False,
    ),
    _whole(
        "parallel", "At a time", "2", 1, MOST_PARALLEL,
        "How many of them run side by side. More end sooner; fewer let the Bayesian strategy learn more.",
        advanced=False,
    ),
    _text(
        "objective_metric", "Objective metric", None,
        "The metric that decides which job is best, as the algorithm writes it into its log.",
    ),
    _choice(
        "objective_type", "Better is", "auto", ("auto", "Maximize", "Minimize"),
        "Whether a higher or a lower objective is better; auto knows it for the built-in algorithms.",
    ),
    _choice(
        "early_stopping", "Early stopping", "Off", ("Off", "Auto"),
        "Auto ends a job that does worse than the median of the earlier ones at the same epoch.",
    ),
    _whole("seed", "Seed", "1", 0, 2**31 - 1, "The same seed tries the same values in the same order."),
    _choice(
        "model", "Model to go on with", TUNED, (TUNED, BETTER),
        "What is deployed: the best job of the tuning (tuned), or the training job before it if that "
        "reached a better objective (better).",
    ),
    _text(
        "warm_start", "Warm start from", None,
        "Names of up to five earlier tuning jobs, with commas, whose results are taken into account.",
        pattern=rf"{_NAME}( *, *{_NAME}){{0,4}}", like="sw-20261121-013055-a3f9-tune, up to five with commas",
    ),
    _choice(
        "warm_start_type", "Warm start type", "IdenticalDataAndAlgorithm",
        ("IdenticalDataAndAlgorithm", "TransferLearning"),
        "IdenticalDataAndAlgorithm goes on with the same data and algorithm; TransferLearning allows others.",
    ),
    _whole("min_epochs", "Fewest epochs", None, 1, 20_000, "Hyperband: what the weakest job is given."),
    _whole(
        "max_epochs", "Most epochs", None, 1, 20_000,
        "Hyperband: what the best job is given; without it the recipe's own number of epochs.",
    ),
    Option(
        "tune",
        Hyperparameter(
            "target_value", Kind.FLOAT, "Good enough", "The tuning ends when a job reaches this objective.",
            advanced=True,
        ),
    ),
    _whole(
        "not_improving", "Patience", None, 3, MOST_RANDOM_JOBS,
        "The tuning ends after so many jobs in a row without a better one.",
    ),
    _whole(
        "max_tuning_seconds", "Longest tuning", None, 120, 2_592_000,
        "SageMaker ends the tuning job after this time, and keeps what is done.",
    ),
    _text(
        "instance_type", "Instance type", "ml.m5.xlarge", "The machine that each job trains on.",
        pattern=r"ml\.[a-z0-9-]+\.[a-z0-9-]+", like="ml.m5.xlarge",
    ),
    _whole("instance_count", "Instances", "1", 1, 20, "How many instances each job has; each is billed."),
    _whole("volume_gb", "Volume", "10", 1, 1024, "Disk of each instance in GB."),
    _whole(
        "max_runtime_seconds", "Longest run", "3600", 60, 432_000,
        "SageMaker stops a training job after this time, so that it cannot cost more.",
    ),
    spot("tune"),
    on_capacity("tune"),
)  # fmt: skip
