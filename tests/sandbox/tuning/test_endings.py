from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.sandbox.tuning import Goal
from sagewizard.sandbox.tuning.completion import converged, not_improving
from sagewizard.sandbox.tuning.stopping import Hyperband, below_median

UP, DOWN = Goal.MAXIMIZE, Goal.MINIMIZE


def test_the_median_rule_compares_the_last_value_with_running_averages_up_to_the_same_epoch():
    finished = [[0.2, 0.4, 0.9], [0.4, 0.6, 0.9], [0.6, 0.8, 0.9]]  # averages to epoch 2: 0.3, 0.5, 0.7
    assert below_median(UP, [0.9, 0.49], finished)
    assert not below_median(UP, [0.1, 0.5], finished)
    assert below_median(DOWN, [0.1, 0.51], finished)
    assert not below_median(DOWN, [0.9, 0.5], finished)


def test_the_median_rule_waits_until_three_jobs_have_come_as_far():
    assert not below_median(UP, [0.0], [[1.0], [1.0]])
    assert not below_median(UP, [0.0, 0.0], [[1.0, 1.0], [1.0, 1.0], [1.0]])
    assert below_median(UP, [0.0, 0.0], [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    assert not below_median(UP, [], [[1.0]] * 3)


def test_hyperband_has_its_rungs_at_powers_of_three_below_the_most():
    assert Hyperband(UP, 1, 81).rungs == (1, 3, 9, 27)
    assert Hyperband(UP, 2, 20).rungs == (2, 6, 18)
    assert Hyperband(UP, 5, 5).rungs == ()
    assert Hyperband(UP, 5, 6).rungs == (5,)


def test_hyperband_lets_the_best_third_of_a_rung_go_on_and_stops_the_others():
    band = Hyperband(DOWN, 1, 9)
    curves = {number: [float(number)] for number in range(6)}  # two of six may go on
    ends = [band.ends(number, 0, curves) for number in (0, 2, 4)]  # of bracket 0, judged at rung 1
    assert ends == [False, True, True]


def test_hyperband_stops_nobody_before_the_first_rung_or_before_three_have_reached_it():
    band = Hyperband(UP, 3, 27)
    assert not band.ends(0, 0, {0: [0.1, 0.1], 2: [0.9, 0.9], 4: [0.9, 0.9]})
    assert not band.ends(0, 0, {0: [0.1] * 3, 2: [0.9] * 3})
    assert band.ends(0, 0, {0: [0.1] * 3, 2: [0.9] * 3, 4: [0.8] * 3})


def test_hyperband_judges_a_rung_once_and_ends_what_goes_beyond_the_most():
    band = Hyperband(UP, 1, 9)
    curves = {0: [0.1, 0.2], 2: [0.9, 0.9], 4: [0.8, 0.9]}
    assert band.ends(0, 0, curves)
    assert not band.ends(0, 1, curves)
    assert band.ends(2, 8, {2: [0.9] * 10})
    assert not band.ends(2, 8, {2: [0.9] * 9})


def test_hyperband_jobs_of_later_brackets_pass_the_first_rungs():
    band = Hyperband(UP, 1, 27)
    assert [band.bracket(index) for index in range(8)] == [0, 1, 0, 2, 0, 1, 0, 2]
    curves = {0: [0.9], 1: [0.1], 2: [0.9], 4: [0.9]}
    assert not band.ends(1, 0, curves)
    assert band.ends(1, 1, {number: curve * 3 for number, curve in curves.items()})


@pytest.mark.parametrize("goal", list(Goal))
def test_an_improvement_counts_from_one_percent_on(goal):
    def signed(values):
        return [value if goal is UP else -value for value in values]

    assert not_improving(goal, []) == 0
    assert not_improving(goal, signed([1.0])) == 0
    assert not_improving(goal, signed([1.0, 1.005, 1.009])) == 2
    assert not_improving(goal, signed([1.0, 1.011])) == 0
    assert not_improving(goal, signed([1.0, 1.5, 1.2, 1.4, 1.51])) == 3


def test_a_search_that_gains_nothing_for_long_has_converged_and_one_that_does_has_not():
    assert converged(DOWN, [9, 7, 5, 3, 1, *[2.0] * 10])
    assert not converged(DOWN, [9, 7, 5, 3, 1, *[2.0] * 9])
    assert not converged(DOWN, [9, 7, 5, 3, 1, *[2.0] * 9, 0.5])
    assert not converged(UP, [float(n) for n in range(100)])


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.sampled_from(list(Goal)))
def test_any_results_can_be_judged(values, goal):
    assert 0 <= not_improving(goal, values) <= max(0, len(values) - 1)
    converged(goal, values)
