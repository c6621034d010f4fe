"""The idx format of the original MNIST files, gzipped or plain.

Layout (yann.lecun.com/exdb/mnist): two zero bytes, a type byte, the number of dimensions, each dimension as
big-endian u32, then the numbers, big-endian, last dimension fastest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data.compressed import CEILING, open_bounded

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_REMEDY = "Check that this is an idx file such as train-images-idx3-ubyte.gz."


def read_idx(path: Path, ceiling: int = CEILING) -> NDArray[Any]:
    """Read an idx or idx.gz file as an array of its own shape and type, in this machine's byte order.

    DataError with the byte offset for another format, a file that is too short or too long, or one that would
    unpack to more than `ceiling` bytes.
    """
    with open_bounded(path, ceiling) as reader:
        head = reader.upto(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not head[3]:
            reader.offset = 0
            raise reader.error(
                f"this is not an idx file: it starts with {head.hex(' ') or 'nothing'}", _REMEDY
            )
        shape = [int(n) for n in np.frombuffer(reader.read(4 * head[3]), ">u4")]
        dtype = np.dtype(_TYPES[head[2]])
        data = reader.read(math.prod(shape) * dtype.itemsize)
        if reader.upto(1):
            raise reader.error(f"there are bytes left after {math.prod(shape)} numbers", _REMEDY)
        return np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(shape)
