"""Splits: the rows and order of scikit-learn's train_test_split, and what cannot be split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sagewizard.data.splits import split_rows
from sagewizard.errors import DataError


@pytest.mark.parametrize("seed", [0, 7, 12345])
@pytest.mark.parametrize("stratified", [True, False])
def test_rows_and_order_are_those_of_train_test_split(seed: int, stratified: bool) -> None:
    features, labels = load_digits(return_X_y=True)
    parts = split_rows(len(labels), (0.6, 0.2, 0.2), seed=seed, stratify=labels if stratified else None)
    rest, test, rest_labels, test_labels = train_test_split(
        features, labels, test_size=0.2, random_state=seed, stratify=labels if stratified else None
    )
    train, validation, train_labels, _ = train_test_split(
        rest,
        rest_labels,
        test_size=0.2 / 0.8,
        random_state=seed,
        stratify=rest_labels if stratified else None,
    )
    np.testing.assert_array_equal(features[parts["test"]], test)
    np.testing.assert_array_equal(labels[parts["test"]], test_labels)
    np.testing.assert_array_equal(features[parts["validation"]], validation)
    np.testing.assert_array_equal(features[parts["train"]], train)
    np.testing.assert_array_equal(labels[parts["train"]], train_labels)


def test_two_parts_are_one_train_test_split() -> None:
    parts = split_rows(100, (0.75, 0.0, 0.25), seed=3)
    train, test = train_test_split(np.arange(100), test_size=0.25, random_state=3)
    assert list(parts) == ["train", "test"]
    np.testing.assert_array_equal(parts["train"], train)
    np.testing.assert_array_equal(parts["test"], test)


@given(st.integers(20, 500), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_every_row_is_in_one_part_and_the_seed_decides(rows: int, seed: int) -> None:
    parts = split_rows(rows, seed=seed)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(rows))
    again = split_rows(rows, seed=seed)
    assert all((parts[name] == again[name]).all() for name in parts)


def test_stratified_parts_have_the_classes_in_proportion() -> None:
    labels = np.repeat([0, 1], [900, 100])
    parts = split_rows(1000, seed=1, stratify=labels)
    assert {name: int(labels[rows].sum()) for name, rows in parts.items()} == {
        "train": 60,
        "validation": 20,
        "test": 20,
    }


def test_a_share_of_all_is_no_split() -> None:
    assert split_rows(10, (1.0, 0.0, 0.0), seed=0)["train"].tolist() == list(range(10))


@pytest.mark.parametrize("shares", [(0.5, 0.2, 0.2), (0.8, 0.4, -0.2), (0.0, 0.5, 0.5), (0.6, 0.6, 0.2)])
def test_shares_that_do_not_add_up_are_refused(shares: Any) -> None:
    with pytest.raises(DataError, match="do not divide the rows"):
        split_rows(100, shares, seed=0)


def test_rows_that_cannot_be_split_are_refused_with_the_reason() -> None:
    with pytest.raises(DataError, match="class 2 has too few rows"):
        split_rows(11, seed=0, stratify=np.array([0] * 5 + [1] * 5 + [2]))
    with pytest.raises(DataError, match="1 rows are too few to split off test"):
        split_rows(1, seed=0)
