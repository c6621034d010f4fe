"""The hyperparameters of XGBoost that most people set: ranges, defaults, and what each does in plain English.

Ranges and tunable ranges are those the container enforces and publishes (aws/sagemaker-xgboost-container,
hyperparameter_validation.py); the defaults are XGBoost's own, which the container leaves alone.
"""

from __future__ import annotations

from sagewizard.algorithms.forms import COUNT, NOT_NEGATIVE, count, number
from sagewizard.algorithms.schema import Hyperparameter, Interval, Kind, Scaling, Tunable
from sagewizard.algorithms.xgboost_details import DETAILS
from sagewizard.algorithms.xgboost_versions import choices

OBJECTIVES = choices("objective")
MULTICLASS = ("multi:softmax", "multi:softprob")
SHARE = Interval(low=0, high=1, low_open=True)
_TREES = (("booster", ("gbtree", "dart")),)

TASK = (
    Hyperparameter(
        "objective",
        Kind.CHOICE,
        "What to predict",
        "What the model predicts and which loss it lowers. binary:logistic answers yes or no with a "
        "probability, multi:softmax names one of several classes, multi:softprob gives the probability of "
        "each, reg:squarederror predicts a number, count:poisson a count, rank:pairwise an order.",
        "reg:squarederror",
        choices=OBJECTIVES,
    ),
    Hyperparameter(
        "num_class",
        Kind.INTEGER,
        "Number of classes",
        "How many classes there are. Labels must be whole numbers from 0 to one less than this. Required for "
        "multi:softmax and multi:softprob.",
        interval=Interval(low=2),
        only_when=(("objective", MULTICLASS),),
    ),
    Hyperparameter(
        "num_round",
        Kind.INTEGER,
        "Rounds",
        "How many trees are grown, one after another, each correcting the ones before (several trees a round "
        "when there are several classes). More rounds fit more closely and take longer.",
        required=True,
        interval=COUNT,
        tunable=Tunable(1, 4000, Scaling.LINEAR),
    ),
    Hyperparameter(
        "eval_metric",
        Kind.TEXT,
        "Metrics to report",
        "Which figures the log shows after each round, several with commas between. error@0.4 counts errors "
        "at a threshold of 0.4, ndcg@10 looks at the first ten. Without one the objective chooses.",
    ),
    count(
        "early_stopping_rounds",
        "Stop early after",
        "Ends the training when the last metric on the validation channel has not improved for this many "
        "rounds. Without it all rounds are trained.",
    ),
)

TREES = (
    number(
        "eta",
        "Learning rate",
        "How much of each new tree is added to the model. Smaller steps need more rounds and often end in a "
        "better model.",
        "0.3",
        Interval(low=0, high=1),
        tunable=Tunable(0.1, 0.5, Scaling.LINEAR),
    ),
    Hyperparameter(
        "max_depth",
        Kind.INTEGER,
        "Depth of a tree",
        "How many questions a tree may ask on the way to an answer. Deeper trees see finer patterns and "
        "learn noise more easily. 0 means no limit.",
        "6",
        interval=NOT_NEGATIVE,
        tunable=Tunable(0, 10, Scaling.LINEAR),
    ),
    number(
        "min_child_weight",
        "Smallest leaf",
        "The least weight of rows (for squared error: their number) on each side of a split. Larger values "
        "make the model more careful.",
        "1",
        NOT_NEGATIVE,
        tunable=Tunable(0, 120, Scaling.LINEAR),
    ),
    number(
        "gamma",
        "Smallest gain of a split",
        "A split is only made when it lowers the loss by this much. Larger values make smaller trees.",
        "0",
        NOT_NEGATIVE,
        tunable=Tunable(0, 5, Scaling.LINEAR),
    ),
    number(
        "subsample",
        "Rows per tree",
        "The share of the rows each tree is grown on, drawn anew every round. Below 1 it guards against "
        "learning the noise.",
        "1",
        SHARE,
        tunable=Tunable(0.5, 1, Scaling.LINEAR),
    ),
    number(
        "colsample_bytree",
        "Features per tree",
        "The share of the features each tree may use.",
        "1",
        SHARE,
        tunable=Tunable(0.5, 1, Scaling.LINEAR),
    ),
    number(
        "lambda",
        "L2 regularization",
        "Pulls the values of the leaves gently towards zero. Larger values make the model more careful.",
        "1",
        NOT_NEGATIVE,
        tunable=Tunable(0, 1000, Scaling.LINEAR),
    ),
    number(
        "alpha",
        "L1 regularization",
        "Pulls the values of the leaves towards zero with the same force each, so that weak ones end there.",
        "0",
        NOT_NEGATIVE,
        tunable=Tunable(0, 1000, Scaling.LINEAR),
    ),
    number(
        "scale_pos_weight",
        "Weight of the positives",
        "How much a positive row counts against a negative one. Where positives are rare, the number of "
        "negatives divided by that of positives is a good first value.",
        "1",
        Interval(low=0, low_open=True),
    ),
    number(
        "max_delta_step",
        "Largest step of a leaf",
        "A limit to how far one tree can move a prediction; 0 means none. 1 to 10 can help when one class is "
        "very rare.",
        "0",
        NOT_NEGATIVE,
        tunable=Tunable(0, 10, Scaling.LINEAR),
    ),
    Hyperparameter(
        "booster",
        Kind.CHOICE,
        "Kind of model",
        "gbtree grows trees, dart grows trees and leaves some out at random while it learns, gblinear fits a "
        "straight line.",
        "gbtree",
        choices=("gbtree", "gblinear", "dart"),
    ),
    Hyperparameter(
        "seed",
        Kind.INTEGER,
        "Seed",
        "The start of the random numbers: the same seed on the same data gives the same model.",
        "0",
        interval=Interval(low=-(2**31), high=2**31 - 1, low_open=True, high_open=True),
    ),
)

HYPERPARAMETERS = (*TASK, *TREES, *DETAILS)
