"""The datasets that go by name, and a CSV file of one's own: from a spec to arrays by split."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data.bundled import BUNDLED, load_bundled
from sagewizard.data.csvio import read_csv
from sagewizard.data.dataset import SPLITS, Dataset, DatasetSpec, Split, Task, frozen
from sagewizard.data.mnist import load_mnist
from sagewizard.data.splits import DEFAULT, split_rows
from sagewizard.errors import CancelledError, DataError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sagewizard.data.sources import Progress
    from sagewizard.settings import Settings

__all__ = ["NAMES", "Dataset", "DatasetSpec", "Split", "load_dataset"]

NAMES = (*BUNDLED, "mnist")
"""The datasets that can be asked for by name."""

_MOST_CLASSES = 20
"""Whole-number labels with more distinct values than this are taken for quantities."""


def load_dataset(
    spec: DatasetSpec,
    *,
    settings: Settings,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Dataset:
    """Load what a recipe's `dataset:` asks for, divided into train, validation and test.

    DataError for an unknown name (the nearest is offered), a file that is absent or wrong (file, row,
    column), a positive label that no row has, or shares that cannot be kept. CancelledError when `cancel` is
    set.
    """
    if (spec.name is None) == (spec.path is None):
        raise DataError(
            "a dataset needs either a name or a path",
            remedy=f"Name one of {', '.join(NAMES)}, or a CSV file.",
        )
    if cancel is not None and cancel.is_set():
        raise CancelledError("Loading the dataset was stopped.")
    if spec.path is not None:
        dataset = _from_csv(Path(spec.path).expanduser(), spec)
    elif spec.name == "mnist":
        if _shares(spec) is not None:
            raise DataError(
                "MNIST comes divided into train, validation and test",
                remedy="Leave the split out of the recipe.",
            )
        dataset = load_mnist(settings=settings, on_progress=on_progress, cancel=cancel)
    elif spec.name in BUNDLED:
        dataset = _divide(load_bundled(spec.name), spec)
    else:
        near = difflib.get_close_matches(spec.name or "", NAMES, n=1)
        raise DataError(
            f"there is no dataset {spec.name!r}",
            remedy=(f"Did you mean {near[0]!r}? " if near else "") + f"There are: {', '.join(NAMES)}.",
        )
    if spec.positive_label is not None:
        dataset.class_number(spec.positive_label)
    return dataset


def _shares(spec: DatasetSpec) -> tuple[float, float, float] | None:
    given = (spec.train, spec.validation, spec.test)
    if all(share is None for share in given):
        return None
    train, validation, test = given
    missing = [share for share in given if share is None]
    if len(missing) == 1:
        rest = max(0.0, 1.0 - sum(share for share in given if share is not None))
        train, validation, test = (rest if share is None else share for share in given)
    return (train or 0.0, validation or 0.0, test or 0.0)


def _divide(whole: Dataset, spec: DatasetSpec) -> Dataset:
    """Divide a dataset whose only split is `all`."""
    import dataclasses

    rows = whole.splits["all"]
    stratify = rows.labels if spec.stratified and whole.class_names else None
    parts = split_rows(len(rows), _shares(spec) or DEFAULT, seed=spec.seed, stratify=stratify)
    splits = {
        name: Split(frozen(rows.features[parts[name]]), frozen(rows.labels[parts[name]]))
        for name in SPLITS
        if name in parts
    }
    return dataclasses.replace(whole, splits=splits)


def _from_csv(path: Path, spec: DatasetSpec) -> Dataset:
    """Read a CSV file of one's own; every column but the label is a feature."""
    if spec.label_column is None:
        raise DataError(
            "the label column is not named",
            file=str(path),
            remedy="Give label_column, a name or a number from 1.",
        )
    table = read_csv(path, header=spec.header, delimiter=spec.delimiter)
    label = table.find(spec.label_column)
    positions = [position for position in range(len(table.columns)) if position != label]
    if not positions:
        raise DataError("there is only one column", file=str(path), remedy="Give features and a label.")
    features = table.numbers(positions)
    labels, class_names, task = _targets(table.labels(label))
    whole = Dataset(
        name=path.stem,
        title=path.name,
        task=task,
        feature_names=tuple(table.columns[position] for position in positions),
        splits={"all": Split(features, labels)},
        class_names=class_names,
        image_shape=None,
        source=f"your file {path}" + (" (with a header)" if table.header else " (without a header)"),
        verified=f"{len(features):,} rows of {len(positions)} numbers and the label {table.columns[label]!r}",
        licence="your own",
        citation="",
    )
    return _divide(whole, spec)


def _targets(labels: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...], Task]:
    """Turn a label column into class numbers with names, or into values to predict."""
    if labels.dtype.kind == "f":
        return labels, (), "regressor"
    classes, numbers = np.unique(labels, return_inverse=True)
    if labels.dtype.kind != "U" and len(classes) > _MOST_CLASSES:
        return labels.astype(np.float64), (), "regressor"
    task: Task = "binary_classifier" if len(classes) <= 2 else "multiclass_classifier"
    return numbers.astype(np.int64), tuple(str(name) for name in classes), task
