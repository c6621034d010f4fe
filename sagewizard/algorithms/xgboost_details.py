"""The hyperparameters of XGBoost for those who know what they are after, and those SageMaker sets itself."""

from __future__ import annotations

from sagewizard.algorithms.forms import INSIDE_ONE, NOT_NEGATIVE, count, number, switch
from sagewizard.algorithms.schema import Hyperparameter, Interval, Kind, Scaling, Tunable
from sagewizard.algorithms.xgboost_versions import between, choices, since, until

_UNIT = Interval(low=0, high=1)
_SHARE = Interval(low=0, high=1, low_open=True)
_DART = (("booster", ("dart",)),)
_LINEAR = (("booster", ("gblinear",)),)
_AFT = (("objective", ("survival:aft",)),)
_OLD = until("1.0-1")
_NEW = since("1.0-1")


def _choice(
    name: str,
    title: str,
    text: str,
    default: str | None,
    options: tuple[str, ...],
    *,
    versions: tuple[str, ...] = (),
    only_when: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> Hyperparameter:
    return Hyperparameter(
        name,
        Kind.CHOICE,
        title,
        text,
        default,
        choices=options,
        advanced=True,
        versions=versions,
        only_when=only_when,
    )


def _flag(
    name: str,
    title: str,
    text: str,
    default: str,
    *,
    versions: tuple[str, ...] = (),
    only_when: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> Hyperparameter:
    """Describe a choice between 0 and 1."""
    return Hyperparameter(
        name,
        Kind.INTEGER,
        title,
        text,
        default,
        interval=_UNIT,
        advanced=True,
        versions=versions,
        only_when=only_when,
    )


def _also(name: str, known: str, interval: Interval, tunable: Tunable) -> Hyperparameter:
    return Hyperparameter(
        name,
        Kind.FLOAT,
        f"Another name for {known}",
        f"XGBoost's other name for {known}.",
        interval=interval,
        tunable=tunable,
        advanced=True,
        versions=_NEW,
    )


_GROWING = (
    number(
        "colsample_bylevel",
        "Features per level",
        "The share of the features looked at on each level of a tree.",
        "1",
        _SHARE,
        tunable=Tunable(0.1, 1, Scaling.LINEAR),
        advanced=True,
    ),
    number(
        "colsample_bynode",
        "Features per split",
        "The share of the features looked at for each split.",
        "1",
        _SHARE,
        tunable=Tunable(0.1, 1, Scaling.LINEAR),
        advanced=True,
        versions=since("0.90-1"),
    ),
    _choice(
        "tree_method",
        "How splits are found",
        "exact tries every value, approx and hist group the values first and are faster on large data. auto "
        "takes exact for small data in images up to 1.7-1, hist in later ones.",
        "auto",
        choices("tree_method"),
    ),
    _choice(
        "grow_policy",
        "Where a tree grows",
        "depthwise finishes a level before the next, lossguide splits where the loss falls most (hist and "
        "approx only).",
        "depthwise",
        ("depthwise", "lossguide"),
    ),
    Hyperparameter(
        "max_leaves",
        Kind.INTEGER,
        "Most leaves of a tree",
        "The most leaves a tree may have; 0 means no limit.",
        "0",
        interval=NOT_NEGATIVE,
        advanced=True,
    ),
    Hyperparameter(
        "max_bin",
        Kind.INTEGER,
        "Groups per feature",
        "Into how many groups hist and approx sort the values of a feature.",
        "256",
        interval=NOT_NEGATIVE,
        advanced=True,
    ),
    number(
        "sketch_eps",
        "Fineness of the groups",
        "How finely approx of XGBoost before 1.6 grouped values.",
        "0.03",
        INSIDE_ONE,
        advanced=True,
    ),
    Hyperparameter(
        "updater",
        Kind.TEXT,
        "Tree builders",
        "The steps that build and change trees, with commas between. tree_method chooses them otherwise.",
        advanced=True,
    ),
    _choice(
        "process_type",
        "Build or update",
        "default grows new trees, update changes those of a model that is there already.",
        "default",
        ("default", "update"),
    ),
    _flag(
        "refresh_leaf",
        "Refresh the leaves",
        "Whether an update changes leaf values (1) or only the statistics of the nodes (0).",
        "1",
    ),
    Hyperparameter(
        "monotone_constraints",
        Kind.TEXT,
        "Rising or falling features",
        "For each feature 1 (the prediction may only rise with it), -1 (only fall) or 0, as (1,0,-1). Needs "
        "tree_method exact or hist.",
        advanced=True,
        versions=_NEW,
    ),
    Hyperparameter(
        "interaction_constraints",
        Kind.TEXT,
        "Features that may meet",
        "Groups of features that may be used together in a branch, as [[1,2],[3,4,5]]. Needs tree_method "
        "exact, hist or approx.",
        advanced=True,
        versions=_NEW,
    ),
    count(
        "num_parallel_tree",
        "Trees per round",
        "How many trees are grown side by side in a round; with subsample below 1 a boosted random forest.",
        "1",
        advanced=True,
        versions=since("1.2-1"),
    ),
    _choice(
        "sampling_method",
        "How rows are drawn",
        "uniform gives each row the same chance, gradient_based prefers rows that are still wrong (GPU).",
        "uniform",
        ("uniform", "gradient_based"),
        versions=since("1.3-1"),
    ),
    number(
        "base_score",
        "First prediction",
        "The prediction before the first tree. 0.5 in images up to 1.7-1; later ones fit it to the labels.",
        "0.5",
        NOT_NEGATIVE,
        advanced=True,
    ),
)

_BOOSTERS = (
    _choice(
        "sample_type",
        "How trees are dropped",
        "uniform drops trees with equal chances, weighted by their weight.",
        "uniform",
        ("uniform", "weighted"),
        only_when=_DART,
    ),
    _choice(
        "normalize_type",
        "Weight of new trees",
        "tree weighs a new tree like each dropped one, forest like all of them together.",
        "tree",
        ("tree", "forest"),
        only_when=_DART,
    ),
    number(
        "rate_drop",
        "Share of trees dropped",
        "The share of earlier trees that is left out of a round.",
        "0",
        _UNIT,
        only_when=_DART,
        advanced=True,
    ),
    _flag(
        "one_drop", "Drop at least one", "Whether at least one tree is always left out.", "0", only_when=_DART
    ),
    number(
        "skip_drop",
        "Chance of no dropping",
        "The chance that a round leaves no tree out.",
        "0",
        _UNIT,
        only_when=_DART,
        advanced=True,
    ),
    number(
        "lambda_bias",
        "L2 of the bias",
        "L2 regularization of the constant term.",
        "0",
        _UNIT,
        only_when=_LINEAR,
        advanced=True,
    ),
    number(
        "tweedie_variance_power",
        "Variance power",
        "How the variance grows with the mean: near 2 like a gamma, near 1 like a Poisson distribution.",
        "1.5",
        Interval(low=1, high=2, low_open=True, high_open=True),
        only_when=(("objective", ("reg:tweedie",)),),
        advanced=True,
    ),
    _choice(
        "aft_loss_distribution",
        "Distribution of survival times",
        "The distribution of the noise in survival:aft.",
        "normal",
        ("normal", "logistic", "extreme"),
        versions=since("1.2-1"),
        only_when=_AFT,
    ),
    number(
        "aft_loss_distribution_scale",
        "Scale of survival times",
        "The scale of the noise in survival:aft.",
        "1",
        NOT_NEGATIVE,
        advanced=True,
        versions=since("1.2-1"),
        only_when=_AFT,
    ),
)

_RUNNING = (
    _flag(
        "csv_weights",
        "Weights in the CSV",
        "1 when the second column of the CSV holds the weight of each row.",
        "0",
    ),
    _flag(
        "silent",
        "Quiet",
        "1 keeps messages of single trees out of the log (0.72 only has them).",
        "0",
        versions=_OLD,
    ),
    Hyperparameter(
        "verbosity",
        Kind.INTEGER,
        "Messages",
        "How much XGBoost writes to the log: 0 nothing, 1 warnings, 2 what it does, 3 everything.",
        "1",
        interval=Interval(low=0, high=3),
        advanced=True,
        versions=since("0.90-1"),
    ),
    count(
        "nthread",
        "Threads",
        "How many threads train. The sandbox always trains with one, which gives the same model.",
        advanced=True,
    ),
    _choice("dsplit", "Split of the data", "How data is split between hosts.", "row", ("row", "col")),
    _choice(
        "predictor",
        "Predictor",
        "What computes predictions while training; a CPU here.",
        None,
        choices("predictor"),
    ),
    switch(
        "save_model_on_termination",
        "Keep the model when stopped",
        "Whether a job that is stopped saves the model as it is then.",
        "false",
        advanced=True,
        versions=_NEW,
    ),
    switch(
        "deterministic_histogram",
        "Repeatable histograms",
        "Whether histograms on a GPU are built so that they can be repeated.",
        "true",
        advanced=True,
        versions=since("1.2-1"),
    ),
    switch(
        "single_precision_histogram",
        "Single-precision histograms",
        "Whether hist counts with 32-bit numbers.",
        "false",
        advanced=True,
        versions=between("1.2-1", "1.5-1"),
    ),
    number(
        "prob_buffer_row",
        "Buffer of rows",
        "The ratio of buffered to drawn rows of gradient_based sampling in older versions.",
        None,
        Interval(low=1.0, low_open=True),
        advanced=True,
        versions=since("1.3-1"),
    ),
    switch(
        "use_dask_gpu_training",
        "Train on several GPUs",
        "Whether Dask spreads the training over all GPUs; the sandbox has none.",
        "false",
        advanced=True,
        versions=since("1.5-1"),
    ),
    Hyperparameter(
        "_kfold",
        Kind.INTEGER,
        "Folds",
        "Cross-validation: into how many parts train and validation are cut; every part is held back once, "
        "and a model is saved for each.",
        interval=Interval(low=2),
        advanced=True,
        versions=since("1.2-2"),
    ),
    count(
        "_num_cv_round",
        "Repeats of the folds",
        "How often the cross-validation is repeated with another shuffle.",
        "1",
        advanced=True,
        versions=since("1.2-2"),
    ),
    Hyperparameter(
        "_tuning_objective_metric",
        Kind.TEXT,
        "Tuning objective",
        "Set by automatic model tuning: the metric it aims at, which is then reported as well.",
        internal=True,
    ),
)

_NAMES = (
    _also("learning_rate", "eta", _UNIT, Tunable(0.1, 0.5, Scaling.LINEAR)),
    _also("min_split_loss", "gamma", NOT_NEGATIVE, Tunable(0, 5, Scaling.LINEAR)),
    _also("reg_lambda", "lambda", NOT_NEGATIVE, Tunable(0, 1000, Scaling.LINEAR)),
    _also("reg_alpha", "alpha", NOT_NEGATIVE, Tunable(0, 1000, Scaling.LINEAR)),
)

DETAILS = (*_GROWING, *_BOOSTERS, *_RUNNING, *_NAMES)
