"""The wire form of a streamed answer, `application/vnd.amazon.eventstream`: one message after another.

A message is its length, the length of its headers, the CRC-32 of these two, the headers, the payload, and the
CRC-32 of all before; every number is big endian. A header is a name, its type (7 is text) and a value.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_TEXT = 7
_LARGEST_PART = 1 << 20


def payload_parts(body: bytes) -> Iterator[bytes]:
    """Yield a body as messages of the event `PayloadPart`, of 1 MiB each at most; at least one."""
    headers = {
        ":message-type": "event",
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
    }
    for start in range(0, max(len(body), 1), _LARGEST_PART):
        yield message(headers, body[start : start + _LARGEST_PART])


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """Encode one message; every header is text."""
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(encoded) + len(payload), len(encoded))
    whole = prelude + struct.pack("!I", zlib.crc32(prelude)) + encoded + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack("!B", len(key)) + key + struct.pack("!BH", _TEXT, len(text)) + text
