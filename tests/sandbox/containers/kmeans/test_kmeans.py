"""K-Means: clusters, its log, its refusals, its model file and its replies."""

from __future__ import annotations

import json
import re
import struct

import numpy as np
import pytest

from sagewizard import algorithms
from sagewizard.data import recordio
from sagewizard.sandbox.containers import ndarrays
from sagewizard.sandbox.containers.contract import run_training
from sagewizard.sandbox.containers.kmeans import clusters
from sagewizard.sandbox.containers.kmeans.serve import ModelError, load, read
from sagewizard.sandbox.containers.kmeans.train import train

RECORDS = "application/x-recordio-protobuf"


class Ticking:
    def __init__(self):
        self.time = 1_800_000_000.0

    def now(self):
        self.time += 0.001
        return self.time

    monotonic = now

    def wait(self, cancel, seconds):
        return cancel.is_set()


@pytest.fixture
def fit(tmp_path, capsys):
    """Run a job over channels {name: (bytes, content type)} and return (exit code, log, failure, base)."""
    count = iter(range(100))

    def run(channels, **hyperparameters):
        base = tmp_path / f"job{next(count)}"
        config = base / "input" / "config"
        config.mkdir(parents=True)
        described = {}
        for name, (content, content_type) in channels.items():
            (base / "input" / "data" / name).mkdir(parents=True)
            (base / "input" / "data" / name / "part-0").write_bytes(content)
            described[name] = {"ContentType": content_type} if content_type else {}
        (config / "inputdataconfig.json").write_text(json.dumps(described))
        texts = {name: str(value) for name, value in hyperparameters.items()}
        (config / "hyperparameters.json").write_text(json.dumps(texts))
        capsys.readouterr()
        code = run_training(train, {"SAGEMAKER_BASE_DIR": str(base)}, Ticking())
        failure = base / "output" / "failure"
        return code, capsys.readouterr().out, failure.read_text() if failure.exists() else "", base

    return run


@pytest.fixture(scope="module")
def blobs():
    """600 rows around three far corners, and the corner of each."""
    generator = np.random.default_rng(3)
    corners = np.array([[0, 0], [10, 0], [0, 10]])
    which = generator.integers(0, 3, 600)
    return (corners[which] + generator.normal(0, 0.5, (600, 2))).astype(np.float32), which


def centers_of(base):
    return ndarrays.loads_list((base / "model" / "model_algo-1").read_bytes())[0]


def test_three_blobs_are_found_and_the_log_has_the_real_lines(fit, blobs):
    rows, _ = blobs
    code, log, failure, base = fit({"train": (recordio.encode(rows), RECORDS)}, k=3, feature_dim=2)
    assert (code, failure) == (0, "")
    found = centers_of(base)
    assert np.abs(found[np.lexsort(found.round().T)] - [[0, 0], [10, 0], [0, 10]]).max() < 0.2
    assert (
        "Batch size 5000 is bigger than the first batch data. Effective batch size used to initialize is 600"
        in log
    )
    assert "shrinking 30 centers into 3" in log
    attempts = re.findall(
        r"local kmeans attempt #(\d+)\. Current mean square distance \d+\.\d{6}$", log, re.MULTILINE
    )
    assert attempts == [str(number) for number in range(10)]
    assert re.search(r"finished shrinking process\. Mean Square Distance = \d+$", log, re.MULTILINE)
    assert '"Algorithm": "AWS/KMeansWebscale"' in log
    definitions = {item.name: item.regex for item in algorithms.get("kmeans").metric_definitions}
    values = {name: re.findall(regex, log) for name, regex in definitions.items()}
    assert values["train:progress"] == ["100.0"] and len(values["train:throughput"]) == 1
    assert 0 <= float(values["train:msd"][0]) < 1 and not values["test:msd"]


def test_the_model_is_one_array_without_a_name(fit, blobs):
    _, _, _, base = fit({"train": (recordio.encode(blobs[0]), RECORDS)}, k=3, feature_dim=2)
    data = (base / "model" / "model_algo-1").read_bytes()
    assert struct.unpack_from("<QQQ", data) == (0x112, 0, 1)
    assert data[-8:] == bytes(8), "names are counted, and there are none"
    assert centers_of(base).shape == (3, 2)


def test_the_same_job_gives_the_same_bytes(fit, blobs):
    jobs = [
        fit(
            {"train": (recordio.encode(blobs[0]), RECORDS)}, k=4, feature_dim=2, mini_batch_size=100, epochs=2
        )
        for _ in range(2)
    ]
    assert len({(base / "model" / "model_algo-1").read_bytes() for *_, base in jobs}) == 1


