"""Metrics against scikit-learn and by hand, and what they do where a metric is not defined."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from sagewizard.errors import DataError, UsageError
from sagewizard.evaluation import (
    BinaryMetrics,
    binary_metrics,
    load_metrics,
    multiclass_metrics,
    regression_metrics,
)


def test_binary_metrics_by_hand():
    result = binary_metrics([1, 1, 1, 0, 0, 0, 0, 0], [0.9, 0.8, 0.3, 0.6, 0.2, 0.1, 0.4, 0.0])
    assert (result.rows, result.positives, result.threshold) == (8, 3, 0.5)
    assert result.accuracy == 0.75
    assert result.precision == result.recall == result.f1 == pytest.approx(2 / 3)
    assert result.mcc == pytest.approx((2 * 4 - 1 * 1) / 15)
    assert result.roc_auc == pytest.approx(13 / 15)
    assert result.pr_auc == pytest.approx((1 + 1 + 3 / 5) / 3)
    assert result.notes == {}


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60).filter(
        lambda pairs: len({label for label, _ in pairs}) == 2
    )
)
def test_binary_metrics_agree_with_scikit_learn(pairs):
    actual, scores = (np.array(column) for column in zip(*pairs, strict=True))
    result = binary_metrics(actual, scores)
    said = scores >= 0.5
    assert result.precision == pytest.approx(reference.precision_score(actual, said, zero_division=0))
    assert result.recall == pytest.approx(reference.recall_score(actual, said, zero_division=0))
    assert result.f1 == pytest.approx(reference.f1_score(actual, said, zero_division=0))
    assert result.roc_auc == pytest.approx(reference.roc_auc_score(actual, scores))
    assert result.log_loss == pytest.approx(reference.log_loss(actual, scores))
    assert load_metrics(json.loads(json.dumps(result.as_dict(), allow_nan=False))) == result


def test_a_models_own_labels_win_over_the_threshold():
    result = binary_metrics([1, 0], [0.2, 0.1], predicted=[1, 0])
    assert result.accuracy == 1.0
    assert result.threshold is None
    assert result.roc_auc == 1.0


def test_predicted_labels_alone_leave_the_rest_undefined_with_a_reason():
    result = binary_metrics([1, 0, 1], predicted=[1, 0, 0])
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.roc_auc is result.pr_auc is result.log_loss is None
    assert result.notes["roc_auc"] == "needs scores; there are only predicted labels"


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_has_no_auc_and_says_so(label):
    result = binary_metrics([label] * 3, [0.2, 0.6, 0.7])
    assert result.roc_auc is result.pr_auc is None
    assert result.notes["roc_auc"] == f"all rows are of the class {label}"
    assert result.mcc == 0.0
    assert result.log_loss is not None


def test_nothing_predicted_positive_counts_as_zero_and_says_so():
    result = binary_metrics([1, 0], [0.2, 0.1])
    assert (result.precision, result.recall, result.f1, result.mcc) == (0.0, 0.0, 0.0, 0.0)
    assert result.notes["precision"] == "no row was predicted positive; counted as 0"


def test_scores_that_are_no_probabilities_have_no_log_loss():
    result = binary_metrics([1, 0], [3.2, -1.0], threshold=0.0)
    assert result.log_loss is None
    assert result.notes["log_loss"] == "the scores are not probabilities"
    assert result.roc_auc == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "empty"),
        (([0, 1], [0.1, math.nan]), "row 2: scores is nan"),
        (([0, 1], [0.1]), "2 rows"),
        (([0, 3], [0.1, 0.2]), "row 2: actual holds 3"),
        (([0, 1], [[0.1, 0.2], [0.3, 0.4]]), "shape"),
    ],
)
def test_input_that_cannot_be_measured_is_one_clear_error(arguments, message):
    with pytest.raises(DataError, match=message):
        binary_metrics(*arguments)


def test_neither_scores_nor_labels_is_an_error():
    with pytest.raises(UsageError, match="neither scores nor predicted"):
        binary_metrics([0, 1])
    with pytest.raises(UsageError, match="neither scores nor predicted"):
        multiclass_metrics([0, 1])


def test_multiclass_metrics_by_hand():
    scores = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2], [0.1, 0.5, 0.4]]
    result = multiclass_metrics([0, 1, 1, 2], scores=scores, labels=[0, 1, 2], top_k=2)
    assert result.accuracy == 0.5
    assert result.top_k_accuracy == 1.0
    assert result.top_k == 2
    assert [c.label for c in result.per_class] == ["0", "1", "2"]
    assert [c.support for c in result.per_class] == [1, 2, 1]
    assert [c.recall for c in result.per_class] == [1.0, 0.5, 0.0]
    assert result.macro_recall == pytest.approx(0.5)
    assert result.log_loss == pytest.approx(-np.mean(np.log([0.7, 0.6, 0.3, 0.4])))
    assert result.notes == {"macro_precision": "never predicted: 2; counted as 0"}
    assert load_metrics(json.loads(json.dumps(result.as_dict(), allow_nan=False))) == result


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 4))
def test_multiclass_metrics_agree_with_scikit_learn(seed, classes, top_k):
    random = np.random.default_rng(seed)
    actual = random.integers(0, classes, 40)
    scores = random.dirichlet(np.ones(classes), 40)
    result = multiclass_metrics(actual, scores=scores, labels=range(classes), top_k=top_k)
    said = scores.argmax(axis=1)
    for average in ("macro", "weighted"):
        expected = reference.precision_recall_fscore_support(
            actual, said, labels=range(classes), average=average, zero_division=0
        )
        mine = [getattr(result, f"{average}_{name}") for name in ("precision", "recall", "f1")]
        assert mine == pytest.approx(list(expected[:3]))
    assert result.log_loss == pytest.approx(reference.log_loss(actual, scores, labels=range(classes)))
    if top_k < classes and classes > 2:
        assert result.top_k_accuracy == pytest.approx(
            reference.top_k_accuracy_score(actual, scores, k=top_k, labels=range(classes))
        )


def test_top_one_of_equal_scores_agrees_with_the_prediction():
    result = multiclass_metrics([1, 0], scores=[[0.5, 0.5], [0.5, 0.5]], labels=["0", "1"], top_k=1)
    assert result.top_k_accuracy == result.accuracy == 0.5


def test_multiclass_without_scores_says_what_is_missing():
    result = multiclass_metrics(["a", "b"], ["a", "a"])
    assert result.top_k_accuracy is None
    assert result.log_loss is None
    assert result.mcc == 0.0
    assert result.notes["top_k_accuracy"] == "needs scores; there are only predicted labels"


def test_scores_of_the_wrong_width_are_an_error():
    with pytest.raises(DataError, match=r"shape \(2, 2\), but \(rows, 3\)"):
        multiclass_metrics([0, 1], scores=[[1, 0], [0, 1]], labels=[0, 1, 2])
    with pytest.raises(DataError, match="row 2, column 1"):
        multiclass_metrics([0, 1], scores=[[1, 0], [math.nan, 1]], labels=[0, 1])


def test_regression_metrics_by_hand():
    result = regression_metrics([1.0, 2.0, 4.0], [1.0, 3.0, 2.0])
    assert result.rmse == pytest.approx(math.sqrt(5 / 3))
    assert result.mae == pytest.approx(1.0)
    assert result.mape == pytest.approx((0.5 + 0.5) / 3)
    assert result.r2 == pytest.approx(1 - 5 / (14 / 3))
    assert load_metrics(json.loads(json.dumps(result.as_dict()))) == result


def test_regression_metrics_that_are_undefined_say_why():
    assert regression_metrics([3.0], [2.0]).notes == {"r2": "needs at least two rows"}
    same = regression_metrics([0.0, 0.0], [1.0, 1.0])
    assert (same.r2, same.mape) == (None, None)
    assert same.notes == {"r2": "every label is the same", "mape": "2 of 2 labels are 0"}


def test_a_diverged_regression_is_an_error_not_a_warning():
    with pytest.raises(DataError, match="row 1: predicted is inf"):
        regression_metrics([1.0, 2.0], [math.inf, 1.0])
    with pytest.raises(DataError, match="too large"):
        regression_metrics([1.0, 2.0], [1e300, 1.0])


def test_a_column_vector_counts_as_one_value_a_row():
    assert regression_metrics(np.ones((3, 1)), np.ones(3)).rmse == 0.0


@pytest.mark.parametrize(
    "data", [{}, {"kind": "ternary"}, {"kind": "binary"}, {"kind": "binary", "rows": "x"}]
)
def test_a_foreign_document_is_not_read_as_metrics(data):
    with pytest.raises(DataError, match="This is not a set of"):
        load_metrics(data)


def test_the_scores_alone_leave_out_counts_and_notes():
    names = list(binary_metrics([1, 0], [0.9, 0.1]).scores())
    assert names == ["accuracy", "precision", "recall", "f1", "mcc", "roc_auc", "pr_auc", "log_loss"]
    assert BinaryMetrics.kind == "binary"
