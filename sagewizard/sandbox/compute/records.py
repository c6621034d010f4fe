"""Owns how batch transform cuts an input object into requests: split type, batch strategy, payload limit."""

from __future__ import annotations

import struct
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDIO_MAGIC = 0xCED7230A
_RECORDIO_HEADER = struct.Struct("<II")
_TFRECORD_HEADER = struct.Struct("<QI")  # length, masked CRC of the length
_TFRECORD_FOOTER = 4  # masked CRC of the data


class RecordError(ValueError):
    """A record is too large for a request, or the object is not what its split type says."""


class RecordTooLarge(RecordError):  # noqa: N818 - as HTTP names it
    """One record alone is larger than MaxPayloadInMB."""


def payloads(stream: IO[bytes], split: str, strategy: str, limit: int) -> Iterator[bytes]:
    """Yield the request bodies for one object, each of at most `limit` bytes, read as they are needed.

    `split` is None, Line, RecordIO or TFRecord; `strategy` is MultiRecord (as many records as fit) or
    SingleRecord. Without a split type the whole object is one request. Lines come without the last newline;
    RecordIO and TFRecord records keep their framing. Blank lines and empty objects give no request.
    """
    if split == "None":
        whole = stream.read(limit + 1)
        if len(whole) > limit:
            raise _too_large(0, limit)
        if whole:
            yield whole
    elif split == "Line":
        blocks = _line_blocks(stream, limit)
        for block in blocks:
            if strategy == "SingleRecord":
                yield from (line for line in block.split(b"\n") if line.strip())
            elif block.strip():
                yield block
    else:
        records = _recordio(stream, limit) if split == "RecordIO" else _tfrecords(stream, limit)
        yield from records if strategy == "SingleRecord" else _packed(records, limit)


def _line_blocks(stream: IO[bytes], limit: int) -> Iterator[bytes]:
    """Yield runs of whole lines, each run as long as fits: 6 MB are cut with one search, not line by line."""
    data, offset, ended = b"", 0, False
    while True:
        while not ended and len(data) <= limit:
            block = stream.read(limit + 1 - len(data))
            ended = not block
            data += block
        if ended and len(data) <= limit:
            if data:
                yield data.removesuffix(b"\n")
            return
        cut = data.rfind(b"\n", 0, limit + 1)
        if cut < 0:
            raise _too_large(offset, limit)
        yield data[:cut]
        offset += cut + 1
        data = data[cut + 1 :]


def _packed(records: Iterator[bytes], limit: int) -> Iterator[bytes]:
    batch: list[bytes] = []
    size = 0
    for record in records:
        if batch and size + len(record) > limit:
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield b"".join(batch)


def _recordio(stream: IO[bytes], limit: int) -> Iterator[bytes]:
    """Cut RecordIO: u32 magic, u32 length (its upper three bits: 0 whole, 1 first, 2 middle, 3 last part)."""
    offset, parts, size = 0, [], 0
    while header := stream.read(_RECORDIO_HEADER.size):
        if len(header) < _RECORDIO_HEADER.size:
            raise _truncated("RecordIO", offset)
        magic, word = _RECORDIO_HEADER.unpack(header)
        if magic != RECORDIO_MAGIC:
            raise RecordError(
                f"There is no RecordIO record at byte {offset:,}: its first four bytes are wrong."
            )
        part, length = word >> 29, word & ((1 << 29) - 1)
        padded = length + (-length % 4)
        size += len(header) + padded
        if size > limit:
            raise _too_large(offset, limit)
        body = stream.read(padded)
        if len(body) < padded:
            raise _truncated("RecordIO", offset)
        parts += [header, body]
        offset += len(header) + padded
        if part in (0, 3):
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        raise _truncated("RecordIO", offset)


def _tfrecords(stream: IO[bytes], limit: int) -> Iterator[bytes]:
    """Cut TFRecord: u64 length, u32 CRC, data, u32 CRC; the checksums are left to the container."""
    offset = 0
    while header := stream.read(_TFRECORD_HEADER.size):
        if len(header) < _TFRECORD_HEADER.size:
            raise _truncated("TFRecord", offset)
        rest = _TFRECORD_HEADER.unpack(header)[0] + _TFRECORD_FOOTER
        if len(header) + rest > limit:
            raise _too_large(offset, limit)
        body = stream.read(rest)
        if len(body) < rest:
            raise _truncated("TFRecord", offset)
        yield header + body
        offset += len(header) + rest


def _too_large(offset: int, limit: int) -> RecordTooLarge:
    return RecordTooLarge(
        f"The record at byte {offset:,} is larger than MaxPayloadInMB={limit >> 20}. Raise MaxPayloadInMB"
        " (100 at most), or choose a SplitType so that the object is sent in parts."
    )


def _truncated(kind: str, offset: int) -> RecordError:
    return RecordError(f"The {kind} record at byte {offset:,} is cut off by the end of the object.")
