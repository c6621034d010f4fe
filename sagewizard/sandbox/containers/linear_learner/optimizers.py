"""Gradient steps for all models at once, in place: SGD, Adam and RMSProp, and the rate schedule.

Formulas and constants follow MXNet's optimizers (sgd, adam, rmsprop), on which the real container is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

ADAM_EPSILON = 1e-8
RMSPROP_DECAY = 0.9
RMSPROP_EPSILON = 1e-8


class Optimizer(Protocol):
    """Moves one array of parameters along its gradient; keeps its own state between steps."""

    def step(self, parameters: Array, gradients: Array, rates: Array) -> None:
        """Change `parameters` (K, d) in place with `rates` (K, 1); `gradients` is used up."""
        ...


class Sgd:
    """Plain steps with momentum: what is carried over is `momentum` times the last step."""

    def __init__(self, shape: tuple[int, ...], momentum: float) -> None:
        self.momentum = np.float32(momentum)
        self.velocity = np.zeros(shape, np.float32) if momentum else None

    def step(self, parameters: Array, gradients: Array, rates: Array) -> None:
        """Change the parameters in place."""
        gradients *= rates
        if self.velocity is None:
            parameters -= gradients
            return
        self.velocity *= self.momentum
        self.velocity -= gradients
        parameters += self.velocity


class Adam:
    """Steps scaled by running means of the gradient and its square, corrected for their start at 0."""

    def __init__(self, shape: tuple[int, ...], beta_1: float, beta_2: float) -> None:
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.mean = np.zeros(shape, np.float32)
        self.square = np.zeros(shape, np.float32)
        self.scratch = np.empty(shape, np.float32)
        self.time = 0

    def step(self, parameters: Array, gradients: Array, rates: Array) -> None:
        """Change the parameters in place."""
        self.time += 1
        correction = np.sqrt(1 - self.beta_2**self.time) / (1 - self.beta_1**self.time)
        mean, square, scratch = self.mean, self.square, self.scratch
        mean *= np.float32(self.beta_1)
        np.multiply(gradients, np.float32(1 - self.beta_1), out=scratch)
        mean += scratch
        square *= np.float32(self.beta_2)
        gradients *= gradients
        gradients *= np.float32(1 - self.beta_2)
        square += gradients
        np.sqrt(square, out=scratch)
        scratch += np.float32(ADAM_EPSILON)
        np.divide(mean, scratch, out=scratch)
        scratch *= rates * np.float32(correction)
        parameters -= scratch


class RmsProp:
    """Steps divided by the root of a running mean of the squared gradient."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.square = np.zeros(shape, np.float32)
        self.scratch = np.empty(shape, np.float32)

    def step(self, parameters: Array, gradients: Array, rates: Array) -> None:
        """Change the parameters in place."""
        self.square *= np.float32(RMSPROP_DECAY)
        np.multiply(gradients, gradients, out=self.scratch)
        self.scratch *= np.float32(1 - RMSPROP_DECAY)
        self.square += self.scratch
        np.add(self.square, np.float32(RMSPROP_EPSILON), out=self.scratch)
        np.sqrt(self.scratch, out=self.scratch)
        gradients /= self.scratch
        gradients *= rates
        parameters -= gradients


def build(name: str, shape: tuple[int, ...], momentum: float, beta_1: float, beta_2: float) -> Optimizer:
    """Make the optimizer a hyperparameter names."""
    if name == "sgd":
        return Sgd(shape, momentum)
    return RmsProp(shape) if name == "rmsprop" else Adam(shape, beta_1, beta_2)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning rates (M,) that go down by `factor` every `step` mini-batches, never below `minimum`.

    A rate that starts below its minimum stays where it is.
    """

    initial: NDArray[np.float64]
    step: NDArray[np.int64]
    factor: NDArray[np.float64]
    minimum: NDArray[np.float64]
    active: bool = True

    def rates(self, update: int) -> NDArray[np.float64]:
        """Return the rates (M,) of the mini-batch with this number, counted from 1."""
        if not self.active:
            return self.initial
        lowered = self.initial * self.factor ** ((update - 1) // self.step)
        return np.minimum(self.initial, np.maximum(lowered, self.minimum))
