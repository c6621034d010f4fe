"""The log of a Linear Learner job: its lines, their order, and that the metric definitions parse it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sagewizard import algorithms

if TYPE_CHECKING:
    from collections.abc import Callable

DEFINITIONS = {entry.name: entry.regex for entry in algorithms.get("linear-learner").metric_definitions}
PREFIX = r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d [A-Z]+ \d+\] "


def run(
    job: Any, digits: Any, kind: str, splits: tuple[str, ...] = ("train", "validation", "test"), **more: Any
) -> Any:
    features, classes = digits
    labels = {
        "binary_classifier": (classes == 0).astype(np.float32),
        "multiclass_classifier": classes,
        "regressor": classes * 2 + 5,
    }[kind]
    parts = {"train": slice(0, 1200), "validation": slice(1200, 1500), "test": slice(1500, None)}
    for split in splits:
        job.records(split, features[parts[split]], labels[parts[split]])
    settings = {"predictor_type": kind, "mini_batch_size": 100, "epochs": 4, **more}
    if kind == "multiclass_classifier":
        settings["num_classes"] = 10
    outcome = job.run(settings)
    assert outcome.code == 0, outcome.failure
    return outcome


def matched(log: str) -> dict[str, list[str]]:
    found = {name: re.findall(regex, log) for name, regex in DEFINITIONS.items()}
    return {name: values for name, values in found.items() if values}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            "binary_classifier",
            "binary_classification_accuracy binary_f_beta precision recall roc_auc_score",
        ),
        (
            "multiclass_classifier",
            "multiclass_accuracy multiclass_top_k_accuracy dcg macro_recall macro_precision macro_f_beta",
        ),
        ("regressor", "mse absolute_loss"),
    ],
)
def test_every_metric_definition_of_the_kind_is_found_as_a_number(
    job: Any, digits: Any, kind: str, names: str
) -> None:
    found = matched(run(job, digits, kind).log)
    expected = {f"{split}:{name}" for split in ("validation", "test") for name in names.split()}
    expected |= {
        "train:objective_loss",
        "validation:objective_loss",
        "validation:objective_loss:final",
        "test:objective_loss",
        "train:progress",
        "train:throughput",
    }
    if kind == "regressor":
        expected.add("validation:rmse")
    assert set(found) == expected
    for values in found.values():
        assert all(np.isfinite(float(value)) for value in values)
    assert len(found["train:objective_loss"]) == len(found["train:progress"]) == 4
    assert found["train:progress"] == ["25.0", "50.0", "75.0", "100.0"]
    assert len(found["test:objective_loss"]) == 1


def test_without_validation_the_training_data_is_scored(new_job: Callable[[], Any], digits: Any) -> None:
    found = matched(run(new_job(), digits, "binary_classifier", ("train",)).log)
    names = ("binary_classification_accuracy", "binary_f_beta", "precision", "recall", "objective_loss:final")
    assert {f"train:{name}" for name in names} <= set(found)
    assert not any(name.startswith(("validation:", "test:")) for name in found)
    found = matched(run(new_job(), digits, "regressor", ("train",)).log)
    assert {"train:mse", "train:absolute_loss"} <= set(found)


def test_together_the_kinds_reach_every_metric_definition(new_job: Callable[[], Any], digits: Any) -> None:
    reached: set[str] = set()
    for kind in ("binary_classifier", "multiclass_classifier", "regressor"):
        for splits in (("train",), ("train", "validation", "test")):
            reached |= set(matched(run(new_job(), digits, kind, splits, epochs=1).log))
    assert reached == set(DEFINITIONS)


def test_lines_come_in_the_order_of_the_real_log(job: Any, digits: Any) -> None:
    lines = run(job, digits, "binary_classifier", epochs=2).log.splitlines()
    expected = [
        r"Docker entrypoint called with argument\(s\): train",
        "Running default environment configuration script",
        "Running custom environment configuration script",
        PREFIX + r"Reading default configuration from /opt/amazon/lib/python3\.7/.*/default-input\.json: {'",
        PREFIX + r"Merging with provided configuration from /opt/ml/input/config/hyperparameters\.json: {'",
        PREFIX + r"Final configuration: {'",
        "Process 1 is a worker.",
        PREFIX + r"Using default worker\.",
        PREFIX + r"Checkpoint loading and saving are disabled\.",
        PREFIX + "Create Store: local",
        r'\[[0-9: .-]+\] \[tensorio\] \[info\] epoch_stats={"data_pipeline": "/opt/ml/input/data/train"',
        PREFIX + "Scaling model computed with parameters:",
        PREFIX + "Number of GPUs being used: 0",
        *[r"#metrics .*train_binary_classification_cross_entropy_objective"] * 32,
        PREFIX + r"#quality_metric: host=algo-1, epoch=0, train binary_classification_cross_\S+ <loss>=",
        *[r"#metrics .*validation_binary_classification_cross_entropy_objective"] * 32,
        PREFIX + r"#quality_metric: host=algo-1, epoch=0, validation \S+_objective <loss>=",
        PREFIX + r"#early_stopping_criteria_metric: host=algo-1, epoch=0, criteria=sampled_accuracy, value=",
        PREFIX + "Epoch 0: Loss improved. Updating best model",
        PREFIX + "Saving model for epoch: 0",
        PREFIX + r'Saved checkpoint to "/tmp/tmp[^/]+/mx-mod-0000\.params"',
        PREFIX + r"#progress_metric: host=algo-1, completed 50\.0 % of epochs",
        PREFIX + r"#throughput_metric: host=algo-1, train throughput=\S+ records/second",
        PREFIX + r"#quality_metric: host=algo-1, epoch=1, train ",
        PREFIX + r"#validation_score \(algo-1\) : \('binary_classification_cross_entropy_objective', ",
        PREFIX + r"#validation_score \(algo-1\) : \('binary_classification_accuracy', ",
        PREFIX + r"#validation_score \(algo-1\) : \('binary_f_1\.000', ",
        PREFIX + r"#validation_score \(algo-1\) : \('precision', ",
        PREFIX + r"#validation_score \(algo-1\) : \('recall', ",
        PREFIX + r"#validation_score \(algo-1\) : \('roc_auc_score', ",
        PREFIX + r"#quality_metric: host=algo-1, validation binary_classification_cross_\S+ <loss>=",
        PREFIX + r"#quality_metric: host=algo-1, validation binary_classification_accuracy <score>=",
        PREFIX + r'Best model found for hyperparameters: {"optimizer": "adam", "learning_rate": ',
        PREFIX + r"#test_score \(algo-1\) : ",
        PREFIX + r"#quality_metric: host=algo-1, test ",
        r'#metrics .*"Operation": "training"}, "Metrics": {.*"totaltime"',
    ]
    at = 0
    for pattern in expected:
        at = next((i for i in range(at, len(lines)) if re.match(pattern, lines[i])), -1) + 1
        assert at, f"{pattern} does not come where it should"


def test_metrics_lines_are_json_and_name_epoch_and_model(job: Any, digits: Any) -> None:
    log = run(job, digits, "binary_classifier", epochs=2, num_models=3).log
    records = [json.loads(line[9:]) for line in log.splitlines() if line.startswith("#metrics ")]
    assert len(records) == 2 * 2 * 3 + 1
    assert list(records[0]) == ["StartTime", "EndTime", "Dimensions", "Metrics"]
    seen = {(r["Dimensions"]["epoch"], r["Dimensions"]["model"]) for r in records[:-1]}
    assert seen == {(epoch, model) for epoch in range(2) for model in range(3)}
    assert set(records[-1]["Metrics"]) == {
        "update.time",
        "check_early_stopping.time",
        "setuptime",
        "initialize.time",
        "finalize.time",
        "totaltime",
        "epochs",
    }


def test_the_quality_line_of_an_epoch_is_that_of_model_0(job: Any, digits: Any) -> None:
    log = run(job, digits, "binary_classifier", epochs=1).log
    first = next(json.loads(line[9:]) for line in log.splitlines() if line.startswith("#metrics "))
    value = first["Metrics"]["train_binary_classification_cross_entropy_objective"]["sum"]
    assert matched(log)["train:objective_loss"] == [str(value)]


def test_a_job_without_test_data_says_so_and_an_early_stop_too(job: Any, digits: Any) -> None:
    log = run(job, digits, "binary_classifier", ("train",), epochs=60, early_stopping_tolerance=0.9).log
    assert re.search(PREFIX + r"Test data is not provided\.", log)
    assert re.search(PREFIX + r"Early stop condition met\. Stopping training\.", log)
    epochs = [int(n) for n in re.findall(r"Epoch (\d+): Loss has not improved for", log)]
    assert len(epochs) >= 3 and epochs[-3:] == list(range(epochs[-1] - 2, epochs[-1] + 1))
    assert re.findall(r"has not improved for (\d) epochs", log)[-3:] == ["0", "1", "2"]


def test_weights_of_the_classes_show_in_the_name_of_the_loss(new_job: Callable[[], Any], digits: Any) -> None:
    log = run(new_job(), digits, "binary_classifier", epochs=1, positive_example_weight_mult=3).log
    assert "train binary_classification_weighted_cross_entropy_objective <loss>=" in log
    log = run(new_job(), digits, "multiclass_classifier", epochs=1, balance_multiclass_weights="true").log
    assert "train multiclass_weighted_cross_entropy_objective <loss>=" in log


def test_two_runs_give_equal_models_and_equal_metrics(new_job: Callable[[], Any], digits: Any) -> None:
    first = run(new_job(), digits, "binary_classifier")
    second = run(new_job(), digits, "binary_classifier")
    assert first.model == second.model

    def essence(log: str) -> list[str]:
        return [
            line.split("] ", 1)[-1]
            for line in log.splitlines()
            if "_score" in line or "objective" in line or "criteria" in line
        ]

    assert essence(first.log) == essence(second.log) != []
