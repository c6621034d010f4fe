"""Cross-validation: the rows that are not the test part, divided into folds, each judged by a job of its own.

The figures are those that the training job itself reports for the rows held back, so that what a fold costs
is one training job and nothing else. The test part stays out of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sagewizard.data.splits import folds as divide
from sagewizard.engine.table import Part
from sagewizard.recipe.tasks import BINARY, MULTICLASS

if TYPE_CHECKING:
    from sagewizard.engine.table import Table
    from sagewizard.outcome_events import FoldMetric
    from sagewizard.recipe.recipe import Recipe


def stratified(recipe: Recipe) -> bool:
    """Tell whether the folds get the same mix of labels: where the labels are classes."""
    return recipe.task in (BINARY, MULTICLASS)


def parts(table: Table, recipe: Recipe) -> list[tuple[Part, Part]]:
    """Return a pair (to train on, held back) for each fold. DataError when there are too few rows."""
    pool = [table.parts[name] for name in ("train", "validation") if name in table.parts]
    whole = Part(
        np.concatenate([part.features for part in pool]),
        np.concatenate([part.labels for part in pool]),
        np.concatenate([part.targets for part in pool]),
    )
    seed = int(recipe.value("dataset.seed") or 0)
    pairs = divide(
        len(whole), recipe.folds, seed=seed, stratify=whole.targets if stratified(recipe) else None
    )
    return [(_rows(whole, kept), _rows(whole, held)) for kept, held in pairs]


def check_folds(table: Table, recipe: Recipe) -> None:
    """Refuse more folds than the data can be divided into."""
    parts(table, recipe)


def summarise(found: list[dict[str, float]]) -> tuple[FoldMetric, ...]:
    """Return mean and sample standard deviation of each metric that every fold has reported."""
    from sagewizard.outcome_events import FoldMetric

    listed = []
    for name in found[0]:
        values = tuple(fold[name] for fold in found if name in fold)
        if len(values) == len(found):
            listed.append(FoldMetric(name, float(np.mean(values)), float(np.std(values, ddof=1)), values))
    return tuple(listed)


def _rows(whole: Part, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Part:
    return Part(whole.features[rows], whole.labels[rows], whole.targets[rows])
