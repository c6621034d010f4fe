"""Divides rows into train, validation and test: by share, seeded, stratified.

scikit-learn's `train_test_split` does the work, so the rows and their order are those a learner gets from it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DEFAULT = (0.6, 0.2, 0.2)

Method = Literal["test-first", "train-first"]
"""Which part is split off first; the rows of each part depend on it."""


def split_rows(
    rows: int,
    shares: tuple[float, float, float] = DEFAULT,
    *,
    seed: int,
    stratify: NDArray[Any] | None = None,
    method: Method = "test-first",
    names: Sequence[str] = (),
) -> dict[str, NDArray[np.intp]]:
    """Return the row numbers of train, validation and test, in `train_test_split`'s order.

    With `test-first` the test rows are split off with `test_size=shares[2]`, then validation from the rest,
    with its share of all rows, rounded up, as `test_size`. With `train-first` validation and test are split
    off together, and what is held back is then divided into test and validation, in this order. All with
    `random_state=seed`. A share of 0 leaves the part out. With `stratify` (rows,) every part has the classes
    in about the same proportion; `names` says what the classes are called. DataError when the shares do not
    add up to 1, or a part would be empty or lack a class.
    """
    if min(shares) < 0 or shares[0] == 0 or abs(sum(shares) - 1) > 1e-9:
        raise DataError(
            f"the shares {', '.join(f'{share:g}' for share in shares)} do not divide the rows",
            remedy="Let train, validation and test add up to 1, with something for train.",
        )
    rest = np.arange(rows)
    if method == "train-first" and shares[1] and shares[2]:
        return _train_first(rest, shares, seed, stratify, names)
    parts: dict[str, NDArray[np.intp]] = {}
    # A share of what is left would turn 0.1 / 0.9 of 135 rows into 16; rounding first keeps it at 15.
    sizes = {"test": shares[2], "validation": math.ceil(round(rows * shares[1], 6))}
    for name, size in sizes.items():
        if not size:
            continue
        rest, parts[name] = _divided(rest, size, seed, stratify, name, names)
    return {"train": rest, **{name: parts[name] for name in ("validation", "test") if name in parts}}


def folds(
    rows: int, count: int, *, seed: int, stratify: NDArray[Any] | None = None
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return `count` pairs of row numbers, (to train on, held back); every row is held back once.

    The folds are those of scikit-learn's KFold, or StratifiedKFold with `stratify` (rows,), shuffled with
    `seed`. DataError when there are fewer rows, or rows of a class, than folds.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    if rows < count:
        raise DataError(f"{rows} rows cannot be divided into {count} folds", remedy="Take fewer folds.")
    if stratify is None:
        return list(KFold(count, shuffle=True, random_state=seed).split(np.arange(rows)))
    rarest = int(np.unique(stratify, return_counts=True)[1].min())
    if rarest < count:
        raise DataError(
            f"the rarest class has {rarest} rows, fewer than the {count} folds",
            remedy=f"Take at most {rarest} folds, or more rows of this class.",
        )
    divider = StratifiedKFold(count, shuffle=True, random_state=seed)
    return list(divider.split(np.zeros(rows), stratify))


def _train_first(
    rest: NDArray[np.intp],
    shares: tuple[float, float, float],
    seed: int,
    stratify: NDArray[Any] | None,
    names: Sequence[str],
) -> dict[str, NDArray[np.intp]]:
    held = round(shares[1] + shares[2], 12)  # 0.1 + 0.2 is 0.30000000000000004
    train, both = _divided(rest, held, seed, stratify, "validation and test", names)
    share = round(shares[1] / held, 12)
    test, validation = _divided(both, share, seed, stratify, "validation", names)
    return {"train": train, "validation": validation, "test": test}


def _divided(
    rest: NDArray[np.intp],
    size: float,
    seed: int,
    stratify: NDArray[Any] | None,
    name: str,
    names: Sequence[str],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    from sklearn.model_selection import train_test_split

    classes = None if stratify is None else stratify[rest]
    try:
        kept, taken = train_test_split(rest, test_size=size, random_state=seed, stratify=classes)
    except ValueError as error:
        raise _impossible(name, len(rest), classes, names, error) from error
    return kept, taken


def _impossible(
    name: str, rows: int, classes: NDArray[Any] | None, names: Sequence[str], error: ValueError
) -> DataError:
    """Say why a part cannot be split off."""
    if classes is not None:
        found, counts = np.unique(classes, return_counts=True)
        if counts.min() < 2:
            number = int(found[int(counts.argmin())])
            rare = names[number] if number < len(names) else number
            return DataError(
                f"class {rare} has too few rows to be in every part",
                remedy="Remove the class, collect more of it, or split without stratification "
                "(stratified: false).",
            )
    return DataError(
        f"{rows} rows are too few to split off {name}: {error}",
        remedy="Use more rows, other shares, or no stratification (stratified: false).",
    )
