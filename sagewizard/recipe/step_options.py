"""The options of every step, by its name; forms, prompts, the command line and recipe files all read them."""

from __future__ import annotations

from sagewizard.algorithms import Hyperparameter, Interval, Kind
from sagewizard.recipe.option import Option

_INSTANCE_TYPE = r"ml\.[a-z0-9-]+\.[a-z0-9-]+"
NEVER = "never"
TTL_ROLE = "SageWizardSchedulerRole"
LENGTH_OF_TIME = r"(?=[0-9a-z]*[1-9])(\d{1,4}d)?(\d{1,6}h)?(\d{1,6}m(in)?)?(\d{1,8}s)?"
"""Such as 2h, 1h30m or 90s, and not nothing."""


def _integer(
    name: str, title: str, default: int, low: int, high: int, text: str, *, advanced: bool = True
) -> Hyperparameter:
    interval = Interval(low=low, high=high)
    return Hyperparameter(name, Kind.INTEGER, title, text, str(default), interval=interval, advanced=advanced)


def _instance(section: str, name: str, title: str, default: str, text: str) -> Option:
    definition = Hyperparameter(name, Kind.TEXT, title, text, default)
    return Option(section, definition, pattern=_INSTANCE_TYPE, like=default)


def _count(section: str) -> Option:
    return Option(
        section,
        _integer(
            "instance_count", "Instances", 1, 1, 20, "How many instances share the work; each is billed."
        ),
    )


def spot(section: str) -> Option:
    """Return the option of a step whose training jobs may take spare capacity."""
    return Option(
        section,
        Hyperparameter(
            "spot",
            Kind.BOOLEAN,
            "Spot training",
            "Train on spare capacity, which costs up to 90 % less and can be taken away: the job then waits "
            "and goes on, from its checkpoint where the algorithm writes one.",
            "false",
            advanced=True,
        ),
    )


def on_capacity(section: str) -> Option:
    """Return the option of a step that takes machines, for when there are none."""
    return Option(
        section,
        Hyperparameter(
            "on_capacity",
            Kind.CHOICE,
            "Without capacity",
            "What to do when AWS has no such machine to spare: stop, take the next type that the account may "
            "use (the plan names it with its price), or wait and try again for up to an hour.",
            "stop",
            choices=("stop", "next-type", "wait"),
            advanced=True,
        ),
    )


def _fraction(name: str, title: str, default: str, text: str) -> Option:
    interval = Interval(low=0, high=1, low_open=True, high_open=True)
    return Option("dataset", Hyperparameter(name, Kind.FLOAT, title, text, default, interval=interval))


STEP_NAMES = (
    "dataset",
    "preview",
    "prepare",
    "train",
    "tune",
    "deploy",
    "predict",
    "transform",
    "evaluate",
    "teardown",
)

