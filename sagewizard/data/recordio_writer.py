"""Encodes arrays as RecordIO-protobuf, in blocks of about one megabyte.

The bytes equal those of the SageMaker SDK 2 (`write_numpy_to_dense_tensor` and
`write_spmatrix_to_sparse_tensor`), with one exception: a signalling NaN in float32 keeps its bits here, while
the SDK quiets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data import varint
from sagewizard.data.recordio_format import (
    BLOCK,
    FEATURES,
    FIELD_OF_DTYPE,
    FRAME_HEADER,
    LABEL,
    LONGEST_RECORD,
    MAGIC_BYTES,
    VALUES,
    map_prefix,
    padding,
)
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    Segment = tuple[NDArray[np.uint8], NDArray[np.int64]]
    """One part of every record of a block: all its bytes, and how many of them each record has."""

_NUMBERS_A_BLOCK = 1 << 16
"""Values handled at a time where sizes vary: index arithmetic costs about 60 bytes a value."""


def element_type(array: Any, what: str) -> str:
    """Return the tensor type an array is written as: float32, float64, or int32 for any integer type."""
    dtype = np.dtype(array.dtype)
    if dtype.kind == "f" and dtype.itemsize in (4, 8):
        return f"float{8 * dtype.itemsize}"
    if dtype.kind in "iu":
        return "int32"
    raise DataError(
        f"{what} of type {dtype} cannot be written as RecordIO-protobuf",
        remedy="Convert to float32, float64 or an integer type first.",
    )


def check_labels(labels: NDArray[Any] | None, rows: int) -> str | None:
    """Return the labels' tensor type, None without labels; DataError unless there is one label a row."""
    if labels is None:
        return None
    if labels.ndim != 1 or labels.shape[0] != rows:
        raise DataError(
            f"labels of shape {labels.shape} do not fit {rows} rows", remedy="Give one label for each row."
        )
    return element_type(labels, "labels")


