"""The datasets that go by name, and a CSV file of one's own: from a spec to arrays by split."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data.abalone import load_abalone
from sagewizard.data.bundled import BUNDLED, load_bundled
from sagewizard.data.csvio import read_csv
from sagewizard.data.dataset import SPLITS, Dataset, DatasetSpec, Split, Task, frozen
from sagewizard.data.mnist import load_mnist
from sagewizard.data.owncsv import MOST_CLASSES, encode, label_values
from sagewizard.data.splits import DEFAULT, split_rows
from sagewizard.data.vertebral import load_vertebral
from sagewizard.errors import CancelledError, DataError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sagewizard.data.sources import Progress
    from sagewizard.settings import Settings

__all__ = ["NAMES", "Dataset", "DatasetSpec", "Split", "load_dataset"]

_FOUND = {"vertebral": load_vertebral, "abalone": load_abalone}

NAMES = (*BUNDLED, "mnist", *_FOUND)
"""The datasets that can be asked for by name."""


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
    elif spec.name in _FOUND:
        whole = _FOUND[spec.name](settings=settings, on_progress=on_progress, cancel=cancel)
        dataset = _divide(whole, spec)
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
    parts = split_rows(
        len(rows), _shares(spec) or DEFAULT, seed=spec.seed, stratify=stratify, method=spec.method,
        names=whole.class_names or (),
    )  # fmt: skip
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
    names = tuple(table.columns[position] for position in positions)
    if spec.encode:
        encoded = encode(table, label)
        features, names = encoded.features, encoded.names
        values = label_values(table, label, encoded.rows)
    else:
        features, values = table.numbers(positions), table.labels(label)
    labels, class_names, task = _targets(values, spec.task)
    whole = Dataset(
        name=path.stem,
        title=path.name,
        task=task,
        feature_names=names,
        splits={"all": Split(features, labels)},
        class_names=class_names,
        image_shape=None,
        source=f"your file {path}" + (" (with a header)" if table.header else " (without a header)"),
        verified=f"{len(features):,} rows of {len(names)} numbers and the label {table.columns[label]!r}",
        licence="your own",
        citation="",
    )
    return _divide(whole, spec)


def _targets(labels: NDArray[Any], wanted: Task | None = None) -> tuple[NDArray[Any], tuple[str, ...], Task]:
    """Turn a label column into class numbers with names, or into values to predict."""
    if labels.dtype.kind == "f" or (wanted == "regressor" and labels.dtype.kind != "U"):
        return labels.astype(np.float64), (), "regressor"
    classes, numbers = np.unique(labels, return_inverse=True)
    if labels.dtype.kind != "U" and len(classes) > MOST_CLASSES:
        return labels.astype(np.float64), (), "regressor"
    task: Task = "binary_classifier" if len(classes) <= 2 else "multiclass_classifier"
    return numbers.astype(np.int64), tuple(str(name) for name in classes), task
