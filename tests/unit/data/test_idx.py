"""The idx reader."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sagewizard.data.idx import read_idx
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array: Any) -> bytes:
    code = CODES[array.dtype.str[1:]]
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + shape + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(7,), (5, 28, 28), (0, 3)])
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_is_read_plain_and_gzipped(tmp_path: Path, kind: str, shape: Any, packed: bool) -> None:
    array = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(idx(array), mtime=0) if packed else idx(array))
    np.testing.assert_array_equal(read_idx(path), array, strict=True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an idx file: it starts with nothing"),
        (b"\x00\x00\x08", "not an idx file"),
        (b"PK\x03\x04", "it starts with 50 4b 03 04"),
        (b"\x00\x00\x07\x01" + bytes(8), "not an idx file"),
        (b"\x00\x00\x08\x00", "not an idx file"),
        (b"\x00\x00\x08\x02\x00\x00", "too early"),
        (idx(np.zeros(10, "u1"))[:-3], "3 bytes too early"),
        (idx(np.zeros(10, "u1")) + b"x", "bytes left after 10 numbers"),
        (b"\x00\x00\x0e\xff" + b"\xff" * 4 * 255, "over the ceiling of 1024 MiB"),
        (gzip.compress(idx(np.zeros(1000, "u1")), mtime=0)[:-9], "gzip data is damaged|too early"),
    ],
)
def test_another_format_and_damage_are_refused_with_the_offset(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "images"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert caught.value.offset is not None


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(1 << 20, "f8")), mtime=0))
    with pytest.raises(DataError, match="over the ceiling"):
        read_idx(path, ceiling=1 << 20)


def test_an_absent_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "absent")
