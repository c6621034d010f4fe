"""What a dataset's columns look like, and what would make training on it fail or mislead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sagewizard.data.dataset import Dataset, Split

_BLOCK = 1 << 21
"""Numbers looked at together: columns are copied in blocks, so that extra memory stays at a few dozen MB."""


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One feature: how many values are missing (NaN) or distinct, range, mean and deviation of the rest.

    `kind` is `constant`, `integer` or `number`; `minimum` to `std` are None when every value is missing.
    `std` is the population's, as scikit-learn's StandardScaler has it.
    """

    name: str
    kind: Literal["constant", "integer", "number"]
    missing: int
    distinct: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    std: float | None


@dataclass(frozen=True, slots=True)
class Profile:
    """All columns of one split, and its class balance: (class name, rows), in the order of the classes."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    classes: tuple[tuple[str, int], ...]

    @property
    def constant(self) -> tuple[str, ...]:
        """The names of columns that hold one value only."""
        return tuple(column.name for column in self.columns if column.kind == "constant")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a learner should know that does not stop the run."""

    message: str
    advice: str


def profile(split: Split, feature_names: Sequence[str], class_names: Sequence[str] = ()) -> Profile:
    """Describe a split; features may hold NaN, which counts as missing."""
    rows, width = split.features.shape
    step = max(1, _BLOCK // max(rows, 1))
    columns: list[ColumnProfile] = []
    for start in range(0, width, step):
        block = np.ascontiguousarray(split.features[:, start : start + step].T)
        columns += [
            _column(name, values)
            for name, values in zip(feature_names[start : start + step], block, strict=True)
        ]
    classes: tuple[tuple[str, int], ...] = ()
    if class_names:
        counts = np.bincount(split.labels, minlength=len(class_names)).tolist()
        classes = tuple(zip(class_names, counts, strict=True))
    return Profile(rows, tuple(columns), classes)


def check(dataset: Dataset, *, batch_size: int | None = None) -> tuple[Finding, ...]:
    """Refuse what cannot be trained on, and return what is merely worth knowing.

    DataError for NaN or infinity (split, row, column), a train split of one class only, an empty split, or
    fewer training rows than `batch_size`.
    """
    for name, split in dataset.splits.items():
        if not len(split):
            raise DataError(
                f"the {name} split of {dataset.name} has no rows", remedy="Give it a larger share."
            )
        _check_finite(dataset, name, split)
    train = dataset.splits["train"]
    if batch_size is not None and len(train) < batch_size:
        raise DataError(
            f"{dataset.name} has {len(train)} training rows, fewer than one mini-batch of {batch_size}",
            remedy=f"Set mini_batch_size to at most {len(train)}, or use more data.",
        )
    findings: list[Finding] = []
    if dataset.class_names:
        findings += _check_classes(dataset)
    constant = np.flatnonzero((train.features == train.features[0]).all(axis=0))
    if len(constant):
        listed = ", ".join(dataset.feature_names[i] for i in constant[:5])
        findings.append(
            Finding(
                f"{len(constant)} of {dataset.width} columns hold one value only: {listed}"
                + (" and more" if len(constant) > 5 else ""),
                "They tell the model nothing; that is usual for the edges of pictures.",
            )
        )
    return tuple(findings)


def _check_finite(dataset: Dataset, name: str, split: Split) -> None:
    for what, values in (("feature", split.features), ("label", split.labels[:, None])):
        # A sum is not finite when an element is not; it may also overflow, so look closer then.
        with np.errstate(over="ignore", invalid="ignore"):
            suspicious = values.dtype.kind == "f" and not np.isfinite(values.sum())
        wrong = ~np.isfinite(values) if suspicious else np.zeros(0, bool)
        if wrong.any():
            row, column = divmod(int(wrong.argmax()), values.shape[1])
            raise DataError(
                f"the {name} split of {dataset.name} holds {values[row, column]}",
                row=row + 1,
                column=dataset.feature_names[column] if what == "feature" else "label",
                remedy="Fill in missing values or leave those rows out.",
            )


def _check_classes(dataset: Dataset) -> list[Finding]:
    findings = []
    counts = {
        name: np.bincount(split.labels, minlength=len(dataset.class_names))
        for name, split in dataset.splits.items()
    }
    present = [name for name, n in zip(dataset.class_names, counts["train"], strict=True) if n]
    if len(present) < 2:
        raise DataError(
            f"every training row of {dataset.name} has the label {present[0]!r}",
            remedy="A classifier needs at least two classes: check the label column and the positive label.",
        )
    for split, numbers in counts.items():
        absent = [name for name, n in zip(dataset.class_names, numbers, strict=True) if not n]
        if absent:
            findings.append(
                Finding(
                    f"the {split} split has no row of {', '.join(absent[:5])}",
                    "Use a stratified split, or more rows of the rare classes.",
                )
            )
    rarest = int(counts["train"].min())
    share = rarest / int(counts["train"].sum())
    if 0 < share < 0.05:
        name = dataset.class_names[int(counts["train"].argmin())]
        findings.append(
            Finding(
                f"only {share:.1%} of the training rows are {name!r}",
                "Judge the model by precision, recall and F1; accuracy alone would look good for nothing.",
            )
        )
    return findings


def _column(name: str, values: NDArray[Any]) -> ColumnProfile:
    ordered = np.sort(values)  # NaN goes to the end
    missing = int(np.isnan(ordered).sum())
    held = ordered[: len(ordered) - missing]
    if not len(held):
        return ColumnProfile(name, "constant", missing, 0, None, None, None, None)
    distinct = int((held[1:] != held[:-1]).sum()) + 1
    whole = bool((held == np.rint(held)).all())
    mean, std = float(held.mean(dtype=np.float64)), float(held.std(dtype=np.float64))
    kind: Literal["constant", "integer", "number"] = "integer" if whole else "number"
    if distinct == 1 and not missing:
        kind = "constant"
    return ColumnProfile(name, kind, missing, distinct, float(held[0]), float(held[-1]), mean, std)
