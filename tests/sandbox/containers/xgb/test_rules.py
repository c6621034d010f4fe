"""Hyperparameters and channels: what each version refuses, in the container's own sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.sandbox.containers.contract import CustomerError
from sagewizard.sandbox.containers.xgb import channels, rules
from sagewizard.sandbox.containers.xgb.image import Image

if TYPE_CHECKING:
    from tests.sandbox.containers.xgb.conftest import XgboostJob
else:
    XgboostJob = Any


@pytest.mark.parametrize(
    ("version", "given", "sentence"),
    [
        ("1.0-1", {"eta": "0.1"}, "Missing required hyperparameter: num_round"),
        ("1.7-1", {"num_round": "1", "silent": "1"}, "Extraneous hyperparameter found: silent"),
        ("3.0-5", {"num_round": "1", "max_dept": "1"}, "Extraneous hyperparameter found: max_dept"),
        ("1.2-1", {"num_round": "1", "_kfold": "3"}, "Extraneous hyperparameter found: _kfold"),
        (
            "1.0-1",
            {"num_round": "ten"},
            "Hyperparameter num_round: could not parse value (caused by ValueError)",
        ),
        ("1.0-1", {"num_round": "0"}, "Hyperparameter num_round: 0 is not in [1, +inf)"),
        ("1.0-1", {"num_round": "1", "eta": "3"}, "Hyperparameter eta: 3.0 is not in [0, 1]"),
        (
            "1.0-1",
            {"num_round": "1", "learning_rate": "3"},
            "Hyperparameter learning_rate: 3.0 is not in [0, 1]",
        ),
        ("1.0-1", {"num_round": "1", "subsample": "0"}, "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        (
            "1.3-1",
            {"num_round": "1", "prob_buffer_row": "1"},
            "Hyperparameter prob_buffer_row: 1.0 is not in (1.0, +inf)",
        ),
        (
            "1.0-1",
            {"num_round": "1", "booster": "tree"},
            "Hyperparameter booster: tree is not in ['gbtree', 'gblinear', 'dart']",
        ),
        (
            "1.0-1",
            {"num_round": "1", "tree_method": "gpu_hist"},
            "GPU training is not supported yet.",
        ),
        (
            "1.2-1",
            {"num_round": "1", "tree_method": "fast"},
            "Hyperparameter tree_method: fast is not in ['auto', 'exact', 'approx', 'hist', 'gpu_hist']",
        ),
        (
            "1.0-1",
            {"num_round": "1", "objective": "multi:softmax"},
            "Require input for parameter 'num_class' for multi-classification",
        ),
        (
            "1.0-1",
            {"num_round": "1", "eval_metric": "auc", "objective": "reg:squarederror"},
            "Metric 'auc' can only be applied for classification and ranking problems.",
        ),
        (
            "1.2-1",
            {"num_round": "1", "eval_metric": "aft-nloglik", "objective": "survival:cox"},
            "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.",
        ),
        (
            "1.0-1",
            {"num_round": "1", "eval_metric": "rmse@2"},
            (
                "Metric 'rmse@2' is not supported. Parameter 'eval_metric' with customized threshold "
                "should be "
                "one of these options: 'error', 'ndcg', 'map'."
            ),
        ),
        (
            "1.0-1",
            {"num_round": "1", "eval_metric": "error@x"},
            "Threshold value 't' in 'error@t' expects float input.",
        ),
        (
            "1.0-1",
            {"num_round": "1", "monotone_constraints": "(1,0)"},
            (
                "monotone_constraints can be used only when the tree_method parameter is set to either "
                "'exact' "
                "or 'hist'."
            ),
        ),
        (
            "1.0-1",
            {"num_round": "1", "tree_method": "hist", "monotone_constraints": "(2,0)"},
            "Hyperparameter monotone_constraints: value (2, 0) not in range [-1, 0, 1]",
        ),
        (
            "1.0-1",
            {"num_round": "1", "tree_method": "hist", "interaction_constraints": "[[0, 1]]"},
            "Hyperparameter interaction_constraints: value [[0, 1]] not in range [1, +inf)",
        ),
        (
            "1.0-1",
            {"num_round": "1", "updater": "grow_colmaker,grow_histmaker"},
            (
                "Only one tree grow plugin can be selected. Choose one from thefollowing: 'grow_colmaker', "
                "'distcol', 'grow_histmaker', 'grow_local_histmaker', 'grow_skmaker'"
            ),
        ),
        (
            "1.0-1",
            {"num_round": "1", "updater": "prune", "booster": "gblinear"},
            "Linear updater should be one of these options: 'shotgun', 'coord_descent'.",
        ),
        (
            "1.0-1",
            {"num_round": "1", "save_model_on_termination": "True"},
            "Hyperparameter save_model_on_termination: True is not in ['true', 'false']",
        ),
    ],
)
def test_a_hyperparameter_is_refused_with_the_sentence_of_its_version(
    version: str, given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(CustomerError) as caught:
        rules.check(Image(version), given)
    assert str(caught.value) == sentence


def test_an_unknown_metric_is_refused_with_those_the_version_knows() -> None:
    with pytest.raises(CustomerError) as caught:
        rules.check(Image("1.0-1"), {"num_round": "1", "eval_metric": "rmse,recall"})
    text = str(caught.value)
    assert text.startswith(
        "Hyperparameter eval_metric: value ['rmse', 'recall'] not in range ['accuracy', 'auc'"
    )
    assert "'tweedie-nloglik']" in text and "balanced_accuracy" not in text
    assert rules.check(Image("1.3-1"), {"num_round": "1", "eval_metric": "rmse,recall"})


def test_a_tuning_objective_must_be_a_validation_metric() -> None:
    with pytest.raises(
        CustomerError, match=r"_tuning_objective_metric: train:auc is not in \['validation:acc"
    ):
        rules.check(Image("1.0-1"), {"num_round": "1", "_tuning_objective_metric": "train:auc"})


def test_values_become_numbers_lists_and_constraints() -> None:
    found = rules.check(
        Image("1.5-1"),
        {
            "num_round": "10",
            "eta": "0.1",
            "objective": "binary:logistic",
            "eval_metric": "auc,error@.40",
            "tree_method": "hist",
            "monotone_constraints": "(1, 0,-1)",
            "interaction_constraints": "[[1,2],[3]]",
            "updater": "prune",
        },
    )
    assert found["num_round"] == 10 and found["eta"] == 0.1 and found["eval_metric"] == ["auc", "error@.40"]
    assert found["monotone_constraints"] == (1, 0, -1) and found["interaction_constraints"] == [[1, 2], [3]]


@pytest.mark.parametrize(
    "text", ["__import__('os').system('true')", "(1,", "'x'", "((1.5,),)", "1" * 3000, "[" * 2000, "{1: 2}"]
)
def test_constraints_are_read_and_never_run(text: str) -> None:
    for name in ("monotone_constraints", "interaction_constraints"):
        with pytest.raises(CustomerError, match="could not parse value"):
            rules.check(Image("1.0-1"), {"num_round": "1", "tree_method": "hist", name: text})


@given(
    st.dictionaries(st.sampled_from(["num_round", "eta", "eval_metric", "updater", "seed", "x"]), st.text())
)
def test_whatever_is_written_is_taken_or_refused(given: dict[str, str]) -> None:
    try:
        rules.check(Image("1.7-1"), given)
    except CustomerError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        (None, "libsvm"),
        ("csv", "csv"),
        ("text/csv; label_size=1", "csv"),
        ("text/csv;label_size = 1;charset=utf8", "csv"),
        ("Text/CSV", "csv"),
        ("text/libsvm ;charset=utf8", "libsvm"),
        ("text/x-libsvm", "libsvm"),
        ("application/x-parquet", "parquet"),
        ("application/x-recordio-protobuf", "recordio-protobuf"),
    ],
)
def test_content_types_name_the_format(content_type: str | None, form: str) -> None:
    assert channels.data_format(content_type) == form


@pytest.mark.parametrize(
    ("content_type", "sentence"),
    [
        (
            "application/json",
            (
                "application/json is not an accepted ContentType: csv, libsvm, parquet, recordio-protobuf, "
                "text/csv, text/libsvm, text/x-libsvm, application/x-parquet, "
                "application/x-recordio-protobuf."
            ),
        ),
        (
            "text/csv; label_size=2",
            (
                "text/csv; label_size=2 is not an accepted csv ContentType. Optional parameter label_size "
                "must "
                "be equal to 1"
            ),
        ),
    ],
)
def test_other_content_types_fail_the_job(small_job: XgboostJob, content_type: str, sentence: str) -> None:
    small_job.channels["train"]["ContentType"] = content_type
    assert small_job.run({"num_round": 1}).failure == f"ClientError: {sentence}"


def test_channels_must_be_train_validation_or_code(xgb_job: XgboostJob) -> None:
    xgb_job.add("validation", "1,2\n")
    assert xgb_job.run({"num_round": 1}).failure == "ClientError: Missing required channel: train"
    xgb_job.add("train", "1,2\n")
    xgb_job.add("test", "1,2\n")
    outcome = xgb_job.run({"num_round": 1})
    assert outcome.failure == "ClientError: Extraneous channel found: test" and outcome.code == 2


def test_a_channel_without_data_fails_the_job(small_job: XgboostJob) -> None:
    small_job.add("validation", "")
    outcome = small_job.run({"num_round": 1})
    assert outcome.failure == "ClientError: No data in validation channel path /opt/ml/input/data/validation"
    (small_job.base / "input" / "data" / "train" / "part-0").write_bytes(b"")
    outcome = small_job.run({"num_round": 1})
    assert outcome.failure == "ClientError: No data in training channel path /opt/ml/input/data/train"
    assert (small_job.run({"num_round": 1}, "1").failure or "").startswith(
        "ClientError: No file found in path /opt/ml/input/data/train."
    )


def test_a_hidden_file_fails_the_job(small_job: XgboostJob) -> None:
    small_job.add("train", "x", file="deep/.DS_Store")
    outcome = small_job.run({"num_round": 1})
    assert outcome.failure == "ClientError: Hidden file found in the data path! Remove that before training."


def test_folders_are_read_down_to_the_third_level(small_job: XgboostJob) -> None:
    for depth, name in enumerate(["a/x", "a/b/x", "a/b/c/x"], start=2):
        small_job.add("train", f"1,{depth},1\n", file=name)
    outcome = small_job.run({"num_round": 1})
    assert "INFO:root:Train matrix has 10 rows" in outcome.log
    assert any("exceed the limit 3" in line for line in outcome.log)
