from __future__ import annotations

import numpy as np
import pytest

from sagewizard.errors import DataError
from sagewizard.evaluation import ClusterMetrics, cluster_metrics, load_metrics

FEATURES = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [9.0]])


def test_sizes_counts_names_and_measures_are_those_of_scikit_learn():
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    clusters, actual = [1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 0]
    found = cluster_metrics(FEATURES, clusters, actual, ["a", "b"], 3)
    assert found.sizes == (3, 3, 0)
    assert found.counts == ((1, 2, 0), (2, 1, 0))
    assert found.names == ("b", "a", "")
    assert found.metrics.clusters == 2
    assert found.metrics.purity == pytest.approx(4 / 6)
    assert found.metrics.silhouette == pytest.approx(silhouette_score(FEATURES, clusters))
    assert found.metrics.adjusted_rand == pytest.approx(adjusted_rand_score(actual, clusters))


def test_one_cluster_has_no_silhouette_and_says_why():
    found = cluster_metrics(FEATURES, [0] * 6, [0, 1] * 3, ["a", "b"], 1)
    assert found.metrics.silhouette is None
    assert "two clusters" in found.metrics.notes["silhouette"]


def test_metrics_survive_their_json():
    found = cluster_metrics(FEATURES, [0, 0, 0, 1, 1, 1], [0] * 3 + [1] * 3, ["a", "b"], 2).metrics
    assert load_metrics(found.as_dict()) == found
    assert isinstance(load_metrics(found.as_dict()), ClusterMetrics)
    assert list(found.scores()) == ["silhouette", "adjusted_rand", "purity"]


def test_a_cluster_that_does_not_exist_is_refused():
    with pytest.raises(DataError, match="in cluster 2, and there are 2"):
        cluster_metrics(FEATURES, [0, 1, 2, 0, 1, 0], [0, 1] * 3, ["a", "b"], 2)
    with pytest.raises(DataError):
        cluster_metrics(FEATURES, [0, 1], [0, 1, 0], ["a", "b"], 2)
