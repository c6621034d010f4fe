"""Training: numbers equal to plain XGBoost's, metrics, stopping, folds, boosters, and what the log says."""

from __future__ import annotations

import io
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xgboost

from sagewizard.sandbox.containers.xgb import metrics

if TYPE_CHECKING:
    import threading

    from tests.sandbox.containers.xgb.conftest import Rows, XgboostJob
else:
    Rows = XgboostJob = Any

REPOSITORY = Path(__file__).parents[4]
DATA = Path(os.environ.get("SAGEWIZARD_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
VERTEBRAL = DATA / "vertebral" / "vertebral_column_data.zip"
TUTORIAL = {"num_round": 42, "eval_metric": "auc", "objective": "binary:logistic"}
LOADED = r"\[02:00:00\] {} entries loaded from /opt/ml/input/data/{}\?format=csv&label_column=0&delimiter=,"
BINARY = {"num_round": 5, "objective": "binary:logistic"}


def plain_booster(parameters: dict[str, Any], rows: tuple[Any, Any], rounds: int) -> Any:
    """What XGBoost itself makes of the rows, read from arrays and not from a file."""
    matrix = xgboost.DMatrix(rows[0], label=rows[1])
    return xgboost.train({"nthread": 1, **parameters}, matrix, rounds)


def predictions(job: XgboostJob, features: np.ndarray) -> np.ndarray:
    """What the endpoint answers for rows, as numbers."""
    body = "\n".join(",".join(repr(float(value)) for value in row) for row in features)
    reply = job.serve().invoke(body.encode(), "text/csv", "*/*")
    assert reply.status == 200, reply.body
    return np.array(re.split(r"[,\n]", reply.body.decode().strip()), np.float64)


def as_csv(features: np.ndarray, labels: np.ndarray) -> str:
    return "".join(
        ",".join(map(repr, [float(label), *map(float, row)])) + "\n"
        for row, label in zip(features, labels, strict=True)
    )


@pytest.mark.parametrize("version", ["1.0-1", "1.7-1"])
def test_predictions_equal_plain_xgboost_with_exact_and_half(
    cancer_job: XgboostJob, cancer: Rows, version: str
) -> None:
    outcome = cancer_job.run(TUTORIAL, version)
    assert outcome.code == 0, outcome.log
    same = {"objective": "binary:logistic", "tree_method": "exact", "base_score": 0.5}
    expected = plain_booster(same, cancer.train, 42).predict(xgboost.DMatrix(cancer.test[0]))
    assert np.array_equal(predictions(cancer_job, cancer.test[0]).astype(np.float32), expected)
    other = plain_booster({"objective": "binary:logistic"}, cancer.train, 42)
    assert not np.array_equal(expected, other.predict(xgboost.DMatrix(cancer.test[0])))


def test_the_newest_images_take_the_librarys_own_defaults(cancer_job: XgboostJob, cancer: Rows) -> None:
    assert cancer_job.run(TUTORIAL, "3.0-5").code == 0
    expected = plain_booster({"objective": "binary:logistic"}, cancer.train, 42)
    found = predictions(cancer_job, cancer.test[0]).astype(np.float32)
    assert np.array_equal(found, expected.predict(xgboost.DMatrix(cancer.test[0])))


@pytest.mark.skipif(not VERTEBRAL.exists(), reason=f"{VERTEBRAL} is not there; set SAGEWIZARD_TEST_DATA")
def test_the_vertebral_tutorial_gives_the_numbers_of_plain_xgboost(xgb_job: XgboostJob) -> None:
    from scipy.io import arff
    from sklearn.model_selection import train_test_split

    with zipfile.ZipFile(VERTEBRAL) as archive:
        rows, _ = arff.loadarff(io.StringIO(archive.read("column_2C_weka.arff").decode()))
    features = np.array([[row[i] for i in range(6)] for row in rows.tolist()])
    labels = np.array([1.0 if row[6] == b"Abnormal" else 0.0 for row in rows.tolist()])
    assert features.shape == (310, 6)
    train, rest, y, y_rest = train_test_split(
        features, labels, test_size=0.2, random_state=42, stratify=labels
    )
    test, validation, y_test, y_validation = train_test_split(
        rest, y_rest, test_size=0.5, random_state=42, stratify=y_rest
    )
    xgb_job.add("train", as_csv(train, y))
    xgb_job.add("validation", as_csv(validation, y_validation))
    outcome = xgb_job.run(TUTORIAL)
    assert outcome.code == 0 and len(outcome.metrics("validation-auc")) == 42
    same = {"objective": "binary:logistic", "tree_method": "exact", "base_score": 0.5}
    booster = plain_booster(same, (train, y), 42)
    found = predictions(xgb_job, test)
    assert np.array_equal(found.astype(np.float32), booster.predict(xgboost.DMatrix(test)))
    assert ((found > 0.5) == y_test).mean() > 0.75
    score = booster.eval_set(
        [(xgboost.DMatrix(validation, label=y_validation), "v")], 41, output_margin=False
    )
    assert score.startswith("[41]")


def test_the_log_of_1_0_is_that_of_the_real_container(cancer_job: XgboostJob) -> None:
    outcome = cancer_job.run({**BINARY, "eval_metric": "auc,error@.4", "silent": 1})
    expected = [
        r"INFO:sagemaker-containers:Imported framework sagemaker_xgboost_container\.training",
        r"INFO:sagemaker-containers:Failed to parse hyperparameter objective value binary:logistic to Json\.",
        r"Returning the value itself",
        r"INFO:sagemaker-containers:Failed to parse hyperparameter eval_metric value auc,error@\.4 to Json\.",
        r"Returning the value itself",
        r"INFO:sagemaker-containers:No GPUs detected \(normal if no gpus installed\)",
        r"INFO:sagemaker_xgboost_container\.training:Running XGBoost Sagemaker in algorithm mode",
        r"INFO:root:Determined delimiter of CSV input is ','",
        r"INFO:root:Determined delimiter of CSV input is ','",
        r"INFO:root:Determined delimiter of CSV input is ','",
        LOADED.format("369x30 matrix with 11070", "train"),
        r"INFO:root:Determined delimiter of CSV input is ','",
        LOADED.format("100x30 matrix with 3000", "validation"),
        r"INFO:root:Single node training\.",
        r"INFO:root:Train matrix has 369 rows",
        r"INFO:root:Validation matrix has 100 rows",
        r"\[02:00:00\] WARNING: /workspace/src/learner\.cc:328:",
        r"Parameters: \{ num_round, silent \} might not be used\.",
        r"",
        r"  This may not be accurate due to some parameters are only used in language bindings but",
        r"  passed down to XGBoost core\.  Or some parameters are not used but slip through this",
        r"  verification\. Please open an issue if you find above cases\.",
        *[
            rf"\[{i}\]\ttrain-auc:[01]\.\d{{5}}\ttrain-error@0\.4:0\.\d{{5}}\t"
            r"validation-auc:[01]\.\d{5}\tvalidation-error@0\.4:0\.\d{5}"
            for i in range(5)
        ],
    ]
    assert len(outcome.log) == len(expected), outcome.log
    for line, pattern in zip(outcome.log, expected, strict=True):
        assert re.fullmatch(pattern, line), line


def test_newer_logs_have_a_time_and_a_level_in_brackets(small_job: XgboostJob) -> None:
    outcome = small_job.run({"num_round": 1}, "1.7-1")
    assert "[2026-11-21:02:00:00:INFO] Train matrix has 8 rows and 2 columns" in outcome.log
    assert "[2026-11-21:02:00:00:INFO] Determined 0 GPU(s) available on the instance." in outcome.log


@pytest.mark.parametrize(
    ("version", "metric"), [("1.2-2", "merror"), ("1.5-1", "mlogloss"), ("3.0-5", "mlogloss")]
)
def test_the_metric_that_nobody_asks_for_is_the_one_of_the_images_version(
    xgb_job: XgboostJob, version: str, metric: str
) -> None:
    xgb_job.add("train", "".join(f"{i % 3},{i},{i * i % 7}\n" for i in range(12)))
    log = xgb_job.run({"num_round": 1, "objective": "multi:softmax", "num_class": 3}, version).log
    assert f"train-{metric}:" in log[-1]
    assert any("was changed from 'merror' to 'mlogloss'" in line for line in log) is (version == "1.5-1")


def test_the_first_image_logs_its_trees_and_six_significant_digits(small_job: XgboostJob) -> None:
    outcome = small_job.run({"num_round": 2, "min_child_weight": 0}, "1")
    assert outcome.log[0] == "Arguments: train"
    assert outcome.log[1] == "[2026-11-21:02:00:00:INFO] Running standalone xgboost training."
    tree = r"\[02:00:00\] src/tree/updater_prune\.cc:74: tree pruning end, 1 roots, \d+ extra nodes, 0 pruned"
    assert sum(bool(re.match(tree, line)) for line in outcome.log) == 2
    assert re.fullmatch(r"\[0\]\ttrain-rmse:0\.\d{4,6}", outcome.log[-3])
    quiet = small_job.run({"num_round": 2, "silent": 1}, "1")
    assert not any("updater_prune" in line for line in quiet.log)


def test_the_first_image_says_what_it_reads_and_why_it_stops_early(cancer_job: XgboostJob) -> None:
    settings = {"num_round": 99, "objective": "binary:logistic", "eta": 1, "early_stopping_rounds": 2}
    log = cancer_job.run({**settings, "silent": 1}, "1").log
    assert re.search(r"the node: \d+\.\d+mb\.( Available memory size in the node: \d+\.\d+mb)?$", log[2])
    assert log.count("[02:00:00] S3DistributionType set as FullyReplicated") == 2
    start = next(i for i, line in enumerate(log) if line.startswith("[0]"))
    assert log[start + 1 : start + 3] == [
        "Multiple eval metrics have been passed: 'validation-error' will be used for early stopping.",
        "Will train until validation-error hasn't improved in 2 rounds.",
    ]
    assert log[-2] == "Stopping. Best iteration:" and log[-1] in log[start:-2]


def test_the_metrics_are_found_by_the_definitions_of_the_service(cancer_job: XgboostJob) -> None:
    from sagewizard import algorithms
    from sagewizard.sandbox.compute.joblog import MetricScraper, escape_controls

    outcome = cancer_job.run({**BINARY, "eval_metric": "auc,logloss"}, "1.5-1")
    scraper = MetricScraper(entry.as_request() for entry in algorithms.get("xgboost").metric_definitions)
    for line in outcome.log:
        scraper.scan(escape_controls(line), 0.0)
    final = {entry["MetricName"]: entry["Value"] for entry in scraper.final()}
    assert set(final) == {"train:auc", "train:logloss", "validation:auc", "validation:logloss"}
    assert final["validation:auc"] == pytest.approx(outcome.metrics("validation-auc")[-1])


def test_the_tuning_objective_joins_the_metrics_in_the_order_of_their_names(cancer_job: XgboostJob) -> None:
    settings = {**BINARY, "eval_metric": "logloss,error@.40", "_tuning_objective_metric": "validation:error"}
    outcome = cancer_job.run(settings)
    assert "INFO:root:Setting up HPO optimized metric to be : error" in outcome.log
    assert re.findall(r"train-([^:]+):", outcome.log[-1]) == ["error", "error@0.4", "logloss"]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("accuracy", "1.0-1"),
        ("f1", "1.0-1"),
        ("balanced_accuracy", "1.3-1"),
        ("f1_binary", "1.2-1"),
        ("precision", "1.5-1"),
        ("recall_macro", "1.5-1"),
        ("mse", "1.0-1"),
        ("r2", "1.7-1"),
    ],
)
def test_the_containers_own_metrics_are_scikit_learns(
    cancer_job: XgboostJob, cancer: Rows, name: str, version: str
) -> None:
    from sklearn import metrics as reference

    outcome = cancer_job.run({**BINARY, "eval_metric": name}, version)
    features, labels = cancer.validation
    scores = predictions(cancer_job, features)
    found = (scores > 0.5).astype(int)
    expected = {
        "accuracy": lambda: reference.accuracy_score(labels, found),
        "f1": lambda: reference.f1_score(labels, found, average="macro"),
        "balanced_accuracy": lambda: reference.balanced_accuracy_score(labels, found),
        "f1_binary": lambda: reference.f1_score(labels, found),
        "precision": lambda: reference.precision_score(labels, found),
        "recall_macro": lambda: reference.recall_score(labels, found, average="macro"),
        "mse": lambda: reference.mean_squared_error(labels, scores),
        "r2": lambda: reference.r2_score(labels, scores),
    }[name]()
    assert outcome.metrics(f"validation-{name}")[-1] == pytest.approx(expected, abs=6e-6)


