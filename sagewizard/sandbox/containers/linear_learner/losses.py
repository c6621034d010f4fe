"""The losses of Linear Learner: value and slope for all models of a mini-batch at once.

Scores are (n, M) with one column a model, or (n, M * C) for the softmax with the C classes of a model side by
side. Labels are (n,): 0 or 1, a class number, or the (normalised) target. Everything is float32; sums are
float64. The loss of a row is what the log calls the objective; its gradient is exact, so squared_loss has
slope 2 (f - y).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float32]


class Loss(Protocol):
    """A loss for M models side by side."""

    @property
    def objective(self) -> str:
        """The name in the log, without the prefix of the channel."""
        ...

    def values(self, scores: Array, labels: Array) -> Array:
        """Return the loss of every row and model, (n, M)."""
        ...

    def values_and_slopes(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        """Return the losses (n, M) and their derivatives by the scores, shaped like the scores."""
        ...


@dataclass(frozen=True, slots=True)
class Logistic:
    """Cross entropy of the sigmoid of the score, labels 0 and 1."""

    objective: str = "binary_classification_cross_entropy_objective"

    def values(self, scores: Array, labels: Array) -> Array:
        """Return log(1 + exp(-score)) for label 1 and log(1 + exp(score)) for label 0."""
        margins = scores * _signs(labels)
        values: Array = np.log1p(np.exp(-np.abs(margins))) - np.minimum(margins, 0)
        return values

    def values_and_slopes(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        """Return losses and slopes; one exponential serves both."""
        signs = _signs(labels)
        margins = scores * signs
        decay = np.exp(-np.abs(margins))
        values = np.log1p(decay) - np.minimum(margins, 0)
        slopes = np.where(margins >= 0, decay, 1)
        slopes /= 1 + decay
        slopes *= -signs
        return values, slopes


@dataclass(frozen=True, slots=True)
class Elementwise:
    """A loss of the difference between score and label; `rule` gives values and slopes of residuals f - y."""

    objective: str
    rule: Callable[[Array], tuple[Array, Array]]

    def values(self, scores: Array, labels: Array) -> Array:
        """Return the loss of every row and model."""
        return self.rule(scores - labels[:, None])[0]

    def values_and_slopes(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        """Return losses and slopes."""
        return self.rule(scores - labels[:, None])


@dataclass(frozen=True, slots=True)
class Hinge:
    """max(0, margin - t * score) with t = 1 for label 1 and -1 for label 0."""

    margin: float
    objective: str = "binary_classification_hinge_loss_objective"

    def values(self, scores: Array, labels: Array) -> Array:
        """Return the loss of every row and model."""
        values: Array = np.maximum(0, np.float32(self.margin) - scores * _signs(labels))
        return values

    def values_and_slopes(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        """Return losses and slopes; at the border itself the slope is 0."""
        values = self.values(scores, labels)
        return values, np.where(values > 0, -_signs(labels), np.float32(0))


@dataclass(frozen=True, slots=True)
class Softmax:
    """Cross entropy of the softmax over the classes of a model; labels are class numbers."""

    classes: int
    objective: str = "multiclass_cross_entropy_objective"

    def values(self, scores: Array, labels: Array) -> Array:
        """Return the loss of every row and model."""
        shifted, truth = self._prepare(scores, labels)
        return self._values(shifted, np.exp(shifted).sum(axis=2), truth)

    def values_and_slopes(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        """Return losses and slopes."""
        shifted, truth = self._prepare(scores, labels)
        powers = np.exp(shifted)
        totals = powers.sum(axis=2)
        values = self._values(shifted, totals, truth)
        powers /= totals[:, :, None]
        powers[np.arange(len(powers)), :, truth] -= 1
        return values, powers.reshape(scores.shape)

    def _prepare(self, scores: Array, labels: Array) -> tuple[Array, NDArray[np.intp]]:
        shaped = scores.reshape(len(scores), -1, self.classes)
        return shaped - shaped.max(axis=2, keepdims=True), labels.astype(np.intp)

    @staticmethod
    def _values(shifted: Array, totals: Array, truth: NDArray[np.intp]) -> Array:
        values: Array = np.log(totals) - shifted[np.arange(len(shifted)), :, truth]
        return values


def _signs(labels: Array) -> Array:
    """Return 1 for label 1 and -1 for label 0 as a column."""
    return (2 * labels - 1).astype(np.float32)[:, None]


def _squared(residuals: Array) -> tuple[Array, Array]:
    return residuals * residuals, 2 * residuals


def _absolute(residuals: Array) -> tuple[Array, Array]:
    return np.abs(residuals), np.sign(residuals)


def _beyond(residuals: Array, insensitivity: float) -> Array:
    """Return how far the residuals lie beyond plus or minus the insensitivity, sign kept."""
    return np.sign(residuals) * np.maximum(np.abs(residuals) - np.float32(insensitivity), 0)


def regression_loss(
    name: str, *, insensitivity: float = 0.01, quantile: float = 0.5, delta: float = 1.0
) -> Elementwise:
    """Build a regression loss by its hyperparameter value; KeyError for a name that is none."""

    def eps_squared(residuals: Array) -> tuple[Array, Array]:
        return _squared(_beyond(residuals, insensitivity))

    def eps_absolute(residuals: Array) -> tuple[Array, Array]:
        return _absolute(_beyond(residuals, insensitivity))

    def pinball(residuals: Array) -> tuple[Array, Array]:
        over, under = np.float32(1 - quantile), np.float32(-quantile)
        slopes = np.where(residuals > 0, over, np.where(residuals < 0, under, np.float32(0)))
        return slopes * residuals, slopes

    def huber(residuals: Array) -> tuple[Array, Array]:
        border = np.float32(delta)
        clipped = np.clip(residuals, -border, border)
        return clipped * (residuals - clipped / np.float32(2)), clipped

    rules = {
        "squared_loss": ("mse_objective", _squared),
        "absolute_loss": ("absolute_loss_objective", _absolute),
        "eps_insensitive_squared_loss": ("eps_insensitive_squared_loss_objective", eps_squared),
        "eps_insensitive_absolute_loss": ("eps_insensitive_absolute_loss_objective", eps_absolute),
        "quantile_loss": ("quantile_loss_objective", pinball),
        "huber_loss": ("huber_loss_objective", huber),
    }
    return Elementwise(*rules[name])


def best_shift(name: str, residuals: NDArray[np.float64], quantile: float) -> float:
    """Return the constant that, added to all predictions, lowers the loss most; residuals are label - score.

    The mean for the squared losses, the median for the absolute ones, the quantile for quantile_loss; the
    mean of the middle half for huber_loss, which lies between the two.
    """
    if name in ("squared_loss", "eps_insensitive_squared_loss"):
        return float(residuals.mean())
    if name == "quantile_loss":
        return float(np.quantile(residuals, quantile))
    if name == "huber_loss":
        low, high = np.quantile(residuals, (0.25, 0.75))
        return float(residuals[(residuals >= low) & (residuals <= high)].mean())
    return float(np.median(residuals))
