"""Money, durations, sizes, counts and shares as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.render import units


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0.00"),
        (0.0001, "<$0.01"),
        (0.005, "$0.01"),
        (0.021, "$0.02"),
        (1234.5, "$1,234.50"),
        (-3, "-$3.00"),
    ],
)
def test_money(usd, text):
    assert units.money(usd) == text


def test_approximate_money_carries_a_tilde():
    assert units.money(0.02, approximate=True) == "~$0.02"
    assert units.money(0.001, approximate=True) == "<$0.01"


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0.115, "$0.115/h"),
        (0.24, "$0.24/h"),
        (0.9999, "$1.00/h"),
        (0.0464, "$0.0464/h"),
        (0.056, "$0.0560/h"),
        (0.12, "$0.12/h"),
        (3.83, "$3.83/h"),
        (0, "$0.00/h"),
    ],
)
def test_an_hourly_price_keeps_the_digits_that_tell_instances_apart(usd, text):
    assert units.hourly(usd) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (250, "4 min 10 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (86_400 * 3 + 3600 * 4, "3 d 4 h"),
        (-5, "-5.0 s"),
    ],
)
def test_duration(seconds, text):
    assert units.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (812, "812 B"),
        (999.6, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (159_200_000, "159.2 MB"),
        (5e15, "5,000.0 TB"),
    ],
)
def test_size(count, text):
    assert units.size(count) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0 %"),
        (1, "100.0 %"),
        (0.9784, "97.8 %"),
        (0.99999, "99.9 %"),
        (0.00001, "<0.1 %"),
        (1.5, "150.0 %"),
    ],
)
def test_a_share_is_only_0_or_100_percent_when_it_is(share, text):
    assert units.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98765, "0.9877"),
        (0, "0.0000"),
        (0.000123456, "0.0001235"),
        (123456.0, "1.235e+05"),
        (-1.5, "-1.5000"),
    ],
)
def test_a_metric_keeps_four_digits_that_say_something(value, text):
    assert units.number(value) == text


@pytest.mark.parametrize(
    "write",
    [units.money, units.hourly, units.duration, units.size, units.count, units.percent, units.number],
)
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_number_is_a_dash(write, value):
    assert write(value) == "-"


@given(st.floats(0, 1e12))
def test_no_unit_ever_overflows_into_the_next(value):
    assert not units.duration(value).startswith("60 ")
    assert "min 60 s" not in units.duration(value)
    assert "h 60 min" not in units.duration(value)
    assert not units.size(value).startswith("1,000.0 ")
    assert " d 24 h" not in units.duration(value)
