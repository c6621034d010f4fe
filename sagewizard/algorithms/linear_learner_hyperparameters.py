"""The hyperparameters of Linear Learner: ranges, defaults, and what each one does in plain English.

Source: SageMaker Developer Guide, "Linear learner hyperparameters" (2017 and 2023), and the default
configuration the container prints at the start of every job. Tunable ranges: the same guide, "Tune a linear
learner model".
"""

from __future__ import annotations

from sagewizard.algorithms.forms import INSIDE_ONE, NOT_NEGATIVE, POSITIVE, count, number, switch
from sagewizard.algorithms.linear_learner_details import DATA, FINE
from sagewizard.algorithms.schema import Hyperparameter, Interval, Kind, Scaling, Tunable

BINARY, MULTICLASS, REGRESSOR = "binary_classifier", "multiclass_classifier", "regressor"
REGRESSION_LOSSES = (
    "squared_loss",
    "absolute_loss",
    "eps_insensitive_squared_loss",
    "eps_insensitive_absolute_loss",
    "quantile_loss",
    "huber_loss",
)
LOSSES = {
    BINARY: ("logistic", "hinge_loss"),
    MULTICLASS: ("softmax_loss",),
    REGRESSOR: REGRESSION_LOSSES,
}
CRITERIA = (
    "accuracy",
    "f_beta",
    "f1",
    "precision_at_target_recall",
    "recall_at_target_precision",
    "cross_entropy_loss",
    "loss_function",
)

_IF_BINARY = (("predictor_type", (BINARY,)),)
_IF_MULTICLASS = (("predictor_type", (MULTICLASS,)),)
TASK = (
    Hyperparameter(
        "predictor_type",
        Kind.CHOICE,
        "Kind of prediction",
        "What the model predicts: binary_classifier answers yes or no, multiclass_classifier picks one of "
        "several classes, regressor gives a number. It decides which losses and metrics are available.",
        required=True,
        choices=(BINARY, MULTICLASS, REGRESSOR),
    ),
    Hyperparameter(
        "num_classes",
        Kind.INTEGER,
        "Number of classes",
        "How many classes there are. Labels must be whole numbers from 0 to one less than this. "
        "Required for multiclass_classifier and ignored otherwise.",
        interval=Interval(low=3, high=1_000_000),
        only_when=_IF_MULTICLASS,
    ),
    count(
        "feature_dim",
        "Number of features",
        "How many numbers describe one row, the label not counted. With auto it is read from the data; "
        "giving it makes the job fail early when the data is not what you think it is.",
        "auto",
        words=("auto",),
    ),
)

TRAINING = (
    count(
        "mini_batch_size",
        "Rows per mini-batch",
        "How many rows are looked at before the weights move once. Smaller batches make more, noisier steps "
        "per epoch; larger ones make fewer, smoother steps and use the machine better.",
        "1000",
        tunable=Tunable(100, 5000, Scaling.LINEAR),
    ),
    count(
        "epochs",
        "Passes over the data",
        "The most times the training data is gone through. More passes can improve the fit and cost time; "
        "early stopping ends sooner when nothing gets better.",
        "15",
    ),
    Hyperparameter(
        "loss",
        Kind.CHOICE,
        "Loss function",
        "What counts as an error and how much. auto takes logistic for yes or no, softmax_loss for several "
        "classes and squared_loss for numbers. absolute_loss and huber_loss mind outliers less, "
        "quantile_loss predicts a quantile instead of the mean.",
        "auto",
        choices=("auto", *LOSSES[BINARY], *LOSSES[MULTICLASS], *REGRESSION_LOSSES),
    ),
    Hyperparameter(
        "optimizer",
        Kind.CHOICE,
        "Optimizer",
        "The rule that turns gradients into steps. adam (what auto takes) and rmsprop adapt the step to each "
        "weight; sgd takes plain steps and needs a well chosen learning rate.",
        "auto",
        choices=("auto", "sgd", "adam", "rmsprop"),
    ),
    number(
        "learning_rate",
        "Learning rate",
        "How far the weights move at each step. Too high and the loss jumps about or grows; too low and "
        "training is slow. auto tries several at once.",
        "auto",
        POSITIVE,
        words=("auto",),
        tunable=Tunable(1e-5, 1, Scaling.LOGARITHMIC),
    ),
    number(
        "wd",
        "L2 regularization",
        "Weight decay: pulls all weights gently towards zero, which guards against learning the noise. "
        "0 turns it off; auto tries several strengths at once.",
        "auto",
        NOT_NEGATIVE,
        words=("auto",),
        tunable=Tunable(1e-7, 1, Scaling.LOGARITHMIC),
    ),
    number(
        "l1",
        "L1 regularization",
        "Pulls every weight towards zero with the same force, so that features that help little end near "
        "zero. 0 turns it off; auto tries several strengths at once.",
        "auto",
        NOT_NEGATIVE,
        words=("auto",),
        tunable=Tunable(1e-7, 1, Scaling.LOGARITHMIC),
    ),
    switch(
        "use_bias",
        "Use a bias term",
        "Whether the model has an intercept: a number added whatever the features are. Without one the "
        "prediction for an all-zero row is fixed.",
        "true",
        tunable=Tunable(values=("true", "false")),
    ),
    count(
        "num_models",
        "Models trained at once",
        "How many models with different settings are trained side by side; the best one is kept. auto trains "
        "32. Settings you give a value for are the same in all of them. A tuning job always trains one.",
        "auto",
        words=("auto",),
    ),
    count(
        "early_stopping_patience",
        "Early stopping: patience",
        "How many epochs in a row may pass without improvement before training ends. "
        "A number above epochs turns early stopping off.",
        "3",
    ),
    number(
        "early_stopping_tolerance",
        "Early stopping: tolerance",
        "The smallest relative improvement that counts as one. A larger value stops sooner.",
        "0.001",
        POSITIVE,
        advanced=True,
    ),
)

