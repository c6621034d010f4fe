"""Scaling of features and labels, the design matrix in scaled space, and the way back to raw features.

A dense matrix is shifted and scaled in place, so the data exists once. A sparse one is only scaled: its
shift is folded into the products, which keeps it sparse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    Array = NDArray[np.float32]

_CHUNK = 1024
"""Rows handled at a time: 1024 rows of 784 are 3 MB, which a second-level cache nearly holds."""


@dataclass(frozen=True, slots=True)
class Scaler:
    """What features and labels are shifted and divided by: x' = (x - mean) / deviation, float64 (d,)."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    label_mean: float = 0.0
    label_deviation: float = 1.0

    def fold(self, weights: Array, bias: Array) -> tuple[Array, Array]:
        """Turn weights (K, d) and bias (K,) of scaled space into those that give the same on raw features."""
        raw = weights.astype(np.float64) / self.deviation
        offset = bias.astype(np.float64) - raw @ self.mean
        raw *= self.label_deviation
        offset = offset * self.label_deviation + self.label_mean
        return raw.astype(np.float32), offset.astype(np.float32)

    def scale_labels(self, labels: Array) -> Array:
        """Bring labels (n,) to scaled space."""
        scaled = (labels.astype(np.float64) - self.label_mean) / self.label_deviation
        return scaled.astype(np.float32)

    def restore(self, scores: Array) -> Array:
        """Bring predictions of a regression back to the labels' own units, in place."""
        scores *= np.float32(self.label_deviation)
        scores += np.float32(self.label_mean)
        return scores


def fit_scaler(
    features: Array | csr_matrix,
    labels: Array,
    points: int,
    *,
    normalize: bool,
    unbias: bool,
    normalize_label: bool,
    unbias_label: bool,
) -> Scaler:
    """Compute the statistics of the first `points` rows; a feature that does not vary is left unscaled."""
    rows = min(points, len(labels))
    head = features[:rows]
    if isinstance(head, np.ndarray):
        mean, variance = _moments(head)
    else:
        # scipy's own mean of a float32 matrix adds up in float32.
        values, width = head.data.astype(np.float64), int(head.shape[1])
        mean = np.bincount(head.indices, values, width) / rows
        squares = np.bincount(head.indices, values**2, width) / rows
        variance = np.maximum(squares - mean**2, 0)
    deviation = np.sqrt(variance)
    # What is left of rounding in a constant column is not a deviation.
    varies = deviation > 1e-7 * np.abs(mean)
    deviation = np.where(varies, deviation, 1.0) if normalize else np.ones_like(deviation)
    targets = labels[:rows].astype(np.float64)
    label_deviation = float(targets.std()) if normalize_label else 1.0
    return Scaler(
        mean if unbias else np.zeros_like(mean),
        deviation,
        float(targets.mean()) if unbias_label else 0.0,
        label_deviation if label_deviation > 0 else 1.0,
    )


def _moments(rows: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance of the columns, in two passes and without a float64 copy of the rows."""
    mean = rows.mean(axis=0, dtype=np.float64)
    total = np.zeros_like(mean)
    for start in range(0, len(rows), _CHUNK):
        difference = rows[start : start + _CHUNK] - mean
        total += np.einsum("ij,ij->j", difference, difference)
    return mean, total / len(rows)


class Design:
    """Scaled rows of one channel, ready for products with the weights of all models.

    It takes over the features: a dense array is changed in place.
    """

    def __init__(self, features: Array | csr_matrix, labels: Array, scaler: Scaler) -> None:
        self.labels = labels
        self.scaler = scaler
        self.shift: Array | None = None
        inverse = (1 / scaler.deviation).astype(np.float32)
        if isinstance(features, np.ndarray):
            mean = scaler.mean.astype(np.float32)
            for start in range(0, len(features), _CHUNK):
                rows = features[start : start + _CHUNK]
                rows -= mean
                rows *= inverse
        else:
            features.data *= inverse[features.indices]
            self.shift = (scaler.mean / scaler.deviation).astype(np.float32)
        self.matrix = features

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.labels)

    def empty_columns(self) -> NDArray[np.bool_]:
        """Tell which columns (d,) are 0 in every row, so that nothing can be learned from them."""
        if not isinstance(self.matrix, np.ndarray):
            return np.asarray(np.bincount(self.matrix.indices, minlength=self.matrix.shape[1]) == 0)
        empty: NDArray[np.bool_] = np.asarray(~self.matrix[:_CHUNK].any(axis=0))
        for column in np.flatnonzero(empty):
            empty[column] = not self.matrix[:, column].any()
        return empty

    def scores(self, start: int, end: int, weights: Array, bias: Array) -> Array:
        """Return rows `start` to `end` times weights (K, d) plus bias (K,): (end - start, K)."""
        product: Array = self.matrix[start:end] @ weights.T
        product += bias if self.shift is None else bias - weights @ self.shift
        return product

    def gradient(self, start: int, end: int, slopes: Array) -> Array:
        """Return the gradient (K, d) of the sum over rows of slopes (end - start, K) times scores."""
        rows = self.matrix[start:end]
        if self.shift is None:
            dense: Array = slopes.T @ rows
            return dense
        sparse: Array = np.ascontiguousarray((rows.T @ slopes).T)
        sparse -= np.outer(slopes.sum(axis=0), self.shift)
        return sparse
