"""Cell widths, cutting and padding, hostile text, and tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.render import Ink, table
from sagewizard.render.cells import beside, cell_width, clean, cut, fit, pad

WIDE = "日本語"


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("abc", 3),
        (WIDE, 6),
        ("e\u0301", 1),
        ("\x1b[31mred\x1b[0m", 3),
        ("▀█", 2),
        ("ａ", 2),
        ("❤\ufe0f", 1),
    ],
)
def test_width_is_measured_in_cells(text, width):
    assert cell_width(text) == width


@pytest.mark.parametrize(
    ("width", "text"), [(6, WIDE), (5, "日本…"), (4, "日…"), (3, "日…"), (2, "…"), (1, "…"), (0, "")]
)
def test_a_wide_character_is_never_cut_in_half(width, text):
    assert cut(WIDE, width) == text
    assert cell_width(fit(WIDE, width)) == width


def test_without_unicode_the_ellipsis_is_ascii():
    assert cut("abcdefgh", 7, unicode=False) == "abcd..."
    assert cut("abcdefgh", 4, unicode=False) == "abc~"


def test_text_is_padded_on_the_side_that_is_asked_for():
    assert [fit("ab", 5, side) for side in ("left", "right", "centre")] == ["ab   ", "   ab", " ab  "]
    assert pad("\x1b[1mab\x1b[0m", 4, "right") == "  \x1b[1mab\x1b[0m"


@given(st.text(), st.integers(0, 20), st.booleans())
def test_fitted_text_is_exactly_as_wide_as_asked(text, width, unicode):
    assert cell_width(fit(clean(text), width, unicode=unicode)) == width


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07gone", "?[2J?]0;title?gone"),
        ("two\nlines\tand\rmore", "two lines and more"),
        ("\u202eevil", "?evil"),
        ("\ud800", "?"),
        ("\x9b31m", "?31m"),
    ],
)
def test_text_from_outside_cannot_steer_the_terminal(hostile, shown):
    assert clean(hostile) == shown
    assert "\x1b" not in table([[hostile]])


def test_blocks_stand_side_by_side():
    assert beside([["a", "bbb"], ["x"], []], gap=1) == ["a   x", "bbb"]


STEPS = [
    ["Train", "ml.c4.xlarge", "~$0.02", "4 min 10 s"],
    ["Deploy", "ml.m4.xlarge in 日本語", "$12.30", None],
]
HEADERS = ["step", "instance", "cost", "time"]


def test_a_table_puts_numbers_to_the_right():
    assert table(STEPS, HEADERS) == "\n".join(
        [
            "step    instance                  cost  time",
            "─" * 50,
            "Train   ml.c4.xlarge            ~$0.02  4 min 10 s",
            "Deploy  ml.m4.xlarge in 日本語  $12.30",
        ]
    )


def test_a_narrow_table_cuts_its_widest_column_first():
    assert table(STEPS, HEADERS, ink=Ink(width=38)) == "\n".join(
        [
            "step    instance      cost  time",
            "─" * 38,
            "Train   ml.c4.xla…  ~$0.02  4 min 10 s",
            "Deploy  ml.m4.xla…  $12.30",
        ]
    )
    assert table(STEPS, HEADERS, ink=Ink(width=30, unicode=False)) == "\n".join(
        [
            "step    ins...    cost  time",
            "-" * 30,
            "Train   ml....  ~$0.02  4 m...",
            "Deploy  ml....  $12.30",
        ]
    )


def test_columns_that_cannot_fit_are_counted():
    texts = [letter * 9 for letter in "abcdefgh"]
    lines = table([texts], list("12345678"), ink=Ink(width=22)).splitlines()
    assert lines[-2].startswith("aaaaa…  bbbbb…  ")
    assert lines[-1] == "(5 more columns do no…"
    assert table([["a"]], ink=Ink(unicode=False)) == "a"


def test_a_number_is_never_cut():
    rows = [[1, "class_0", 12.3456, 1.5, "a long remark"]]
    lines = table(rows, ["row", "label", "alcohol", "proline", "note"], ink=Ink(width=32)).splitlines()
    assert lines[-1].split() == ["1", "class…", "12.3456", "1.5", "a", "lon…"]
    lines = table(
        rows, ["row", "label", "alcohol", "proline", "note"], ink=Ink(width=24), whole=2
    ).splitlines()
    assert lines[-2].split() == ["1", "class_0", "12.3456", "1.5"]
    assert lines[-1] == "(1 more column does not…"


def test_rows_of_different_lengths_and_no_rows_are_fine():
    assert table([["a"], ["b", "c"]]) == "a\nb  c"
    assert table([]) == ""
    assert table([], ["only", "heads"], ink=Ink(unicode=False)) == "only  heads\n-----------"


def test_a_row_may_have_a_style_and_only_with_colour():
    assert table([["a"]], ink=Ink("16"), styles=["bad"]) == "\x1b[31ma\x1b[0m"
    assert table([["a"]], ink=Ink(), styles=["bad"]) == "a"


@given(
    st.lists(st.lists(st.one_of(st.text(max_size=30), st.integers(), st.none()), max_size=7), max_size=5),
    st.integers(8, 100),
    st.booleans(),
)
def test_no_line_of_a_table_is_ever_wider_than_the_ink(rows, width, unicode):
    for line in table(rows, ["head"] * 3, ink=Ink(width=width, unicode=unicode)).splitlines():
        assert cell_width(line) <= width
