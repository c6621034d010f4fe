from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sagewizard.sandbox.tuning import Categorical, Continuous, Integer, RangeProblem, SearchSpace

finite = st.floats(-1e12, 1e12)
positive = st.floats(1e-12, 1e12)
unit = st.floats(0, 1)


@given(finite, finite, unit, st.sampled_from(["Auto", "Linear"]))
def test_a_linear_value_is_within_its_range_and_its_text_leads_back_to_it(one, other, u, scaling):
    low, high = sorted((one, other))
    assume(high - low > 1e-9 * max(abs(low), abs(high), 1e-300))
    parameter = Continuous("p", low, high, scaling)
    text = parameter.write(u)
    assert low <= float(text) <= high
    assert float(parameter.write(parameter.read(text))) == pytest.approx(
        float(text), rel=1e-6, abs=1e-6 * (high - low)
    )


@given(positive, positive, unit)
def test_a_logarithmic_value_is_within_its_range_and_even_in_its_logarithm(one, other, u):
    low, high = sorted((one, other))
    assume(high / low > 1 + 1e-6)
    parameter = Continuous("p", low, high, "Logarithmic")
    value = parameter.value(u)
    assert low <= value <= high
    wanted = math.log(low) + u * (math.log(high) - math.log(low))
    assert math.log(value) == pytest.approx(wanted, abs=1e-9 * max(1, abs(wanted)))


@given(st.floats(0, 0.999), st.floats(0, 0.999999), unit)
def test_a_reverse_logarithmic_value_stays_below_one_and_leads_back(one, other, u):
    low, high = sorted((one, other))
    assume(high - low > 1e-6)
    parameter = Continuous("p", low, high, "ReverseLogarithmic")
    value = parameter.value(u)
    assert low <= value <= high
    assert parameter.position(value) == pytest.approx(u, abs=1e-6)


def test_reverse_logarithmic_scaling_spends_its_steps_next_to_one():
    parameter = Continuous("p", 0.9, 0.9999, "ReverseLogarithmic")
    assert parameter.value(1 / 3) == pytest.approx(0.99)
    assert parameter.value(2 / 3) == pytest.approx(0.999)


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.sampled_from(["Auto", "Linear"]), st.data())
def test_a_whole_number_survives_the_way_to_the_unit_interval_and_back(low, width, scaling, data):
    parameter = Integer("p", low, low + width, scaling)
    value = data.draw(st.integers(low, low + width))
    position = parameter.read(str(value))
    assert 0 <= position <= 1
    assert parameter.write(position) == str(value)
    assert parameter.snap(position) == position


@given(st.integers(1, 1000), st.integers(1, 10**6), unit)
def test_a_logarithmic_whole_number_stays_in_range_and_is_written_without_a_point(low, width, u):
    parameter = Integer("p", low, low + width, "Logarithmic")
    text = parameter.write(u)
    assert low <= int(text) <= low + width
    assert parameter.write(parameter.read(text)) == text


def test_every_whole_number_of_a_linear_range_is_as_likely_as_the_others():
    parameter = Integer("p", 1, 4)
    values = [parameter.value(u) for u in np.linspace(0, 1, 4001)[:-1]]
    assert [values.count(number) for number in (1, 2, 3, 4)] == [1000] * 4


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [
        (1e-5, 1.0, "Logarithmic"),
        (1e-7, 1.0, "Logarithmic"),
        (0.5, 1.0, "Linear"),
        (0.0, 100.0, "Linear"),
        (-1.0, 1e9, "Linear"),
        (0.9, 0.9999, "ReverseLogarithmic"),
    ],
)
def test_auto_takes_the_logarithm_of_ranges_over_two_decades(low, high, scale):
    assert Continuous("p", low, high, "Auto").scale == scale


mixed = SearchSpace(
    [
        Categorical("kind", ("a", "b", "c")),
        Continuous("rate", 1e-5, 1.0, "Logarithmic"),
        Integer("count", 3, 9),
    ]
)


