"""Bad input fails a Linear Learner job with a sentence that says what and where, and leaves no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sagewizard.data import recordio

if TYPE_CHECKING:
    from collections.abc import Callable

CSV = "text/csv"
RECORDS = "application/x-recordio-protobuf"
BINARY = {"predictor_type": "binary_classifier"}
ROWS = b"1,0.5,2\n0,0.25,3\n"
INVALID = "ClientError: Unable to initialize the algorithm. Failed to validate input data configuration. "


def refused(job: Any, settings: dict[str, Any], prefix: str) -> str:
    outcome = job.run(settings)
    assert outcome.code == (1 if outcome.failure.startswith("AlgorithmError") else 2)
    assert not (outcome.base / "model" / "model_algo-1").exists()
    assert outcome.failure.startswith(prefix), outcome.failure
    assert "Error: " in outcome.log.splitlines()[-1] or "Error: " in outcome.log
    return str(outcome.failure)


def test_csv_that_is_not_numbers_names_the_block_of_rows_and_the_file(job: Any) -> None:
    rows = [b"1,2,3"] * 2500
    rows[1700] = b"1,two,3"
    job.add("train", b"\n".join(rows), CSV)
    failure = refused(job, BINARY, "ClientError: ")
    assert failure == (
        "ClientError: Unable to parse csv: rows 1001-2000, file /opt/ml/input/data/train/part-00000"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"label,a,b\n" + ROWS,
        b"1,0.5\n0,0.25,3\n",
        b"1,0.5,2\n0,0.25\n",
        b"1,0.5,\n0,1,2\n",
        b"1;0.5;2\n",
        b"\xff\xfe\x00\x01" * 50,
        b"1\n0\n",
        b'"1,2\n',
    ],
)
def test_every_damage_of_a_csv_file_has_the_same_sentence(job: Any, content: bytes) -> None:
    job.add("train", content, CSV)
    failure = refused(job, BINARY, "ClientError: Unable to parse csv: rows 1-1000, file ")
    assert failure.endswith("/opt/ml/input/data/train/part-00000")


def test_files_of_different_widths_do_not_pass(job: Any) -> None:
    job.add("train", ROWS, CSV, "part-0")
    job.add("train", b"1,2,3,4\n", CSV, "part-1")
    refused(
        job, BINARY, "ClientError: Unable to parse csv: rows 1-1000, file /opt/ml/input/data/train/part-1"
    )


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e39"])
def test_nan_and_infinity_in_csv_name_row_and_column(job: Any, value: str) -> None:
    job.add("train", f"1,2,3\n0,2,{value}\n".encode(), CSV)
    failure = refused(job, BINARY, "ClientError: ")
    assert "Feature 2 of row 2 in data channel 'train' is NaN or infinite" in failure


def test_infinities_of_both_signs_are_found_too(job: Any) -> None:
    job.add("train", b"1,inf,3\n0,2,-inf\n", CSV)
    assert "Feature 1 of row 1" in refused(job, BINARY, "ClientError: ")


@pytest.mark.parametrize("sparse", [False, True])
def test_nan_in_records_names_row_and_column(job: Any, sparse: bool) -> None:
    features = np.ones((5, 4), np.float32)
    features[3, 1] = np.nan
    encoded = recordio.encode(
        csr_matrix(features) if sparse else features, np.array([0, 1, 0, 1, 0], np.float32)
    )
    job.add("train", encoded, RECORDS)
    assert "Feature 2 of row 4 in data channel 'train'" in refused(job, BINARY, "ClientError: ")


def test_a_label_that_is_nan_names_its_row(job: Any) -> None:
    job.records("train", np.ones((3, 2), np.float32), np.array([0, 1, np.nan], np.float32))
    assert "label of row 3" in refused(job, {"predictor_type": "regressor"}, "ClientError: ")


@pytest.mark.parametrize(
    ("settings", "labels", "words"),
    [
        (BINARY, [0, 1, 2], "must be 0 or 1, but the label of row 3"),
        (BINARY, [0, -1, 1], "must be 0 or 1, but the label of row 2"),
        (BINARY, [0, 0.5, 1], "must be 0 or 1, but the label of row 2"),
        (
            {"predictor_type": "multiclass_classifier", "num_classes": 3},
            [0, 1, 3],
            "from 0 to 2 (num_classes - 1)",
        ),
        (BINARY, [1, 1, 1], "has only one class: every label is 1"),
        ({"predictor_type": "multiclass_classifier", "num_classes": 3}, [2, 2, 2], "only one class"),
    ],
)
def test_labels_that_are_no_classes_are_refused(
    job: Any, settings: dict[str, Any], labels: list[float], words: str
) -> None:
    job.records("train", np.eye(3, dtype=np.float32), np.array(labels, np.float32))
    assert words in refused(job, settings, "ClientError: The ")


def test_feature_dim_and_channels_must_agree_with_the_data(new_job: Callable[[], Any]) -> None:
    labels = np.array([0, 1, 0], np.float32)
    job = new_job()
    job.records("train", np.ones((3, 5), np.float32), labels)
    words = "cannot copy sequence with size 5 to array axis with dimension 4"
    assert words in refused(
        job, {**BINARY, "feature_dim": 4}, "ClientError: Unable to read data channel 'train'"
    )
    job = new_job()
    job.records("train", np.ones((3, 4), np.float32), labels)
    job.records("validation", np.ones((3, 5), np.float32), labels)
    assert words in refused(job, BINARY, "ClientError: Unable to read data channel 'validation'")


def test_channels_are_checked_before_anything_is_read(new_job: Callable[[], Any]) -> None:
    job = new_job()
    job.add("validation", ROWS, CSV)
    failure = refused(job, BINARY, INVALID)
    assert "Caused by: 'train' is a required property" in failure
    job = new_job()
    job.add("train", ROWS, CSV)
    job.add("valdiation", ROWS, CSV)
    assert "('valdiation' was unexpected)" in refused(job, BINARY, INVALID)
    for content_type in ("text/libsvm", "text/csv;label_size=0", "application/json"):
        job = new_job()
        job.add("train", ROWS, content_type)
        assert f"Caused by: '{content_type}' is not one of ['application/x-recordio" in refused(
            job, BINARY, INVALID
        )


def test_records_that_are_none_say_what_was_found(new_job: Callable[[], Any]) -> None:
    for content_type in (RECORDS, None):
        job = new_job()
        job.add("train", ROWS, content_type, "part.csv")
        failure = refused(
            job,
            BINARY,
            "ClientError: Unable to read data channel 'train'. Requested content-type is "
            "'application/x-recordio-protobuf'. Please verify the data matches the requested content-type.",
        )
        assert "/opt/ml/input/data/train/part.csv" in failure and "0xCED7230A" in failure
    job = new_job()
    job.add("train", recordio.encode(np.ones((2, 3), np.float32)), RECORDS)
    assert "the records have no label" in refused(job, BINARY, "ClientError: ")
    job = new_job()
    job.add("train", recordio.encode(np.ones((2, 3)), np.array([0.0, 1.0])), RECORDS)
    assert "only Float32 tensors are supported" in refused(job, BINARY, "ClientError: ")


@pytest.mark.parametrize("content_type", [CSV, RECORDS])
def test_a_channel_without_data_is_refused(job: Any, content_type: str) -> None:
    job.add("train", b"", content_type)
    assert "there is no data in /opt/ml/input/data/train" in refused(job, BINARY, "ClientError: ")


def test_a_csv_of_empty_lines_is_refused(job: Any) -> None:
    job.add("train", b"\n\n  \n", CSV)
    assert "there is no row" in refused(job, BINARY, "ClientError: ")


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        (
            {"mini_batch_siz": "200"},
            (
                "AlgorithmError: Additional properties are not allowed ('mini_batch_siz' was unexpected)\n\n"
                "Failed validating 'additionalProperties' in schema:"
            ),
        ),
        (
            {"a": "1", "b": "2"},
            "AlgorithmError: Additional properties are not allowed ('a', 'b' were unexpected)",
        ),
        (
            {"feature_dim": "abc"},
            (
                "AlgorithmError: 'abc' is not valid under any of the given schemas\n\n"
                "Failed validating 'oneOf' in schema['properties']['feature_dim']:"
            ),
        ),
        (
            {"epochs": "0"},
            (
                "AlgorithmError: '0' is not valid under any of the given schemas\n\n"
                "Failed validating 'oneOf' in schema['properties']['epochs']:"
            ),
        ),
        (
            {"optimizer": "adagrad"},
            "AlgorithmError: 'adagrad' is not one of ['auto', 'sgd', 'adam', 'rmsprop']",
        ),
        ({"use_bias": "yes"}, "AlgorithmError: 'yes' is not one of ['true', 'false']"),
        ({"loss": "squared_loss"}, "ClientError: The loss squared_loss is not compatible with"),
        (
            {"predictor_type": "multiclass_classifier"},
            "ClientError: The value of num_classes must be at least 3",
        ),
        (
            {"predictor_type": "multiclass_classifier", "num_classes": "two"},
            "AlgorithmError: 'two' is not valid",
        ),
    ],
)
def test_hyperparameters_are_refused_in_the_sentences_of_the_schema(
    job: Any, settings: dict[str, str], failure: str
) -> None:
    job.add("train", ROWS, CSV)
    refused(job, {**BINARY, **settings}, failure)


def test_a_missing_predictor_type_is_refused(job: Any) -> None:
    job.add("train", ROWS, CSV)
    refused(
        job, {}, "AlgorithmError: 'predictor_type' is a required property\n\nFailed validating 'required'"
    )


def test_training_that_diverges_says_what_to_change(job: Any) -> None:
    generator = np.random.default_rng(0)
    features = (generator.normal(size=(500, 3)) * 1e15).astype(np.float32)
    job.records("train", features, generator.normal(size=500).astype(np.float32))
    failure = refused(
        job,
        {
            "predictor_type": "regressor",
            "optimizer": "sgd",
            "learning_rate": 1e9,
            "normalize_data": "false",
            "mini_batch_size": 10,
        },
        "ClientError: Training diverged",
    )
    assert "learning_rate" in failure
