"""Random and grid search."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from sagewizard.sandbox.tuning.trials import Trial, draw_new, generator_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.sandbox.tuning.space import SearchSpace, Values


class RandomSearch:
    """Draws every job by itself, evenly over each parameter's scale, never the same combination twice."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space, self._seed = space, seed

    def suggest(self, index: int, trials: Sequence[Trial]) -> Values | None:
        """Return values that depend on seed and number alone, unless another job has them already."""
        return draw_new(self._space, generator_of(self._seed, index), trials)


class GridSearch:
    """Goes through every combination of categorical values, the last parameter changing fastest."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space

    def suggest(self, index: int, trials: Sequence[Trial]) -> Values | None:
        """Return combination number `index`; None after the last."""
        return next(itertools.islice(self._space.combinations(), index, None), None)