@given(st.lists(st.floats(-0.5, 1.5), min_size=5, max_size=5))
def test_a_point_becomes_values_and_the_values_the_snapped_point(point):
    array = np.array(point)
    values = mixed.decode(array)
    assert set(values) == {"kind", "rate", "count"}
    assert mixed.encode(values) == pytest.approx(mixed.snap(array[None, :])[0], abs=1e-9)


@given(st.lists(unit, min_size=3, max_size=3))
def test_coordinates_and_spread_points_mean_the_same_values(cube):
    assert mixed.decode(mixed.spread(np.array([cube]))[0]) == pytest.approx(mixed.at(cube)) or mixed.decode(
        mixed.spread(np.array([cube]))[0]
    ) == mixed.at(cube)


def test_a_number_outside_its_range_lies_outside_the_unit_cube_and_an_unknown_category_nowhere():
    assert mixed.encode({"kind": "a", "rate": "10", "count": "3"})[3] == pytest.approx(1.2)
    assert mixed.encode({"kind": "z", "rate": "0.1", "count": "3"}) is None
    assert mixed.encode({"kind": "a", "count": "3"}) is None
    assert mixed.encode({"kind": "a", "rate": "0", "count": "3"}) is None
    assert mixed.encode({"kind": "a", "rate": "fast", "count": "3"}) is None


def test_the_size_is_the_number_of_combinations():
    assert mixed.size == math.inf
    assert SearchSpace([Integer("n", 1, 3), Categorical("k", ("a", "b"))]).size == 6
    grid = SearchSpace([Categorical("k", ("a", "b")), Categorical("l", ("x", "y", "z"))])
    combinations = list(grid.combinations())
    assert len(combinations) == 6 == len({tuple(item.items()) for item in combinations})
    assert combinations[:2] == [{"k": "a", "l": "x"}, {"k": "a", "l": "y"}]


def of(**changes):
    return SearchSpace.of_ranges(
        {"ContinuousParameterRanges": [{"Name": "p", "MinValue": "0.1", "MaxValue": "1"} | changes]}
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"MinValue": "1"}, "must be less than its MaxValue"),
        (
            {"MinValue": "2"},
            r"The MinValue \[2.0\] of the hyperparameter \[p\] must be less than its MaxValue",
        ),
        ({"MinValue": "0", "ScalingType": "Logarithmic"}, "needs values greater than 0"),
        ({"MaxValue": "1", "ScalingType": "ReverseLogarithmic"}, "within 0 <= x < 1"),
        ({"MinValue": "low"}, r"The MinValue \[low\] of the hyperparameter \[p\] is not a number"),
        ({"MaxValue": "1_0"}, "is not a number"),
        ({"MaxValue": "nan"}, "finite ends"),
        ({"MaxValue": "inf"}, "finite ends"),
        ({"MinValue": "-1e308", "MaxValue": "1e308"}, "too wide"),
    ],
)
def test_a_wrong_range_is_refused_by_name(changes, said):
    with pytest.raises(RangeProblem, match=said):
        of(**changes)


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        (
            {"IntegerParameterRanges": [{"Name": "n", "MinValue": "1.5", "MaxValue": "3"}]},
            "not an integer",
        ),
        (
            {
                "IntegerParameterRanges": [
                    {"Name": "n", "MinValue": "1", "MaxValue": "3", "ScalingType": "ReverseLogarithmic"}
                ]
            },
            "is for continuous ranges",
        ),
        ({"CategoricalParameterRanges": [{"Name": "k", "Values": ["a", "a"]}]}, "more than once"),
        (
            {
                "CategoricalParameterRanges": [{"Name": "k", "Values": ["a", "b"]}],
                "IntegerParameterRanges": [{"Name": "k", "MinValue": "1", "MaxValue": "3"}],
            },
            "more than one range",
        ),
    ],
)
def test_wrong_integers_categories_and_names_are_refused(ranges, said):
    with pytest.raises(RangeProblem, match=said):
        SearchSpace.of_ranges(ranges)
