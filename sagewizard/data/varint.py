"""Protobuf varints, encoded and decoded for whole arrays at once.

A varint is little-endian base 128: seven bits a byte, the top bit set on every byte but the last
(protobuf.dev/programming-guides/encoding). Negative numbers are the 64-bit two's complement and so
take ten bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 10
"""Bytes of the longest varint that fits 64 bits."""


def size(value: int) -> int:
    """Return how many bytes the varint of a non-negative integer takes."""
    return max(1, (value.bit_length() + 6) // 7)


def encode(value: int) -> bytes:
    """Return the varint of one integer from -2**63 to 2**64 - 1."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sizes(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return how many bytes each varint takes; `values` is any integer array, the result has its shape."""
    numbers = values.astype(np.int64, copy=False).view(np.uint64)
    lengths = np.ones(numbers.shape, np.int64)
    largest = int(numbers.max()) if numbers.size else 0
    for byte in range(1, size(largest)):
        lengths += numbers >= np.uint64(1 << (7 * byte))
    return lengths


def encode_array(values: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Encode integers (n,) of any type one after another: (all bytes, how many bytes each takes)."""
    numbers = values.astype(np.int64, copy=False).view(np.uint64)
    lengths = sizes(values)
    longest = int(lengths.max()) if lengths.size else 0
    if longest <= 1:
        return numbers.astype(np.uint8), lengths
    ends = np.cumsum(lengths)
    starts = ends - lengths
    out = np.empty(int(ends[-1]), np.uint8)
    for byte in range(longest):
        chosen = np.flatnonzero(lengths > byte) if byte else slice(None)
        bits = (numbers[chosen] >> np.uint64(7 * byte)).astype(np.uint8) & 0x7F
        more = (lengths[chosen] > byte + 1).astype(np.uint8) << 7
        out[starts[chosen] + byte] = bits | more
    return out, lengths


def decode_array(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Decode varints that lie one after another in `data` (n,).

    Raises ValueError whose first argument is a message and whose second is the position in `data` when the
    last varint does not end, or one is longer than ten bytes.
    """
    if not data.size:
        return np.empty(0, np.uint64)
    closing = data < 0x80
    if closing.all():
        return data.astype(np.uint64)
    ends = np.flatnonzero(closing)
    if not closing[-1]:
        raise ValueError("a varint does not end", int(ends[-1]) + 1 if ends.size else 0)
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts + 1
    longest = int(lengths.max())
    if longest > LONGEST:
        raise ValueError("a varint is longer than ten bytes", int(starts[int(lengths.argmax())]))
    out = (data[starts] & 0x7F).astype(np.uint64)
    for byte in range(1, longest):
        chosen = np.flatnonzero(lengths > byte)
        out[chosen] |= (data[starts[chosen] + byte] & 0x7F).astype(np.uint64) << np.uint64(7 * byte)
    return out
