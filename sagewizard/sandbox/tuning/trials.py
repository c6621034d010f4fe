"""What a strategy is told of the jobs so far, and what every strategy can do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from sagewizard.sandbox.tuning.space import SearchSpace, Values

# How often a draw is repeated before a space is taken for used up.
_DRAWS = 200


class Goal(StrEnum):
    """Which way the objective gets better, in the words of the tuning API."""

    MAXIMIZE = "Maximize"
    MINIMIZE = "Minimize"

    @property
    def sign(self) -> float:
        """What to multiply an objective by so that less is better."""
        return -1.0 if self is Goal.MAXIMIZE else 1.0

    def better(self, value: float, than: float) -> bool:
        """Tell whether a value is strictly better than another one."""
        return self.sign * value < self.sign * than


@dataclass(frozen=True, slots=True)
class Trial:
    """One job: its values, and its objective once it is known.

    `objective` of a job that ended without one is None, and `pending` tells it from one that still runs.
    `source` names the tuning job of a trial that comes from a parent; `own` trials have "".
    """

    values: Mapping[str, str]
    objective: float | None = None
    pending: bool = False
    source: str = ""


class Strategy(Protocol):
    """Chooses the values of the next job."""

    def suggest(self, index: int, trials: Sequence[Trial]) -> Values | None:
        """Return the values of job number `index` (from 0); None when nothing is left to try.

        `trials` are all jobs so far in the order of their numbers, pending ones included, after those of
        parent jobs.
        """
        ...


def generator_of(seed: int, index: int) -> np.random.Generator:
    """Return the random numbers of one job of one run."""
    import numpy as np

    return np.random.default_rng([seed & 0xFFFFFFFF, seed >> 32, index])


def key(values: Mapping[str, str]) -> str:
    """Return a text that tells one combination from another."""
    return hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()


def draw_new(space: SearchSpace, generator: np.random.Generator, trials: Sequence[Trial]) -> Values | None:
    """Draw a combination that no job of this run has; None when there is none left."""
    used = {key(trial.values) for trial in trials if not trial.source}
    for _ in range(_DRAWS):
        values = space.draw(generator)
        if key(values) not in used:
            return values
    if space.size > 100_000:
        return None
    left = [values for values in space.combinations() if key(values) not in used]
    return left[int(generator.integers(len(left)))] if left else None
