"""Optimizers against the textbook, step by step, and the learning-rate schedule."""

from __future__ import annotations

import numpy as np
import pytest

from sagewizard.sandbox.containers.linear_learner import optimizers

GENERATOR = np.random.default_rng(5)
GRADIENTS = GENERATOR.normal(size=(6, 3, 4)).astype(np.float32)
RATES = np.array([[0.1], [0.01], [0.5]], np.float32)


def run(optimizer: optimizers.Optimizer) -> np.ndarray:
    parameters = np.ones((3, 4), np.float32)
    for gradient in GRADIENTS:
        optimizer.step(parameters, gradient.copy(), RATES)
    return parameters


def test_sgd_with_momentum_carries_the_last_step() -> None:
    expected, velocity = np.ones((3, 4)), np.zeros((3, 4))
    for gradient in GRADIENTS:
        velocity = 0.9 * velocity - RATES * gradient
        expected += velocity
    np.testing.assert_allclose(run(optimizers.Sgd((3, 4), 0.9)), expected, rtol=1e-5)


def test_sgd_without_momentum_steps_along_the_gradient() -> None:
    expected = 1 - (RATES * GRADIENTS).sum(axis=0)
    np.testing.assert_allclose(run(optimizers.Sgd((3, 4), 0.0)), expected, rtol=1e-4, atol=1e-6)


def test_adam_follows_its_paper() -> None:
    expected, mean, square = np.ones((3, 4)), np.zeros((3, 4)), np.zeros((3, 4))
    for time, gradient in enumerate(GRADIENTS.astype(np.float64), 1):
        mean = 0.8 * mean + 0.2 * gradient
        square = 0.99 * square + 0.01 * gradient**2
        rate = RATES * np.sqrt(1 - 0.99**time) / (1 - 0.8**time)
        expected -= rate * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(run(optimizers.Adam((3, 4), 0.8, 0.99)), expected, rtol=1e-4)


def test_rmsprop_divides_by_the_running_root() -> None:
    expected, square = np.ones((3, 4)), np.zeros((3, 4))
    for gradient in GRADIENTS.astype(np.float64):
        square = 0.9 * square + 0.1 * gradient**2
        expected -= RATES * gradient / np.sqrt(square + 1e-8)
    np.testing.assert_allclose(run(optimizers.RmsProp((3, 4))), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_every_optimizer_finds_the_bottom_of_a_bowl(name: str) -> None:
    parameters = np.full((2, 3), 4.0, np.float32)
    optimizer = optimizers.build(name, parameters.shape, 0.5, 0.9, 0.999)
    for step in range(1500):
        optimizer.step(parameters, 2 * parameters, np.full((2, 1), 0.05 * 0.997**step, np.float32))
    assert np.abs(parameters).max() < 1e-2


def test_the_schedule_counts_mini_batches_and_stops_at_its_minimum() -> None:
    schedule = optimizers.Schedule(
        np.array([1.0, 1.0, 1e-6]),
        np.array([10, 2, 1]),
        np.array([0.5, 0.5, 0.5]),
        np.array([1e-5, 0.2, 1e-5]),
    )
    assert schedule.rates(10).tolist() == [1.0, 0.2, 1e-6]
    assert schedule.rates(11).tolist() == [0.5, 0.2, 1e-6]
    assert schedule.rates(3)[1] == 0.5
    assert optimizers.Schedule(*(np.array([x]) for x in (0.1, 1, 0.5, 1e-5)), active=False).rates(99) == 0.1
