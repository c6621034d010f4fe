"""PCA: components in both modes, the model file, the refusals and the replies."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sagewizard.algorithms import validate
from sagewizard.data import recordio
from sagewizard.sandbox.containers import ndarrays
from sagewizard.sandbox.containers.contract import run_training
from sagewizard.sandbox.containers.pca.components import randomized, regular
from sagewizard.sandbox.containers.pca.serve import ModelError, load, read
from sagewizard.sandbox.containers.pca.train import train

RECORDS = "application/x-recordio-protobuf"


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    return load_digits().data.astype(np.float32)


@pytest.fixture
def fit(tmp_path, capsys):
    """Run a job over one channel and return (exit code, log, failure, base)."""
    count = iter(range(100))

    def run(content, content_type=RECORDS, **hyperparameters):
        base = tmp_path / f"job{next(count)}"
        config, data = base / "input" / "config", base / "input" / "data" / "train"
        config.mkdir(parents=True)
        data.mkdir(parents=True)
        (data / "part-0").write_bytes(content)
        (config / "inputdataconfig.json").write_text(json.dumps({"train": {"ContentType": content_type}}))
        texts = {name: str(value) for name, value in hyperparameters.items()}
        (config / "hyperparameters.json").write_text(json.dumps(texts))
        capsys.readouterr()
        code = run_training(train, {"SAGEMAKER_BASE_DIR": str(base)})
        failure = base / "output" / "failure"
        return code, capsys.readouterr().out, failure.read_text() if failure.exists() else "", base

    return run


def model_of(base):
    return ndarrays.loads((base / "model" / "model_algo-1").read_bytes())


@pytest.mark.parametrize("mode", ["regular", "randomized"])
def test_the_components_are_those_of_scikit_learn_in_ascending_order(fit, digits, mode):
    from sklearn.decomposition import PCA

    code, log, failure, base = fit(
        recordio.encode(digits), feature_dim=64, num_components=5, mini_batch_size=200, algorithm_mode=mode
    )
    assert (code, failure) == (0, "")
    found = model_of(base)
    assert {name: array.shape for name, array in found.items()} == {"s": (5,), "v": (64, 5), "mean": (1, 64)}
    exact = PCA(5, svd_solver="full").fit(digits.astype(np.float64))
    assert np.allclose(found["s"], exact.singular_values_[::-1], rtol=2e-3)
    agreement = np.abs((found["v"].T * exact.components_[::-1]).sum(axis=1))
    assert (agreement > 0.999).all()
    assert np.allclose(found["mean"][0], digits.mean(axis=0), atol=1e-4)
    assert (np.diff(found["s"]) > 0).all()
    assert '"Algorithm": "PCA"' in log and "#progress_metric: host=algo-1, completed 100.0 %" in log


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("method", [regular, lambda rows, count, **k: randomized(rows, count, 10, **k)])
def test_sparse_rows_have_the_components_of_dense_ones(method, centre):
    rows = np.random.default_rng(0).poisson(0.4, (300, 20)).astype(np.float32)
    dense, sparse = (method(table, 4, subtract_mean=centre) for table in (rows, csr_matrix(rows)))
    assert np.allclose(dense.v, sparse.v, atol=1e-4) and np.allclose(dense.s, sparse.s, rtol=1e-5)
    expected = np.linalg.svd(rows - rows.mean(axis=0) * centre)[1][:4][::-1]
    assert np.allclose(dense.s, expected, rtol=1e-2)
    assert np.allclose(dense.project(rows), sparse.project(csr_matrix(rows)), atol=1e-3)


def test_without_the_mean_nothing_is_subtracted(fit, digits):
    base = fit(
        recordio.encode(digits), feature_dim=64, num_components=1, mini_batch_size=9, subtract_mean="false"
    )[3]
    assert not model_of(base)["mean"].any()


def test_all_components_of_few_rows_reconstruct_them():
    rows = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    found = regular(rows, 4, subtract_mean=True)
    assert np.allclose(found.project(rows) @ found.v.T + found.mean, rows, atol=1e-5)


def test_the_same_job_gives_the_same_bytes(fit, digits):
    settings = {
        "feature_dim": 64,
        "num_components": 3,
        "mini_batch_size": 100,
        "algorithm_mode": "randomized",
    }
    bases = [fit(recordio.encode(digits), **settings)[3] for _ in range(2)]
    assert len({(base / "model" / "model_algo-1").read_bytes() for base in bases}) == 1


@pytest.mark.parametrize(
    ("changes", "start", "words"),
    [
        ({"num_components": 0}, "AlgorithmError: ", "is not valid under any"),
        ({"algorithm_mode": "exact"}, "AlgorithmError: ", "['regular', 'randomized']"),
        ({"num_components": 65}, "ClientError: ", "greater than the value of feature_dim, 64"),
        ({"feature_dim": 63}, "ClientError: ", "does not match the value of feature_dim, 63"),
        ({"componets": 3}, "AlgorithmError: ", "'componets' was unexpected"),
    ],
)
def test_what_cannot_be_done_fails_with_a_reason(fit, digits, changes, start, words):
    settings = {"feature_dim": 64, "num_components": 3, "mini_batch_size": 100} | changes
    code, _, failure, _ = fit(recordio.encode(digits), **settings)
    assert code != 0 and failure.startswith(start) and words in failure


def test_more_components_than_rows_fail_with_a_reason(fit, digits):
    settings = {"feature_dim": 64, "num_components": 9, "mini_batch_size": 100}
    assert "8 rows, fewer than the 9 components" in fit(recordio.encode(digits[:8]), **settings)[2]


def test_the_catalogue_says_when_components_do_not_fit():
    wrong = {"feature_dim": "4", "num_components": "5", "mini_batch_size": "10"}
    assert [problem.key for problem in validate("pca", wrong)] == ["num_components"]


def test_replies_have_the_projections_of_each_row_largest_last(fit, digits):
    base = fit(recordio.encode(digits), feature_dim=64, num_components=3, mini_batch_size=100)[3]
    application = load({"SAGEMAKER_BASE_DIR": str(base)})
    found = model_of(base)
    expected = (digits[:2] - found["mean"]) @ found["v"]
    body = "\n".join(",".join(map(str, row)) for row in digits[:2]).encode()
    answer = json.loads(application.invoke(body, "text/csv", "application/json").body)
    assert list(answer) == ["projections"] and list(answer["projections"][0]) == ["projection"]
    assert np.allclose([item["projection"] for item in answer["projections"]], expected, atol=1e-3)
    lines = application.invoke(body, "text/csv", "application/jsonlines").body.splitlines()
    assert np.allclose([json.loads(line)["projection"] for line in lines], expected, atol=1e-3)
    columns = recordio.decode_predictions(
        application.invoke(recordio.encode(digits[:2]), RECORDS, RECORDS).body
    )
    assert np.allclose(columns["projection"], expected, atol=1e-3)
    assert application.invoke(b"1,2", "text/csv", "*/*").status == 400


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"s": np.ones(2, np.float32)},
        {"s": np.ones(2), "v": np.ones((3, 1)), "mean": np.ones((1, 3))},
        {"s": np.ones(1), "v": np.ones((3, 1)), "mean": np.ones((1, 2))},
        {"s": np.ones(1), "v": np.full((3, 1), np.inf), "mean": np.ones((1, 3))},
    ],
)
def test_a_file_that_is_no_model_is_refused_with_a_reason(tmp_path, arrays):
    (tmp_path / "model_algo-1").write_bytes(ndarrays.dumps(arrays))
    with pytest.raises(ModelError, match="model_algo-1"):
        read(tmp_path / "model_algo-1")