def test_test_rows_are_scored_by_both_metrics(fit, blobs):
    rows, _ = blobs
    code, log, _, base = fit(
        {"train": (recordio.encode(rows[:400]), RECORDS), "test": (recordio.encode(rows[400:]), RECORDS)},
        k=3,
        feature_dim=2,
        eval_metrics='["msd", "ssd"]',
    )
    assert code == 0
    squared = ((rows[400:, None, :] - centers_of(base)[None]) ** 2).sum(axis=2).min(axis=1)
    figures = dict(re.findall(r"#quality_metric: host=algo-1, test (\w+) <loss>=(\S+)", log))
    assert float(figures["msd"]) == pytest.approx(squared.mean(), rel=1e-4)
    assert float(figures["ssd"]) == pytest.approx(squared.sum(), rel=1e-4)
    assert "#test_score (algo-1) : ('msd', " in log


def test_csv_without_labels_needs_label_size_0(fit, blobs):
    text = "\n".join(f"{a},{b}" for a, b in blobs[0]).encode()
    assert fit({"train": (text, "text/csv;label_size=0")}, k=3, feature_dim=2)[0] == 0
    code, _, failure, _ = fit({"train": (text, "text/csv")}, k=3, feature_dim=2)
    assert code == 2 and failure.startswith("ClientError: ") and "label_size=0" in failure


def test_a_label_column_is_left_out_of_the_clusters(fit, blobs):
    rows, which = blobs
    text = "\n".join(f"{label},{a},{b}" for label, (a, b) in zip(which, rows, strict=True)).encode()
    code, _, _, base = fit({"train": (text, "text/csv;label_size=1")}, k=3, feature_dim=2)
    assert code == 0 and centers_of(base).shape == (3, 2)


def test_sparse_records_give_the_clusters_of_dense_ones(fit):
    from scipy.sparse import csr_matrix

    rows = np.random.default_rng(1).poisson(0.3, (200, 12)).astype(np.float32)
    models = [
        (fit({"train": (data, RECORDS)}, k=4, feature_dim=12)[3] / "model" / "model_algo-1").read_bytes()
        for data in (recordio.encode(rows), recordio.encode(csr_matrix(rows)))
    ]
    assert models[0] == models[1]


def test_with_a_half_life_old_rows_fade(fit):
    old, new = np.full((1000, 1), 0.0, np.float32), np.full((1000, 1), 100.0, np.float32)
    data = recordio.encode(np.concatenate([old, new]))
    settings = {"k": 1, "feature_dim": 1, "mini_batch_size": 50, "extra_center_factor": 1}
    kept = centers_of(fit({"train": (data, RECORDS)}, **settings)[3])
    faded = centers_of(fit({"train": (data, RECORDS)}, **settings, half_life_time_size=50)[3])
    assert kept[0, 0] == pytest.approx(50) and faded[0, 0] > 99.9


@pytest.mark.parametrize("method", ["random", "kmeans++"])
def test_without_extra_centers_the_stream_is_the_mean_of_all_rows_it_got(fit, method, blobs):
    data = recordio.encode(blobs[0])
    _, log, _, base = fit(
        {"train": (data, RECORDS)},
        k=1, feature_dim=2, extra_center_factor=1, mini_batch_size=64, init_method=method,
    )  # fmt: skip
    assert np.allclose(centers_of(base)[0], blobs[0].mean(axis=0), atol=1e-4)
    assert "shrinking 1 centers into 1" in log


def test_more_clusters_than_different_rows_is_no_failure(fit):
    rows = np.repeat(np.array([[1, 1], [2, 2]], np.float32), 20, axis=0)
    code, _, failure, base = fit({"train": (recordio.encode(rows), RECORDS)}, k=5, feature_dim=2)
    assert (code, failure) == (0, "")
    assert centers_of(base).shape == (5, 2)


@pytest.mark.parametrize(
    ("changes", "start", "words"),
    [
        ({"k": 0}, "AlgorithmError: ", "'0' is not valid under any of the given schemas"),
        (
            {"clusters": 3},
            "AlgorithmError: ",
            "Additional properties are not allowed ('clusters' was unexpected)",
        ),
        ({"init_method": "best"}, "AlgorithmError: ", "'best' is not one of ['random', 'kmeans++']"),
        ({"eval_metrics": "msd"}, "ClientError: ", "eval_metrics"),
        ({"feature_dim": 3}, "ClientError: ", "does not match the value of feature_dim, 3"),
        ({"k": 700}, "ClientError: ", "600 rows, fewer than the k=700"),
        ({"k": 30, "mini_batch_size": 20}, "ClientError: ", "raise mini_batch_size"),
    ],
)
def test_what_cannot_be_done_fails_with_a_reason(fit, blobs, changes, start, words):
    settings = {"k": 3, "feature_dim": 2} | changes
    code, _, failure, base = fit({"train": (recordio.encode(blobs[0]), RECORDS)}, **settings)
    assert code != 0 and failure.startswith(start) and words in failure
    assert not (base / "model").exists()


