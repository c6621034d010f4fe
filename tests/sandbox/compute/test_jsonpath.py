"""The JSONPath subset of batch transform's filters."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.sandbox.compute.jsonpath import JsonPath, JsonPathError

DOCUMENT = {
    "id": 7,
    "features": [10, 20, 30, 40],
    "nested": {"a": {"x": 1}, "b": {"x": 2}},
    "rows": [{"v": 1, "w": 5}, {"v": 2}, {"w": 3}],
    "odd.name": True,
    "it's": None,
    "SageMakerOutput": {"score": 0.5},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", DOCUMENT),
        ("", DOCUMENT),
        ("$.id", 7),
        ("$['id']", 7),
        ('$["id"]', 7),
        ("$.nested.a.x", 1),
        ("$.nested['b'].x", 2),
        ("$['odd.name']", True),
        (r"$['it\'s']", None),
        ("$.features", [10, 20, 30, 40]),
        ("$.features[0]", 10),
        ("$.features[-1]", 40),
        ("$.features[1,3,-1]", [20, 40, 40]),
        ("$.features[1:3]", [20, 30]),
        ("$.features[1:]", [20, 30, 40]),
        ("$.features[:2]", [10, 20]),
        ("$.features[-2:]", [30, 40]),
        ("$.features[0,2:]", [10, 30, 40]),
        ("$.features[0:2, 3:]", [10, 20, 40]),
        ("$.features[*]", [10, 20, 30, 40]),
        ("$.nested.*", [{"x": 1}, {"x": 2}]),
        ("$.nested.*.x", [1, 2]),
        ("$.nested[*].x", [1, 2]),
        ("$['id','SageMakerOutput']", {"id": 7, "SageMakerOutput": {"score": 0.5}}),
        ("$['id', 'features']", {"id": 7, "features": [10, 20, 30, 40]}),
        ("$.rows[*].v", [1, 2]),
        ("$.rows[0,1].v", [1, 2]),
        ("$.nested['a','b'].x", [1, 2]),
        ("$.[ 'id' ]", 7),
    ],
)
def test_a_path_selects(path: str, expected: Any) -> None:
    assert JsonPath(path).apply(DOCUMENT) == expected


@pytest.mark.parametrize(
    "path",
    [
        "id",
        "$id",
        "$.",
        "$..id",
        "$[",
        "$[]",
        "$[1",
        "$['a]",
        "$[a]",
        "$[1;2]",
        "$['a',1]",
        "$.a b",
        "$[?(@.x)]",
        "$[1:2:3]",
        "$[,1]",
        "$[1,]",
        "$[0].",
        "@",
        "$" + ".a" * 40,
    ],
)
def test_what_is_not_of_the_subset_is_refused(path: str) -> None:
    with pytest.raises(JsonPathError):
        JsonPath(path)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("$.missing", "no member 'missing'"),
        ("$['id','missing']", "no member 'missing'"),
        ("$.features[4]", "index 4 is outside of 4"),
        ("$.features[-5]", "index -5 is outside of 4"),
        ("$.features[0,9]", "index 9"),
        ("$.features[4:]", "selects nothing"),
        ("$.features[3:1]", "selects nothing"),
        ("$.id[0]", "a number selects from an array"),
        ("$.id.x", "an object, and there is a number"),
        ("$.id.*", "needs an object or an array"),
        ("$.features.x", "there is an array"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(path: str, why: str) -> None:
    with pytest.raises(JsonPathError, match="^" + re.escape(path)) as caught:
        JsonPath(path).apply(DOCUMENT)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("$", [0, 1, 2, 3, 4, 5]),
        ("$[*]", [0, 1, 2, 3, 4, 5]),
        ("$[0]", [0]),
        ("$[1:]", [1, 2, 3, 4, 5]),
        ("$[1:4]", [1, 2, 3]),
        ("$[0,5:]", [0, 5]),
        ("$[0:2, 5:]", [0, 1, 5]),
        ("$[0,-1]", [0, 5]),
        ("$[5,0]", [5, 0]),
        ("$[:-1]", [0, 1, 2, 3, 4]),
    ],
)
def test_columns_of_a_csv_row(path: str, columns: list[int]) -> None:
    assert JsonPath(path).columns(6) == columns


@pytest.mark.parametrize("path", ["$.id", "$['a']", "$[0][1]", "$[6]", "$[-7]", "$[6:]"])
def test_columns_that_cannot_be(path: str) -> None:
    with pytest.raises(JsonPathError):
        JsonPath(path).columns(6)


@given(st.text(alphabet="$.[]*,:'\"ab01- \\", max_size=20))
def test_any_text_is_a_path_or_a_clear_refusal(text: str) -> None:
    try:
        path = JsonPath(text)
    except JsonPathError:
        return
    for value in ({"a": [1, {"b": 2}], "b": None}, [0, [1], {"a": 1}], 5, None):
        try:
            path.apply(value)
        except JsonPathError:
            continue


@given(st.lists(st.integers(), max_size=8), st.none() | st.integers(-9, 9), st.none() | st.integers(-9, 9))
def test_a_slice_is_pythons(values: list[int], start: int | None, end: int | None) -> None:
    path = JsonPath(f"$[{'' if start is None else start}:{'' if end is None else end}]")
    expected = values[start:end]
    if expected:
        assert path.apply(values) == expected
    else:
        with pytest.raises(JsonPathError):
            path.apply(values)
