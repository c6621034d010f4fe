"""CSV: what is read, which cell an error names, and that written numbers come back exactly."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sagewizard.data.csvio import encode_csv, read_csv, write_csv
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def table(tmp_path: Path) -> Any:
    def write(text: str | bytes, **options: Any) -> Any:
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_csv(path, **options)

    return write


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.int32, np.bool_]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    )
)
@settings(max_examples=150, deadline=None)
def test_written_numbers_read_back_exactly(array: Any) -> None:
    if not np.isfinite(array).all():
        with pytest.raises(DataError, match="cannot be written"):
            encode_csv(array)
        return
    lines = encode_csv(array).decode().splitlines()
    kind = {"f": float, "b": int, "i": int, "u": int}[array.dtype.kind]
    back = np.array([[kind(cell) for cell in line.split(",")] for line in lines]).astype(array.dtype)
    np.testing.assert_array_equal(back, array, strict=True)


def test_labels_come_first_and_every_line_ends_in_a_newline() -> None:
    features = np.array([[0.5, 1], [2, 1e-7]], np.float32)
    assert encode_csv(features, np.array([1, 0])) == b"1,0.5,1.0\n0,2.0,1e-7\n"
    assert (
        encode_csv(np.asfortranarray(features)[::-1], np.array([0.25, 1.0]))
        == b"0.25,2.0,1e-7\n1.0,0.5,1.0\n"
    )
    assert encode_csv(np.zeros((0, 3))) == b""


def test_many_blocks_make_one_file_that_reads_back(tmp_path: Path) -> None:
    features = np.random.default_rng(3).standard_normal((5000, 120)).astype(np.float32)
    labels = np.arange(5000)
    path = tmp_path / "train.csv"
    write_csv(path, features, labels)
    found = read_csv(path)
    assert not found.header
    np.testing.assert_array_equal(found.numbers(range(1, 121)), features, strict=True)
    np.testing.assert_array_equal(found.labels(0), labels, strict=True)
    buffer = io.BytesIO()
    write_csv(buffer, features, labels)
    assert buffer.getvalue() == path.read_bytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_and_nothing_is_left(tmp_path: Path, bad: float) -> None:
    features = np.zeros((9000, 50))
    features[8000, 7] = bad
    with pytest.raises(DataError) as caught:
        write_csv(tmp_path / "train.csv", features, np.zeros(9000))
    assert (caught.value.row, caught.value.column) == (8001, 9)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.zeros(3), None, "not a table"),
        (np.zeros((2, 0)), None, "not a table"),
        (np.zeros((2, 2)), np.zeros(3), "do not fit 2 rows"),
        (np.zeros((2, 2), complex), None, "complex128"),
        (np.array([["a"]]), None, "<U1"),
        (np.zeros((2, 2)), np.array(["a", "b"]), "<U1"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(features: Any, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        encode_csv(features, labels)


def test_a_header_is_found_and_columns_go_by_name_or_number(table: Any) -> None:
    found = table("age, weight,class\n1,2.5,yes\n3,4,no\n")
    assert found.header
    assert found.columns == ("age", "weight", "class")
    np.testing.assert_array_equal(
        found.numbers([0, 1]), np.array([[1, 2.5], [3, 4]], np.float32), strict=True
    )
    assert found.labels(2).tolist() == ["yes", "no"]
    assert [found.find(c) for c in ("class", 3, "3")] == [2, 2, 2]
    with pytest.raises(DataError, match="no column 'wieght'") as caught:
        found.find("wieght")
    assert "'weight'" in caught.value.remedy
    with pytest.raises(DataError, match="no column 4"):
        found.find(4)
    with pytest.raises(DataError, match="no column 0"):
        found.find(0)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n", False),
        ("1,2\n3,4\n", False),
        ("a,b\nc,d\n", False),
        ("a,b\n1,d\n", True),
        ("a,\n1,2\n", False),
        ("\ufeffa,b\n1,2\n", True),
        ("\n\na,b\n1,2\n", True),
    ],
)
def test_a_header_is_a_row_of_words_over_numbers(table: Any, text: str, header: bool) -> None:
    assert table(text).header is header


def test_the_answer_about_the_header_can_be_given(table: Any) -> None:
    assert len(table("a,b\nc,d\n", header=True).frame) == 1
    assert len(table("1,2\n3,4\n", header=True).frame) == 1
    assert len(table("1,2\n3,4\n", header=False).frame) == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(table: Any, delimiter: str) -> None:
    found = table(f"a{delimiter}b\n1{delimiter}2\n")
    assert found.columns == ("a", "b")
    assert found.numbers([1]).tolist() == [[2.0]]


def test_a_gzipped_file_is_read_whatever_it_is_called(table: Any) -> None:
    assert table(gzip.compress(b"a,b\n1,2\n", mtime=0)).numbers([0, 1]).tolist() == [[1.0, 2.0]]
    with pytest.raises(DataError, match="damaged or no text"):
        table(gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-12])


@pytest.mark.parametrize(
    ("text", "row", "column", "message"),
    [
        ("a,b\n1,2\n3,x\n", 3, "b", "'x' is not a number"),
        ("a,b\n1,2\n\n\n3,x\n", 5, "b", "'x' is not a number"),
        ("1,2\n3,x\n", 2, 2, "'x' is not a number"),
        ('a,b\n"1\n",2\n3,"x,y"\n', 4, "b", "'x,y' is not a number"),
        ("a,b\n1,\n", 2, "b", "a number is missing"),
        ("a,b\n1,nan\n", 2, "b", "a number is missing .the cell holds 'nan'"),
        ("a,b\n1,?\n", 2, "b", "the cell holds '[?]'"),
        ("a,b\n1,inf\n", 2, "b", "inf is not a finite 32-bit number"),
        ("a,b\n1,1e300\n", 2, "b", "1e300 is not a finite 32-bit number"),
        ("a,b\n1,2\n3\n", 3, None, "has 1 cells where 2 are expected"),
    ],
)
def test_a_wrong_cell_is_named_by_line_and_column(
    table: Any, text: str, row: int, column: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        table(text).numbers([0, 1])
    assert (caught.value.row, caught.value.column) == (row, column)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("", None, "the file is empty"),
        ("\n\n", None, "the file is empty"),
        ("a,b\n", 1, "'a' is not a number"),
        ("1,2\n3,4,5\n", 2, "has 3 cells where 2 are expected"),
        ("a,b\n1,2\n3,4\n5,6,7\n", 4, "has 3 cells where 2 are expected"),
        ("a,b\n1,2,3\n4,5,6\n", 2, "has 3 cells where 2 are expected"),
        ("a,b,a\n1,2,3\n", 1, "names 'a' twice"),
        (b"a,b\n1,2\n3,caf\xe9\n", 3, "not UTF-8 text: byte 0xE9"),
        (b"\x1f\x8b\x08 nothing", None, "damaged or no text"),
    ],
)
def test_what_is_no_csv_is_refused_with_the_row(table: Any, text: Any, row: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        found = table(text)
        assert not found.header
        found.numbers([0, 1])
    assert caught.value.row == row or row is None


def test_labels_keep_their_kind(table: Any) -> None:
    found = table("a,b,c,d\n1,1.0,1.5,x\n0,0.0,2.5, y\n")
    assert found.labels(0).dtype == np.int64
    assert found.labels(1).dtype == np.int64
    assert found.labels(2).tolist() == [1.5, 2.5]
    assert found.labels(3).tolist() == ["x", "y"]
    assert table("a,b\n1,True\n2,False\n").labels(1).tolist() == ["True", "False"]
    with pytest.raises(DataError, match="a label is missing") as caught:
        table("a,b\n1,x\n2,\n").labels(1)
    assert caught.value.row == 3


def test_an_absent_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_csv(tmp_path / "absent.csv")


def test_the_uci_files_are_read(data_folder: Path) -> None:
    iris = read_csv(data_folder / "iris" / "iris.data")
    assert iris.numbers(range(4)).shape == (150, 4)
    assert sorted(set(iris.labels(4))) == ["Iris-setosa", "Iris-versicolor", "Iris-virginica"]
    abalone = read_csv(data_folder / "abalone" / "abalone.csv")
    assert abalone.numbers(range(1, 8)).shape == (4177, 7)
    with pytest.raises(DataError, match="'M' is not a number"):
        abalone.numbers([0])
