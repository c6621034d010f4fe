"""Makes the strategy that a tuning job names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.sandbox.tuning.simple import GridSearch, RandomSearch

if TYPE_CHECKING:
    from sagewizard.sandbox.tuning.space import SearchSpace
    from sagewizard.sandbox.tuning.trials import Goal, Strategy


def make_strategy(
    name: str, space: SearchSpace, goal: Goal, seed: int, *, same_data: bool = True
) -> Strategy:
    """Return the strategy `Bayesian`, `Random`, `Hyperband` or `Grid`.

    Hyperband draws its jobs at random; what makes it Hyperband is which of them are let run on
    (`hyperband.Hyperband`).
    """
    if name == "Bayesian":
        from sagewizard.sandbox.tuning.bayesian import BayesianSearch  # brings numpy

        return BayesianSearch(space, goal, seed, same_data=same_data)
    if name in ("Random", "Hyperband"):
        return RandomSearch(space, seed)
    if name == "Grid":
        return GridSearch(space)
    raise ValueError(f"There is no strategy {name}.")
