"""Losses: values against scikit-learn and formulas, slopes against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import hinge_loss, log_loss, mean_pinball_loss

from sagewizard.sandbox.containers.linear_learner import losses

GENERATOR = np.random.default_rng(3)
SCORES = GENERATOR.normal(scale=2, size=(40, 5)).astype(np.float32)
BINARY = (GENERATOR.random(40) < 0.4).astype(np.float32)
TARGETS = GENERATOR.normal(size=40).astype(np.float32)
CLASSES = GENERATOR.integers(0, 4, size=40).astype(np.float32)
SOFTMAX_SCORES = GENERATOR.normal(size=(40, 12)).astype(np.float32)
REGRESSION = [
    "squared_loss",
    "absolute_loss",
    "eps_insensitive_squared_loss",
    "eps_insensitive_absolute_loss",
    "quantile_loss",
    "huber_loss",
]


def regression(name: str) -> losses.Loss:
    return losses.regression_loss(name, insensitivity=0.3, quantile=0.8, delta=0.7)


CASES = [
    pytest.param(losses.Logistic(), SCORES, BINARY, id="logistic"),
    pytest.param(losses.Hinge(0.9), SCORES, BINARY, id="hinge_loss"),
    pytest.param(losses.Softmax(4), SOFTMAX_SCORES, CLASSES, id="softmax_loss"),
    *(pytest.param(regression(name), SCORES, TARGETS, id=name) for name in REGRESSION),
]


@pytest.mark.parametrize(("loss", "scores", "labels"), CASES)
def test_slopes_are_the_derivatives_of_the_values(
    loss: losses.Loss, scores: np.ndarray, labels: np.ndarray
) -> None:
    # float64 input runs the same code with room for small differences.
    wide, truth = scores.astype(np.float64), labels.astype(np.float64)
    values, slopes = loss.values_and_slopes(wide, truth)
    np.testing.assert_allclose(values, loss.values(wide, truth), rtol=1e-12)
    step = 1e-6
    outputs = scores.shape[1] // values.shape[1]
    for column in range(scores.shape[1]):
        moved = np.zeros_like(wide)
        moved[:, column] = step
        difference = loss.values(wide + moved, truth) - loss.values(wide - moved, truth)
        np.testing.assert_allclose(
            slopes[:, column], difference[:, column // outputs] / (2 * step), atol=2e-5
        )


@pytest.mark.parametrize(("loss", "scores", "labels"), CASES)
def test_float32_stays_float32_and_no_model_sees_another(
    loss: losses.Loss, scores: np.ndarray, labels: np.ndarray
) -> None:
    values, slopes = loss.values_and_slopes(scores, labels)
    assert values.dtype == slopes.dtype == np.float32 and slopes.shape == scores.shape
    outputs = scores.shape[1] // values.shape[1]
    alone, slope = loss.values_and_slopes(scores[:, :outputs].copy(), labels)
    np.testing.assert_array_equal(alone[:, 0], values[:, 0])
    np.testing.assert_array_equal(slope, slopes[:, :outputs])


def test_values_are_those_of_scikit_learn() -> None:
    probabilities = 1 / (1 + np.exp(-SCORES[:, 0].astype(np.float64)))
    ours = losses.Logistic().values(SCORES, BINARY)[:, 0].mean()
    assert ours == pytest.approx(log_loss(BINARY, probabilities), rel=1e-5)
    ours = losses.Hinge(1.0).values(SCORES, BINARY)[:, 0].mean()
    assert ours == pytest.approx(hinge_loss(BINARY, SCORES[:, 0]), rel=1e-5)
    powers = np.exp(SOFTMAX_SCORES[:, :4].astype(np.float64))
    ours = losses.Softmax(4).values(SOFTMAX_SCORES, CLASSES)[:, 0].mean()
    assert ours == pytest.approx(log_loss(CLASSES, powers / powers.sum(axis=1, keepdims=True)), rel=1e-5)
    ours = regression("quantile_loss").values(SCORES, TARGETS)[:, 0].mean()
    assert ours == pytest.approx(mean_pinball_loss(TARGETS, SCORES[:, 0], alpha=0.8), rel=1e-5)


def test_huber_is_squared_inside_and_linear_outside() -> None:
    loss = losses.regression_loss("huber_loss", delta=1.0)
    values = loss.values(np.array([[0.5], [3.0]], np.float32), np.zeros(2, np.float32))
    np.testing.assert_allclose(values[:, 0], [0.125, 2.5])


def test_large_scores_neither_overflow_nor_warn() -> None:
    extreme = np.array([[1e4], [-1e4]], np.float32)
    with np.errstate(over="raise", invalid="raise"):
        values, slopes = losses.Logistic().values_and_slopes(extreme, np.array([0, 0], np.float32))
        wide, _ = losses.Softmax(3).values_and_slopes(
            np.array([[1e4, 0, -1e4]], np.float32), np.array([2], np.float32)
        )
    np.testing.assert_allclose(values[:, 0], [1e4, 0])
    np.testing.assert_allclose(slopes[:, 0], [1, 0])
    assert wide[0, 0] == pytest.approx(2e4)


@pytest.mark.parametrize("name", REGRESSION)
def test_the_best_shift_is_no_worse_than_its_neighbours(name: str) -> None:
    residuals = GENERATOR.normal(loc=2, size=2000) ** 3
    shift = losses.best_shift(name, residuals, 0.8)
    loss = losses.regression_loss(name, insensitivity=1e-4, quantile=0.8, delta=1.0)

    def at(value: float) -> float:
        return float(loss.values(np.full((len(residuals), 1), value), residuals).mean())

    if name == "huber_loss":  # only near the optimum
        assert at(shift) < at(0.0)
    else:
        assert at(shift) <= min(at(shift - 0.5), at(shift + 0.5))
