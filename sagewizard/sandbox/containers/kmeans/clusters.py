"""The arithmetic of web-scale K-Means: many centers kept while rows stream by, merged into k at the end.

Source: SageMaker Developer Guide, "How K-Means Clustering Works". While the data is read, K = k times the
extra center factor centers are kept; each mini-batch moves a center to the mean of all rows it ever got.
Then the K centers, weighed by their rows, are clustered into k by Lloyd's algorithm, several times from
different starts, and the attempt with the smallest mean square distance wins.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

_BLOCK = 1 << 22
"""Distances held at a time, in numbers: 32 MiB."""


def dense(rows: Any) -> Matrix:
    """Return rows (an array or a CSR matrix) as a float64 array."""
    return np.asarray(rows if isinstance(rows, np.ndarray) else rows.toarray(), np.float64)


def nearest(rows: Matrix, centers: Matrix) -> tuple[NDArray[np.intp], Matrix]:
    """Return for rows (n, d) the index of the nearest center and the squared distance to it."""
    labels = np.empty(len(rows), np.intp)
    squared = np.empty(len(rows))
    step = max(1, _BLOCK // max(len(centers), 1))
    norms = np.einsum("kd,kd->k", centers, centers)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        chosen = np.argmin(norms - 2 * (part @ centers.T), axis=1)
        labels[start : start + step] = chosen
        # From the differences themselves: the short form above loses digits where a row is its center.
        difference = part - centers[chosen]
        squared[start : start + step] = np.einsum("nd,nd->n", difference, difference)
    return labels, squared


def first_centers(rows: Matrix, count: int, method: str, generator: np.random.Generator) -> Matrix:
    """Choose `count` of the rows as first centers, at random or far from each other (kmeans++)."""
    if method == "random":
        return rows[generator.choice(len(rows), count, replace=False)].copy()
    from sklearn.cluster import kmeans_plusplus

    seed = int(generator.integers(1 << 31))
    return np.asarray(kmeans_plusplus(rows, count, random_state=seed)[0], np.float64).copy()


class Stream:
    """The K centers while the data goes by; `weights` counts what each center got, faded by the half-life."""

    def __init__(self, centers: Matrix, half_life: int) -> None:
        self.centers = centers
        self.weights = np.zeros(len(centers))
        self._half_life = half_life

    def update(self, rows: Matrix) -> None:
        """Move the centers by one mini-batch."""
        labels, _ = nearest(rows, self.centers)
        if self._half_life:
            self.weights *= 0.5 ** (len(rows) / self._half_life)
        counts = np.bincount(labels, minlength=len(self.centers)).astype(np.float64)
        sums = np.zeros_like(self.centers)
        np.add.at(sums, labels, rows)
        total = self.weights + counts
        got = counts > 0
        share = (self.weights[got] / total[got])[:, None]
        self.centers[got] = self.centers[got] * share + sums[got] / total[got][:, None]
        self.weights = total


@dataclass(frozen=True, slots=True)
class Shrinking:
    """How the K centers are merged into k."""

    k: int
    init: str
    rounds: int
    trials: int
    tolerance: float


def shrink(
    centers: Matrix,
    weights: Matrix,
    rules: Shrinking,
    generator: np.random.Generator,
    report: Callable[[int, float], None],
) -> tuple[Matrix, float]:
    """Merge weighted centers into k; also the mean square distance of the best attempt.

    `report(attempt, mean square distance)` is called for every attempt. Centers that never got a row are
    left out, unless too few are left.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    used = weights > 0
    if used.sum() < rules.k:
        weights = np.where(used, weights, 1e-12)
    else:
        centers, weights = centers[used], weights[used]
    total = weights.sum()
    best, best_distance = centers, np.inf
    for attempt in range(rules.trials):
        with warnings.catch_warnings():
            # Fewer different points than clusters: some clusters coincide, which is what was asked for.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = KMeans(
                rules.k,
                init="k-means++" if rules.init == "kmeans++" else "random",
                n_init=1,
                max_iter=rules.rounds,
                tol=rules.tolerance,
                random_state=int(generator.integers(1 << 31)),
            ).fit(centers, sample_weight=weights)
        distance = float(fitted.inertia_ / total)
        report(attempt, distance)
        if distance < best_distance:
            best, best_distance = np.asarray(fitted.cluster_centers_, np.float64), distance
    return best, best_distance
