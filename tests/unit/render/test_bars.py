"""One-line pictures: progress, sparkline, histogram."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.render import Ink, histogram_line, progress_bar, sparkline
from sagewizard.render.cells import cell_width


def test_a_progress_bar_shows_share_detail_and_time_left():
    line = progress_bar(72.1, 159.2, ink=Ink(width=70), label="Upload", detail="72 of 159 MB", elapsed=3.1)
    assert line == "Upload  [████████████▏              ]   45 %  72 of 159 MB  3.7 s left"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (60, "Upload  [###################-------------------]   50 %"),
        (24, "Upload  [###----]   50 %"),
        (16, "Upload   50 %"),
    ],
)
def test_a_progress_bar_gives_way_to_its_words(width, line):
    assert progress_bar(1, 2, ink=Ink(width=width, unicode=False), label="Upload") == line


@pytest.mark.parametrize(
    ("done", "share"), [(0, "0 %"), (5, "100 %"), (-1, "0 %"), (math.nan, "0 %"), (1.9999, "99 %")]
)
def test_progress_stays_between_its_ends_and_is_whole_only_at_the_end(done, share):
    assert progress_bar(done, 2, ink=Ink(width=40)).endswith(f" {share}")


def test_progress_without_a_total_shows_the_time_so_far():
    assert progress_bar(3, None, label="Training", elapsed=70) == "Training  1 min 10 s"


def test_a_sparkline_runs_from_the_smallest_to_the_largest():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], ink=Ink(unicode=False)) == "_.-=+*#@"
    assert sparkline([1, math.nan, 2]) == "▁ █"
    assert sparkline([3, 3]) == "▁▁"
    assert sparkline([]) == ""
    assert sparkline([math.inf]) == " "


def test_a_long_sparkline_is_averaged_to_its_width():
    assert sparkline(list(range(80)), width=8) == "▁▂▃▄▅▆▇█"


def test_a_histogram_shows_every_bin_that_holds_anything():
    assert histogram_line([0.0] * 1000 + [1.0] + [4.0] * 500, bins=5) == "0 █▁  ▄ 4"
    assert histogram_line([2.0, 2.0]) == "2"
    assert histogram_line([math.nan]) == "-"


@given(
    st.floats(allow_nan=True),
    st.one_of(st.none(), st.floats(allow_nan=True)),
    st.integers(1, 90),
    st.text(max_size=20),
    st.floats(0, 1e7),
)
def test_a_progress_bar_is_never_wider_than_the_ink(done, total, width, label, elapsed):
    line = progress_bar(done, total, ink=Ink(width=width), label=label, detail="x of y", elapsed=elapsed)
    assert cell_width(line) <= width
    assert "\n" not in line


@given(st.lists(st.floats(), max_size=50), st.integers(1, 30))
def test_a_sparkline_is_never_wider_than_asked(values, width):
    assert len(sparkline(values, width=width)) <= width
