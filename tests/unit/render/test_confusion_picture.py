"""The confusion matrix as text, at several widths."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.evaluation import ConfusionMatrix
from sagewizard.render import Ink, confusion_matrix
from sagewizard.render.cells import cell_width

BINARY = ConfusionMatrix.binary(tp=958, fp=51, fn=22, tn=8969, threshold=0.31274)
IRIS = ConfusionMatrix(("setosa", "versicolor", "virginica"), ((16, 0, 0), (0, 15, 2), (0, 1, 16)))


def test_a_binary_matrix_names_every_cell():
    assert confusion_matrix(BINARY) == "\n".join(
        [
            "Confusion matrix of 10,000 rows at threshold 0.3127",
            "",
            "          predicted 0  predicted 1   total    right",
            "actual 0     8,969 TN        51 FP   9,020   99.4 %",
            "            99.4 %        0.6 %",
            "actual 1        22 FN       958 TP     980   97.8 %",
            "             2.2 %       97.8 %",
            "total        8,991        1,009     10,000",
            "right       99.8 %       94.9 %              99.3 %",
            "",
            "TP true positive: is 1, and was found",
            "FN false negative: is 1, but was missed",
            "FP false positive: is not 1, but was taken for it",
            "TN true negative: is not 1, and was not taken for it",
        ]
    )


def test_a_narrow_binary_matrix_is_a_list():
    assert confusion_matrix(BINARY, ink=Ink(width=30, unicode=False)) == "\n".join(
        [
            "Confusion matrix of 10,000 ...",
            "",
            "TP   958 true positives",
            "FN    22 false negatives",
            "FP    51 false positives",
            "TN 8,969 true negatives",
        ]
    )


def test_a_positive_label_that_comes_first_is_still_the_positive_one():
    text = confusion_matrix(ConfusionMatrix(("yes", "no"), ((7, 1), (2, 5)), positive="yes"))
    assert re.search(r"actual yes +7 TP +1 FN", text)
    assert re.search(r"actual no +2 FP +5 TN", text)


def test_several_classes_have_totals_recall_precision_and_mistakes_in_words():
    assert confusion_matrix(IRIS) == "\n".join(
        [
            "Confusion matrix of 50 rows",
            "",
            "Rows are actual, columns are predicted.",
            "",
            "               setosa versicolor  virginica total  recall",
            "    setosa         16          ·          ·    16 100.0 %",
            "versicolor          ·         15          2    17  88.2 %",
            " virginica          ·          1         16    17  94.1 %",
            "     total         16         16         18    50",
            "   prec. %        100         94         89",
            "",
            "accuracy 94.0 %: 47 of 50 right",
            "Most frequent mistakes:",
            "  versicolor taken for virginica: 2 rows",
            "  virginica taken for versicolor: 1 row",
        ]
    )


def test_columns_that_do_not_fit_follow_below():
    assert confusion_matrix(IRIS, ink=Ink(width=40, unicode=False)) == "\n".join(
        [
            "Confusion matrix of 50 rows",
            "",
            "Rows are actual, columns are predicted.",
            "",
            "         setosa versi...",
            "  setosa     16        .",
            "versi...      .       15",
            "virgi...      .        1",
            "   total     16       16",
            " prec. %    100       94",
            "",
            "         virgi... total  recall",
            "  setosa        .    16 100.0 %",
            "versi...        2    17  88.2 %",
            "virgi...       16    17  94.1 %",
            "   total       18    50",
            " prec. %       89",
            "",
            "accuracy 94.0 %: 47 of 50 right",
            "Most frequent mistakes:",
            "  versicolor taken for virginica: 2 rows",
            "  virginica taken for versicolor: 1 row",
        ]
    )


def test_twelve_classes_fit_eighty_columns():
    counts = tuple(tuple(1000 if i == j else i + j for j in range(12)) for i in range(12))
    text = confusion_matrix(ConfusionMatrix(tuple(str(i) for i in range(12)), counts))
    assert text.count("prec. %") == 1
    assert max(map(cell_width, text.splitlines())) <= 80


def test_too_many_classes_leave_the_mistakes_in_words():
    labels = tuple(f"class {i}" for i in range(40))
    counts = tuple(tuple(5 if (i, j) == (3, 4) else int(i == j) for j in range(40)) for i in range(40))
    text = confusion_matrix(ConfusionMatrix(labels, counts))
    assert text.splitlines()[2:] == ["Most frequent mistakes:", "  class 3 taken for class 4: 5 rows"]


def test_a_perfect_matrix_says_that_nothing_was_confused():
    assert confusion_matrix(ConfusionMatrix(("a", "b", "c"), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))).endswith(
        "accuracy 100.0 %: 3 of 3 right\nNothing was confused."
    )


def test_a_class_without_rows_has_a_dash_for_its_recall():
    text = confusion_matrix(ConfusionMatrix.binary(tp=0, fp=1, fn=0, tn=2))
    assert re.search(r"actual 1 +0 FN +0 TP +0 +-\n +- +-\n", text)


def test_colour_only_repeats_what_the_words_say():
    for matrix in (BINARY, IRIS):
        coloured = confusion_matrix(matrix, ink=Ink("16"))
        assert "\x1b[32m" in coloured
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == confusion_matrix(matrix)


def test_labels_from_outside_cannot_steer_the_terminal():
    assert "\x1b" not in confusion_matrix(ConfusionMatrix(("\x1b[2J", "b", "c"), ((1, 1, 0),) * 3))


@given(
    st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=14, unique=True),
    st.integers(0, 10**7),
    st.integers(24, 120),
    st.booleans(),
)
def test_no_line_is_ever_wider_than_the_ink(labels, number, width, unicode):
    size = len(labels)
    counts = tuple(tuple(number * (i == j) + i for j in range(size)) for i in range(size))
    positive = labels[1] if size == 2 else None
    text = confusion_matrix(ConfusionMatrix(tuple(labels), counts, positive), ink=Ink("none", unicode, width))
    assert max(map(cell_width, text.split("\n"))) <= width


@pytest.mark.parametrize("width", [44, 46, 50, 60])
def test_a_binary_matrix_with_long_labels_still_fits(width):
    matrix = ConfusionMatrix.binary(
        tp=10**6, fp=1, fn=2, tn=10**6, negative_label="everything else", positive_label="malignant tumour"
    )
    assert max(map(cell_width, confusion_matrix(matrix, ink=Ink(width=width)).splitlines())) <= width