def test_a_metric_for_two_classes_fails_with_three(xgb_job: XgboostJob) -> None:
    xgb_job.add("train", "".join(f"{i % 3},{i},{i * i % 7}\n" for i in range(12)))
    settings = {"num_round": 2, "objective": "multi:softmax", "num_class": 3, "eval_metric": "precision"}
    outcome = xgb_job.run(settings, "1.5-1")
    assert outcome.failure is not None
    assert outcome.failure.startswith("ClientError: Target is multiclass but average='binary'")
    assert xgb_job.run({**settings, "eval_metric": "precision_macro,accuracy"}, "1.5-1").code == 0


@pytest.mark.parametrize(("version", "kept"), [("1.0-1", None), ("1.3-1", "best"), ("3.0-5", "best")])
def test_early_stopping_watches_the_last_metric_on_validation(
    cancer_job: XgboostJob, cancer: Rows, version: str, kept: str | None
) -> None:
    settings = {"num_round": 200, "objective": "binary:logistic", "eta": 1, "early_stopping_rounds": 4}
    outcome = cancer_job.run({**settings, "eval_metric": "auc,logloss"}, version)
    history = outcome.metrics("validation-logloss")
    best = int(np.argmin(history))
    assert len(history) == best + 5 < 200
    found = cancer_job.serve().models()[0]
    assert found.booster.num_boosted_rounds() == (best + 1 if kept else best + 5)
    whole = cancer_job.run({**settings, "num_round": best + 1, "early_stopping_rounds": 500}, version)
    assert whole.code == 0
    stopped = found.booster.predict(xgboost.DMatrix(cancer.test[0]), iteration_range=found.rounds)
    full = cancer_job.serve().models()[0].booster.predict(xgboost.DMatrix(cancer.test[0]))
    assert np.array_equal(stopped, full), "prediction goes no further than the best round"


