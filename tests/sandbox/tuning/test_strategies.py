from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewizard.sandbox.tuning import (
    Categorical,
    Continuous,
    Goal,
    Integer,
    SearchSpace,
    Trial,
    make_strategy,
)
from sagewizard.sandbox.tuning.bayesian import MOST_POINTS, standardise
from sagewizard.sandbox.tuning.surrogate import Surrogate

branin_space = SearchSpace([Continuous("x", -5, 10), Continuous("y", 0, 15)])
mixed = SearchSpace(
    [
        Categorical("kind", ("a", "b", "c")),
        Continuous("rate", 1e-5, 1.0, "Logarithmic"),
        Integer("count", 1, 20),
    ]
)


def branin(values):
    x, y = float(values["x"]), float(values["y"])
    inner = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return inner * inner + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def bowl(values):
    """Least at kind b, rate 1e-3, count 7."""
    return (
        {"a": 1.0, "b": 0.0, "c": 2.0}[values["kind"]]
        + (math.log10(float(values["rate"])) + 3) ** 2
        + 0.02 * (int(values["count"]) - 7) ** 2
    )


def run(strategy, objective, jobs, before=(), at_once=1):
    """Play a tuning job: `at_once` jobs are pending at a time and end in their order."""
    trials = []
    for index in range(jobs):
        seen = [
            trial if number <= index - at_once else Trial(trial.values, None, pending=True)
            for number, trial in enumerate(trials)
        ]
        values = strategy.suggest(index, [*before, *seen])
        trials.append(Trial(values, objective(values)))
    return trials


@pytest.mark.parametrize("name", ["Random", "Bayesian", "Hyperband"])
def test_the_same_seed_gives_the_same_run_and_another_seed_another(name):
    def values(seed):
        strategy = make_strategy(name, mixed, Goal.MINIMIZE, seed)
        return [trial.values for trial in run(strategy, bowl, 8)]

    assert values(3) == values(3)
    assert values(3) != values(4)


def test_a_suggestion_does_not_depend_on_what_the_strategy_was_asked_before():
    used = make_strategy("Bayesian", mixed, Goal.MINIMIZE, 5)
    trials = run(used, bowl, 8)
    fresh = make_strategy("Bayesian", mixed, Goal.MINIMIZE, 5)
    assert fresh.suggest(8, trials) == used.suggest(8, trials)


def test_the_first_jobs_of_a_bayesian_run_do_not_depend_on_which_of_them_have_ended():
    alone = run(make_strategy("Bayesian", mixed, Goal.MINIMIZE, 5), bowl, 5)
    together = run(make_strategy("Bayesian", mixed, Goal.MINIMIZE, 5), bowl, 5, at_once=5)
    assert [trial.values for trial in alone] == [trial.values for trial in together]


