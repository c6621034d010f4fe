"""Bayesian search: a Gaussian process guesses the objective, the next job goes where most is to be gained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sagewizard.sandbox.tuning.parameters import Categorical
from sagewizard.sandbox.tuning.trials import Goal, Trial, draw_new, generator_of, key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.sandbox.tuning.space import Array, SearchSpace, Values

# The model is fitted to at most this many trials: 250 points cost 0.4 s a suggestion, 1,000 would cost 15 s.
MOST_POINTS = 250
_CANDIDATES = 1000
_AROUND = 60  # candidates around each of the best points
_ROUNDS = ((8, 0.05), (8, 0.02), (4, 0.007))  # refinement: how many of the best, how far around them
# Noise of a parent's trials on other data, as a share of the variance; on the same data there is none.
TRANSFER_NOISE = 0.3
# What lies worse than this many times the distance from best to median below the median counts as that far:
# one diverged job would otherwise flatten all the differences that matter.
_WORST = 3.0


class BayesianSearch:
    """Starts with a Latin hypercube of a few jobs, then follows the expected improvement.

    `same_data` says whether trials of parent jobs were measured on the same data. Failed jobs count as the
    worst result seen, so that the search leaves where jobs fail.
    """

    def __init__(self, space: SearchSpace, goal: Goal, seed: int, *, same_data: bool = True) -> None:
        self._space, self._goal, self._seed, self._same_data = space, goal, seed, same_data
        self.initial = max(3, min(2 + len(space.parameters), 8))

    def suggest(self, index: int, trials: Sequence[Trial]) -> Values | None:
        """Return the values of job number `index`; None when every combination has been tried."""
        generator = generator_of(self._seed, index)
        own = [trial for trial in trials if not trial.source]
        known = [trial for trial in trials if trial.objective is not None]
        if len(known) < self.initial and index < self.initial:
            values = self._first(index)
            if key(values) not in {key(trial.values) for trial in own}:
                return values
        if len(known) < 2:
            return draw_new(self._space, generator, trials)
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        # A second BLAS thread gains nothing on matrices of this size, and spins: on a busy machine ten times
        # the time.
        with threadpool_limits(limits=1, user_api="blas"):
            found = self._model(generator, trials, own)
        return found if found is not None else draw_new(self._space, generator, trials)

    def _first(self, index: int) -> Values:
        """Return row `index` of the Latin hypercube that a run starts with."""
        generator = generator_of(self._seed, -1 & 0xFFFFFFFF)
        count, width = self.initial, len(self._space.parameters)
        cells = np.array([generator.permutation(count) for _ in range(width)]).T
        cube = (cells + generator.random((count, width))) / count
        return self._space.at(cube[index].tolist())

    def _model(
        self, generator: np.random.Generator, trials: Sequence[Trial], own: Sequence[Trial]
    ) -> Values | None:
        from sagewizard.sandbox.tuning.surrogate import Surrogate

        points, objectives, extra = self._data(trials)
        if len(points) < 2:
            return None
        surrogate = Surrogate(points, objectives, extra)
        pending = [self._space.encode(trial.values) for trial in own if trial.pending]
        under_way = np.array([p for p in pending if p is not None]).reshape(-1, self._space.width)
        surrogate.believe(under_way)
        inside = np.all((points >= 0) & (points <= 1), axis=1)
        if not inside.any():
            inside[:] = True
        expected = surrogate.mean(points)
        best = float(np.min(expected[inside]))
        if len(under_way):  # what they are believed to reach is no gain any more
            best = min(best, float(np.min(surrogate.mean(under_way))))
        order = np.argsort(expected + np.where(inside, 0.0, 1e9), kind="stable")

        candidates = np.vstack(
            [
                self._space.spread(generator.random((_CANDIDATES, len(self._space.parameters)))),
                *[
                    self._around(generator, points[row], _AROUND, scale)
                    for row in order[:5]
                    for scale in (0.15, 0.04)
                ],
            ]
        )
        gain = surrogate.log_improvement(candidates, best)
        for count, scale in _ROUNDS:
            top = np.argsort(-gain, kind="stable")[:count]
            more = np.vstack([self._around(generator, candidates[row], 40, scale) for row in top])
            candidates = np.vstack([candidates[top], more])
            gain = np.concatenate([gain[top], surrogate.log_improvement(more, best)])
        used = {key(trial.values) for trial in own}
        for row in np.argsort(-gain, kind="stable"):
            values = self._space.decode(candidates[row])
            if key(values) not in used:
                return values
        return None

    def _around(self, generator: np.random.Generator, point: Array, count: int, scale: float) -> Array:
        """Return points near one: about half of its parameters moved a little, categories now and then."""
        near = np.repeat(np.clip(point, 0, 1)[None, :], count, axis=0)
        share = max(0.5, 1.0 / len(self._space.parameters))
        for parameter, columns in self._space.blocks:
            moved = generator.random(count) < share
            if isinstance(parameter, Categorical):
                jump = moved & (generator.random(count) < 0.3)
                chosen = generator.integers(len(parameter.values), size=count)
                rows = np.flatnonzero(jump)
                near[rows, columns] = 0.0
                near[rows, columns.start + chosen[rows]] = 1.0
                continue
            steps = generator.normal(scale=max(scale, 1.0 / min(parameter.size, 1e9)), size=count)
            near[:, columns.start] += np.where(moved, steps, 0.0)
        return self._space.snap(near)

    def _data(self, trials: Sequence[Trial]) -> tuple[Array, Array, Array]:
        """Return points, standardised objectives (less is better) and extra noise of what is known.

        Trials on other data are standardised by themselves: only what is better than what carries over.
        """
        parts: list[tuple[list[Array], list[float], float]] = []
        for source in dict.fromkeys(trial.source for trial in trials):
            points, values = self._group([trial for trial in trials if trial.source == source])
            parts.append((points, values, TRANSFER_NOISE if source and not self._same_data else 0.0))
        if self._same_data:
            parts = [([p for part in parts for p in part[0]], [v for part in parts for v in part[1]], 0.0)]
        parts = [part for part in parts if part[0]]
        if not parts:
            return np.zeros((0, self._space.width)), np.zeros(0), np.zeros(0)
        kept = [_newest_and_best(len(values), values) for _, values, _ in parts]
        return (
            np.array([points[row] for (points, _, _), rows in zip(parts, kept, strict=True) for row in rows]),
            np.concatenate(
                [
                    standardise(np.array(values))[rows]
                    for (_, values, _), rows in zip(parts, kept, strict=True)
                ]
            ),
            np.concatenate(
                [np.full(len(rows), noise) for (_, _, noise), rows in zip(parts, kept, strict=True)]
            ),
        )

    def _group(self, trials: Sequence[Trial]) -> tuple[list[Array], list[float]]:
        """Return points and signed objectives of one tuning job's trials that have ended."""
        values = [self._goal.sign * trial.objective for trial in trials if trial.objective is not None]
        points: list[Array] = []
        results: list[float] = []
        if not values:
            return points, results
        for trial in trials:
            point = None if trial.pending else self._space.encode(trial.values)
            if point is None or (trial.objective is None and trial.source):
                continue
            points.append(point)
            results.append(max(values) if trial.objective is None else self._goal.sign * trial.objective)
        return points, results


def standardise(objectives: Array) -> Array:
    """Return objectives (less is better) with mean 0 and deviation 1, the far bad end drawn in."""
    middle, best = float(np.median(objectives)), float(np.min(objectives))
    if middle > best:
        objectives = np.minimum(objectives, middle + _WORST * (middle - best))
    deviation = float(np.std(objectives))
    centred: Array = objectives - float(np.mean(objectives))
    return centred / deviation if deviation > 0 else centred


def _newest_and_best(count: int, values: Sequence[float]) -> list[int]:
    """Return which rows the model is fitted to: all, or half the best and half the newest of too many."""
    if count <= MOST_POINTS:
        return list(range(count))
    best = set(sorted(range(count), key=lambda row: values[row])[: MOST_POINTS // 2])
    rest = [row for row in range(count) if row not in best]
    return sorted([*best, *rest[-(MOST_POINTS - len(best)) :]])
