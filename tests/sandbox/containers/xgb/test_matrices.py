"""Reading: CSV as XGBoost reads it, delimiters, weights, libsvm, RecordIO, Parquet, and damaged files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sagewizard.data import recordio
from sagewizard.sandbox.containers.contract import CustomerError, open_container
from sagewizard.sandbox.containers.xgb import channels
from sagewizard.sandbox.containers.xgb.image import Image
from sagewizard.sandbox.containers.xgb.log import XgboostLog
from sagewizard.sandbox.containers.xgb.matrices import MatrixReader, Source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.containers.xgb.conftest import XgboostJob
else:
    XgboostJob = Any

CSV, LIBSVM = "csv", "libsvm"


class Clock:
    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    def wait(self, cancel: Any, seconds: float) -> bool:
        return False


def read(
    tmp_path: Path, files: dict[str, bytes], form: str, *, version: str = "1.0-1", weights: bool = False
) -> Any:
    """Check and read files as the channel `train`; the DMatrix."""
    folder = tmp_path / "input" / "data" / "train"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    image = Image(version)
    log = XgboostLog(image, Clock())
    container = open_container({"SAGEMAKER_BASE_DIR": str(tmp_path)}, Clock(), log)
    reader = MatrixReader(container, image, log)
    found = channels.data_files(_channel(folder))
    reader.check(found, form)
    return reader.read(Source(found.paths, form, "/opt/ml/input/data/train", weights))


def _channel(folder: Path) -> Any:
    from sagewizard.sandbox.containers.contract import Channel

    return Channel("train", folder, None)


def table(matrix: Any) -> np.ndarray:
    """The values of a matrix, NaN where it has none."""
    sparse = matrix.get_data().tocoo()
    values = np.full((matrix.num_row(), matrix.num_col()), np.nan)
    values[sparse.row, sparse.col] = sparse.data
    return values


def same(found: Any, expected: list[list[float]]) -> bool:
    return np.array_equal(table(found), np.array(expected, float), equal_nan=True)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", " "])
def test_the_delimiter_is_found_out(tmp_path: Path, delimiter: str) -> None:
    rows = [[1, 2.5, 3], [0, 4, -5.25]]
    text = "".join(delimiter.join(map(str, row)) + "\n" for row in rows)
    matrix = read(tmp_path, {"a": text.encode()}, CSV)
    assert matrix.get_label().tolist() == [1, 0] and same(matrix, [[2.5, 3], [4, -5.25]])


def test_files_are_read_in_the_order_of_their_keys_whatever_they_are_called(tmp_path: Path) -> None:
    files = {"b?format=x;#&": b"1,1\n", "a/z": b"0,2\n", "c": b"1,3\n"}
    matrix = read(tmp_path, files, CSV)
    assert table(matrix)[:, 0].tolist() == [2, 1, 3]


def test_empty_fields_and_text_are_missing_and_a_text_label_is_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = read(tmp_path, {"a": b"class,x,y\n1,,7\n1,abc,8\n"}, CSV)
    nan = float("nan")
    assert same(matrix, [[nan, nan], [nan, 7], [nan, 8]]) and matrix.get_label().tolist() == [0, 1, 1]
    note = "Sandbox: the first line of /opt/ml/input/data/train/a holds text ('class')."
    assert note in capsys.readouterr().out


def test_the_second_column_may_be_the_weight(tmp_path: Path) -> None:
    matrix = read(tmp_path, {"a": b"1,0.5,3\n0,2,4\n"}, CSV, weights=True)
    assert matrix.get_weight().tolist() == [0.5, 2] and same(matrix, [[3], [4]])


def test_a_first_line_of_one_column_has_no_delimiter(tmp_path: Path) -> None:
    with pytest.raises(CustomerError) as caught:
        read(tmp_path, {"a": b"5\n6\n"}, CSV)
    assert str(caught.value).startswith("Could not determine delimiter on line 5\n:\n")


def test_a_long_first_line_is_read_whole_and_sniffed_in_part(tmp_path: Path) -> None:
    matrix = read(tmp_path, {"a": b"1" + b",2.5" * 20_000 + b"\n0" + b",3" * 20_000 + b"\n"}, CSV)
    assert (matrix.num_row(), matrix.num_col()) == (2, 20_000)
    quotes = b"'\"x, " * 13_000 + b"\n"
    assert read(tmp_path / "quotes", {"a": quotes}, CSV).num_row() == 1


def test_libsvm_has_weights_and_groups(tmp_path: Path) -> None:
    matrix = read(tmp_path, {"a": b"1:0.5 1:2 2:3\n0:2 1:3 3:4\n"}, LIBSVM)
    nan = float("nan")
    assert same(matrix, [[nan, 2, 3, nan], [nan, 3, nan, 4]]) and matrix.get_weight().tolist() == [0.5, 2]


@pytest.mark.parametrize("line", ["1,2,3", "a 1:2", "1 2 3", "1:2:3 1:2", "1 1:2:3"])
def test_what_is_not_libsvm_is_named_with_its_first_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(CustomerError) as caught:
        read(tmp_path, {"data.txt": f"{line}\n".encode()}, LIBSVM)
    assert str(caught.value) == (
        f"First line '{line}\n...' of file 'data.txt' is not 'LIBSVM' format. "
        "Please ensure the file is in 'LIBSVM' format."
    )


def test_the_first_image_has_sentences_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(CustomerError, match="Non-numeric value 'c' found in the header line 'class,x"):
        read(tmp_path, {"a": b"class,x\n1,2\n"}, CSV, version="1")
    with pytest.raises(CustomerError, match="Blankspace and colon found in firstline '1 1:2"):
        read(tmp_path / "b", {"a": b"1 1:2\n"}, CSV, version="1")
    with pytest.raises(CustomerError, match="Blankspace and colon not found in firstline '1,2"):
        read(tmp_path / "c", {"a": b"1,2\n"}, LIBSVM, version="1")


@pytest.mark.parametrize("sparse", [False, True])
def test_recordio_is_read_dense_and_sparse(tmp_path: Path, sparse: bool) -> None:
    from scipy.sparse import csr_matrix

    features = np.array([[1, 0, 2], [0, 3, 0]], np.float32)
    data = recordio.encode(csr_matrix(features) if sparse else features, np.array([1, 0], np.float32))
    matrix = read(tmp_path, {"a": data}, "recordio-protobuf")
    assert matrix.get_label().tolist() == [1, 0] and np.nansum(table(matrix)) == 6


def test_damaged_and_unlabelled_recordio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CustomerError, match="Failed to load recordio-protobuf data with exception:\n"):
        read(tmp_path, {"a": b"no records at all"}, "recordio-protobuf")
    data = recordio.encode(np.ones((2, 2), np.float32))
    with pytest.raises(CustomerError, match="Got input data without labels"):
        read(tmp_path / "b", {"a": data}, "recordio-protobuf")


def test_parquet_says_what_to_install_or_is_read(tmp_path: Path) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        with pytest.raises(
            CustomerError, match=r"Failed to load parquet data with exception:\n.*pip install pyarrow"
        ):
            read(tmp_path, {"a": b"PAR1"}, "parquet")
        return
    import pandas

    frame = pandas.DataFrame({"label": [1.0, 0.0], "x": [2.0, 3.0]})
    path = tmp_path / "frame"
    frame.to_parquet(path)
    matrix = read(tmp_path, {"a": path.read_bytes()}, "parquet")
    assert matrix.get_label().tolist() == [1, 0] and same(matrix, [[2], [3]])