def test_early_stopping_needs_a_metric_from_1_3_on(cancer_job: XgboostJob) -> None:
    settings = {"num_round": 60, "objective": "binary:logistic", "eta": 1, "early_stopping_rounds": 1}
    assert len(cancer_job.run(settings, "1.3-1").metrics("validation-logloss")) == 60
    assert 0 < len(cancer_job.run(settings, "1.2-1").metrics("validation-error")) < 60


def test_a_seed_repeats_a_model_and_another_changes_it(cancer_job: XgboostJob) -> None:
    settings = {**BINARY, "subsample": 0.5, "colsample_bytree": 0.5}
    models = []
    for seed in (1, 1, 2):
        assert cancer_job.run({**settings, "seed": seed}).code == 0
        models.append(cancer_job.model.read_bytes())
    assert models[0] == models[1] != models[2]


def test_folds_train_a_model_each_and_keep_the_held_back_predictions(
    cancer_job: XgboostJob, cancer: Rows
) -> None:
    outcome = cancer_job.run({**BINARY, "_kfold": 3, "_num_cv_round": 2, "eval_metric": "error"}, "1.5-1")
    assert outcome.code == 0, outcome.log
    assert sorted(path.name for path in cancer_job.model.parent.iterdir()) == [
        f"xgboost-model-{i}" for i in range(6)
    ]
    assert any(line.endswith("Run 2-round of 3-fold cross validation with 469 rows") for line in outcome.log)
    table = np.loadtxt(cancer_job.base / "output" / "data" / "predictions.csv", delimiter=",")
    assert table.shape == (469, 3)
    assert np.array_equal(table[:, 0], np.concatenate([cancer.train[1], cancer.validation[1]]))
    error = float((table[:, 0] != table[:, 2]).mean())
    overall = outcome.log[-1]
    assert overall.startswith("[5]\ttrain-error:") and error < 0.1
    assert float(overall.rsplit(":")[-1]) == pytest.approx(error, abs=0.03)
    first = (cancer_job.model.parent / "xgboost-model-0").read_bytes()
    cancer_job.run({**BINARY, "_kfold": 3, "_num_cv_round": 2, "eval_metric": "error"}, "1.5-1")
    assert (cancer_job.model.parent / "xgboost-model-0").read_bytes() == first


