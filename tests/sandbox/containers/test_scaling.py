"""Scaling: statistics, sparse like dense, and the way back to raw features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sagewizard.sandbox.containers.linear_learner.scaling import Design, Scaler, fit_scaler

GENERATOR = np.random.default_rng(11)


def table() -> tuple[np.ndarray, np.ndarray]:
    features = (GENERATOR.normal(size=(3000, 6)) * [1, 5, 0.1, 2, 1, 1] + [0, 9, 3, -4, 7, 0]).astype(
        np.float32
    )
    features[:, 4] = 7  # a constant
    features[GENERATOR.random((3000, 6)) < 0.3] = 0
    features[:, 4] = 7
    return features, (features[:, 0] * 3 + 20).astype(np.float32)


def fit(features: object, labels: np.ndarray, points: int = 10_000, **more: bool) -> Scaler:
    settings = {"normalize": True, "unbias": True, "normalize_label": True, "unbias_label": True, **more}
    return fit_scaler(features, labels, points, **settings)  # type: ignore[arg-type]


def test_scaled_columns_have_mean_0_and_deviation_1_and_a_constant_is_only_shifted() -> None:
    features, labels = table()
    design = Design(features, labels, fit(features, labels))
    np.testing.assert_allclose(design.matrix.mean(axis=0, dtype=np.float64), 0, atol=1e-5)
    expected = [1, 1, 1, 1, 0, 1]
    np.testing.assert_allclose(design.matrix.std(axis=0, dtype=np.float64), expected, rtol=1e-4, atol=1e-6)


def test_the_data_is_scaled_in_place() -> None:
    features, labels = table()
    assert Design(features, labels, fit(features, labels)).matrix is features


def test_only_the_first_points_count() -> None:
    features, labels = table()
    scaler = fit(features, labels, points=100)
    np.testing.assert_allclose(scaler.mean, features[:100].mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(scaler.label_mean, labels[:100].mean(dtype=np.float64))


@pytest.mark.parametrize("unbias", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
def test_sparse_rows_give_what_dense_ones_give(normalize: bool, unbias: bool) -> None:
    features, labels = table()
    sparse = csr_matrix(features)
    settings = {"normalize": normalize, "unbias": unbias}
    dense_design = Design(features.copy(), labels, fit(features, labels, **settings))
    sparse_design = Design(sparse, labels, fit(sparse, labels, **settings))
    weights = GENERATOR.normal(size=(4, 6)).astype(np.float32)
    bias = GENERATOR.normal(size=4).astype(np.float32)
    slopes = GENERATOR.normal(size=(50, 4)).astype(np.float32)
    np.testing.assert_allclose(
        sparse_design.scores(10, 60, weights, bias),
        dense_design.scores(10, 60, weights, bias),
        rtol=1e-3,
        atol=1e-3,
    )
    np.testing.assert_allclose(
        sparse_design.gradient(10, 60, slopes), dense_design.gradient(10, 60, slopes), rtol=1e-3, atol=1e-2
    )
    assert sparse_design.matrix.nnz == csr_matrix(features).nnz


@pytest.mark.parametrize("unbias", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
def test_folded_weights_predict_on_raw_features_what_was_trained(normalize: bool, unbias: bool) -> None:
    features, labels = table()
    scaler = fit(features, labels, normalize=normalize, unbias=unbias)
    design = Design(features.copy(), labels, scaler)
    weights = GENERATOR.normal(size=(2, 6)).astype(np.float32)
    bias = np.array([0.5, -1], np.float32)
    trained = scaler.restore(design.scores(0, design.rows, weights, bias))
    raw_weights, raw_bias = scaler.fold(weights, bias)
    np.testing.assert_allclose(features @ raw_weights.T + raw_bias, trained, rtol=1e-3, atol=1e-2)


def test_labels_go_there_and_back() -> None:
    features, labels = table()
    scaler = fit(features, labels)
    scaled = scaler.scale_labels(labels)
    assert scaled.std() == pytest.approx(1, rel=1e-4) and abs(scaled.mean()) < 1e-4
    np.testing.assert_allclose(scaler.restore(scaled), labels, rtol=1e-5)


def test_a_large_offset_does_not_drown_small_differences() -> None:
    features = (1e5 + GENERATOR.integers(0, 4, size=(500, 1))).astype(np.float32)
    labels = np.zeros(500, np.float32)
    design = Design(features.copy(), labels, fit(features, labels))
    assert len(np.unique(design.matrix)) == 4 and design.matrix.std() == pytest.approx(1, rel=1e-3)
