from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

from sagewizard.data.arff import read_arff
from sagewizard.errors import DataError

GOOD = """% a comment
@relation 'two words'

@attribute width numeric
@ATTRIBUTE 'a height' REAL
@attribute kind {plain, 'very odd'}

@data
1.5,-2,plain
% another
3e2, 4 ,'very odd'
"""


def test_numbers_and_categories_are_read_in_the_order_of_the_file():
    table = read_arff(GOOD, file="x.arff")
    assert table.relation == "two words"
    assert [entry.name for entry in table.attributes] == ["width", "a height", "kind"]
    assert table.attributes[2].categories == ("plain", "very odd")
    assert table.values.tolist() == [[1.5, -2.0, 0.0], [300.0, 4.0, 1.0]]
    assert table.position("kind") == 2
    assert table.position("Kind") is None


def test_it_reads_what_scipy_reads():
    text = "@relation r\r\n@attribute a numeric\r\n@attribute c {Abnormal, Normal}\r\n@data\r\n"
    text += "".join(f"{value!r},{'Normal' if value > 0 else 'Abnormal'}\r\n" for value in (0.1, -7.25, 1e-9))
    from scipy.io import arff

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, _meta = arff.loadarff(io.StringIO(text))
    ours = read_arff(text, file="x.arff")
    assert np.array_equal(ours.values[:, 0], expected["a"])
    assert [ours.attributes[1].categories[int(v)].encode() for v in ours.values[:, 1]] == list(expected["c"])


@pytest.mark.parametrize(
    ("old", "new", "words", "row", "column"),
    [
        ("1.5,-2,plain", "1.5,-2", "2 cells where 3", 9, None),
        ("1.5,-2,plain", "x1.5,-2,plain", "'x1.5' is not a number", 9, "width"),
        ("1.5,-2,plain", "nan,-2,plain", "not a number", 9, "width"),
        ("1.5,-2,plain", "1_5,-2,plain", "not a number", 9, "width"),
        ("1.5,-2,plain", "?,-2,plain", "missing", 9, "width"),
        ("1.5,-2,plain", "1.5,-2,curly", "none of plain, very odd", 9, "kind"),
        ("1.5,-2,plain", "{0 1.5, 2 plain}", "sparse", 9, None),
        ("width numeric", "width string", "only numbers", 4, None),
        ("'a height' REAL", "width REAL", "twice", 5, None),
        ("{plain, 'very odd'}", "{plain, plain}", "not all different", 6, None),
        ("@relation", "@relatoin", "no line of an ARFF header", 2, None),
        ("@data", "", "no line of an ARFF header", 9, None),
    ],
)
def test_a_fault_is_one_error_with_its_line_and_column(old, new, words, row, column):
    with pytest.raises(DataError) as caught:
        read_arff(GOOD.replace(old, new), file="x.arff")
    assert words in caught.value.message
    assert (caught.value.file, caught.value.row, caught.value.column) == ("x.arff", row, column)
    assert caught.value.remedy


def test_a_file_without_rows_or_attributes_is_refused():
    for text in ("", "@relation r\n@data\n1\n", GOOD.split("1.5")[0]):
        with pytest.raises(DataError):
            read_arff(text, file="x.arff")
