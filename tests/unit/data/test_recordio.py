"""RecordIO: round trips, files that are damaged or hostile, memory, replies."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from sagewizard.data import recordio, varint
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"\x0a\x23\xd7\xce"


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint.encode(len(content)) + content


def frame(record: bytes) -> bytes:
    return MAGIC + struct.pack("<I", len(record)) + record + bytes(-len(record) % 4)


def entry(number: int, tensor: bytes, *, kind: int = 2, name: bytes = b"values") -> bytes:
    return field(number, field(1, name) + field(2, field(kind, tensor)))


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def table(rows: int, columns: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int32]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40),
    ),
    st.sampled_from([None, np.float32, np.float64, np.int32]),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_encoded_decodes_to_the_same(features: Any, label: Any, random: Any) -> None:
    labels = None
    if label is not None:
        labels = np.array([random.randrange(-300, 300) for _ in features]).astype(label)
    records = recordio.decode(recordio.encode(features, labels))
    np.testing.assert_array_equal(records.features, features, strict=True)
    assert (records.labels is None) == (labels is None)
    if labels is not None:
        np.testing.assert_array_equal(records.labels, labels)


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_varints_of_whole_arrays_equal_those_of_single_numbers(numbers: list[int]) -> None:
    array = np.array(numbers, np.uint64)
    data, sizes = varint.encode_array(array)
    assert data.tobytes() == b"".join(map(varint.encode, numbers))
    assert sizes.tolist() == [len(varint.encode(n)) for n in numbers]
    np.testing.assert_array_equal(varint.decode_array(data), array)


def test_the_first_bytes_of_a_row_of_784_are_the_documented_ones() -> None:
    data = recordio.encode(table(1, 784), np.zeros(1, np.float32))
    wanted = "0a 23 d7 ce 68 0c 00 00 0a d1 18 0a 06 76 61 6c 75 65 73 12 c6 18 12 c3 18 0a c0 18"
    assert data[:28] == bytes.fromhex(wanted)
    assert len(data) == 159_200_000 // 50_000


def test_a_file_of_many_blocks_goes_round_and_is_replaced_whole(tmp_path: Path) -> None:
    features, labels = table(5000, 300), np.arange(5000) % 10
    path = tmp_path / "train.pbr"
    path.write_bytes(b"old")
    recordio.write(path, features, labels)
    records = recordio.read(path)
    np.testing.assert_array_equal(records.features, features)
    np.testing.assert_array_equal(records.labels, labels)
    with path.open("rb") as file:
        np.testing.assert_array_equal(recordio.read(file).features, features)
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "train.pbr"
    path.write_bytes(b"old")
    features = np.zeros((200_000, 2), np.int64)
    features[-1, 1] = 2**31
    with pytest.raises(DataError, match="2147483648 does not fit 32 bits") as caught:
        recordio.write(path, features)
    assert (caught.value.row, caught.value.column) == (200_000, 2)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_stream_of_unknown_length_is_read_to_its_end() -> None:
    features, labels = table(3000, 200), table(1, 3000)[0]
    packed = gzip.compress(recordio.encode(features, labels), 1, mtime=0)
    with gzip.open(io.BytesIO(packed)) as file:
        records = recordio.read(file)  # type: ignore[arg-type]
    np.testing.assert_array_equal(records.features, features)
    np.testing.assert_array_equal(records.labels, labels)


def test_an_unbuffered_target_that_takes_little_at_a_time_gets_everything() -> None:
    class Slow(io.RawIOBase):
        got = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.got += bytes(data[:1000])
            return min(len(data), 1000)

    target, features = Slow(), table(40, 100)
    recordio.write(target, features)  # type: ignore[arg-type]
    assert target.got == recordio.encode(features)


def test_several_files_are_one_table_in_their_order(tmp_path: Path) -> None:
    paths = []
    for part in range(3):
        paths.append(tmp_path / f"matrix_{part}.pbr")
        recordio.write(paths[-1], table(500 + part, 40, part), np.full(500 + part, 1000 * part))
    records = recordio.read_files(paths)
    np.testing.assert_array_equal(records.features, np.vstack([table(500 + p, 40, p) for p in range(3)]))
    np.testing.assert_array_equal(records.labels, np.repeat([0, 1000, 2000], [500, 501, 502]))


def test_several_sparse_files_are_one_matrix(tmp_path: Path) -> None:
    parts = [sparse.random(50, 900, 0.01, "csr", np.float32, rng=part) for part in range(3)]
    for number, part in enumerate(parts):
        recordio.write(tmp_path / str(number), part)
    records = recordio.read_files([tmp_path / str(number) for number in range(3)])
    assert records.sparse
    np.testing.assert_array_equal(records.dense(), np.vstack([part.toarray() for part in parts]))


def test_files_that_do_not_fit_together_are_an_error_that_names_the_second(tmp_path: Path) -> None:
    recordio.write(tmp_path / "a", table(3, 4))
    recordio.write(tmp_path / "b", table(3, 5))
    with pytest.raises(DataError, match="record 4 has 5 features, the first record 4") as caught:
        recordio.read_files([tmp_path / "a", tmp_path / "b"])
    assert caught.value.file.endswith("b")
    assert caught.value.offset == 0
    recordio.write(tmp_path / "c", table(3, 4), np.zeros(3, np.float32))
    with pytest.raises(DataError, match="has float32 label, the first record no label"):
        recordio.read_files([tmp_path / "a", tmp_path / "c"])
    recordio.write(tmp_path / "d", table(3, 4).astype(float))
    with pytest.raises(DataError, match="holds float64 values, the first record float32"):
        recordio.read_files([tmp_path / "a", tmp_path / "d"])


def test_a_missing_file_and_no_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        recordio.read(tmp_path / "absent")
    with pytest.raises(DataError, match="no files"):
        recordio.read_files([])
    with pytest.raises(DataError, match="cannot be written"):
        recordio.write(tmp_path / "no" / "folder", table(1, 1))


@pytest.mark.parametrize("labels", [None, np.arange(30), np.arange(30) * 1000])
def test_a_file_cut_anywhere_is_an_error_with_the_offset(labels: Any) -> None:
    data = recordio.encode(table(30, 5), labels)
    edges = {0}
    for part in recordio.frames(io.BytesIO(data)):
        edges.add(max(edges) + len(part))
    assert len(edges) == 31
    for cut in range(len(data)):
        if cut in edges - {0}:
            np.testing.assert_array_equal(
                recordio.decode(data[:cut]).features, table(30, 5)[: sorted(edges).index(cut)]
            )
            continue
        with pytest.raises(DataError) as caught:
            recordio.decode(data[:cut])
        last = max(edge for edge in edges if edge <= cut)
        assert caught.value.offset is not None
        assert last <= caught.value.offset <= cut
        assert caught.value.remedy


@pytest.mark.parametrize("matrix", [table(20, 6), sparse.csr_matrix(table(20, 6) > 0, dtype=float)])
def test_a_flipped_byte_is_read_or_refused_and_never_anything_else(matrix: Any) -> None:
    data = recordio.encode(matrix, np.arange(20) * 50)
    rng = np.random.default_rng(5)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= int(rng.integers(1, 256))
        try:
            records = recordio.decode(bytes(damaged))
        except DataError as error:
            assert error.offset is not None
        else:
            assert records.features.shape[0] == 20


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_in_a_frame_are_read_or_refused(body: bytes) -> None:
    for data in (body, frame(body), frame(entry(1, floats(1.0))) + frame(body), frame(entry(1, body))):
        try:
            recordio.decode(data)
        except DataError as error:
            assert error.offset is not None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "there is no record"),
        (b"\x1f\x8b\x08\x00 gzip", "not a RecordIO file: 0x00088B1F where 0xCED7230A must be"),
        (b"1,2,3\n4,5,6\n", "not a RecordIO file"),
        (MAGIC + b"\xff\xff\xff\x1f" + bytes(64), "declares 536870911 bytes, 64 are left"),
        (MAGIC + b"\xff\xff\xff\xff" + bytes(64), "declares 4294967295 bytes or is split"),
        (frame(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "a field of 18446744073709551615 bytes"),
        (frame(b"\x0a" + b"\xff" * 12), "a number that does not end"),
        (frame(b"\x0b\x00"), "unknown wire type 3"),
        (frame(b"\x00\x00"), "field number 0"),
        (frame(b""), "no features where 'values' is expected"),
        (frame(entry(1, field(1, floats(1)), name=b"in0")), "holds in0 where 'values' is expected"),
        (frame(entry(1, field(1, b"\xff\xd8"), kind=9)), "bytes .an image or a text. where numbers"),
        (frame(entry(1, field(1, b"\x00\x00\x80"))), "values that end too early"),
        (frame(entry(1, field(1, b"\x80"), kind=7)), "values that end too early"),
        (frame(entry(1, field(1, b"\x80" * 11 + b"\x01"), kind=7)), "longer than ten bytes"),
        (
            frame(entry(1, field(1, floats(1)) + field(2, b"\x05") + field(3, b"\x05"))),
            "key 5, beyond 5 columns",
        ),
        (frame(entry(1, field(1, floats(1)) + field(2, b"\xff" * 9 + b"\x01"))), "key 18446744073709551615"),
        (
            frame(entry(1, field(1, floats(1)) + field(2, b"\x01\x02") + field(3, b"\x05"))),
            "2 keys for 1 values",
        ),
        (frame(entry(1, field(1, floats(1)) + field(3, b"\x02"))), "declares 2 columns and has 1 features"),
        (frame(entry(1, field(1, floats(1)) + field(3, b"\xff" * 9 + b"\x01"))), "declares a shape of"),
        (
            frame(entry(1, field(3, b"\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f"))),
            "beyond 2147483647 columns",
        ),
        (frame(entry(1, field(1, floats(1))) + entry(2, field(1, floats(1, 2)))), "has 2 label values"),
        (frame(entry(1, field(1, floats(1))) + entry(2, b"")), "has 0 label values"),
        (
            frame(entry(1, field(1, floats(1))) + entry(2, field(1, floats(1)), name=b"score")),
            "label score where 'values'",
        ),
        (
            frame(entry(1, field(1, floats(1)))) + frame(entry(1, field(1, floats(1, 2)))),
            "record 2 has 2 features",
        ),
        (
            frame(entry(1, field(1, floats(1)))) + frame(entry(1, field(1, floats(1)) + field(2, b"\x01"))),
            "record 2 is sparse, the first record is dense",
        ),
        (frame(entry(1, field(1, floats(1)))) + b"\x00" * 64, "record 2 is damaged: 0x00000000"),
    ],
)
def test_hostile_and_foreign_data_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        recordio.decode(data)
    assert caught.value.offset is not None


def test_a_huge_declared_shape_allocates_nothing() -> None:
    data = frame(entry(1, field(1, floats(3)) + field(2, b"\x07") + field(3, varint.encode(2**31 - 1))))
    tracemalloc.start()
    records = recordio.decode(data * 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert records.features.shape == (1000, 2**31 - 1)
    assert peak < 16 << 20
    with pytest.raises(DataError, match="1000 sparse rows of 2147483647 columns are too many"):
        records.dense()


def test_a_declared_length_allocates_nothing_from_a_stream_of_unknown_length() -> None:
    packed = gzip.compress(MAGIC + struct.pack("<I", (1 << 29) - 1) + bytes(100), mtime=0)
    tracemalloc.start()
    with gzip.open(io.BytesIO(packed)) as file, pytest.raises(DataError, match="100 are left"):
        recordio.read(file)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_fields_in_another_order_unpacked_or_unknown_are_read() -> None:
    unpacked = b"".join(b"\x0d" + floats(v) for v in (1, 2, 3))
    value = field(2, field(2, unpacked))
    uid, swapped = field(3, b"id"), field(1, value + field(1, b"values"))
    label = field(2, field(1, b"values") + field(2, field(7, b"\x08\x80\x01")))
    records = recordio.decode(frame(label + uid + swapped) + frame(swapped + label))
    np.testing.assert_array_equal(records.features, np.array([[1, 2, 3]] * 2, np.float32), strict=True)
    np.testing.assert_array_equal(records.labels, np.array([128, 128], np.int32), strict=True)


def test_a_sparse_file_without_shapes_is_as_wide_as_its_largest_key() -> None:
    rows = [field(1, floats(1, 2)) + field(2, b"\x00\x03"), b"", field(1, floats(5)) + field(2, b"\x06")]
    records = recordio.decode(b"".join(frame(entry(1, row)) for row in rows))
    np.testing.assert_array_equal(records.dense(), [[1, 0, 0, 2, 0, 0, 0], [0] * 7, [0, 0, 0, 0, 0, 0, 5]])


def test_dense_records_that_state_their_shape_are_read() -> None:
    row = field(1, floats(*range(6))) + field(3, b"\x02\x03")
    np.testing.assert_array_equal(recordio.decode(frame(entry(1, row))).features, [list(range(6))])


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.zeros(3), None, "shape .3,. is not a table"),
        (np.zeros((2, 2), np.float16), None, "features of type float16"),
        (np.zeros((2, 2), complex), None, "complex128"),
        (np.zeros((2, 2), object), None, "object"),
        (np.zeros((2, 3)), np.zeros(3), "labels of shape .3,. do not fit 2 rows"),
        (np.zeros((2, 3)), np.zeros((2, 1)), "labels of shape .2, 1."),
        (np.zeros((2, 3)), np.array(["a", "b"]), "labels of type <U1"),
        (np.zeros((2, 3)), np.array([1, -(2**31) - 1]), "-2147483649 does not fit 32 bits"),
        (np.array([[2**63]], np.uint64), None, "9223372036854775808 does not fit"),
        (sparse.csr_matrix([[0, 2**40]]), None, "1099511627776 does not fit"),
        (sparse.coo_array(np.zeros(3)), None, "one dimension"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(features: Any, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        recordio.encode(features, labels)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint16, ">f4", ">f8", ">i8"])
def test_other_integers_and_byte_orders_are_written_as_their_values(kind: Any) -> None:
    features = np.arange(12).reshape(3, 4).astype(kind)
    np.testing.assert_array_equal(recordio.decode(recordio.encode(features)).features, features)


def test_no_rows_write_no_bytes() -> None:
    assert recordio.encode(np.zeros((0, 4))) == b""
    assert recordio.encode(sparse.csr_matrix((0, 4))) == b""


class Sink(io.RawIOBase):
    """Takes bytes and forgets them."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