CLASSIFICATION = (
    Hyperparameter(
        "binary_classifier_model_selection_criteria",
        Kind.CHOICE,
        "How the best model is chosen",
        "Which figure decides among the models and sets the threshold between yes and no: accuracy, the "
        "F score, the best precision at a recall you demand, the best recall at a precision you demand, or "
        "the loss itself.",
        "accuracy",
        choices=CRITERIA,
        only_when=_IF_BINARY,
    ),
    number(
        "target_recall",
        "Target recall",
        "The share of true positives that must be found. Higher finds more of them and raises more false "
        "alarms.",
        "0.8",
        INSIDE_ONE,
        only_when=(("binary_classifier_model_selection_criteria", ("precision_at_target_recall",)),),
    ),
    number(
        "target_precision",
        "Target precision",
        "The share of alarms that must be right. Higher raises fewer false alarms and misses more.",
        "0.8",
        INSIDE_ONE,
        only_when=(("binary_classifier_model_selection_criteria", ("recall_at_target_precision",)),),
    ),
    number(
        "positive_example_weight_mult",
        "Weight of positive rows",
        "How much an error on a positive row counts against one on a negative row. Above 1 helps when "
        "positives are rare; balanced makes both classes count the same in total; auto tries several.",
        "1.0",
        POSITIVE,
        words=("balanced", "auto"),
        tunable=Tunable(1e-5, 1e5, Scaling.LOGARITHMIC),
        only_when=_IF_BINARY,
    ),
    number(
        "f_beta",
        "Beta of the F score",
        "How much recall weighs against precision in the F score: 1 weighs them alike, 2 favours recall, "
        "0.5 favours precision.",
        "1.0",
        POSITIVE,
        only_when=(("predictor_type", (BINARY, MULTICLASS)),),
    ),
    count(
        "num_calibration_samples",
        "Rows for calibration",
        "How many rows are used to set the threshold between yes and no. auto uses up to ten million.",
        "auto",
        words=("auto",),
        only_when=_IF_BINARY,
        advanced=True,
    ),
    count(
        "accuracy_top_k",
        "K of the top-k accuracy",
        "A row counts as right in the top-k accuracy when the true class is among the k most likely ones.",
        "3",
        only_when=_IF_MULTICLASS,
    ),
    switch(
        "balance_multiclass_weights",
        "Balance the classes",
        "Whether rare classes count as much in total as frequent ones while training.",
        "false",
        only_when=_IF_MULTICLASS,
    ),
)

LOSS_SETTINGS = (
    number(
        "margin",
        "Margin",
        "How far on the right side of the border a row must be before hinge_loss is satisfied.",
        "1.0",
        NOT_NEGATIVE,
        only_when=(("loss", ("hinge_loss",)),),
    ),
    number(
        "quantile",
        "Quantile",
        "Which quantile quantile_loss aims at: 0.9 gives predictions that nine labels in ten stay below.",
        "0.5",
        INSIDE_ONE,
        only_when=(("loss", ("quantile_loss",)),),
    ),
    number(
        "loss_insensitivity",
        "Insensitivity",
        "Errors smaller than this cost nothing under the eps_insensitive losses.",
        "0.01",
        POSITIVE,
        only_when=(("loss", ("eps_insensitive_squared_loss", "eps_insensitive_absolute_loss")),),
    ),
    number(
        "huber_delta",
        "Huber delta",
        "Where huber_loss turns from squared to linear: errors above it are treated as outliers.",
        "1.0",
        NOT_NEGATIVE,
        only_when=(("loss", ("huber_loss",)),),
    ),
)

HYPERPARAMETERS = (*TASK, *TRAINING, *CLASSIFICATION, *LOSS_SETTINGS, *DATA, *FINE)
