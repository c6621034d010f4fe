"""Charts and metric lists as text."""

import math
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.evaluation import binary_metrics, multiclass_metrics, pr_curve, roc_curve
from sagewizard.render import Ink, Series, class_table, curve_chart, line_chart, metric_list
from sagewizard.render.cells import cell_width

LOSS = Series("train", [0, 1, 2, 3, 4], [0.9, 0.5, 0.3, 0.2, 0.18])


def test_one_series_is_drawn_in_braille():
    assert line_chart([LOSS], ink=Ink(width=30), height=6, title="loss", x_name="epoch") == "\n".join(
        [
            "loss",
            "1.0 ┤⢄",
            "    │ ⠉⠢⢄",
            "0.5 ┤    ⠑⠤⣀",
            "    │       ⠉⠒⠢⠤⣀",
            "    │            ⠉⠉⠒⠢⠤⠤⣀⣀⣀⣀⣀⣀⣀",
            "0.0 ┤",
            "    └─────────────────────────",
            "     0         epoch         4",
        ]
    )


def test_without_unicode_the_same_line_is_ascii():
    assert line_chart([LOSS], ink=Ink(width=30, unicode=False), height=6) == "\n".join(
        [
            "1.0 +**",
            "    |  ***",
            "0.5 +     ***",
            "    |        ***",
            "    |           **************",
            "0.0 +",
            "    +-------------------------",
            "     0                       4",
        ]
    )


def test_several_series_differ_by_their_glyphs():
    other = Series("validation", [0, 1, 2, 3, 4], [0.95, 0.6, 0.45, 0.4, 0.42])
    text = line_chart([LOSS, other], ink=Ink(width=40), height=6)
    assert text.splitlines()[-1].strip() == "● train   × validation"
    assert text.count("●") > 4
    assert text.count("×") > 4


def test_a_line_breaks_where_a_value_is_not_finite():
    broken = Series("x", [0, 1, 2, 3], [1, math.nan, 1, 1])
    lines = line_chart([broken], ink=Ink(width=22, unicode=False), height=3).splitlines()
    assert lines[1] == "1.0 +*          ******"


@pytest.mark.parametrize("points", [([], []), ([1.0], [math.nan])])
def test_nothing_to_draw_says_so(points):
    assert line_chart([Series("x", *points)], title="loss") == "loss\nNothing to draw yet."


def test_one_point_is_a_chart_too():
    text = line_chart([Series("x", [3.0], [7.0])], ink=Ink(width=20, unicode=False), height=5)
    assert text.count("*") == 1


def test_a_roc_curve_names_its_axes_and_its_area():
    curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    lines = curve_chart(curve, ink=Ink(width=30), height=5).splitlines()
    assert lines[0] == "ROC curve, area 0.7500 (0.5 i…"
    assert lines[1] == "true positive rate"
    assert lines[-1].split() == ["0", "false", "positive", "rate", "1"]
    assert lines[2].startswith("1.0 ┤")
    assert lines[-3].startswith("0.0 ┤")


def test_a_precision_recall_curve_names_its_axes():
    text = curve_chart(pr_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    assert text.splitlines()[:2] == ["Precision-recall curve, average precision 0.8333", "precision"]


@given(
    st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(allow_nan=True)), min_size=1, max_size=30),
    st.integers(16, 120),
    st.integers(1, 20),
    st.booleans(),
    st.integers(1, 3),
)
def test_no_chart_is_wider_than_the_ink_or_fails_on_odd_values(points, width, height, unicode, count):
    points = [(x, y) for x, y in points if not math.isfinite(y) or abs(y) < 1e100]
    x, y = [p[0] for p in points], [p[1] for p in points]
    ink = Ink("none", unicode, width)
    text = line_chart([Series("s", x, y)] * count, ink=ink, height=height, title="t", x_name="epoch")
    assert max(map(cell_width, text.splitlines())) <= width


def test_metrics_stand_under_each_other_with_their_notes():
    metrics = binary_metrics([1, 1, 1, 1], [0.9, 0.8, 0.3, 0.7])
    assert metric_list(metrics, ink=Ink(width=44)) == "\n".join(
        [
            "accuracy   0.7500",
            "precision  1.0000",
            "recall     0.7500",
            "F1         0.8571",
            "MCC        0.0000  all labels or all predic…",
            "ROC AUC         -  all rows are of the clas…",
            "PR AUC          -  all rows are of the clas…",
            "log loss   0.4723",
        ]
    )


def test_a_plain_mapping_is_listed_too():
    assert metric_list({"f1": 0.96, "mine": None}) == "F1    0.9600\nmine       -"
    assert metric_list({}) == "No metrics."


def test_top_k_says_its_k():
    scores = [[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]]
    metrics = multiclass_metrics([0, 1], scores=scores, labels=[0, 1, 2], top_k=2)
    assert re.search(r"^top-2 accuracy +1\.0000$", metric_list(metrics), re.MULTILINE)
    assert class_table(metrics, ink=Ink(unicode=False)).splitlines()[2:] == [
        "0         1.0000  1.0000  1.0000     1",
        "1         0.0000  0.0000  0.0000     1",
        "2         0.0000  0.0000  0.0000     0",
    ]


def test_drawing_lines_loads_no_numpy():
    code = (
        "import sys; from sagewizard.render import *; from sagewizard.render import units;"
        "table([['a']]); progress_bar(1, 2); sparkline([1, 2]); line_chart([Series('a', [1, 2], [1, 2])]);"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_long_curve_is_drawn_whole():
    x = np.linspace(0, 1, 5000)
    text = line_chart([Series("x", x, x)], ink=Ink(width=60, unicode=False), height=10)
    assert all("*" in line for line in text.splitlines()[:10])


def test_an_empty_chart_stays_within_a_narrow_terminal():
    text = line_chart([Series("s", [], [])], ink=Ink("none", False, 16), title="t")
    assert max(map(cell_width, text.splitlines())) <= 16
