"""The models trained side by side: which hyperparameters each gets.

32 models are all combinations of five choices, as far as they were seen in real jobs of 2019 to 2021:
bit 0 the scheduler's step (10, 100), bit 1 its minimum (1e-5, 1e-4), bit 2 the learning rate (low, high),
bits 3 and 4 four levels of regularization. The two weak levels were seen (wd 1e-4 and 1e-2, l1 0); the two
strong ones are this program's choice. What the job sets itself is the same in all models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewizard.sandbox.containers.linear_learner.optimizers import Schedule

AUTO_MODELS = 32
MOST_LIKELY = 5  # step 100, minimum 1e-5, high rate, weakest regularization: the winner of most real jobs
STEPS = (10, 100)
MINIMUM_RATES = (1e-5, 1e-4)
FACTOR = 0.99
# (wd, l1)
REGULARIZATION = ((1e-4, 0.0), (1e-2, 0.0), (1.0, 0.0), (1e-2, 1e-1))
# Adam and RMSProp divide by the gradient's size, so their rates mean the same; SGD's do not.
RATES = {"adam": (0.005, 0.1), "rmsprop": (0.0005, 0.01), "sgd": (0.0005, 0.01)}


@dataclass(frozen=True, slots=True)
class Candidate:
    """The hyperparameters of one model."""

    learning_rate: float
    l1: float
    wd: float
    lr_scheduler_step: int
    lr_scheduler_factor: float
    lr_scheduler_minimum_lr: float
    positive_weight: float | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """What the job sets; None leaves the choice to the candidates."""

    learning_rate: float | None = None
    l1: float | None = None
    wd: float | None = None
    lr_scheduler_step: int | None = None
    lr_scheduler_factor: float | None = None
    lr_scheduler_minimum_lr: float | None = None


def candidates(
    count: int, optimizer: str, fixed: Fixed, positive_weights: tuple[float, ...] = ()
) -> list[Candidate]:
    """List the models: all combinations in order for 32, the likeliest first for fewer, repeated for more.

    With `positive_weights` (from positive_example_weight_mult=auto) bit 1 chooses the weight of positive
    rows instead of the scheduler's minimum, which matters least of the five.
    """
    chosen = []
    for number in range(count):
        bits = number % AUTO_MODELS if count >= AUTO_MODELS else number ^ MOST_LIKELY
        wd, l1 = REGULARIZATION[bits >> 3]
        minimum = MINIMUM_RATES[0 if positive_weights else bits >> 1 & 1]
        # One model alone takes the last weight: with `auto` that is the balanced one.
        weight = positive_weights[(bits >> 1 & 1) if count > 1 else -1] if positive_weights else None
        chosen.append(
            Candidate(
                _first(fixed.learning_rate, RATES[optimizer][bits >> 2 & 1]),
                _first(fixed.l1, l1),
                _first(fixed.wd, wd),
                int(_first(fixed.lr_scheduler_step, STEPS[bits & 1])),
                _first(fixed.lr_scheduler_factor, FACTOR),
                _first(fixed.lr_scheduler_minimum_lr, minimum),
                weight,
            )
        )
    return chosen


def _first(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else given


def schedule(models: list[Candidate], *, active: bool) -> Schedule:
    """Return the learning-rate schedule of all models."""
    return Schedule(
        np.array([model.learning_rate for model in models]),
        np.array([model.lr_scheduler_step for model in models]),
        np.array([model.lr_scheduler_factor for model in models]),
        np.array([model.lr_scheduler_minimum_lr for model in models]),
        active,
    )
