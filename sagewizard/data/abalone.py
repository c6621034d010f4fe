"""The abalone data of UCI: the age of sea snails (rings in their shell) from what can be measured outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sagewizard.data.csvio import read_csv
from sagewizard.data.dataset import Dataset, Split, frozen
from sagewizard.data.sources import Address, Progress, SourceFile, fetch
from sagewizard.errors import DataError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from sagewizard.settings import Settings

SEXES = ("M", "F", "I")
MEASURES = (
    "length",
    "diameter",
    "height",
    "whole_weight",
    "shucked_weight",
    "viscera_weight",
    "shell_weight",
)
FEATURES = (*(f"sex_{sex}" for sex in SEXES), *MEASURES)
ROWS = 4177

FILE = SourceFile(
    folder="abalone",
    name="abalone.csv",
    digests=frozenset({"de37cdcdcaaa50c309d514f248f7c2302a5f1f88c168905eba23fe2fbc78449f"}),
    addresses=(
        Address(
            "the UCI repository",
            "http://archive.ics.uci.edu/ml/machine-learning-databases/abalone/abalone.data",
        ),
    ),
    ceiling=4 << 20,
    contents="checked by its contents: 4,177 rows of a sex, seven measures and a number of rings",
    instead=(
        "Put abalone.csv into a folder abalone and name the folder above it in SAGEWIZARD_DATA, or run the "
        "recipe diabetes-linear-regression: its data comes with scikit-learn and needs no download."
    ),
)


def load_abalone(
    *,
    settings: Settings,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Dataset:
    """Find, check and read the data as the single split `all`.

    The sex (male, female, infant) becomes three columns of 0 and 1, since its letters have no order.
    """
    found = fetch(FILE, read_abalone, settings=settings, on_progress=on_progress, cancel=cancel)
    return Dataset(
        name="abalone",
        title="4,177 sea snails by size and weight: how many rings their shell has",
        task="regressor",
        feature_names=FEATURES,
        splits={"all": found.value},
        class_names=(),
        image_shape=None,
        source=found.source,
        verified=found.verified,
        licence="CC BY 4.0, UCI Machine Learning Repository",
        citation="W. Nash, T. Sellers, S. Talbot, A. Cawthorn, W. Ford: Abalone (1994), doi:10.24432/C55C7W",
    )


def read_abalone(path: Path) -> Split:
    """Read the file and check that it holds the data; DataError names file, row and column."""
    table = read_csv(path, header=False, delimiter=",")
    if len(table.columns) != 2 + len(MEASURES) or len(table.frame) != ROWS:
        raise DataError(
            f"this is not the abalone data: {len(table.frame)} rows of {len(table.columns)} columns",
            file=str(path), remedy="Get the file again, or remove it.",
        )  # fmt: skip
    sexes = table.labels(0)
    strange = ~np.isin(sexes, SEXES)
    if strange.any():
        row = int(strange.argmax())
        raise DataError(
            f"{str(sexes[row])[:20]!r} is none of {', '.join(SEXES)}", file=str(path), row=row + 1, column=1,
            remedy="Get the file again, or remove it.",
        )  # fmt: skip
    one_hot = np.stack([sexes == sex for sex in SEXES], axis=1).astype(np.float32)
    measures = table.numbers(range(1, 1 + len(MEASURES)))
    rings = table.numbers([1 + len(MEASURES)])[:, 0].astype(np.float64)
    return Split(frozen(np.hstack([one_hot, measures])), frozen(rings))
