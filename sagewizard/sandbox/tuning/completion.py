"""When a tuning job as a whole has seen enough: no improvement, or convergence."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.sandbox.tuning.trials import Goal

# An improvement of less than this share of the best value before is none (API reference).
SIGNIFICANT = 0.01
# Converged: this many jobs in a row, and at least this share of all, gained less than a hundredth of what
# the middle half of the jobs differ by. The service does not publish its rule.
FEWEST_STILL = 10
STILL_SHARE = 0.4
STILL_GAIN = 0.01


def not_improving(goal: Goal, objectives: Sequence[float]) -> int:
    """Count the jobs since the last that improved the best objective by 1 % or more."""
    if not objectives:
        return 0
    best, since = objectives[0], 0
    for value in objectives[1:]:
        if goal.better(value, best) and abs(value - best) >= SIGNIFICANT * abs(best):
            best, since = value, 0
        else:
            since += 1
    return since


def converged(goal: Goal, objectives: Sequence[float]) -> bool:
    """Tell whether the latest jobs have added next to nothing, given objectives in order of their end."""
    window = max(FEWEST_STILL, round(STILL_SHARE * len(objectives)))
    if len(objectives) < window + 5:
        return False
    signed = [goal.sign * value for value in objectives]
    quarters = statistics.quantiles(signed, n=4)
    gain = min(signed[:-window]) - min(signed)
    return gain <= STILL_GAIN * max(quarters[2] - quarters[0], 1e-12)
