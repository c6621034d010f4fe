"""Looks at data for a person: a recipe's rows, columns and class balance; the columns of a CSV of one's own.

Plain Python values come out, no arrays, so that a front end needs no numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from sagewizard.data.sources import Progress
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings

MOST_ROWS = 200
BINS = 12


@dataclass(frozen=True, slots=True)
class ColumnLook:
    """One feature of the training split; `bins` counts values in 12 equal steps from minimum to maximum."""

    name: str
    kind: str
    missing: int
    distinct: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    bins: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DataLook:
    """What there is to see: rows of the training split, its columns, the classes of every split."""

    name: str
    title: str
    source: str
    licence: str
    rows: dict[str, int]
    columns: tuple[ColumnLook, ...]
    labels: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    classes: tuple[tuple[str, int], ...]
    image_shape: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class CsvLook:
    """What a CSV file holds: its columns with their kind, and its first rows as text."""

    path: str
    delimiter: str
    header: bool
    rows: int
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    distinct: tuple[int, ...]
    first: tuple[tuple[str, ...], ...]
    """The first rows as text; "" for what is missing."""
    guess: int
    """The position from 0 of the column that is most probably the label."""
    answers: tuple[tuple[str, ...], ...]
    """For each column its two values where it would be a yes or no as a label, else nothing."""


def look(
    recipe: Recipe,
    settings: Settings,
    *,
    rows: int = MOST_ROWS,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> DataLook:
    """Load the recipe's data and describe its training split. Raises DataError as the dataset step does."""
    import numpy as np

    from sagewizard.data.datasets import load_dataset
    from sagewizard.data.profile import profile
    from sagewizard.engine.steps.dataset import specification

    dataset = load_dataset(specification(recipe), settings=settings, on_progress=on_progress, cancel=cancel)
    split = dataset.splits["train"]
    found = profile(split, dataset.feature_names, dataset.class_names)
    shown = min(rows, MOST_ROWS, len(split))
    columns = []
    for number, column in enumerate(found.columns):
        bins: tuple[int, ...] = ()
        if column.minimum is not None and column.maximum is not None and column.maximum > column.minimum:
            values = split.features[:, number]
            counts, _edges = np.histogram(values[np.isfinite(values)], BINS, (column.minimum, column.maximum))
            bins = tuple(int(count) for count in counts)
        columns.append(
            ColumnLook(
                column.name, column.kind, column.missing, column.distinct, column.minimum, column.maximum,
                column.mean, bins,
            )
        )  # fmt: skip
    names = dataset.class_names
    labels = tuple(names[int(v)] if names else f"{v:g}" for v in split.labels[:shown])
    return DataLook(
        name=dataset.name,
        title=dataset.title,
        source=dataset.source,
        licence=dataset.licence,
        rows={name: len(part) for name, part in dataset.splits.items()},
        columns=tuple(columns),
        labels=labels,
        values=tuple(tuple(float(v) for v in row) for row in split.features[:shown].round(6)),
        classes=found.classes,
        image_shape=dataset.image_shape,
    )


def look_at_csv(path: str) -> CsvLook:
    """Read a CSV file and describe its columns. Raises DataError with the row or the reason."""
    from sagewizard.data.csvio import read_csv
    from sagewizard.data.owncsv import likely_label, two_answers

    table = read_csv(Path(path).expanduser())
    frame = table.frame
    kinds, distinct = [], []
    for position in range(len(table.columns)):
        column = frame.iloc[:, position]
        kinds.append({"f": "number", "i": "whole number", "u": "whole number", "b": "true or false"}.get(
            column.dtype.kind, "text"))  # fmt: skip
        distinct.append(int(column.nunique()))
    head = frame.head(5)
    first = head.astype(object).where(head.notna(), "")
    return CsvLook(
        path=str(table.file),
        delimiter=table.delimiter,
        header=table.header,
        rows=len(frame),
        columns=table.columns,
        kinds=tuple(kinds),
        distinct=tuple(distinct),
        first=tuple(tuple(str(cell) for cell in row) for row in first.itertuples(index=False)),
        guess=likely_label(table)[0],
        answers=tuple(
            two_answers(table, position) if count == 2 else () for position, count in enumerate(distinct)
        ),
    )


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The first rows of a dataset; `image_shape` when a row is a picture."""

    labels: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    columns: tuple[str, ...]
    image_shape: tuple[int, int] | None


THUMBNAIL_ROWS = 8


def thumbnail(recipe: Recipe, settings: Settings) -> Thumbnail | None:
    """Return the first rows of a recipe's data without any download; None when they are not on this machine.

    They are kept in the cache, so that the second time needs no numpy.
    """
    import orjson

    name = recipe.file.dataset.name
    if name is None:
        return None
    kept = settings.cache / "thumbnails" / f"{name}.json"
    try:
        body = orjson.loads(kept.read_bytes())
        shape = body["image_shape"]
        return Thumbnail(
            tuple(body["labels"]), tuple(tuple(row) for row in body["values"]), tuple(body["columns"]),
            None if shape is None else (int(shape[0]), int(shape[1])),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        pass
    from sagewizard.data.bundled import BUNDLED

    if name not in BUNDLED:
        return None
    return keep_thumbnail(look(recipe, settings, rows=THUMBNAIL_ROWS), settings)


def keep_thumbnail(found: DataLook, settings: Settings) -> Thumbnail:
    """Write the first rows of a dataset into the cache and return them."""
    import orjson

    from sagewizard.engine.state import write_atomically

    small = Thumbnail(
        found.labels[:THUMBNAIL_ROWS],
        found.values[:THUMBNAIL_ROWS],
        tuple(column.name for column in found.columns),
        found.image_shape,
    )
    folder = settings.cache / "thumbnails"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(
            folder / f"{found.name}.json",
            orjson.dumps(
                {
                    "labels": small.labels,
                    "values": small.values,
                    "columns": small.columns,
                    "image_shape": small.image_shape,
                }
            ),
        )
    except OSError:  # a cache that cannot be written is no reason to show nothing
        return small
    return small
