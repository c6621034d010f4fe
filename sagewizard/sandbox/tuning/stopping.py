"""When a training job of a tuning job is ended early: the median rule, and Hyperband's rungs.

A curve is the list of objective values that a job has reported, one an epoch. Both rules are given the
curves and say whether the job with the given curve should go on.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagewizard.sandbox.tuning.trials import Goal

# The median of fewer jobs than this says nothing; the service does not tell its own number.
FEWEST_JOBS = 3
# Of what reaches a rung, one in three goes on (Li et al., "Hyperband", 2018).
REDUCTION = 3


def below_median(goal: Goal, curve: Sequence[float], finished: Sequence[Sequence[float]]) -> bool:
    """Tell whether a job is worse now than the median of what finished jobs averaged up to this epoch.

    The rule of the developer guide: of each finished job the running average of the objective up to the
    same epoch, of those the median, compared with the job's own last value.
    """
    epoch = len(curve)
    if epoch == 0:
        return False
    averages = [statistics.fmean(other[:epoch]) for other in finished if len(other) >= epoch]
    if len(averages) < FEWEST_JOBS:
        return False
    return goal.better(statistics.median(averages), curve[-1])


class Hyperband:
    """Asynchronous successive halving: at each rung a job goes on if it is among the best third so far.

    Rungs are at `lowest`, 3 x `lowest`, 9 x `lowest` ... epochs, below `highest`. Jobs are dealt to
    brackets in turn; a job of bracket b is let pass its first b rungs, so that slow starters get a chance.
    """

    def __init__(self, goal: Goal, lowest: int, highest: int) -> None:
        self._goal = goal
        self.highest = highest
        rungs = [lowest]
        while rungs[-1] * REDUCTION < highest:
            rungs.append(rungs[-1] * REDUCTION)
        self.rungs = tuple(rung for rung in rungs if rung < highest)

    def bracket(self, index: int) -> int:
        """Return the bracket of job number `index`: half of the jobs in bracket 0, a quarter in 1, ..."""
        if not self.rungs:
            return 0
        number, bracket = index + 1, 0
        while number % 2 == 0 and bracket < len(self.rungs) - 1:
            number, bracket = number // 2, bracket + 1
        return bracket

    def ends(self, index: int, seen: int, curves: Mapping[int, Sequence[float]]) -> bool:
        """Tell whether job `index` is to end; `seen` is how many of its values were judged before.

        `curves` holds the curve of every job so far, ended or not, by its number. A job that reports beyond
        `highest` ends in any case.
        """
        curve = curves[index]
        if len(curve) > self.highest:
            return True
        bracket = self.bracket(index)
        for rung in self.rungs[bracket:]:
            if not seen < rung <= len(curve):
                continue
            sign = self._goal.sign
            reached = sorted(sign * other[rung - 1] for other in curves.values() if len(other) >= rung)
            if len(reached) < REDUCTION:
                continue
            if sign * curve[rung - 1] > reached[max(1, len(reached) // REDUCTION) - 1]:
                return True
        return False
