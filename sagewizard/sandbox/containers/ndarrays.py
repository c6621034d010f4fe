"""MXNet's NDArray list file (version 2), the format of a `.params` file: writing, and reading as hostile.

    list   = u64 0x112, u64 0, u64 n, n ARRAY, u64 names, names x (u64 length, bytes)
    ARRAY  = u32 0xF993FAC9, i32 storage 0 (dense), u32 ndim, ndim x i64 extent,
             i32 device 1 (cpu), i32 device id 0, i32 dtype 0 (float32), values

Little-endian throughout.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

LIST_MAGIC = 0x112
ARRAY_MAGIC = 0xF993FAC9
_DENSE, _CPU, _FLOAT32 = 0, 1, 0
_MOST_ARRAYS = 1 << 16
_MOST_DIMENSIONS = 32


class NDArrayFormatError(ValueError):
    """The bytes are not an NDArray list; the text names what is wrong and the byte offset."""


def dumps(arrays: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Write named float32 arrays."""
    out = _arrays(arrays.values())
    out += struct.pack("<Q", len(arrays))
    for name in arrays:
        encoded = name.encode()
        out += struct.pack("<Q", len(encoded)) + encoded
    return bytes(out)


def dumps_list(arrays: Collection[NDArray[np.float32]]) -> bytes:
    """Write float32 arrays without names, which MXNet loads as a plain list."""
    return bytes(_arrays(arrays) + struct.pack("<Q", 0))


def _arrays(arrays: Collection[NDArray[np.float32]]) -> bytearray:
    out = bytearray(struct.pack("<QQQ", LIST_MAGIC, 0, len(arrays)))
    for array in arrays:
        values = np.ascontiguousarray(array, "<f4")
        out += struct.pack("<IiI", ARRAY_MAGIC, _DENSE, values.ndim)
        out += struct.pack(f"<{values.ndim}q", *values.shape)
        out += struct.pack("<iii", _CPU, 0, _FLOAT32)
        out += values.tobytes()
    return out


def loads(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Read named float32 arrays; NDArrayFormatError for anything else, before memory is taken for it."""
    arrays, names = _read(data)
    if len(names) != len(arrays):
        raise NDArrayFormatError(f"{len(names)} names for {len(arrays)} arrays")
    found = dict(zip(names, arrays, strict=True))
    if len(found) != len(arrays):
        raise NDArrayFormatError("two arrays have the same name")
    return found


def loads_list(data: bytes) -> list[NDArray[np.float32]]:
    """Read float32 arrays, with names or without; NDArrayFormatError as for `loads`."""
    return _read(data)[0]


def _read(data: bytes) -> tuple[list[NDArray[np.float32]], list[str]]:
    reader = _Reader(data)
    magic, reserved, count = reader.take("<QQQ", "the header")
    if magic != LIST_MAGIC or reserved != 0:
        raise NDArrayFormatError(f"byte 0: 0x{magic:X} where the magic number 0x{LIST_MAGIC:X} must be")
    if count > _MOST_ARRAYS:
        raise NDArrayFormatError(f"byte 16: {count} arrays are declared, more than {_MOST_ARRAYS}")
    arrays = [reader.array() for _ in range(count)]
    (count_of_names,) = reader.take("<Q", "the number of names")
    if count_of_names not in (0, count):
        raise NDArrayFormatError(f"byte {reader.at - 8}: {count_of_names} names for {count} arrays")
    names = [reader.name() for _ in range(count_of_names)]
    if reader.at != len(data):
        raise NDArrayFormatError(f"byte {reader.at}: {len(data) - reader.at} bytes are left over")
    return arrays, names


class _Reader:
    """Walks over the bytes; every length is checked against what is left."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def bytes(self, count: int, what: str) -> bytes:
        if count > len(self.data) - self.at:
            left = len(self.data) - self.at
            raise NDArrayFormatError(f"byte {self.at}: {what} needs {count} bytes, {left} are left")
        part = self.data[self.at : self.at + count]
        self.at += count
        return part

    def take(self, layout: str, what: str) -> tuple[int, ...]:
        return struct.unpack(layout, self.bytes(struct.calcsize(layout), what))

    def array(self) -> NDArray[np.float32]:
        start = self.at
        magic, storage, dimensions = self.take("<IiI", "an array's header")
        if magic != ARRAY_MAGIC or storage != _DENSE:
            raise NDArrayFormatError(f"byte {start}: this is not a dense array of version 2")
        if not 0 < dimensions <= _MOST_DIMENSIONS:
            raise NDArrayFormatError(f"byte {start}: an array of {dimensions} dimensions")
        shape = self.take(f"<{dimensions}q", "an array's shape")
        _, _, dtype = self.take("<iii", "an array's device and type")
        if dtype != _FLOAT32:
            raise NDArrayFormatError(f"byte {start}: element type {dtype} is not float32")
        if min(shape) < 0:
            raise NDArrayFormatError(f"byte {start}: the shape {shape} has a negative extent")
        values = np.frombuffer(self.bytes(4 * math.prod(shape), f"an array of shape {shape}"), "<f4")
        return values.reshape(shape).astype(np.float32)

    def name(self) -> str:
        (length,) = self.take("<Q", "the length of a name")
        try:
            return self.bytes(length, "a name").decode()
        except UnicodeDecodeError:
            raise NDArrayFormatError(f"byte {self.at}: a name is not UTF-8") from None
