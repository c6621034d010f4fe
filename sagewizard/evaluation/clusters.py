"""Owns the measures of a clustering: sizes, clusters against labels, silhouette."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagewizard.errors import DataError
from sagewizard.evaluation import _inputs
from sagewizard.evaluation.metrics import ClusterMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clusters against labels: `counts[i][j]` rows of label i are in cluster j, which `sizes[j]` rows are in.

    `names[j]` is the most frequent label of cluster j, the first of equals; "" for a cluster without rows.
    """

    labels: tuple[str, ...]
    sizes: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    metrics: ClusterMetrics


def cluster_metrics(
    features: ArrayLike, clusters: ArrayLike, actual: ArrayLike, labels: Sequence[str], k: int
) -> Clusters:
    """Measure a clustering of `features` (rows, columns) into `clusters` (rows,), numbered from 0 to k - 1.

    `actual` (rows,) holds positions in `labels`. Raises `DataError` for unequal lengths or a cluster number
    that is out of range.
    """
    from sklearn import metrics

    rows = np.asarray(features)
    found = _inputs.numbers(clusters, "clusters").astype(np.int64)
    truth = _inputs.numbers(actual, "actual").astype(np.int64)
    _inputs.same_length(found, truth, ("clusters", "actual"))
    _inputs.same_length(found, rows[:, 0], ("clusters", "features"))
    if found.min() < 0 or found.max() >= k:
        raise DataError(
            f"A row is in cluster {found.min() if found.min() < 0 else found.max()}, and there are {k}",
            remedy="Number the clusters from 0.",
        )
    counts = np.zeros((len(labels), k), dtype=np.int64)
    np.add.at(counts, (truth, found), 1)
    sizes = counts.sum(axis=0)
    used = len(np.unique(found))
    notes: dict[str, str] = {}
    silhouette = None
    if 2 <= used < len(found):
        silhouette = float(metrics.silhouette_score(rows, found))
    else:
        notes["silhouette"] = "needs at least two clusters, and more rows than clusters"
    return Clusters(
        labels=tuple(labels),
        sizes=tuple(int(size) for size in sizes),
        counts=tuple(tuple(int(count) for count in row) for row in counts),
        names=tuple(labels[int(counts[:, j].argmax())] if sizes[j] else "" for j in range(k)),
        metrics=ClusterMetrics(
            rows=len(found),
            clusters=used,
            silhouette=silhouette,
            adjusted_rand=float(metrics.adjusted_rand_score(truth, found)),
            purity=float(counts.max(axis=0).sum() / len(found)),
            notes=notes,
        ),
    )
