"""Reading YAML with places: what is refused, and where the finger points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard import yaml_marks as marks
from sagewizard.errors import RecipeError


def refused(text: str | bytes) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        marks.read(text, "r.yaml")
    assert caught.value.remedy
    assert str(caught.value).startswith("r.yaml")
    return caught.value


def test_every_key_and_value_knows_its_place():
    document = marks.read("a: 1\nb:\n  - x\n  - c: 2\n", "r.yaml")
    assert document.value == {"a": 1, "b": ["x", {"c": 2}]}
    assert document.keys["b", 1, "c"] == marks.Place(4, 5)
    assert document.values["b", 1, "c"] == marks.Place(4, 8)
    assert document.place(("b", 1, "nowhere")) == marks.Place(4, 5)


def test_a_duplicate_key_is_refused_with_both_lines():
    error = refused("a: 1\nb: 2\na: 3\n")
    assert (error.line, error.column, error.key) == (3, 1, "a")
    assert "the first is on line 1" in error.message


def test_a_nested_duplicate_key_names_its_path():
    assert refused("a:\n  b: 1\n  b: 2\n").key == "a.b"


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    assert "aliases" in refused("\n".join(lines)).message


def test_an_alias_to_itself_is_refused():
    assert "nested too deeply" in refused("a: &a [*a]\n").message


@pytest.mark.parametrize("text", ["[" * 100, "[" * 5000 + "]" * 5000, "a: {" * 3000])
def test_deep_nesting_is_refused(text):
    refused(text)


def test_a_tag_that_would_make_an_object_is_refused():
    error = refused("a: 1\nb: !!python/object/apply:os.system ['true']\n")
    assert error.line == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a: [1\nb: 2", "not valid YAML"),
        (b"a: \xff\xfe", "not UTF-8"),
        ("a: \x00", "does not allow"),
        ("1: a", "is not text"),
        ("? [a]\n: b", "is not text"),
        ("b: &b {x: 1}\na:\n  <<: *b", "Merge keys"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: " + "x" * 300_000, "at most"),
        ("a: 2024-99-99", "cannot be read"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text, words):
    assert words in refused(text).message


def test_a_byte_order_mark_is_left_out():
    assert marks.read(b"\xef\xbb\xbfa: 1", "r.yaml").value == {"a": 1}


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_a_place(text):
    try:
        marks.read(text, "r.yaml")
    except RecipeError as error:
        assert error.file == "r.yaml"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw):
    try:
        marks.read(raw, "r.yaml")
    except RecipeError as error:
        assert error.remedy
