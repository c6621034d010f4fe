"""The confusion matrix: its counts, totals and rates, and its form as JSON."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from sagewizard.errors import DataError
from sagewizard.evaluation import ConfusionMatrix


def test_counts_actual_rows_against_predicted_columns():
    matrix = ConfusionMatrix.from_predictions([0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 0, 2])
    assert matrix.labels == ("0", "1", "2")
    assert matrix.counts == ((1, 2, 0), (1, 1, 0), (0, 0, 1))
    assert matrix.actual_totals == (3, 2, 1)
    assert matrix.predicted_totals == (2, 3, 1)
    assert matrix.total == 6
    assert matrix.accuracy == 0.5
    assert matrix.recalls == (1 / 3, 0.5, 1.0)
    assert matrix.precisions == (0.5, 1 / 3, 1.0)
    assert matrix.confusions() == [("0", "1", 2), ("1", "0", 1)]


def test_rates_divide_by_the_row_the_column_or_all():
    matrix = ConfusionMatrix(("a", "b"), ((3, 1), (0, 0)))
    assert matrix.rates("actual") == ((0.75, 0.25), (None, None))
    assert matrix.rates("predicted") == ((1.0, 1.0), (0.0, 0.0))
    assert matrix.rates("all") == ((0.75, 0.25), (0.0, 0.0))


def test_a_binary_matrix_knows_its_true_and_false_positives():
    matrix = ConfusionMatrix.from_predictions([1, 1, 1, 0, 0], [1.0, 1.0, 0.0, 1.0, 0.0])
    assert (matrix.tp, matrix.fp, matrix.fn, matrix.tn) == (2, 1, 1, 1)
    assert matrix.positive == "1"


def test_the_positive_label_may_come_first():
    matrix = ConfusionMatrix.from_predictions(["a", "b", "b"], ["a", "a", "b"], positive="a")
    assert (matrix.tp, matrix.fp, matrix.fn, matrix.tn) == (1, 1, 0, 1)


def test_a_multiclass_matrix_has_no_true_positives():
    with pytest.raises(DataError, match="true and false positives"):
        _ = ConfusionMatrix.from_predictions([0, 1, 2], [0, 1, 2]).tp


def test_a_score_equal_to_the_threshold_is_positive():
    matrix = ConfusionMatrix.at_threshold([1, 0, 1], [0.5, 0.5, 0.4], 0.5)
    assert (matrix.tp, matrix.fp, matrix.fn, matrix.tn) == (1, 1, 1, 0)
    assert matrix.threshold == 0.5


def test_labels_are_ordered_as_numbers_when_they_are_numbers():
    assert ConfusionMatrix.from_predictions([10, 9, 2], [2, 9, 10]).labels == ("2", "9", "10")
    assert ConfusionMatrix.from_predictions(["b", "a"], ["b", "10"]).labels == ("10", "a", "b")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_counts_agree_with_scikit_learn(pairs):
    actual, predicted = zip(*pairs, strict=True)
    matrix = ConfusionMatrix.from_predictions(actual, predicted, labels=range(5))
    expected = reference.confusion_matrix(actual, predicted, labels=list(range(5)))
    assert [list(row) for row in matrix.counts] == expected.tolist()
    assert ConfusionMatrix.from_dict(json.loads(json.dumps(matrix.as_dict()))) == matrix


def test_a_threshold_survives_json_to_the_last_bit():
    matrix = ConfusionMatrix.at_threshold([1, 0], [0.1, 0.2], 0.1 + 0.2)
    assert ConfusionMatrix.from_dict(json.loads(json.dumps(matrix.as_dict()))) == matrix


@pytest.mark.parametrize(
    ("actual", "predicted", "message"),
    [
        ([], [], "empty"),
        ([1, 0], [1], "2 labels and 1 predictions"),
        ([1, float("nan")], [1, 0], "row 2: actual is nan"),
        (["a", None], ["a", "a"], "row 2: actual is missing"),
        ([[1, 2]], [[1, 2]], "shape"),
    ],
)
def test_input_that_cannot_be_counted_is_one_clear_error(actual, predicted, message):
    with pytest.raises(DataError, match=message) as caught:
        ConfusionMatrix.from_predictions(actual, predicted)
    assert caught.value.remedy


def test_a_label_outside_the_named_classes_is_an_error_with_its_row():
    with pytest.raises(DataError, match="row 2: The prediction '7'") as caught:
        ConfusionMatrix.from_predictions([0, 1], [0, 7], labels=[0, 1])
    assert caught.value.row == 2


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"labels": ["a"], "counts": [["x"]]},
        {"labels": ["a", "b"], "counts": [[1]]},
        {"labels": ["a"], "counts": [[-1]]},
        {"labels": 3, "counts": 4},
        {"labels": ["a", "a"], "counts": [[1, 1], [1, 1]]},
    ],
)
def test_a_foreign_document_is_not_read_as_a_matrix(data):
    with pytest.raises(DataError):
        ConfusionMatrix.from_dict(data)


def test_reading_a_stored_matrix_loads_no_numpy():
    code = (
        "import sys; from sagewizard.evaluation import ConfusionMatrix as C;"
        "C.from_dict({'labels': ['a'], 'counts': [[1]]}).accuracy;"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_numpy_scalars_do_not_leak_into_json():
    matrix = ConfusionMatrix.from_predictions(np.array([1, 0], np.int8), np.array([1.0, 0.0], np.float32))
    json.dumps(matrix.as_dict())
    assert all(type(count) is int for row in matrix.counts for count in row)
