"""How a tuning job chooses hyperparameters: the search space, the strategies, and when jobs end early.

Everything here is pure: no files, no threads, no clock. A suggestion depends on the space, the seed, the
number of the job and the trials so far, and on nothing else, so the same run can be had again.
"""

from __future__ import annotations

from sagewizard.sandbox.tuning.choice import make_strategy
from sagewizard.sandbox.tuning.parameters import Categorical, Continuous, Integer, Parameter, RangeProblem
from sagewizard.sandbox.tuning.space import SearchSpace
from sagewizard.sandbox.tuning.trials import Goal, Strategy, Trial

__all__ = [
    "Categorical",
    "Continuous",
    "Goal",
    "Integer",
    "Parameter",
    "RangeProblem",
    "SearchSpace",
    "Strategy",
    "Trial",
    "make_strategy",
]
