"""What a dataset is once loaded, and what a recipe says to choose one."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sagewizard.data.splits import Method

Task = Literal["binary_classifier", "multiclass_classifier", "regressor"]
"""The predictor type that suits a dataset, in Linear Learner's words."""

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """Which dataset, and how it is divided: a `name`, or the `path` of a CSV file with its `label_column`.

    `label_column` is a name or a number from 1; `header` and `delimiter` are detected when None. The shares
    `train`, `validation` and `test` add up to 1; one that is None is what the others leave, and None for all
    means the dataset's own division, or 0.6, 0.2, 0.2 where it has none. `positive_label` only has to exist
    here; `Dataset.one_against_rest` uses it. `encode` turns a file's text columns into numbers and
    fills gaps; `task` says what its label is where the values leave that open.
    """

    name: str | None = None
    path: str | None = None
    label_column: str | int | None = None
    header: bool | None = None
    delimiter: str | None = None
    positive_label: str | int | None = None
    train: float | None = None
    validation: float | None = None
    test: float | None = None
    seed: int = 0
    stratified: bool = True
    method: Method = "test-first"
    encode: bool = False
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one part: `features` float32 (n, d); `labels` (n,), int64 class numbers or float64 values."""

    features: NDArray[np.float32]
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset in memory; its arrays are read-only.

    For classification a label is the position of its class in `class_names`; a regressor has none.
    `image_shape` is (height, width) when a row is a picture. `source` says where the data came from and
    `verified` what was checked.
    """

    name: str
    title: str
    task: Task
    feature_names: tuple[str, ...]
    splits: Mapping[str, Split]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None
    source: str
    verified: str
    licence: str
    citation: str

    @property
    def width(self) -> int:
        """How many features a row has."""
        return len(self.feature_names)

    def class_number(self, label: str | int) -> int:
        """Return the position of a class by its name; DataError names the nearest one."""
        label = str(label)
        if label in self.class_names:
            return self.class_names.index(label)
        near = difflib.get_close_matches(label, self.class_names, n=1)
        listed = ", ".join(self.class_names[:20])
        raise DataError(
            f"the dataset {self.name} has no label {label!r}"
            if self.class_names
            else f"the dataset {self.name} has numbers to predict, not classes",
            remedy=f"Did you mean {near[0]!r}?" if near else f"Its labels are: {listed or 'numbers'}.",
        )

    def one_against_rest(self, positive: str | int) -> Dataset:
        """Return the same data as a yes-or-no question: label 1 for the class `positive`, 0 for the rest."""
        number = self.class_number(positive)
        splits = {
            name: Split(part.features, frozen((part.labels == number).astype(np.int64)))
            for name, part in self.splits.items()
        }
        positive = str(positive)
        others = [name for name in self.class_names if name != positive]
        names = (others[0] if len(others) == 1 else f"not {positive}", positive)
        return dataclasses.replace(self, task="binary_classifier", splits=splits, class_names=names)


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array, contiguous and read-only."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
