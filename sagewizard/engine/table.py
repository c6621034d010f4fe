"""The data of a run as the steps use it: three parts of float32 features with their labels and targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Part:
    """One split.

    `features` (rows, columns), float32; `labels` (rows,), as the dataset has them, as text;
    `targets` (rows,), float32, as the algorithm gets them.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.str_]
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.targets)


@dataclass(frozen=True, slots=True)
class Table:
    """All parts, the names of the columns, the form of a picture if a row is one, and where it came from.

    `classes` are the names of the targets 0, 1, ... for classification, empty for regression.
    """

    name: str
    source: str
    parts: dict[str, Part]
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    image_height: int | None
    image_width: int | None
    positive_label: str | None
    fingerprint: str

    @property
    def features(self) -> int:
        """Return the number of columns."""
        return len(self.columns)

    # Looking at single rows of the test split, counted from 1: the record of a run has only some of them.

    def has(self, row: int) -> bool:
        """Tell whether the values of a test row are there."""
        return 1 <= row <= len(self.parts["test"])

    def values(self, row: int) -> list[float]:
        """Return the values of a test row."""
        found: list[float] = self.parts["test"].features[row - 1].tolist()
        return found

    @property
    def highest(self) -> float:
        """Return the largest value of the test split: the full ink that its pictures share."""
        return float(self.parts["test"].features.max())
