"""The unpickler: everything numpy writes comes back, and nothing else is let in."""

from __future__ import annotations

import gzip
import os
import pickle
import pickletools
import struct
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewizard.data import safe_pickle
from sagewizard.data.safe_pickle import load_pickle
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def load_bytes(data: bytes, **options: Any) -> Any:
        path = tmp_path / "data.pkl"
        path.write_bytes(data)
        return load_pickle(path, **options)

    return load_bytes


def same(a: Any, b: Any) -> None:
    if isinstance(b, np.ndarray | np.generic):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b, strict=True)
    elif isinstance(b, tuple | list):
        assert type(a) is type(b)
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            same(left, right)
    elif isinstance(b, dict):
        assert a.keys() == b.keys()
        for key in b:
            same(a[key], b[key])
    else:
        assert a == b


VALUES = [
    ((np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2])),) * 3,
    [np.asfortranarray(np.arange(12.0).reshape(3, 4)), np.zeros((0, 5)), np.array(3.5)],
    {"a": np.float32(1.5), "b": np.int64(-3), 3: np.bool_(True), "text": np.array(["ab", "c"])},
    [np.array([1, 2], ">i4"), np.array([True, False]), np.array([b"xy"]), np.arange(300, dtype=np.uint8)],
    (1, -1, 255, 256, 70000, -70000, 2**80, -(2**80), 1.5, "é", b"\x00\xff", None, True, (), [], {}),
]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", VALUES)
def test_what_numpy_and_python_write_comes_back(load: Any, value: Any, protocol: int) -> None:
    same(load(pickle.dumps(value, protocol)), value)
    same(load(gzip.compress(pickle.dumps(value, protocol), mtime=0)), value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=20,
    ),
    st.integers(2, 5),
)
@settings(max_examples=100, deadline=None)
def test_plain_values_come_back(tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int) -> None:
    path = tmp_path_factory.getbasetemp() / "plain.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    assert load_pickle(path) == value


def python2(array: np.ndarray[Any, Any]) -> bytes:
    """The opcodes with which Python 2 wrote an array: the old module name, and the data as a byte string."""
    raw = array.tobytes()
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03"
        b"(K\x01" + b"".join(b"M" + struct.pack("<H", n) for n in array.shape) + b"\x86"
        b"cnumpy\ndtype\nq\x04U\x02f4K\x00K\x01\x87Rq\x05(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + struct.pack("<I", len(raw)) + raw + b"tb."
    )


def test_an_array_written_by_python_2_is_read(load: Any) -> None:
    array = np.random.default_rng(0).random((20, 30), np.float32)
    data = python2(array)
    np.testing.assert_array_equal(pickle.loads(data, encoding="latin1"), array)
    np.testing.assert_array_equal(load(data), array, strict=True)


