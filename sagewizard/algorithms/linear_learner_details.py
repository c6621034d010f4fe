"""The finer hyperparameters of Linear Learner: how the data is scaled, and the steps of the optimizer."""

from __future__ import annotations

from sagewizard.algorithms.forms import BELOW_ONE, INSIDE_ONE, NOT_NEGATIVE, POSITIVE, count, number, switch
from sagewizard.algorithms.schema import Hyperparameter, Interval, Kind

_IF_REGRESSOR = (("predictor_type", ("regressor",)),)
_IF_ADAM = (("optimizer", ("auto", "adam")),)
_IF_SCHEDULER = (("use_lr_scheduler", ("true",)),)

DATA = (
    switch(
        "normalize_data",
        "Normalize the features",
        "Whether each feature is scaled to a standard deviation of 1 before training, so that no feature "
        "rules the others by its unit.",
        "true",
        words=("auto",),
    ),
    switch(
        "normalize_label",
        "Normalize the label",
        "Whether the label is scaled to a standard deviation of 1 while training. auto does so for "
        "regression; classification ignores it.",
        "auto",
        words=("auto",),
        only_when=_IF_REGRESSOR,
        advanced=True,
    ),
    switch(
        "unbias_data",
        "Centre the features",
        "Whether each feature is shifted to a mean of 0 before training. auto does so when there is a bias "
        "term.",
        "auto",
        words=("auto",),
        advanced=True,
    ),
    switch(
        "unbias_label",
        "Centre the label",
        "Whether the label is shifted to a mean of 0 while training. auto does so for regression with a bias "
        "term.",
        "auto",
        words=("auto",),
        only_when=_IF_REGRESSOR,
        advanced=True,
    ),
    count(
        "num_point_for_scaler",
        "Rows for the scaler",
        "How many rows, from the first on, are used to compute means and standard deviations.",
        "10000",
        advanced=True,
    ),
)

FINE = (
    switch(
        "use_lr_scheduler",
        "Lower the learning rate",
        "Whether the learning rate goes down as training goes on, which lets the weights settle.",
        "true",
        advanced=True,
    ),
    count(
        "lr_scheduler_step",
        "Scheduler: step",
        "After how many mini-batches the learning rate is lowered again.",
        "auto",
        words=("auto",),
        only_when=_IF_SCHEDULER,
        advanced=True,
    ),
    number(
        "lr_scheduler_factor",
        "Scheduler: factor",
        "What the learning rate is multiplied with each time; closer to 1 lowers it more slowly.",
        "auto",
        INSIDE_ONE,
        words=("auto",),
        only_when=_IF_SCHEDULER,
        advanced=True,
    ),
    number(
        "lr_scheduler_minimum_lr",
        "Scheduler: lowest rate",
        "The learning rate never goes below this.",
        "auto",
        POSITIVE,
        words=("auto",),
        only_when=_IF_SCHEDULER,
        advanced=True,
    ),
    number(
        "momentum",
        "Momentum",
        "How much of the last step is carried into the next with sgd; 0 carries nothing.",
        "auto",
        BELOW_ONE,
        words=("auto",),
        only_when=(("optimizer", ("sgd",)),),
        advanced=True,
    ),
    number(
        "beta_1",
        "Adam beta 1",
        "How long adam remembers the direction of earlier gradients; closer to 1 is longer.",
        "auto",
        BELOW_ONE,
        words=("auto",),
        only_when=_IF_ADAM,
        advanced=True,
    ),
    number(
        "beta_2",
        "Adam beta 2",
        "How long adam remembers the size of earlier gradients; closer to 1 is longer.",
        "auto",
        BELOW_ONE,
        words=("auto",),
        only_when=_IF_ADAM,
        advanced=True,
    ),
    number(
        "bias_lr_mult",
        "Learning rate of the bias",
        "The bias moves with the learning rate times this number.",
        "auto",
        POSITIVE,
        words=("auto",),
        advanced=True,
    ),
    number(
        "bias_wd_mult",
        "Regularization of the bias",
        "The bias is regularized with wd times this number; auto leaves it free.",
        "auto",
        NOT_NEGATIVE,
        words=("auto",),
        advanced=True,
    ),
    Hyperparameter(
        "init_method",
        Kind.CHOICE,
        "Starting weights",
        "Which distribution the weights are drawn from before training.",
        "uniform",
        choices=("uniform", "normal"),
        advanced=True,
    ),
    number(
        "init_scale",
        "Starting weights: scale",
        "Uniform starting weights lie between minus this and plus this.",
        "0.07",
        POSITIVE,
        only_when=(("init_method", ("uniform",)),),
        advanced=True,
    ),
    number(
        "init_sigma",
        "Starting weights: sigma",
        "The standard deviation of normal starting weights.",
        "0.01",
        POSITIVE,
        only_when=(("init_method", ("normal",)),),
        advanced=True,
    ),
    number(
        "init_bias",
        "Starting bias",
        "The value of the bias term before training.",
        "0.0",
        Interval(),
        advanced=True,
    ),
    Hyperparameter(
        "_tuning_objective_metric",
        Kind.TEXT,
        "Tuning objective",
        "Set by automatic model tuning: the metric it aims at. It makes the job train a single model.",
        "",
        internal=True,
    ),
)
