"""The model of a Bayesian search: a Gaussian process over the unit cube, and the expected improvement.

The process is scikit-learn's, with a Matern 5/2 kernel that has one length scale a coordinate, an amplitude
and a noise term. With a dozen points the likelihood alone often runs to the ends of the bounds, so the fit
is the mode under weak log-normal priors (length scale around a half, noise around 1 % of the variance).
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.sandbox.tuning.space import Array

# Log-normal priors: (median, spread of the logarithm).
AMPLITUDE_PRIOR = (1.0, 1.0)
LENGTH_PRIOR = (0.5, 0.8)
NOISE_PRIOR = (1e-2, 1.5)
AMPLITUDE_BOUNDS = (0.05, 20.0)
LENGTH_BOUNDS = (0.03, 10.0)
NOISE_BOUNDS = (1e-6, 1.0)
_STEPS = 40  # of the optimiser, from each start


class Surrogate:
    """A Gaussian process fitted to points and standardised objectives of which less is better."""

    def __init__(self, points: Array, objectives: Array, extra_noise: Array) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        width = points.shape[1]
        kernel = ConstantKernel(AMPLITUDE_PRIOR[0], AMPLITUDE_BOUNDS) * Matern(
            np.full(width, LENGTH_PRIOR[0]), LENGTH_BOUNDS, nu=2.5
        ) + WhiteKernel(NOISE_PRIOR[0], NOISE_BOUNDS)
        self._points, self._objectives, self._extra = points, objectives, extra_noise
        # theta is in the order of the kernel: amplitude, length scales, noise; all are logarithms
        priors = [AMPLITUDE_PRIOR, *[LENGTH_PRIOR] * width, NOISE_PRIOR]
        centre = np.log([median for median, _ in priors])
        spread = np.array([spread for _, spread in priors])
        self._process = GaussianProcessRegressor(
            kernel, alpha=1e-8 + extra_noise, optimizer=_map_optimizer(centre, spread)
        )
        self._fit(self._process, points, objectives)

    @staticmethod
    def _fit(process: Any, points: Array, objectives: Array) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a parameter at the end of its bounds is no news here
            process.fit(points, objectives)

    def believe(self, pending: Array) -> None:
        """Take the mean at points under way for their result, so that nothing is looked for beside them."""
        if not len(pending):
            return
        from sklearn.gaussian_process import GaussianProcessRegressor

        mean = self._process.predict(pending)
        points = np.vstack([self._points, pending])
        extra = np.concatenate([self._extra, np.zeros(len(pending))])
        process = GaussianProcessRegressor(self._process.kernel_, alpha=1e-8 + extra, optimizer=None)
        self._fit(process, points, np.concatenate([self._objectives, mean]))
        self._process = process

    def mean(self, points: Array) -> Array:
        """Return what is expected at points."""
        mean: Array = self._process.predict(points)
        return mean

    def log_improvement(self, points: Array, best: float) -> Array:
        """Return the logarithm of the expected improvement upon `best` at points."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # variances rounded below zero are set to zero
            mean, deviation = self._process.predict(points, return_std=True)
        noise = float(self._process.kernel_.k2.noise_level)
        deviation = np.sqrt(np.maximum(deviation**2 - noise, 1e-12))
        gain: Array = np.log(deviation) + _log_h((best - mean) / deviation)
        return gain


def _log_h(z: Array) -> Array:
    """Return log(phi(z) + z Phi(z)), by its asymptotic form where the sum cancels."""
    from scipy.special import ndtr

    density = -0.5 * z * z - 0.5 * math.log(2 * math.pi)
    near = np.maximum(z, -5.0)
    with np.errstate(divide="ignore"):
        direct = np.log(np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi) + near * ndtr(near))
    far = density - 2 * np.log(np.maximum(-z, 1.0))
    log_h: Array = np.where(z > -5.0, direct, far)
    return log_h


def _map_optimizer(centre: Array, spread: Array) -> Callable[..., tuple[Array, float]]:
    """Return an optimiser for scikit-learn that adds the priors to the likelihood, from two starts."""

    def optimise(objective: Any, initial: Array, bounds: Array) -> tuple[Array, float]:
        from scipy.optimize import minimize

        def penalised(theta: Array) -> tuple[float, Array]:
            value, gradient = objective(theta, eval_gradient=True)
            offset = (theta - centre) / spread
            return float(value + 0.5 * offset @ offset), gradient + offset / spread

        starts = [initial, np.clip(centre + 0.7 * spread * np.r_[0, np.ones(len(centre) - 2), -1], *bounds.T)]
        found = [
            minimize(
                penalised, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": _STEPS}
            )
            for start in starts
        ]
        best = min(found, key=lambda result: float(result.fun))
        return best.x, float(best.fun)

    return optimise
