"""The arithmetic of PCA: exact from the matrix of products, or approximate from a random sketch.

Source: SageMaker Developer Guide, "How PCA Works". Both end in the singular values s (n,) and right singular
vectors v (d, n) of the rows, less their mean where that is subtracted; ascending, so the last is the largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

_ROWS = 8192
_POWER_ITERATIONS = 4
_SEED = 0


@dataclass(frozen=True, slots=True)
class Components:
    """s (n,), v (d, n) and mean (1, d), float32; the largest component is the last."""

    s: NDArray[np.float32]
    v: NDArray[np.float32]
    mean: NDArray[np.float32]

    @property
    def width(self) -> int:
        """How many features a row must have."""
        return int(self.v.shape[0])

    def project(self, features: Any) -> NDArray[np.float32]:
        """Return the projections (rows, n) of features (rows, d), largest component last."""
        v = self.v.astype(np.float64)
        offset = self.mean.astype(np.float64) @ v
        return np.asarray(features @ v - offset, np.float32)


def regular(rows: Any, count: int, *, subtract_mean: bool) -> Components:
    """Compute `count` components exactly, in memory of d squared whatever the number of rows."""
    mean = _mean(rows, subtract_mean=subtract_mean)
    products = np.zeros((rows.shape[1], rows.shape[1]))
    for _, block in _blocks(rows):
        centred = block - mean
        products += centred.T @ centred
    values, vectors = np.linalg.eigh(products)  # ascending
    s = np.sqrt(np.maximum(values[-count:], 0.0))
    return _components(s, vectors[:, -count:], mean)


def randomized(rows: Any, count: int, extra: int, *, subtract_mean: bool) -> Components:
    """Compute `count` components from a sketch of `count + extra` random directions; the seed is fixed."""
    mean = _mean(rows, subtract_mean=subtract_mean)
    size = min(count + extra, *rows.shape)
    directions = np.random.default_rng(_SEED).standard_normal((rows.shape[1], size))
    sketch = _times(rows, mean, directions)
    for _ in range(_POWER_ITERATIONS):
        basis, _ = np.linalg.qr(sketch)
        basis, _ = np.linalg.qr(_transposed_times(rows, mean, basis))
        sketch = _times(rows, mean, basis)
    basis, _ = np.linalg.qr(sketch)
    small = _transposed_times(rows, mean, basis).T
    _, s, vectors = np.linalg.svd(small, full_matrices=False)
    return _components(s[:count][::-1], vectors[:count][::-1].T, mean)


def _components(s: Matrix, v: Matrix, mean: Matrix) -> Components:
    # The sign of a component is arbitrary: the entry of largest size is made positive.
    largest = np.take_along_axis(v, np.abs(v).argmax(axis=0)[None, :], axis=0)[0]
    v = v * np.where(largest < 0, -1.0, 1.0)
    return Components(s.astype(np.float32), v.astype(np.float32), mean[None, :].astype(np.float32))


def _blocks(rows: Any) -> Iterator[tuple[int, Matrix]]:
    for start in range(0, rows.shape[0], _ROWS):
        part = rows[start : start + _ROWS]
        yield start, np.asarray(part if isinstance(part, np.ndarray) else part.toarray(), np.float64)


def _mean(rows: Any, *, subtract_mean: bool) -> Matrix:
    if not subtract_mean:
        return np.zeros(rows.shape[1])
    return np.asarray(rows.mean(axis=0, dtype=np.float64)).reshape(-1)


def _times(rows: Any, mean: Matrix, right: Matrix) -> Matrix:
    out = np.empty((rows.shape[0], right.shape[1]))
    for start, block in _blocks(rows):
        out[start : start + len(block)] = block @ right
    return out - mean @ right


def _transposed_times(rows: Any, mean: Matrix, right: Matrix) -> Matrix:
    out = np.zeros((rows.shape[1], right.shape[1]))
    for start, block in _blocks(rows):
        out += block.T @ right[start : start + len(block)]
    return out - np.outer(mean, right.sum(axis=0))