@pytest.mark.parametrize(
    "settings",
    [
        {"booster": "dart", "rate_drop": 0.5, "one_drop": 1, "objective": "binary:logistic"},
        {"booster": "gblinear", "updater": "shotgun", "lambda_bias": 0.1, "objective": "binary:logistic"},
        {"objective": "reg:linear", "predictor": "cpu_predictor", "sketch_eps": 0.1, "dsplit": "row"},
        {"objective": "rank:pairwise", "eval_metric": "ndcg,map@2"},
        {"objective": "rank:map"},
        {"objective": "survival:cox"},
        {"objective": "count:poisson", "max_delta_step": 0.7},
        {"objective": "reg:tweedie", "tweedie_variance_power": 1.2},
        {"tree_method": "hist", "monotone_constraints": "(1,-1)", "interaction_constraints": "[[1]]"},
        {"updater": "grow_local_histmaker,prune"},
        {"grow_policy": "lossguide", "max_leaves": 4, "tree_method": "hist"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values()))[:40],
)
def test_what_older_images_took_still_trains(small_job: XgboostJob, settings: dict[str, Any]) -> None:
    outcome = small_job.run({"num_round": 3, **settings})
    assert outcome.code == 0, outcome.log
    assert small_job.model.exists()
    assert not any("} are not used" in line for line in outcome.log)