@pytest.mark.parametrize("kind", ["dense", "mixed labels", "integers", "sparse"])
def test_writing_takes_at_most_16_megabytes(kind: str) -> None:
    features: Any = np.broadcast_to(np.linspace(0, 255, 784, dtype=np.float32), (50_000, 784))
    labels = (np.arange(50_000) % 10).astype(np.float32)
    if kind == "mixed labels":
        labels = np.arange(50_000)
    elif kind == "integers":
        features = np.broadcast_to(np.arange(784), (10_000, 784))
        labels = labels[:10_000]
    elif kind == "sparse":
        features = sparse.random(50_000, 784, 0.05, "csr", np.float32, rng=1)
    tracemalloc.start()
    recordio.write(Sink(), features, labels)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 16 << 20


@pytest.mark.parametrize("labels", [np.arange(8000) % 10, np.arange(8000)])
def test_reading_holds_the_data_once(tmp_path: Path, labels: Any) -> None:
    features = table(8000, 784)
    recordio.write(tmp_path / "a", features[:5000], labels[:5000])
    recordio.write(tmp_path / "b", features[5000:], labels[5000:])
    tracemalloc.start()
    records = recordio.read_files([tmp_path / "a", tmp_path / "b"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(records.features, features)
    assert peak <= features.nbytes + (8 << 20)


def test_frames_split_a_file_without_changing_a_byte() -> None:
    data = recordio.encode(table(2000, 300), np.arange(2000) * 7)
    parts = list(recordio.frames(io.BytesIO(data)))
    assert len(parts) == 2000
    assert b"".join(parts) == data
    np.testing.assert_array_equal(recordio.decode(parts[7]).features, table(2000, 300)[7:8])


def test_replies_hold_score_and_label_and_no_features() -> None:
    scores, labels = np.linspace(0, 1, 5, dtype=np.float32), np.array([0, 0, 0, 1, 1])
    data = recordio.encode_predictions({"score": scores, "predicted_label": labels})
    first = next(recordio.frames(io.BytesIO(data)))
    score = field(2, field(1, b"score") + field(2, field(2, field(1, floats(0)))))
    label = field(2, field(1, b"predicted_label") + field(2, field(2, field(1, floats(0)))))
    assert first == frame(score + label)
    found = recordio.decode_predictions(data)
    np.testing.assert_array_equal(found["score"], scores, strict=True)
    np.testing.assert_array_equal(found["predicted_label"], labels.astype(np.float32), strict=True)


def test_replies_hold_the_scores_of_several_classes() -> None:
    scores = np.random.default_rng(1).random((6, 10), np.float32)
    data = recordio.encode_predictions({"score": scores, "predicted_label": scores.argmax(axis=1)})
    np.testing.assert_array_equal(recordio.decode_predictions(data)["score"], scores, strict=True)


def test_damaged_replies_are_refused() -> None:
    good = recordio.encode_predictions({"score": np.zeros(2)})
    other = recordio.encode_predictions({"predicted_label": np.zeros(2)})
    with pytest.raises(DataError, match="record 3 holds predicted_label, the first record score"):
        recordio.decode_predictions(good + other)
    with pytest.raises(DataError, match="ends inside record 2"):
        recordio.decode_predictions(good[:-4])
    with pytest.raises(DataError, match="record 3 has 2 float32 values"):
        recordio.decode_predictions(good + recordio.encode_predictions({"score": np.zeros((1, 2))}))
    with pytest.raises(DataError, match="differ in length"):
        recordio.encode_predictions({"score": np.zeros(2), "predicted_label": np.zeros(3)})