STEP_OPTIONS: dict[str, tuple[Option, ...]] = {
    "dataset": (
        _fraction("train", "Training share", "0.6", "The share of the rows to train on."),
        _fraction(
            "validation", "Validation share", "0.2", "The share that picks the best model while training."
        ),
        _fraction("test", "Test share", "0.2", "The share that is kept back to judge the model at the end."),
        Option(
            "dataset",
            _integer("seed", "Seed", 0, 0, 2**31 - 1, "The same seed splits the rows the same way."),
        ),
        Option(
            "dataset",
            Hyperparameter(
                "stratified",
                Kind.BOOLEAN,
                "Stratified",
                "Give each split the same mix of labels.",
                "true",
                advanced=True,
            ),
        ),
        Option(
            "dataset",
            Hyperparameter(
                "method",
                Kind.CHOICE,
                "Order of splitting",
                "What is split off first. With test-first it is the test part, then the validation part; "
                "with train-first both together, and what is held back is then divided. The rows differ, not "
                "the shares.",
                "test-first",
                choices=("test-first", "train-first"),
                advanced=True,
            ),
        ),
    ),
    "preview": (
        Option("preview", _integer("rows", "Rows", 8, 1, 200, "How many rows to show.", advanced=False)),
    ),
    "prepare": (),
    "train": (
        _instance("train", "instance_type", "Instance type", "ml.m5.xlarge", "The machine that trains."),
        _count("train"),
        Option("train", _integer("volume_gb", "Volume", 10, 1, 1024, "Disk of the training instance in GB.")),
        Option(
            "train",
            _integer(
                "max_runtime_seconds",
                "Longest run",
                3600,
                60,
                432_000,
                "SageMaker stops the job after this time, so that it cannot cost more.",
            ),
        ),
        spot("train"),
        on_capacity("train"),
        Option(
            "train",
            Hyperparameter(
                "folds",
                Kind.INTEGER,
                "Cross-validation",
                "Before the model itself, train this many more: each on all but one part of the rows, and "
                "judged on that part. Mean and spread say how much the figures depend on the division. Every "
                "fold is a job of its own, and costs as much.",
                "off",
                interval=Interval(low=2, high=20),
                words=("off",),
                advanced=True,
            ),
        ),
    ),
    "deploy": (
        _instance("deploy", "instance_type", "Instance type", "ml.m5.large", "The machine that answers."),
        _count("deploy"),
        on_capacity("deploy"),
        Option(
            "deploy",
            Hyperparameter(
                "ttl",
                Kind.TEXT,
                "Deletes itself after",
                "How long after its last use the endpoint deletes itself, even if this machine never comes "
                "back: a schedule at AWS does it, which every use puts off and the teardown takes away.",
                NEVER,
            ),
            pattern=f"({NEVER}|{LENGTH_OF_TIME})",
            like="2h, 90m or 1h30m, or never",
            what="a length of time",
            live=True,
        ),
        Option(
            "deploy",
            Hyperparameter(
                "ttl_else",
                Kind.CHOICE,
                "Where it may not",
                "What to do where the schedule cannot be made (its role is missing, or it is not allowed): "
                "stop before the endpoint is made, or continue with one that stays until it is torn down.",
                "stop",
                choices=("stop", "continue"),
                advanced=True,
            ),
            live=True,
        ),
        Option(
            "deploy",
            Hyperparameter(
                "ttl_role",
                Kind.TEXT,
                "Role that deletes it",
                "The role that EventBridge Scheduler takes on to delete the endpoint: its name or ARN. "
                "`sagewizard doctor --target aws --create-ttl-role` makes one, after showing what it may do.",
                TTL_ROLE,
                advanced=True,
            ),
            pattern=r"(arn:aws[a-z-]*:iam::\d{12}:role/)?[\w+=,.@/-]{1,576}",
            like=TTL_ROLE,
            live=True,
        ),
    ),
    "predict": (
        Option(
            "predict",
            _integer(
                "row",
                "Row",
                1,
                1,
                10_000_000,
                "The row of the test split to predict first, from 1.",
                advanced=False,
            ),
        ),
        Option(
            "predict",
            _integer(
                "requests",
                "Requests",
                100,
                0,
                100_000,
                "How many requests share the test split; 0 for the one row alone.",
                advanced=False,
            ),
        ),
        Option(
            "predict",
            Hyperparameter(
                "delete_endpoint",
                Kind.BOOLEAN,
                "Delete the endpoint afterwards",
                "Delete the endpoint and its configuration as soon as it has answered, so that it costs "
                "nothing while the following steps run.",
                "false",
                advanced=True,
            ),
        ),
    ),
    "transform": (
        _instance(
            "transform", "instance_type", "Instance type", "ml.m5.large", "The machine that transforms."
        ),
        _count("transform"),
        Option(
            "transform",
            Hyperparameter(
                "strategy",
                Kind.CHOICE,
                "Batch strategy",
                "MultiRecord fills each request with as many rows as fit, SingleRecord sends one row each.",
                "MultiRecord",
                choices=("MultiRecord", "SingleRecord"),
            ),
        ),
        Option(
            "transform",
            _integer("max_payload_mb", "Largest request", 6, 1, 100, "In MB; fits the batch strategy."),
        ),
        Option(
            "transform",
            _integer(
                "max_runtime_seconds",
                "Longest run",
                3600,
                60,
                432_000,
                "The job is stopped after this time, so that it cannot cost more.",
            ),
        ),
        on_capacity("transform"),
    ),
    "evaluate": (
        Option(
            "evaluate",
            Hyperparameter(
                "source",
                Kind.CHOICE,
                "Predictions of",
                "Whose answers are judged: the endpoint's, the batch transform's, or (auto) what is there.",
                "auto",
                choices=("auto", "endpoint", "transform"),
            ),
        ),
        Option(
            "evaluate",
            Hyperparameter(
                "threshold",
                Kind.FLOAT,
                "Threshold",
                "A row is called positive when its score is above this, for yes-or-no questions. model is "
                "the threshold that training has chosen, or 0.5 where the model answers with a probability.",
                "model",
                interval=Interval(low=0, high=1),
                words=("model",),
            ),
        ),
    ),
    "teardown": (
        Option(
            "teardown",
            Hyperparameter(
                "delete_data",
                Kind.BOOLEAN,
                "Delete the data too",
                "Also delete the run's objects in the bucket: data, model artifact and transform output.",
                "false",
            ),
        ),
        Option(
            "teardown",
            Hyperparameter(
                "delete_logs",
                Kind.BOOLEAN,
                "Delete the logs too",
                "Also delete the logs that SageMaker kept of the run's jobs and endpoints in CloudWatch.",
                "false",
            ),
        ),
    ),
}

OWN_DATA: tuple[Option, ...] = (
    Option("dataset", Hyperparameter("path", Kind.TEXT, "File", "The path of your CSV file.")),
    Option(
        "dataset",
        Hyperparameter(
            "label",
            Kind.TEXT,
            "Label column",
            "What to predict: the name of a column, or its number from 1. auto lets the columns decide.",
            "auto",
        ),
    ),
    Option(
        "dataset",
        Hyperparameter(
            "task",
            Kind.CHOICE,
            "Task",
            "Whether the label is a yes or no, one of several classes, or a number. auto looks at it.",
            "auto",
            choices=("auto", "binary_classifier", "multiclass_classifier", "regressor"),
        ),
    ),
    Option(
        "dataset",
        Hyperparameter(
            "algorithm",
            Kind.CHOICE,
            "Algorithm",
            "Which algorithm to train. auto takes XGBoost, or Linear Learner where rows are few.",
            "auto",
            choices=("auto", "xgboost", "linear-learner"),
        ),
    ),
)
"""What a recipe for a file of one's own asks for; from these its label, task and algorithm follow."""

POSITIVE_LABEL = Option(
    "dataset",
    Hyperparameter(
        "positive_label",
        Kind.TEXT,
        "Positive label",
        "The label to tell from all others: it becomes 1, every other label becomes 0.",
    ),
)
