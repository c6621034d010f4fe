"""What Linear Learner learns: against scikit-learn, for every loss, optimizer and criterion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from sagewizard.data import recordio
from sagewizard.sandbox.containers.linear_learner import artifact
from sagewizard.sandbox.containers.linear_learner.serve import LinearPredictor

if TYPE_CHECKING:
    from collections.abc import Callable

TRAIN, VALIDATION, TEST = slice(0, 1200), slice(1200, 1500), slice(1500, None)


def fill(job: Any, features: Any, labels: Any, splits: str = "train validation test") -> Any:
    parts = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    for split in splits.split():
        job.records(split, features[parts[split]], labels[parts[split]].astype(np.float32))
    return job


def predict(outcome: Any, features: Any) -> dict[str, Any]:
    assert outcome.code == 0, outcome.failure
    model = artifact.read(outcome.base / "model" / "model_algo-1")
    return LinearPredictor(model).predict(features)


@pytest.fixture(scope="module")
def noisy() -> tuple[Any, Any]:
    """A linear truth with skewed noise: 1,800 rows of 5 features on very different scales."""
    generator = np.random.default_rng(21)
    features = generator.normal(size=(1800, 5)) * [1, 100, 0.01, 5, 1] + [0, 500, 0, -3, 10]
    noise = generator.gumbel(size=1800) * 4
    labels = features @ [3, 0.05, 200, -1, 0] + 40 + noise
    return features.astype(np.float32), labels.astype(np.float32)


def test_a_binary_classifier_is_about_as_good_as_logistic_regression(job: Any, digits: Any) -> None:
    features, classes = digits
    labels = classes == 8
    outcome = fill(job, features, labels).run(
        {"predictor_type": "binary_classifier", "mini_batch_size": 100, "feature_dim": 64}
    )
    found = predict(outcome, features[TEST])
    reference = LogisticRegression(max_iter=5000).fit(features[TRAIN] / 16, labels[TRAIN])
    expected = roc_auc_score(labels[TEST], reference.predict_proba(features[TEST] / 16)[:, 1])
    assert roc_auc_score(labels[TEST], found["score"]) > expected - 0.01
    wrong = (reference.predict(features[TEST] / 16) != labels[TEST]).sum()
    assert (found["predicted_label"] != labels[TEST]).sum() <= wrong + 4


def test_the_logged_test_scores_are_those_of_the_served_model(job: Any, digits: Any) -> None:
    features, classes = digits
    labels = classes == 8
    outcome = fill(job, features, labels).run({"predictor_type": "binary_classifier", "mini_batch_size": 100})
    found = predict(outcome, features[TEST])
    logged, truth = outcome.final("test"), labels[TEST]
    assert logged["precision"] == pytest.approx(precision_score(truth, found["predicted_label"]))
    assert logged["recall"] == pytest.approx(recall_score(truth, found["predicted_label"]))
    assert logged["binary_f_1.000"] == pytest.approx(f1_score(truth, found["predicted_label"]))
    assert logged["roc_auc_score"] == pytest.approx(roc_auc_score(truth, found["score"]), abs=1e-4)


def test_a_multiclass_classifier_knows_the_digits(job: Any, digits: Any) -> None:
    features, classes = digits
    outcome = fill(job, features, classes).run(
        {"predictor_type": "multiclass_classifier", "num_classes": 10, "mini_batch_size": 100}
    )
    found = predict(outcome, features[TEST])
    truth, logged = classes[TEST].astype(int), outcome.final("test")
    accuracy = (found["predicted_label"] == truth).mean()
    assert accuracy > 0.93 and logged["multiclass_accuracy"] == pytest.approx(accuracy)
    np.testing.assert_allclose(found["score"].sum(axis=1), 1, rtol=1e-5)
    order = np.argsort(-found["score"], axis=1)
    ranks = (order == truth[:, None]).argmax(axis=1)
    assert logged["multiclass_top_k_accuracy_3"] == pytest.approx((ranks < 3).mean())
    assert logged["dcg"] == pytest.approx((1 / np.log2(ranks + 2)).mean(), rel=1e-5)
    assert logged["macro_recall"] == pytest.approx(
        recall_score(truth, found["predicted_label"], average="macro")
    )
    assert logged["macro_f_1.000"] == pytest.approx(
        f1_score(truth, found["predicted_label"], average="macro")
    )
    assert logged["multiclass_log_loss"] == pytest.approx(
        -np.log(found["score"][np.arange(len(truth)), truth]).mean(), rel=1e-3
    )


def test_a_regressor_is_about_as_good_as_least_squares(job: Any, noisy: Any) -> None:
    features, labels = noisy
    outcome = fill(job, features, labels).run({"predictor_type": "regressor", "mini_batch_size": 50})
    found = predict(outcome, features[TEST])["score"]
    reference = LinearRegression().fit(features[TRAIN], labels[TRAIN]).predict(features[TEST])
    mse = ((found - labels[TEST]) ** 2).mean()
    assert mse < 1.05 * ((reference - labels[TEST]) ** 2).mean()
    assert outcome.final("test")["mse"] == pytest.approx(mse, rel=1e-3)
    assert outcome.final("test")["absolute_loss"] == pytest.approx(
        np.abs(found - labels[TEST]).mean(), rel=1e-3
    )


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize(
    ("settings", "share_below"),
    [
        ({"loss": "absolute_loss"}, 0.5),
        ({"loss": "eps_insensitive_absolute_loss", "loss_insensitivity": 0.05}, 0.5),
        ({"loss": "quantile_loss", "quantile": 0.9}, 0.9),
        ({"loss": "quantile_loss", "quantile": 0.2}, 0.2),
        ({"loss": "huber_loss", "huber_delta": 0.5}, 0.53),
        ({"loss": "eps_insensitive_squared_loss"}, 0.57),
        ({"loss": "squared_loss"}, 0.57),
    ],
)
def test_each_regression_loss_aims_at_its_own_centre_of_the_noise(
    job: Any, noisy: Any, settings: dict[str, Any], share_below: float, validated: bool
) -> None:
    """The share of labels below the prediction: the median, a quantile, or the mean of the skewed noise."""
    features, labels = noisy
    fill(job, features, labels, "train validation" if validated else "train")
    outcome = job.run({"predictor_type": "regressor", "mini_batch_size": 50, "epochs": 30, **settings})
    found = predict(outcome, features)["score"]
    assert (labels < found).mean() == pytest.approx(share_below, abs=0.06)
    assert np.corrcoef(found, labels)[0, 1] > 0.75


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_every_optimizer_learns_each_kind(new_job: Callable[[], Any], digits: Any, optimizer: str) -> None:
    features, classes = digits
    settings = {"optimizer": optimizer, "mini_batch_size": 50, "epochs": 20}
    binary = fill(new_job(), features, classes == 0).run({"predictor_type": "binary_classifier", **settings})
    assert binary.code == 0 and binary.final("test")["binary_classification_accuracy"] > 0.97
    regressor = fill(new_job(), features, classes).run({"predictor_type": "regressor", **settings})
    assert regressor.code == 0 and regressor.final("test")["mse"] < 0.55 * classes.var()
    multiclass = fill(new_job(), features, classes).run(
        {"predictor_type": "multiclass_classifier", "num_classes": 10, **settings}
    )
    assert multiclass.code == 0 and multiclass.final("test")["multiclass_accuracy"] > 0.85


def test_the_hinge_loss_scores_margins_and_calibrates_on_them(job: Any, digits: Any) -> None:
    features, classes = digits
    labels = classes == 3
    outcome = fill(job, features, labels).run(
        {"predictor_type": "binary_classifier", "loss": "hinge_loss", "mini_batch_size": 50, "margin": 0.5}
    )
    found = predict(outcome, features[TEST])
    assert found["score"].min() < -0.5 and found["score"].max() > 0.5
    assert f1_score(labels[TEST], found["predicted_label"]) > 0.85
    assert "binary_classification_hinge_loss_objective" in outcome.log


@pytest.mark.parametrize("splits", ["train validation", "train"])
def test_targets_of_recall_and_precision_are_met_on_the_calibration_rows(
    new_job: Callable[[], Any], digits: Any, splits: str
) -> None:
    features, classes = digits
    labels = classes == 8
    scored = splits.split()[-1]
    base = {"predictor_type": "binary_classifier", "mini_batch_size": 100, "epochs": 3}
    name = "binary_classifier_model_selection_criteria"
    recall = fill(new_job(), features, labels, splits).run(
        {**base, name: "precision_at_target_recall", "target_recall": 0.97}
    )
    assert recall.final(scored)["recall"] >= 0.97
    precision = fill(new_job(), features, labels, splits).run(
        {**base, name: "recall_at_target_precision", "target_precision": 0.97}
    )
    assert precision.final(scored)["precision"] >= 0.97
    assert precision.final(scored)["recall"] < recall.final(scored)["recall"]


@pytest.mark.parametrize(
    ("criterion", "logged"),
    [
        ("accuracy", "sampled_accuracy"),
        ("f_beta", "sampled_f_beta"),
        ("f1", "sampled_f_beta"),
        ("precision_at_target_recall", "sampled_precision_at_target_recall"),
        ("recall_at_target_precision", "sampled_recall_at_target_precision"),
        ("loss_function", "binary_classification_cross_entropy_objective"),
        ("cross_entropy_loss", "binary_classification_cross_entropy_objective"),
    ],
)
def test_early_stopping_watches_the_selection_criterion(
    job: Any, digits: Any, criterion: str, logged: str
) -> None:
    features, classes = digits
    outcome = fill(job, features, classes == 8, "train validation").run(
        {
            "predictor_type": "binary_classifier",
            "mini_batch_size": 100,
            "epochs": 2,
            "binary_classifier_model_selection_criteria": criterion,
        }
    )
    assert set(re.findall(r"criteria=(\w+),", outcome.log)) == {logged}


def test_without_validation_the_training_loss_decides_whatever_the_criterion(
    new_job: Callable[[], Any], digits: Any
) -> None:
    features, classes = digits
    found = []
    for criterion in ("accuracy", "precision_at_target_recall"):
        outcome = fill(new_job(), features, classes == 8, "train").run(
            {
                "predictor_type": "binary_classifier",
                "mini_batch_size": 100,
                "epochs": 4,
                "binary_classifier_model_selection_criteria": criterion,
            }
        )
        best = re.search("Best model found for hyperparameters: .*", outcome.log)
        found.append((best[0], outcome.final("train")["binary_classification_cross_entropy_objective"]))  # type: ignore[index]
        assert set(re.findall(r"criteria=(\w+),", outcome.log)) == {
            "binary_classification_cross_entropy_objective"
        }
    assert found[0] == found[1]


def test_num_calibration_samples_bounds_the_rows_that_set_the_threshold(
    new_job: Callable[[], Any], digits: Any
) -> None:
    features, classes = digits
    labels = (classes == 8).astype(np.float32)
    flipped = labels.copy()
    flipped[VALIDATION][100:] = 1 - flipped[VALIDATION][100:]
    base = {"predictor_type": "binary_classifier", "mini_batch_size": 100, "epochs": 3, "num_models": 1}
    thresholds = []
    for truth in (labels, flipped):
        outcome = fill(new_job(), features, truth, "train validation").run(
            {**base, "num_calibration_samples": 100, "early_stopping_patience": 9}
        )
        thresholds.append(artifact.read(outcome.base / "model" / "model_algo-1").threshold)
    assert thresholds[0] == thresholds[1]


def test_weights_of_positives_move_recall(new_job: Callable[[], Any], digits: Any) -> None:
    features, classes = digits
    features = features[:, 20:28]  # few enough features to make mistakes
    labels = classes == 8
    recalls = {}
    for weight in ("1.0", "20", "balanced", "auto"):
        outcome = fill(new_job(), features, labels).run(
            {
                "predictor_type": "binary_classifier",
                "mini_batch_size": 100,
                "positive_example_weight_mult": weight,
                "binary_classifier_model_selection_criteria": "loss_function",
            }
        )
        assert outcome.code == 0
        recalls[weight] = outcome.final("test")["recall"]
    assert recalls["20"] > recalls["1.0"] and recalls["balanced"] > recalls["1.0"]


def test_balanced_classes_raise_the_recall_of_a_rare_class(new_job: Callable[[], Any]) -> None:
    generator = np.random.default_rng(8)
    three = generator.choice(3, size=1800, p=[0.85, 0.1, 0.05])
    features = (generator.normal(size=(1800, 2)) + np.array([[0, 0], [1.5, 0], [0, 1.5]])[three]).astype(
        np.float32
    )
    balanced = {}
    for setting in ("false", "true"):
        outcome = fill(new_job(), features, three).run(
            {
                "predictor_type": "multiclass_classifier",
                "num_classes": 3,
                "mini_batch_size": 100,
                "balance_multiclass_weights": setting,
            }
        )
        balanced[setting] = outcome.final("test")["multiclass_balanced_accuracy"]
    assert balanced["true"] > balanced["false"]


def test_a_tuning_job_trains_a_single_model(job: Any, digits: Any) -> None:
    features, classes = digits
    outcome = fill(job, features, classes == 0).run(
        {
            "predictor_type": "binary_classifier",
            "mini_batch_size": 100,
            "epochs": 2,
            "num_models": 8,
            "_tuning_objective_metric": "validation:objective_loss",
        }
    )
    assert set(re.findall(r'"model": (\d+)', outcome.log)) == {"0"}


def test_strong_l1_drives_useless_weights_to_nothing(job: Any) -> None:
    generator = np.random.default_rng(4)
    features = generator.normal(size=(1800, 10)).astype(np.float32)
    labels = features[:, 0] * 5 + generator.normal(size=1800)
    outcome = fill(job, features, labels, "train").run(
        {"predictor_type": "regressor", "l1": 0.2, "wd": 0, "mini_batch_size": 100, "epochs": 40,
         "optimizer": "sgd", "learning_rate": 0.01}
    )  # fmt: skip
    weights = np.abs(artifact.read(outcome.base / "model" / "model_algo-1").weights[:, 0])
    assert weights[0] > 3 and weights[1:].max() < 0.05


def test_without_a_bias_the_model_goes_through_the_origin(job: Any, noisy: Any) -> None:
    features, labels = noisy
    outcome = fill(job, features, labels, "train").run(
        {"predictor_type": "regressor", "use_bias": "false", "epochs": 2, "mini_batch_size": 100}
    )
    assert outcome.code == 0
    assert artifact.read(outcome.base / "model" / "model_algo-1").bias.tolist() == [0.0]


@pytest.mark.parametrize(
    "settings",
    [
        {"init_method": "normal", "init_sigma": 0.5, "init_bias": 3},
        {"use_lr_scheduler": "false", "learning_rate": 0.01},
        {"lr_scheduler_step": 5, "lr_scheduler_factor": 0.5, "lr_scheduler_minimum_lr": 1e-4},
        {"normalize_data": "false", "unbias_data": "false", "learning_rate": 0.01},
        {"beta_1": 0.5, "beta_2": 0.9, "bias_lr_mult": 1, "bias_wd_mult": 1, "wd": 0.01},
        {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.01},
        {"num_point_for_scaler": 7, "num_models": 2},
        {"use_bias": "True", "normalize_data": "True", "_log_level": "debug"},
    ],
)
def test_every_other_setting_changes_the_model_and_still_learns(
    new_job: Callable[[], Any], digits: Any, settings: dict[str, Any]
) -> None:
    features, classes = digits
    base = {"predictor_type": "binary_classifier", "mini_batch_size": 50}
    outcome = fill(new_job(), features, classes == 0).run({**base, **settings})
    assert outcome.code == 0, outcome.failure
    assert outcome.final("test")["binary_classification_accuracy"] > 0.95
    plain = fill(new_job(), features, classes == 0).run(base)
    same = "_log_level" in settings  # the defaults written out
    assert (outcome.model == plain.model) == same


def test_a_row_count_below_the_batch_size_is_one_short_batch(job: Any, digits: Any) -> None:
    features, classes = digits
    job.records("train", features[:37], (classes[:37] < 5).astype(np.float32))
    outcome = job.run({"predictor_type": "binary_classifier", "mini_batch_size": 1000, "epochs": 60})
    assert outcome.code == 0 and outcome.final("train")["binary_classification_accuracy"] > 0.9


def test_sparse_records_train_the_same_model_as_dense_ones(new_job: Callable[[], Any], digits: Any) -> None:
    features, classes = digits
    labels = (classes == 0).astype(np.float32)
    settings = {"predictor_type": "binary_classifier", "mini_batch_size": 100, "epochs": 3, "feature_dim": 64}
    dense = fill(new_job(), features, labels, "train validation").run(settings)
    job = new_job()
    for split, part in (("train", TRAIN), ("validation", VALIDATION)):
        job.add(
            split,
            recordio.encode(csr_matrix(features[part]), labels[part]),
            "application/x-recordio-protobuf",
        )
    sparse = job.run(settings)
    assert sparse.code == 0, sparse.failure
    first, second = predict(dense, features[TEST]), predict(sparse, features[TEST])
    np.testing.assert_allclose(first["score"], second["score"], atol=1e-3)


def test_csv_and_records_train_the_same_model_and_files_are_read_in_order(
    new_job: Callable[[], Any], digits: Any
) -> None:
    features, classes = digits
    labels = (classes == 0).astype(np.float32)
    settings = {"predictor_type": "binary_classifier", "mini_batch_size": 100, "epochs": 2}
    records = new_job()
    records.records("train", features[:700], labels[:700], "b/1.rec")
    records.records("train", features[700 : TRAIN.stop], labels[700 : TRAIN.stop], "b/2.rec")
    table = np.column_stack([labels, features])[TRAIN]
    csv = new_job()
    for name, part in (("part-00000", table[:1]), ("part-00001", table[1:1100]), ("z/part-0", table[1100:])):
        text = "\n".join(",".join(f"{value:g}" for value in row) for row in part)
        csv.add("train", text.encode(), "text/csv;label_size=1", name)
    first, second = records.run(settings), csv.run(settings)
    assert first.code == second.code == 0
    assert first.model == second.model


def test_a_stopped_job_keeps_the_best_model_so_far(job: Any, digits: Any) -> None:
    from sagewizard.sandbox.containers.contract import run_training
    from sagewizard.sandbox.containers.linear_learner import train as program

    features, classes = digits
    fill(job, features, classes == 0, "train")
    job.run({"predictor_type": "binary_classifier", "mini_batch_size": 100, "epochs": 1})
    (job.base / "model" / "model_algo-1").unlink()
    (job.base / "input" / "config" / "hyperparameters.json").write_text(
        '{"predictor_type": "binary_classifier", "mini_batch_size": "100", "epochs": "1000000", '
        '"early_stopping_patience": "1000001"}'
    )

    def stop_soon(container: Any) -> None:
        count = 0

        def is_set() -> bool:
            nonlocal count
            count += 1
            return count > 30  # in the third epoch of twelve mini-batches

        container.stopping.is_set = is_set
        program.train(container)

    assert run_training(stop_soon, {"SAGEMAKER_BASE_DIR": str(job.base)}) == 0
    assert artifact.read(job.base / "model" / "model_algo-1").width == 64
