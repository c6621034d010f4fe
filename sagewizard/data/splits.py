"""Divides rows into train, validation and test: by share, seeded, stratified.

scikit-learn's `train_test_split` does the work, so the rows and their order are those a learner gets from it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT = (0.6, 0.2, 0.2)


def split_rows(
    rows: int,
    shares: tuple[float, float, float] = DEFAULT,
    *,
    seed: int,
    stratify: NDArray[Any] | None = None,
) -> dict[str, NDArray[np.intp]]:
    """Return the row numbers of train, validation and test, in `train_test_split`'s order.

    The test rows are split off first with `test_size=shares[2]`, then validation from the rest, with its
    share of all rows, rounded up, as `test_size`; both with `random_state=seed`. A share of 0 leaves the part
    out. With `stratify` (rows,) every part has the classes in about the same proportion. DataError when the
    shares do not add up to 1, or a part would be empty or lack a class.
    """
    from sklearn.model_selection import train_test_split

    if min(shares) < 0 or shares[0] == 0 or abs(sum(shares) - 1) > 1e-9:
        raise DataError(
            f"the shares {', '.join(f'{share:g}' for share in shares)} do not divide the rows",
            remedy="Let train, validation and test add up to 1, with something for train.",
        )
    rest = np.arange(rows)
    parts: dict[str, NDArray[np.intp]] = {}
    # A share of what is left would turn 0.1 / 0.9 of 135 rows into 16; rounding first keeps it at 15.
    sizes = {"test": shares[2], "validation": math.ceil(round(rows * shares[1], 6))}
    for name, size in sizes.items():
        if not size:
            continue
        classes = None if stratify is None else stratify[rest]
        try:
            rest, parts[name] = train_test_split(rest, test_size=size, random_state=seed, stratify=classes)
        except ValueError as error:
            raise _impossible(name, rows, classes, error) from error
    return {"train": rest, **{name: parts[name] for name in ("validation", "test") if name in parts}}


def _impossible(name: str, rows: int, classes: NDArray[Any] | None, error: ValueError) -> DataError:
    """Say why a part cannot be split off."""
    if classes is not None:
        found, counts = np.unique(classes, return_counts=True)
        if counts.min() < 2:
            rare = found[int(counts.argmin())]
            return DataError(
                f"class {rare} has too few rows to be in every part",
                remedy="Remove the class, collect more of it, or split without stratification.",
            )
    return DataError(
        f"{rows} rows are too few to split off {name}: {error}",
        remedy="Use more rows, other shares, or no stratification.",
    )