def dense_blocks(array: NDArray[Any], labels: NDArray[Any] | None = None) -> Iterator[memoryview | bytes]:
    """Yield the encoded records of `array` (n, d) and `labels` (n,), each view valid until the next.

    Raises DataError for a shape or type the format does not have, or an integer beyond 32 bits.
    """
    if array.ndim != 2:
        raise DataError(
            f"an array of shape {array.shape} is not a table", remedy="Give one row for each record."
        )
    kind, label_kind = element_type(array, "features"), check_labels(labels, len(array))
    if kind == "int32":
        yield from _ragged_dense(array, labels)
        return
    width = array.shape[1] * int(kind[-2:]) // 8
    _check_size(width)
    rows = max(1, BLOCK // (width + 64))
    buffer, buffer_key = np.empty((0, 0), np.uint8), (-1, -1)
    for start in range(0, len(array), rows):
        block = np.ascontiguousarray(array[start : start + rows], dtype=np.dtype(kind).newbyteorder("<"))
        tails = label_sizes = None
        if labels is not None and label_kind is not None:
            tails, label_sizes = _label_payload(labels[start : start + rows], label_kind, start)
        uniform = label_sizes is None or bool((label_sizes == label_sizes[0]).all())
        size = 0 if label_sizes is None else int(label_sizes[0])
        if uniform:
            # Only numbers differ between two blocks of one shape, so the bytes around them are written once.
            if buffer_key != (len(block), size):
                buffer, buffer_key = _template(len(block), width, kind, label_kind, size), (len(block), size)
            _fill(buffer, block, kind, label_kind, None if tails is None else tails.reshape(len(block), size))
            yield buffer.reshape(-1).data
        else:
            assert tails is not None
            assert label_sizes is not None
            assert label_kind is not None
            yield _mixed_labels(block, kind, tails, label_sizes, label_kind)


def sparse_blocks(matrix: csr_matrix, labels: NDArray[Any] | None = None) -> Iterator[bytes]:
    """Yield the encoded records of a CSR matrix (n, d); stored entries keep their order, zeros among them."""
    kind, label_kind = element_type(matrix, "features"), check_labels(labels, matrix.shape[0])
    width = matrix.shape[1]
    starts = matrix.indptr.astype(np.int64)
    row = 0
    while row < matrix.shape[0]:
        last = int(np.searchsorted(starts, starts[row] + _NUMBERS_A_BLOCK // 2, side="right")) - 1
        last = min(max(last, row + 1), row + 8192, matrix.shape[0])
        stored = slice(int(starts[row]), int(starts[last]))
        counts = np.diff(starts[row : last + 1])
        values = _payload(matrix.data[stored], counts, kind, row)
        flat, sizes = varint.encode_array(matrix.indices[stored])
        keys = (flat, _sum_runs(sizes, counts))
        shape_bytes = np.frombuffer(varint.encode(width), np.uint8)
        shape = (np.tile(shape_bytes, last - row), np.full(last - row, len(shape_bytes), np.int64))
        yield _assemble(kind, [values, keys, shape], labels, label_kind, row, last)
        row = last


def _check_size(width: int) -> None:
    if width + 128 > LONGEST_RECORD:
        raise DataError(
            f"a row of {width} bytes is longer than a record may be", remedy="Write fewer columns a row."
        )


def _template(rows: int, width: int, kind: str, label_kind: str | None, label_size: int) -> NDArray[np.uint8]:
    """Return `rows` equal records with zeros where features and label go: uint8 (rows, frame size)."""
    record = map_prefix(FEATURES, VALUES, kind, width) + bytes(width)
    if label_kind is not None:
        record += map_prefix(LABEL, VALUES, label_kind, label_size) + bytes(label_size)
    frame = MAGIC_BYTES + len(record).to_bytes(4, "little") + record + bytes(padding(len(record)))
    out = np.empty((rows, len(frame)), np.uint8)
    out[:] = np.frombuffer(frame, np.uint8)
    return out


def _fill(
    buffer: NDArray[np.uint8],
    block: NDArray[Any],
    kind: str,
    label_kind: str | None,
    tails: NDArray[np.uint8] | None,
) -> None:
    """Put features and label bytes (rows, label size) in their places in a template."""
    width = block.shape[1] * block.itemsize
    start = FRAME_HEADER + len(map_prefix(FEATURES, VALUES, kind, width))
    buffer[:, start : start + width] = block.view(np.uint8).reshape(len(block), width)
    if tails is not None and label_kind is not None:
        start += width + len(map_prefix(LABEL, VALUES, label_kind, tails.shape[1]))
        buffer[:, start : start + tails.shape[1]] = tails


def _mixed_labels(
    block: NDArray[Any], kind: str, tails: NDArray[np.uint8], sizes: NDArray[np.int64], label_kind: str
) -> bytes:
    """Encode rows whose integer labels take different numbers of bytes."""
    width = block.shape[1] * block.itemsize
    starts = np.cumsum(sizes) - sizes
    parts: list[tuple[NDArray[np.intp], NDArray[np.uint8]]] = []
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        part = _template(len(rows), width, kind, label_kind, int(size))
        _fill(part, block[rows], kind, label_kind, tails[starts[rows, None] + np.arange(size)])
        parts.append((rows, part.view("<u4")))
    # Frames are whole 32-bit words, so rows of different sizes are packed word by word.
    words = max(part.shape[1] for _, part in parts)
    table = np.empty((len(block), words), "<u4")
    used = np.empty(len(block), np.int64)
    for rows, part in parts:
        table[rows, : part.shape[1]] = part
        used[rows] = part.shape[1]
    return table[np.arange(words) < used[:, None]].tobytes()


def _ragged_dense(array: NDArray[Any], labels: NDArray[Any] | None) -> Iterator[bytes]:
    """Encode integer features, whose varints make every record a size of its own."""
    label_kind = check_labels(labels, len(array))
    width = array.shape[1]
    _check_size(width * varint.LONGEST)
    rows = max(1, _NUMBERS_A_BLOCK // (width + 16))
    for start in range(0, len(array), rows):
        block = array[start : start + rows]
        stop = start + len(block)
        values = _payload(block.reshape(-1), np.full(len(block), width, np.int64), "int32", start)
        yield _assemble("int32", [values], labels, label_kind, start, stop)


def _payload(values: NDArray[Any], counts: NDArray[np.int64], kind: str, first_row: int) -> Segment:
    """Return the packed bytes of `values`, `counts` of them a record, and the bytes of each record."""
    if kind != "int32":
        flat = np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<"))
        return flat.view(np.uint8), counts * flat.itemsize
    wrong = (values < -(1 << 31)) | (values > (1 << 31) - 1)
    if wrong.any():
        at = int(wrong.argmax())
        ends = np.cumsum(counts)
        row = int(np.searchsorted(ends, at, side="right"))
        raise DataError(
            f"{values[at]} does not fit 32 bits",
            remedy="Use values from -2147483648 to 2147483647, or convert to float64.",
            row=first_row + row + 1,
            column=at - int(ends[row] - counts[row]) + 1,
        )
    flat, sizes = varint.encode_array(values)
    return flat, _sum_runs(sizes, counts)


def _label_payload(labels: NDArray[Any], kind: str, first_row: int) -> Segment:
    return _payload(labels, np.ones(len(labels), np.int64), kind, first_row)


def _sum_runs(sizes: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum `sizes` over consecutive runs of `counts` elements; an empty run sums to 0."""
    total = np.concatenate(([0], np.cumsum(sizes)))
    ends = np.cumsum(counts)
    return np.asarray(total[ends] - total[ends - counts], np.int64)


def _constant(data: bytes, rows: int) -> Segment:
    return np.tile(np.frombuffer(data, np.uint8), rows), np.full(rows, len(data), np.int64)


def _lengths(segments: list[Segment]) -> NDArray[np.int64]:
    """Return the bytes of each record in all segments together."""
    return np.asarray(np.sum([sizes for _, sizes in segments], axis=0), np.int64)


def _field(tag: int, segments: list[Segment], *, skip_empty: bool) -> list[Segment]:
    """Wrap segments as a length-delimited field; with `skip_empty`, records without content get none."""
    inner = _lengths(segments)
    flat, sizes = varint.encode_array(inner)
    tags, tag_sizes = _constant(bytes([tag << 3 | 2]), len(inner))
    if skip_empty and not inner.all():
        kept = inner > 0
        flat = flat[np.repeat(kept, sizes)]
        tags, tag_sizes, sizes = tags[kept], tag_sizes * kept, sizes * kept
    return [(tags, tag_sizes), (flat, sizes), *segments]


def _assemble(
    kind: str,
    tensor: list[Segment],
    labels: NDArray[Any] | None,
    label_kind: str | None,
    start: int,
    stop: int,
) -> bytes:
    """Return the frames of records `start` to `stop` from the packed values, keys and shape of each."""
    rows = stop - start
    name = _constant(b"\x0a" + bytes([len(VALUES)]) + VALUES.encode(), rows)

    def entry(field: int, element: str, parts: list[Segment]) -> list[Segment]:
        fields = [s for tag, part in enumerate(parts, 1) for s in _field(tag, [part], skip_empty=True)]
        value = _field(FIELD_OF_DTYPE[element], fields, skip_empty=False)
        return _field(field, [name, *_field(2, value, skip_empty=False)], skip_empty=False)

    segments = entry(FEATURES, kind, tensor)
    if labels is not None and label_kind is not None:
        segments += entry(LABEL, label_kind, [_label_payload(labels[start:stop], label_kind, start)])
    lengths = _lengths(segments)
    if int(lengths.max()) > LONGEST_RECORD:
        _check_size(int(lengths.max()))
    header = np.empty((rows, 2), "<u4")
    header[:, 0] = int.from_bytes(MAGIC_BYTES, "little")
    header[:, 1] = lengths
    frame: Segment = (header.view(np.uint8).reshape(-1), np.full(rows, FRAME_HEADER, np.int64))
    pads = -lengths % 4
    segments = [frame, *segments, (np.zeros(int(pads.sum()), np.uint8), pads)]
    return _interleave(segments)


def _interleave(segments: list[Segment]) -> bytes:
    """Put the segments of every record one after another, record by record."""
    table = np.stack([sizes for _, sizes in segments], axis=1)
    ends = np.cumsum(table.reshape(-1))
    starts = (ends - table.reshape(-1)).reshape(table.shape)
    out = np.empty(int(ends[-1]), np.uint8)
    for column, (flat, sizes) in enumerate(segments):
        before = np.cumsum(sizes) - sizes
        out[np.repeat(starts[:, column] - before, sizes) + np.arange(len(flat))] = flat
    return out.tobytes()