def test_accelerated_failure_times_are_trained_on_exact_times(small_job: XgboostJob) -> None:
    small_job.add("train", "".join(f"{i + 1},{i},{i % 3}\n" for i in range(8)))
    settings = {"num_round": 5, "objective": "survival:aft", "eval_metric": "aft-nloglik"}
    history = small_job.run({**settings, "aft_loss_distribution": "normal"}, "1.5-1").metrics(
        "train-aft-nloglik"
    )
    assert len(history) == 5 and history[-1] < history[0]


def test_groups_of_a_ranking_come_from_libsvm(xgb_job: XgboostJob) -> None:
    rows = "".join(f"{i % 3} qid:{i // 4} 1:{i % 3} 2:{i}\n" for i in range(16))
    xgb_job.add("train", rows, None)
    history = xgb_job.run({"num_round": 4, "objective": "rank:ndcg", "eval_metric": "ndcg"}).metrics(
        "train-ndcg"
    )
    assert len(history) == 4 and history[-1] == 1.0


@pytest.mark.parametrize(
    ("rows", "settings", "sentence"),
    [
        (
            "5,1,2\n1,2,3\n",
            {"objective": "binary:logistic"},
            "label must be in [0,1] for logistic regression",
        ),
        (
            "5,1,2\n1,2,3\n",
            {"objective": "multi:softmax", "num_class": 3},
            "SoftmaxMultiClassObj: label must be in [0, num_class).",
        ),
        (
            "-1,1,2\n1,2,3\n",
            {"objective": "count:poisson"},
            "Check failed: label_correct PoissonRegression: label must be nonnegative",
        ),
        (
            "1,1,2\n1,2,3\n",
            {"objective": "binary:logistic", "eval_metric": "auc"},
            "Check failed: !auc_error AUC: the dataset only contains pos or neg samples",
        ),
        (
            "1,1,2\n0,2,3\n",
            {"objective": "binary:logistic", "base_score": 1},
            (
                "Check failed: base_score > 0.0f && base_score < 1.0f "
                "base_score must be in (0,1) for logistic loss"
            ),
        ),
    ],
)
def test_labels_outside_the_objective_are_the_users_error(
    xgb_job: XgboostJob, rows: str, settings: dict[str, Any], sentence: str
) -> None:
    xgb_job.add("train", rows)
    outcome = xgb_job.run({"num_round": 1, **settings})
    assert outcome.failure == f"ClientError: {sentence}" and outcome.code == 2
    assert not xgb_job.model.exists()


def test_the_first_image_explains_labels_in_its_own_words(xgb_job: XgboostJob) -> None:
    xgb_job.add("train", "5,1,2\n1,2,3\n")
    assert xgb_job.run({"num_round": 1, "objective": "binary:logistic"}, "1").failure == (
        "ClientError: Label must be in [0,1] for logistic regression task. If input is in csv format, ensure "
        "the first column is the label."
    )