def test_the_mnist_pickle_is_read_as_pickle_reads_it(data_folder: Path) -> None:
    path = data_folder / "mnist" / "mnist.pkl.gz"
    tracemalloc.start()
    splits = load_pickle(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with gzip.open(path) as file:
        expected = pickle.load(file, encoding="latin1")
    for (features, labels), (right_features, right_labels) in zip(splits, expected, strict=True):
        np.testing.assert_array_equal(features, right_features, strict=True)
        np.testing.assert_array_equal(labels, right_labels, strict=True)
    assert peak < 640 << 20


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    ("function", "named"),
    [(os.system, "posix.system"), (eval, "builtins.eval"), (open, "io.open"), (getattr, "builtins.getattr")],
)
def test_a_call_of_anything_is_refused_by_its_name_and_not_made(
    load: Any, tmp_path: Path, protocol: int, function: Any, named: str
) -> None:
    proof = tmp_path / "proof"
    data = pickle.dumps([np.zeros(3), Call(function, f"touch {proof}")], protocol)
    with pytest.raises(DataError, match=named.replace(".", r"\.")) as caught:
        load(data)
    assert caught.value.offset
    assert not proof.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a pickle"),
        (b"<!DOCTYPE html>", "not a pickle of protocol 2"),
        (b"\x80\x09.", "protocol 9"),
        (b"\x80\x02.", "ends with 0 values"),
        (b"\x80\x02K\x01K\x02.", "ends with 2 values"),
        (b"\x80\x02K", "1 bytes too early"),
        (b"\x80\x02R.", "finds nothing"),
        (b"\x80\x02t.", "finds nothing"),
        (b"\x80\x02h\x05.", "finds nothing"),
        (b"\x80\x02q\x05.", "finds nothing"),
        (b"\x80\x02Pid\n.", "the opcode PERSID"),
        (b"\x80\x02(i__main__\nX\n.", "the opcode INST"),
        (b"\x80\x02\x82\x01.", "the opcode EXT1"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "the opcode NEWOBJ"),
        (b"\x80\x02cnumpy\nndarray\n.", "holds numpy.ndarray as a value"),
        (b"\x80\x02cnumpy\nndarray\n}X\x01\x00\x00\x00aK\x01sb.", "state for something that is no array"),
        (b"\x80\x02cnumpy\nload\n.", "asks for numpy.load"),
        (b"\x80\x04\x8c\x05numpy\x8c\x08fromfile\x93.", "asks for numpy.fromfile"),
        (b"\x80\x04K\x01K\x02\x93.", "a name that is not text"),
        (b"\x80\x02" + b"c" + b"a" * 300 + b"\n", "a name is too long"),
        (b"\x80\x02K\x01)R.", "no function"),
        (b"\x80\x02]q\x00]a}q\x01h\x00K\x01s.", "unhashable"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x06\x00\x00\x00rot_13\x86R.", "encoding 'rot_13'"),
        (b"\x80\x02cnumpy\ndtype\nX\x01\x00\x00\x00OK\x00K\x01\x87R.", "the type 'O'"),
        (b"\x80\x02cnumpy\ndtype\nX\x06\x00\x00\x00f4, O8K\x00K\x01\x87R.", "the type 'f4, O8'"),
        (b"\x80\x02X\xff\xff\xff\x7f", "over the ceiling of 1024 MiB"),
        (b"\x80\x04\x8e" + b"\xff" * 8, "over the ceiling"),
    ],
)
def test_damage_and_everything_but_data_is_refused_with_the_reason(
    load: Any, data: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(data)
    assert caught.value.file.endswith("data.pkl")
    assert caught.value.offset is not None
    assert caught.value.remedy


def test_an_array_of_objects_is_refused(load: Any) -> None:
    with pytest.raises(DataError, match="the type 'O8'"):
        load(pickle.dumps(np.array([1, "a"], object), 2))


@pytest.mark.parametrize("shape", [(2**40, 2**40), (-1, 4), (5, 5), (2**70,)])
def test_a_shape_that_does_not_fit_its_bytes_is_refused(load: Any, shape: Any) -> None:
    state = pickle.dumps(shape, 2)[2:-1]
    data = pickle.dumps(np.arange(4.0).reshape(2, 2), 2).replace(b"K\x02K\x02\x86q\x0a", state, 1)
    assert data != pickle.dumps(np.arange(4.0).reshape(2, 2), 2)
    with pytest.raises(DataError, match=r"bytes for an array of|of the shape"):
        load(data)


def test_a_pickle_that_unpacks_to_too_much_is_refused(load: Any) -> None:
    bomb = gzip.compress(pickle.dumps(np.zeros(1 << 20), 4), mtime=0)
    assert len(bomb) < 20_000
    with pytest.raises(DataError, match="over the ceiling of 1 MiB"):
        load(bomb, ceiling=1 << 20)


def test_a_pickle_of_too_many_steps_is_refused(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_pickle, "_STEPS", 1000)
    with pytest.raises(DataError, match="more than 1000 steps"):
        load(b"\x80\x02]" + b"N" * 5000 + b".")


def test_a_memo_index_far_away_takes_no_memory(load: Any) -> None:
    tracemalloc.start()
    assert load(b"\x80\x02Nr\xff\xff\xff\xff.") is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_list_that_holds_itself_is_read(load: Any) -> None:
    value: list[Any] = []
    value.append(value)
    found = load(pickle.dumps(value, 2))
    assert found[0] is found


def test_a_cut_gzip_is_an_error(load: Any) -> None:
    packed = gzip.compress(pickle.dumps(np.random.default_rng(0).random(1000), 2), mtime=0)
    for cut in (3, 100, len(packed) // 2, len(packed) - 8):
        with pytest.raises(DataError):
            load(packed[:cut])


@given(st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    data = bytearray(pickle.dumps([(np.arange(4.0), "x"), {"a": np.float64(1)}], 2))
    data[at % len(data)] = byte
    path = tmp_path_factory.getbasetemp() / "changed.pkl"
    path.write_bytes(bytes(data))
    try:
        load_pickle(path)
    except DataError as error:
        assert error.remedy


def test_one_text_unpacked_many_times_is_refused(load: Any) -> None:
    text = "a" * 1000
    once = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    data = b"\x80\x02X" + struct.pack("<I", 1000) + text.encode() + b"q\x00(" + once * 100 + b"t."
    with pytest.raises(DataError, match="unpacks to more than"):
        load(data, ceiling=50_000)


def test_the_opcodes_that_are_let_in_are_those_of_data() -> None:
    names = """
        MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE BININT1 BININT2 BININT LONG1 BINFLOAT SHORT_BINSTRING
        BINSTRING SHORT_BINUNICODE BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8
        EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS
        GLOBAL STACK_GLOBAL REDUCE BUILD BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET FRAME
    """
    by_name = {op.name: op.code.encode("latin1") for op in pickletools.opcodes}
    assert {by_name[name] for name in names.split()} == set(safe_pickle._ACTIONS)
