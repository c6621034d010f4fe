"""Owns the checks that every metric makes of labels and scores before it computes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


def vector(values: ArrayLike | Sequence[object], name: str) -> NDArray[Any]:
    """Return a one-dimensional array of at least one value; (n, 1) counts as (n,); `DataError` otherwise."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"{name} has the shape {array.shape}, but one value a row is needed",
            remedy="Pass one label or score a row.",
        )
    if array.size == 0:
        raise DataError(
            f"{name} is empty: there is nothing to evaluate",
            remedy="Evaluate on a test set of at least one row.",
        )
    return array


def numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return finite float64 values, one a row; `DataError` names the first row (from 1) that is not."""
    array = vector(values, name)
    try:
        floats = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} holds something that is not a number: {error}", remedy="Pass numbers only."
        ) from error
    _finite(floats, name)
    return floats


def matrix(values: ArrayLike, name: str, classes: int) -> NDArray[np.float64]:
    """Return finite float64 scores of shape (rows, classes)."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} is not a table of numbers: {error}", remedy="Pass one score for each class in each row."
        ) from error
    if array.ndim != 2 or array.shape[1] != classes or array.shape[0] == 0:
        raise DataError(
            f"{name} has the shape {array.shape}, but (rows, {classes}) is needed",
            remedy="Pass one score for each class in each row.",
        )
    _finite(array, name)
    return array


def _finite(array: NDArray[np.float64], name: str) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        at = np.argwhere(bad)[0]
        raise DataError(
            f"{name} is {array[tuple(at)]} here ({int(bad.sum())} of {array.size} values are not finite)",
            remedy="A model that diverged predicts NaN: train with a lower learning rate, "
            "or check the features for missing values.",
            row=int(at[0]) + 1,
            column=int(at[1]) + 1 if len(at) > 1 else None,
        )


def same_length(first: NDArray[Any], second: NDArray[Any], names: tuple[str, str]) -> None:
    """Raise `DataError` unless both have as many rows."""
    if len(first) != len(second):
        raise DataError(
            f"{names[0]} has {len(first)} rows and {names[1]} has {len(second)}",
            remedy="Each row of the test set needs one label and one prediction.",
        )


def binary_labels(values: ArrayLike, name: str) -> NDArray[np.bool_]:
    """Return True where the label is 1; labels are 0 and 1 or booleans; `DataError` names the first other."""
    array = vector(values, name)
    if array.dtype.kind == "b":
        return array.astype(np.bool_)
    floats = numbers(array, name)
    other = (floats != 0) & (floats != 1)
    if other.any():
        row = int(np.argmax(other))
        raise DataError(
            f"{name} holds {array[row]}, but binary labels are 0 and 1",
            remedy="Make the labels 1 for the class to find and 0 for the rest, or evaluate as multiclass.",
            row=row + 1,
        )
    ones: NDArray[np.bool_] = floats == 1
    return ones


def class_names(values: ArrayLike | Sequence[object], name: str) -> list[str]:
    """Return each label as text: whole numbers without a decimal point, so 3, 3.0 and "3" are one class."""
    array = vector(values, name)
    if array.dtype.kind in "fiub":
        floats = numbers(array, name)
        return [str(int(v)) if v == int(v) else repr(v) for v in floats.tolist()]
    names = array.tolist()
    missing = next((i for i, v in enumerate(names) if v is None or v != v), None)
    if missing is not None:
        raise DataError(f"{name} is missing here", remedy="Remove rows without a label.", row=missing + 1)
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in names]


def in_order(labels: set[str]) -> list[str]:
    """Return labels sorted as numbers when all are numbers, else as text."""

    def number(label: str) -> float:
        value = float(label)
        if value != value:
            raise ValueError(label)
        return value

    try:
        return sorted(labels, key=lambda label: (number(label), label))
    except ValueError:
        return sorted(labels)