def test_a_validation_channel_of_another_width_is_refused(small_job: XgboostJob) -> None:
    small_job.add("validation", "1,2,3,4\n")
    assert small_job.run({"num_round": 1}).failure == (
        "ClientError: feature_names mismatch: ['f0', 'f1'] ['f0', 'f1', 'f2']\n"
        "training data did not have the following fields: f2"
    )
    small_job.add("validation", "1,2\n")
    assert (small_job.run({"num_round": 1}).failure or "").endswith("\nexpected f1 in input data")
    small_job.add("validation", "1,2,3,4\n")
    newer = small_job.run({"num_round": 1}, "3.0-5")
    assert newer.code == 1 and "Number of columns does not match" in (newer.failure or "")
    assert (newer.failure or "").startswith("AlgorithmError: XGB train call failed with exception:\n [")
    assert "Stack trace" not in (newer.failure or "")


def test_a_gpu_is_not_made_up(small_job: XgboostJob) -> None:
    settings = {"num_round": 1, "tree_method": "gpu_hist"}
    outcome = small_job.run(settings, "1.2-1")
    assert outcome.code == 1 and "ml.m4.xlarge has no GPU" in (outcome.failure or "")
    small_job.environ["SM_CURRENT_INSTANCE_TYPE"] = "ml.p3.2xlarge"
    assert small_job.run(settings, "1.2-1").code == 0


def test_a_job_goes_on_from_its_newest_checkpoint(cancer_job: XgboostJob) -> None:
    folder = cancer_job.base / "checkpoints"
    folder.mkdir(parents=True)
    whole = cancer_job.run({**BINARY, "num_round": 9})
    assert sorted(path.name for path in folder.iterdir()) == [f"xgboost-checkpoint.{i}" for i in range(4, 9)]
    for path in folder.iterdir():
        if int(path.suffix[1:]) > 5:
            path.unlink()
    resumed = cancer_job.run({**BINARY, "num_round": 9})
    assert "INFO:root:Resuming from iteration 6" in resumed.log
    assert resumed.log[-3:] == whole.log[-3:] and resumed.log[-1].startswith("[8]\t")
    (folder / "xgboost-checkpoint.99").write_bytes(b"{damaged")
    assert "checkpoint xgboost-checkpoint.99 cannot be read" in (cancer_job.run(BINARY).failure or "")


@pytest.mark.parametrize(
    ("version", "settings", "kept"),
    [
        ("1.0-1", {}, True),
        ("1.7-1", {}, False),
        ("1.7-1", {"save_model_on_termination": "true"}, True),
    ],
)
def test_a_stopped_job_keeps_its_model_where_its_version_does(
    small_job: XgboostJob,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    settings: dict[str, Any],
    kept: bool,
) -> None:
    from sagewizard.sandbox.containers import contract

    def stop_at_once(event: threading.Event) -> None:
        event.set()

    monkeypatch.setattr(contract, "_listen_for_stop", stop_at_once)
    outcome = small_job.run({"num_round": 500, **settings}, version)
    assert outcome.code == 0 and len(outcome.metrics("train-rmse")) == 1
    assert small_job.model.exists() is kept


def test_names_of_metrics_are_those_xgboost_reports() -> None:
    assert metrics.reported_name("error@.40") == "error@0.4"
    assert metrics.reported_name("ndcg@10") == "ndcg@10"
    assert metrics.is_maximised("map@3") and not metrics.is_maximised("error@0.4")
    assert metrics.union(["auc"], None) == ["auc"] and metrics.union(None, ["b", "a"]) == ["b", "a"]
    assert metrics.union(["auc"], ["error", "auc"]) == ["auc", "error"]


def test_the_model_file_is_a_pickle_until_1_2_and_a_saved_model_after(small_job: XgboostJob) -> None:
    for version in ("1", "1.2-2"):
        assert small_job.run({"num_round": 2}, version).code == 0
        booster = pickle.loads(small_job.model.read_bytes())
        assert booster.num_boosted_rounds() == 2
    for version in ("1.3-1", "3.0-5"):
        assert small_job.run({"num_round": 2}, version).code == 0
        booster = xgboost.Booster()
        booster.load_model(bytearray(small_job.model.read_bytes()))
        assert booster.num_boosted_rounds() == 2
