"""Profiles of columns, and what is refused or merely said before training."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from sagewizard.data.dataset import Dataset, Split
from sagewizard.data.profile import check, profile
from sagewizard.errors import DataError


def dataset(features: Any, labels: Any, classes: tuple[str, ...] = ("no", "yes"), **splits: Split) -> Dataset:
    features = np.asarray(features, np.float32)
    return Dataset(
        name="sample",
        title="a sample",
        task="binary_classifier" if classes else "regressor",
        feature_names=tuple(f"x{i}" for i in range(features.shape[1])),
        splits={"train": Split(features, np.asarray(labels)), **splits},
        class_names=classes,
        image_shape=None,
        source="here",
        verified="nothing",
        licence="",
        citation="",
    )


GOOD = [[1, 5, 0.5], [2, 5, 1.5], [3, 5, 1.5], [4, 5, np.pi]]


def test_columns_are_described() -> None:
    features = np.array([*GOOD, [np.nan, 5, 2]], np.float32)
    found = profile(Split(features, np.array([0, 1, 1, 1, 0])), ["a", "b", "c"], ["no", "yes"])
    assert found.rows == 5
    a, b, c = found.columns
    assert (a.kind, a.missing, a.distinct, a.minimum, a.maximum, a.mean) == ("integer", 1, 4, 1, 4, 2.5)
    assert (b.kind, b.missing, b.distinct, b.std) == ("constant", 0, 1, 0)
    assert (c.kind, c.distinct) == ("number", 4)
    assert found.classes == (("no", 2), ("yes", 3))
    assert found.constant == ("b",)


def test_numbers_agree_with_numpy_on_real_data() -> None:
    bunch = load_breast_cancer()
    features = bunch.data.astype(np.float32)
    found = profile(Split(features, bunch.target), list(bunch.feature_names), list(bunch.target_names))
    for column, values in zip(found.columns, features.T.astype(np.float64), strict=True):
        assert column.distinct == len(np.unique(values))
        assert column.mean == pytest.approx(values.mean(), rel=1e-12)
        assert column.std == pytest.approx(values.std(), rel=1e-12)
        assert (column.minimum, column.maximum) == (values.min(), values.max())
    assert found.classes == (("malignant", 212), ("benign", 357))


def test_a_column_of_nothing_has_no_range() -> None:
    column = profile(Split(np.full((3, 1), np.nan, np.float32), np.zeros(3)), ["a"]).columns[0]
    assert (column.missing, column.distinct, column.minimum, column.mean) == (3, 0, None, None)


def test_a_constant_column_is_said_and_not_refused() -> None:
    findings = check(dataset(GOOD, [0, 1, 0, 1]), batch_size=4)
    assert [finding.message for finding in findings] == ["1 of 3 columns hold one value only: x1"]
    assert findings[0].advice


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_place(bad: float) -> None:
    wrong = Split(np.array([[1, 2, 3], [1, 2, bad]], np.float32), np.array([0, 1]))
    with pytest.raises(DataError, match="the test split of sample holds") as caught:
        check(dataset(GOOD, [0, 1, 0, 1], test=wrong))
    assert (caught.value.row, caught.value.column) == (2, "x2")


def test_a_label_that_is_not_finite_is_refused() -> None:
    with pytest.raises(DataError, match="holds nan") as caught:
        check(dataset(GOOD, [0.5, 1.5, np.nan, 2], classes=()))
    assert (caught.value.row, caught.value.column) == (3, "label")


def test_huge_values_whose_sum_overflows_are_not_refused() -> None:
    huge = np.finfo(np.float32).max
    assert check(dataset([[huge, 1], [huge / 2, 2], [huge, 3]], [0, 1, 0])) == ()


def test_one_class_only_is_refused() -> None:
    with pytest.raises(DataError, match="every training row of sample has the label 'yes'") as caught:
        check(dataset(GOOD, [1, 1, 1, 1]))
    assert "label column" in caught.value.remedy


def test_fewer_rows_than_a_batch_are_refused() -> None:
    with pytest.raises(DataError, match="4 training rows, fewer than one mini-batch of 5") as caught:
        check(dataset(GOOD, [0, 1, 0, 1]), batch_size=5)
    assert "at most 4" in caught.value.remedy


def test_a_part_without_rows_is_refused() -> None:
    empty = Split(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))
    with pytest.raises(DataError, match="the test split of sample has no rows"):
        check(dataset(GOOD, [0, 1, 0, 1], test=empty))


def test_a_rare_class_and_a_part_without_a_class_are_said() -> None:
    features = np.random.default_rng(0).random((100, 2))
    part = Split(features[:3].astype(np.float32), np.zeros(3, np.int64))
    messages = [f.message for f in check(dataset(features, np.arange(100) == 5, test=part))]
    assert any("only 1.0% of the training rows are 'yes'" in message for message in messages)
    assert any("the test split has no row of yes" in message for message in messages)


def test_regression_needs_no_classes() -> None:
    assert check(dataset(np.array(GOOD)[:, [0, 2]], [0.5, 1.5, 2, 3], classes=())) == ()


def test_the_arrays_of_another_split_are_looked_at_too() -> None:
    good = dataset(GOOD, [0, 1, 0, 1])
    same = dataclasses.replace(good, splits={**good.splits, "validation": good.splits["train"]})
    assert len(check(same)) == 1
