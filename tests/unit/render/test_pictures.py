"""Digits as text: size, shades, colours, labels, and real handwriting."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from sagewizard.errors import DataError
from sagewizard.render import Ink, digit, digits
from sagewizard.render.cells import cell_width

CORNER = np.zeros((28, 28))
CORNER[0, 0] = CORNER[27, 27] = 1.0
STEPS = np.array([[0.0, 0.25, 0.5, 0.75, 1.0]] * 2)


@pytest.mark.parametrize("color", ["true", "256"])
def test_28_pixels_take_28_cells_and_14_lines_in_half_blocks(color):
    lines = digit(CORNER, ink=Ink(color))
    assert len(lines) == 14
    assert {cell_width(line) for line in lines} == {28}
    assert all(line.endswith("\x1b[0m") for line in lines)


def test_each_half_block_carries_its_two_pixels():
    image = np.array([[0.0, 1.0], [1.0, 0.5]])
    assert digit(image, ink=Ink("true"), scale=1) == [
        "\x1b[38;2;0;0;0;48;2;255;255;255m▀\x1b[38;2;255;255;255;48;2;128;128;128m▀\x1b[0m"
    ]
    assert digit(image, ink=Ink("256"), scale=1) == ["\x1b[38;5;16;48;5;231m▀\x1b[38;5;231;48;5;243m▀\x1b[0m"]


def test_equal_neighbours_share_one_escape_sequence():
    (line,) = digit(np.zeros((2, 20)), ink=Ink("true"), scale=1)
    assert line.count("\x1b") == 2


def test_without_colour_shades_carry_the_brightness():
    assert digit(STEPS, scale=1) == [" ░▒▓█"]
    assert digit(STEPS, scale=1, ink=Ink("16")) == [" ░▒▓█"]


def test_without_unicode_an_ascii_ramp_carries_it():
    assert digit(STEPS, scale=1, ink=Ink("true", unicode=False)) == [" :+#@"]
    assert digit(STEPS, scale=1, mode="braille", ink=Ink(unicode=False)) == [" :+#@"]


def test_braille_takes_two_by_four_pixels_a_cell():
    image = np.zeros((28, 28))
    image[0, 0] = image[3, 1] = image[27, 27] = 1
    lines = digit(image, mode="braille")
    assert len(lines) == 7
    assert lines[0] == "\u2881"
    assert lines[6] == "\u2800" * 13 + "\u2880"


def test_a_small_image_is_doubled_and_a_flat_one_is_square():
    assert digit([0.0] * 12 + [1.0] * 4) == ["", "", "", "", "", "", "█" * 16, "█" * 16]


def test_an_odd_number_of_lines_gets_a_dark_one():
    assert digit(np.ones((1, 2)), scale=1) == ["▒▒"]


def test_a_black_image_is_black_and_a_given_white_holds():
    assert digit(np.zeros((2, 2)), scale=1) == [""]
    assert digit(np.full((2, 2), 8), scale=1, high=16) == ["▒▒"]
    assert digit(np.full((2, 2), 99), scale=1, high=16) == ["██"]


def test_several_digits_stand_side_by_side_under_their_labels():
    one = [[0, 1], [0, 1]]
    text = digits([one, one, one], [1, "a label that is too long", "x"], ink=Ink(width=40))
    assert text.splitlines()[0].split() == ["1", "a", "label", "that", "is…"]
    assert text.count("\n\n") == 1  # the third does not fit beside the others
    assert text.splitlines()[1] == "        ████████          ████████"


def test_a_faint_digit_stays_faint_beside_a_bright_one():
    faint, bright = np.full((2, 16), 4.0), np.full((2, 16), 16.0)
    assert digits([faint, bright]) == "░" * 16 + "  " + "█" * 16


def test_no_digits_are_no_text():
    assert digits([]) == ""


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([1.0, 2.0, 3.0], "no square"),
        (np.zeros((2, 2, 3)), "no grey image"),
        ([[1.0, math.nan]], "not finite"),
    ],
)
def test_what_is_no_image_is_an_error(image, message):
    with pytest.raises(DataError, match=message):
        digit(image)


def test_labels_from_outside_are_cleaned():
    assert "\x1b" not in digits([CORNER], ["\x1b[2J"])


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["half", "shade", "ascii", "braille"]))
def test_every_size_keeps_its_proportions(height, width, mode):
    image = np.ones((height, width))
    lines = digit(image, mode=mode, ink=Ink("true"), scale=1)
    across, down = (2, 4) if mode == "braille" else (1, 2)
    assert len(lines) == -(-height // down)
    assert {cell_width(line) for line in lines} == {-(-width // across)}


def test_handwritten_digits_look_like_themselves():
    bundled = load_digits()
    text = digits(list(bundled.images[[0, 4]]), bundled.target[[0, 4]], ink=Ink(width=40, unicode=False))
    assert text == "\n".join(
        [
            "       0                 4",
            "    --##++..            ..**",
            "    ##%%**%%--          ==++",
            "  ::%%..  **++        ..##--....",
            "  ::##    ++++        ==%%  ++++",
            "  --++    ++++      --@@**  @@--",
            "  ::**  ..##==      ::%%@@##@@..",
            "  ..%%--**##            ::%%**",
            "    --##**              ..@@::",
        ]
    )
    assert digit(bundled.images[3]) == [
        "    ▒▒██▓▓",
        "  ▒▒▓▓▒▒██░░",
        "  ░░  ▓▓▓▓",
        "    ░░██▓▓",
        "        ▓▓▓▓",
        "          ▓▓▒▒",
        "    ▒▒░░░░██▒▒",
        "    ▒▒▓▓▓▓▒▒",
    ]
