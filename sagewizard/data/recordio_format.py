"""The RecordIO-protobuf layout: frame, record, map entry, value and tensor, with their tags.

    frame  = u32 0xCED7230A, u32 length of the record, record, zero padding to 4 (not counted)
    record = 0A varint ENTRY (feature map), 12 varint ENTRY (label map, absent without labels)
    ENTRY  = 0A varint name, 12 varint VALUE
    VALUE  = 12 (float32) | 1A (float64) | 3A (int32), varint, TENSOR
    TENSOR = 0A varint packed values, 12 varint packed keys, 1A varint packed shape; empty fields are left out

Everything is little-endian. It is what `sagemaker.amazon.common` of the SageMaker SDK 2 writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data import varint
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

MAGIC = 0xCED7230A
MAGIC_BYTES = MAGIC.to_bytes(4, "little")
FRAME_HEADER = 8
LONGEST_RECORD = (1 << 29) - 1
"""The frame's length field has 29 bits for the length; the top three mark records split into parts."""

FEATURES, LABEL = 1, 2
"""Field numbers of the two maps in a record."""

VALUES = "values"
"""The name under which features and label are kept in their maps."""

FIELD_OF_DTYPE: dict[str, int] = {"float32": 2, "float64": 3, "int32": 7}
"""Field number of the tensor in a Value, by element type."""
DTYPE_OF_FIELD = {number: name for name, number in FIELD_OF_DTYPE.items()}
BYTES_FIELD = 9

MOST_DENSE = 8 << 30
"""Bytes a sparse file may take when it is expanded."""

BLOCK = 1 << 20
"""Bytes handled at a time when reading or writing: fits the second-level cache, keeps extra memory small."""


@dataclass(frozen=True, slots=True)
class Records:
    """What a RecordIO file holds: `features` (n, d), an array or a CSR matrix, and `labels` (n,) or None.

    Element types are float32, float64 or int32, as in the file.
    """

    features: NDArray[Any] | csr_matrix
    labels: NDArray[Any] | None

    @property
    def sparse(self) -> bool:
        """True when the features are a CSR matrix."""
        return not isinstance(self.features, np.ndarray)

    def dense(self) -> NDArray[Any]:
        """Return the features as an array (n, d); a CSR matrix is expanded to n x d elements.

        DataError when that would take more than 8 GiB: a few bytes can declare billions of columns.
        """
        if isinstance(self.features, np.ndarray):
            return self.features
        rows, width = self.features.shape
        if rows * width * self.features.dtype.itemsize > MOST_DENSE:
            raise DataError(
                f"{rows} sparse rows of {width} columns are too many to hold as a dense table",
                remedy="Use fewer columns, or an algorithm that takes sparse data.",
            )
        return np.asarray(self.features.toarray())


def padding(length: int) -> int:
    """Return how many zero bytes follow a record of this length."""
    return -length % 4


def map_prefix(field: int, name: str, kind: str, payload: int) -> bytes:
    """Return all bytes of a map entry before its packed values, `payload` bytes of them."""
    out = b""
    inner = payload
    if payload:
        out = b"\x0a" + varint.encode(payload)
        inner = len(out) + payload
    out = bytes([FIELD_OF_DTYPE[kind] << 3 | 2]) + varint.encode(inner) + out
    value = len(out) + payload
    out = b"\x0a" + varint.encode(len(name)) + name.encode() + b"\x12" + varint.encode(value) + out
    return bytes([field << 3 | 2]) + varint.encode(len(out) + payload) + out