def test_a_missing_hyperparameter_and_a_foreign_channel_are_named(fit, blobs):
    data = (recordio.encode(blobs[0]), RECORDS)
    assert "'k' is a required property" in fit({"train": data}, feature_dim=2)[2]
    assert "('validation' was unexpected)" in fit({"train": data, "validation": data}, k=3, feature_dim=2)[2]
    assert "'train' is a required property" in fit({"test": data}, k=3, feature_dim=2)[2]


@pytest.fixture
def served(fit, blobs):
    base = fit({"train": (recordio.encode(blobs[0]), RECORDS)}, k=3, feature_dim=2)[3]
    return load({"SAGEMAKER_BASE_DIR": str(base)}), centers_of(base)


def test_every_request_format_and_reply_format_tells_cluster_and_euclidean_distance(served):
    application, centers = served
    row = [10.0, 3.0]
    distances = np.sqrt(((centers - row) ** 2).sum(axis=1))
    cluster, distance = float(distances.argmin()), float(np.float32(distances.min()))
    bodies = {
        "text/csv": b"10,3\n",
        "application/json": b'{"instances": [{"features": [10, 3]}]}',
        "application/jsonlines": b'{"features": [10, 3]}\n',
        RECORDS: recordio.encode(np.array([row], np.float32)),
    }
    for content_type, body in bodies.items():
        reply = application.invoke(body, content_type, "application/json")
        (answer,) = json.loads(reply.body)["predictions"]
        assert list(answer) == ["closest_cluster", "distance_to_cluster"]
        assert answer["closest_cluster"] == cluster and isinstance(answer["closest_cluster"], float)
        assert answer["distance_to_cluster"] == pytest.approx(distance, rel=1e-6)
    lines = application.invoke(b"10,3\n0,0\n", "text/csv", "application/jsonlines").body.decode()
    assert json.loads(lines.splitlines()[0])["closest_cluster"] == cluster
    text = application.invoke(b"10,3", "text/csv", "text/csv").body.decode()
    assert text.split(",")[0] == str(cluster) and float(text.split(",")[1]) == pytest.approx(
        distance, rel=1e-6
    )
    columns = recordio.decode_predictions(application.invoke(b"10,3", "text/csv", RECORDS).body)
    assert columns["closest_cluster"] == [cluster]


def test_a_request_that_cannot_be_read_is_refused(served):
    application, _ = served
    assert application.invoke(b"1,2,3", "text/csv", "*/*").status == 400
    assert b"feature dimension of the input: 3" in application.invoke(b"1,2,3", "text/csv", "*/*").body
    assert application.invoke(b"", "text/csv", "*/*").status == 400
    assert application.invoke(b"a,b", "text/csv", "*/*").status == 400
    assert application.invoke(b"1,2", "image/png", "*/*").status == 415
    assert application.invoke(b"1,2", "text/csv", "image/png").status == 406


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04nonsense",
        ndarrays.dumps_list([]),
        ndarrays.dumps_list([np.zeros(3, np.float32)]),
        ndarrays.dumps_list([np.full((2, 2), np.nan, np.float32)]),
        ndarrays.dumps_list([np.zeros((2, 2), np.float32)] * 2),
    ],
)
def test_a_file_that_is_no_model_is_refused_with_a_reason(tmp_path, content):
    (tmp_path / "model_algo-1").write_bytes(content)
    with pytest.raises(ModelError, match="model_algo-1"):
        read(tmp_path / "model_algo-1")


def test_a_model_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match="there is no model_algo-1"):
        read(tmp_path / "model_algo-1")


def test_the_nearest_center_agrees_with_brute_force():
    generator = np.random.default_rng(5)
    rows, centers = generator.normal(1000, 1, (500, 7)), generator.normal(1000, 1, (40, 7))
    labels, squared = clusters.nearest(rows, centers)
    exact = ((rows[:, None] - centers[None]) ** 2).sum(axis=2)
    assert (labels == exact.argmin(axis=1)).all()
    assert np.allclose(squared, exact.min(axis=1))


def test_its_clusters_are_about_as_good_as_scikit_learns(fit):
    from sklearn.cluster import KMeans
    from sklearn.datasets import load_digits

    rows = load_digits().data.astype(np.float32)
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    code, _, _, base = fit(
        {"train": (recordio.encode(rows), RECORDS)}, k=10, feature_dim=64, mini_batch_size=500, epochs=5
    )
    assert code == 0
    ours = clusters.nearest(rows.astype(float), centers_of(base).astype(float))[1].sum()
    theirs = KMeans(10, n_init=4, random_state=0).fit(rows).inertia_
    assert ours < 1.08 * theirs