@pytest.mark.parametrize("name", ["Random", "Bayesian"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_no_strategy_leaves_the_ranges_or_tries_a_combination_twice(name, seed):
    trials = run(make_strategy(name, mixed, Goal.MAXIMIZE, seed), bowl, 9, at_once=2)
    for trial in trials:
        assert trial.values["kind"] in ("a", "b", "c")
        assert 1e-5 <= float(trial.values["rate"]) <= 1
        assert 1 <= int(trial.values["count"]) <= 20
    assert len({tuple(sorted(trial.values.items())) for trial in trials}) == len(trials)


@pytest.mark.parametrize("name", ["Random", "Bayesian"])
def test_a_small_space_is_used_up_to_the_last_combination_and_then_nothing_is_left(name):
    space = SearchSpace([Integer("n", 1, 4), Categorical("k", ("a", "b", "c"))])
    strategy = make_strategy(name, space, Goal.MINIMIZE, 0)
    trials = run(strategy, lambda values: int(values["n"]), 12)
    assert {(t.values["n"], t.values["k"]) for t in trials} == {(n, k) for n in "1234" for k in "abc"}
    assert strategy.suggest(12, trials) is None


def test_grid_goes_through_every_combination_in_order_and_ends():
    space = SearchSpace([Categorical("k", ("a", "b")), Categorical("l", ("x", "y"))])
    strategy = make_strategy("Grid", space, Goal.MINIMIZE, 0)
    found = [strategy.suggest(index, []) for index in range(5)]
    assert found == [
        {"k": "a", "l": "x"},
        {"k": "a", "l": "y"},
        {"k": "b", "l": "x"},
        {"k": "b", "l": "y"},
        None,
    ]


def test_bayesian_search_finds_the_least_of_branin_where_random_search_is_far_from_it():
    best = [
        min(t.objective for t in run(make_strategy("Bayesian", branin_space, Goal.MINIMIZE, s), branin, 20))
        for s in range(3)
    ]
    drawn = [
        min(t.objective for t in run(make_strategy("Random", branin_space, Goal.MINIMIZE, s), branin, 40))
        for s in range(9)
    ]
    assert statistics.median(best) < 0.8 < statistics.median(drawn)


@pytest.mark.parametrize("goal", list(Goal))
def test_bayesian_search_finds_category_scale_and_number_of_a_mixed_space(goal):
    def score(values):
        return goal.sign * bowl(values)

    trials = run(make_strategy("Bayesian", mixed, goal, 1), score, 25, at_once=2)
    best = min(trials, key=lambda trial: goal.sign * trial.objective).values
    assert best["kind"] == "b"
    assert 1e-4 < float(best["rate"]) < 1e-2
    assert 4 <= int(best["count"]) <= 10


def test_pending_jobs_keep_the_next_suggestion_away_from_them():
    apart = []
    for seed in range(5):
        strategy = make_strategy("Bayesian", branin_space, Goal.MINIMIZE, seed)
        trials = run(strategy, branin, 10)
        first = strategy.suggest(10, trials)
        blind = strategy.suggest(11, trials)
        second = strategy.suggest(11, [*trials, Trial(first, None, pending=True)])
        one, other, same = (branin_space.encode(values) for values in (first, second, blind))
        apart.append((np.linalg.norm(one - other), np.linalg.norm(one - same)))
    assert statistics.median(far for far, _ in apart) > 0.05
    assert statistics.median(far for far, _ in apart) > 3 * statistics.median(near for _, near in apart)


def test_jobs_that_fail_drive_the_search_away_from_where_they_failed():
    def half(values):
        return None if float(values["x"]) > 2.5 else branin(values)

    trials = run(make_strategy("Bayesian", branin_space, Goal.MINIMIZE, 3), half, 20)
    late = trials[8:]
    assert sum(trial.objective is None for trial in late) <= len(late) // 3


def test_a_run_in_which_everything_failed_so_far_still_gets_new_values():
    strategy = make_strategy("Bayesian", mixed, Goal.MINIMIZE, 3)
    trials = run(strategy, lambda values: None, 12)
    assert all(trial.values for trial in trials)


def test_a_flat_objective_and_one_with_an_infinite_looking_outlier_are_borne():
    flat = run(make_strategy("Bayesian", mixed, Goal.MINIMIZE, 3), lambda values: 0.5, 10)
    assert len({tuple(t.values.items()) for t in flat}) == 10
    wild = run(
        make_strategy("Bayesian", mixed, Goal.MINIMIZE, 3),
        lambda values: 3e38 if values["kind"] == "a" else bowl(values),
        12,
    )
    assert min(trial.objective for trial in wild) < 3


def test_parents_on_the_same_data_spare_the_search_its_first_jobs():
    parents = [
        Trial(trial.values, trial.objective, source="parent")
        for trial in run(make_strategy("Bayesian", branin_space, Goal.MINIMIZE, 7), branin, 20)
    ]
    warm = run(make_strategy("Bayesian", branin_space, Goal.MINIMIZE, 8), branin, 3, before=parents)
    cold = run(make_strategy("Bayesian", branin_space, Goal.MINIMIZE, 8), branin, 3)
    assert min(t.objective for t in warm) < min(t.objective for t in cold)
    assert statistics.fmean(t.objective for t in warm) < 10


def test_parents_on_other_data_help_although_their_objective_has_another_scale():
    parents = [
        Trial(trial.values, 1000 + 50 * trial.objective, source="parent")
        for trial in run(make_strategy("Bayesian", branin_space, Goal.MINIMIZE, 7), branin, 20)
    ]
    strategy = make_strategy("Bayesian", branin_space, Goal.MINIMIZE, 8, same_data=False)
    warm = run(strategy, branin, 6, before=parents)
    assert min(t.objective for t in warm) < 3


def test_parents_with_wider_ranges_or_missing_hyperparameters_are_taken_as_far_as_they_fit():
    before = [
        Trial({"x": "40", "y": "3"}, 900.0, source="p"),
        Trial({"x": "1"}, 1.0, source="p"),
        Trial({"x": "3", "y": "2"}, 1.0, source="p"),
        Trial({"x": "3", "y": "20"}, 300.0, source="p"),
    ]
    trials = run(make_strategy("Bayesian", branin_space, Goal.MINIMIZE, 1), branin, 8, before=before)
    assert all(-5 <= float(t.values["x"]) <= 10 and 0 <= float(t.values["y"]) <= 15 for t in trials)


def test_a_long_history_is_cut_to_what_the_model_can_take():
    generator = np.random.default_rng(0)
    history = []
    for _ in range(MOST_POINTS + 80):
        values = branin_space.draw(generator)
        history.append(Trial(values, branin(values)))
    strategy = make_strategy("Bayesian", branin_space, Goal.MINIMIZE, 1)
    points, objectives, noise = strategy._data(history)
    assert points.shape == (MOST_POINTS, 2) and objectives.shape == noise.shape == (MOST_POINTS,)
    assert standardise(np.array([t.objective for t in history])).min() == objectives.min()


def test_standardised_objectives_keep_their_order_and_draw_in_the_far_end():
    plain = np.array([1.0, 2.0, 3.0, 4.0, 1e30])
    standard = standardise(plain)
    assert np.all(np.diff(standard) > 0)
    assert standard.max() < 3 and abs(standard.mean()) < 1e-12
    assert standardise(np.array([2.0, 2.0])).tolist() == [0.0, 0.0]


def test_the_expected_improvement_is_that_of_the_textbook_and_finite_far_away():
    from scipy.stats import norm

    generator = np.random.default_rng(1)
    points = generator.random((12, 2))
    surrogate = Surrogate(points, standardise(points.sum(axis=1)), np.zeros(12))
    new = generator.random((50, 2))
    mean, deviation = surrogate._process.predict(new, return_std=True)
    deviation = np.sqrt(np.maximum(deviation**2 - surrogate._process.kernel_.k2.noise_level, 1e-12))
    best = float(mean.mean())
    z = (best - mean) / deviation
    wanted = (best - mean) * norm.cdf(z) + deviation * norm.pdf(z)
    near = z > -4
    assert near.any()
    assert np.exp(surrogate.log_improvement(new, best))[near] == pytest.approx(wanted[near], rel=1e-4)
    assert np.all(np.isfinite(surrogate.log_improvement(new, -1e4)))
