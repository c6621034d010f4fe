"""Replies in RecordIO-protobuf: no features, and a label map with `score` and `predicted_label`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data.recordio_format import FRAME_HEADER, LABEL, MAGIC_BYTES, map_prefix, padding
from sagewizard.data.recordio_reader import REMEDY, Input, frames
from sagewizard.data.recordio_record import MalformedError, maps
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def encode_predictions(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a record a row with a float32 entry a column; a column is (n,) or, for class scores, (n, k)."""
    tables = {
        name: np.ascontiguousarray(values, "<f4").reshape(len(values), -1 if np.size(values) else 0)
        for name, values in columns.items()
    }
    counts = {len(table) for table in tables.values()}
    if len(counts) != 1:
        raise DataError("the columns of a reply differ in length", remedy="Give one value a row in each.")
    record, places = b"", {}
    for name, table in tables.items():
        size = 4 * table.shape[1]
        record += map_prefix(LABEL, name, "float32", size)
        places[name] = slice(FRAME_HEADER + len(record), FRAME_HEADER + len(record) + size)
        record += bytes(size)
    frame = MAGIC_BYTES + len(record).to_bytes(4, "little") + record + bytes(padding(len(record)))
    out = np.empty((counts.pop(), len(frame)), np.uint8)
    out[:] = np.frombuffer(frame, np.uint8)
    for name, table in tables.items():
        out[:, places[name]] = table.view(np.uint8)
    return out.tobytes()


def decode_predictions(data: bytes) -> dict[str, NDArray[Any]]:
    """Read a reply: for every name in the label maps an array (n,), or (n, k) where a row has k values.

    Raises DataError with the byte offset for damaged data, and when records differ in names or sizes.
    """
    columns: dict[str, list[NDArray[Any]]] = {}
    offset = 0
    for rows, frame in enumerate(frames(Input(io.BytesIO(data), "", len(data)))):
        try:
            length = int.from_bytes(frame[4:8], "little")
            _, labels = maps(frame, FRAME_HEADER, FRAME_HEADER + length)
            found = {name: _values(frame, tensor.kind, tensor.values) for name, tensor in labels.items()}
        except MalformedError as error:
            raise DataError(
                f"record {rows + 1} holds {error.message}", offset=offset + error.position, remedy=REMEDY
            ) from None
        if rows and found.keys() != columns.keys():
            names = ", ".join(found) or "no labels"
            raise DataError(
                f"record {rows + 1} holds {names}, the first record {', '.join(columns) or 'no labels'}",
                offset=offset,
                remedy=REMEDY,
            )
        for name, values in found.items():
            earlier = columns.setdefault(name, [])
            if earlier and (len(earlier[0]), earlier[0].dtype) != (len(values), values.dtype):
                raise DataError(
                    f"record {rows + 1} has {len(values)} {values.dtype} values of {name}, "
                    f"the first record {len(earlier[0])} of {earlier[0].dtype}",
                    offset=offset,
                    remedy=REMEDY,
                )
            earlier.append(values)
        offset += len(frame)
    return {name: _column(values) for name, values in columns.items()}


def _values(frame: bytes, kind: str, spans: list[tuple[int, int]]) -> NDArray[Any]:
    payload = b"".join(frame[start:end] for start, end in spans)
    if kind == "int32":
        raise MalformedError("integers where scores are expected", spans[0][0] if spans else 0)
    dtype = np.dtype(kind).newbyteorder("<")
    if len(payload) % dtype.itemsize:
        raise MalformedError("values that end too early", spans[0][0])
    return np.frombuffer(payload, dtype)


def _column(rows: list[NDArray[Any]]) -> NDArray[Any]:
    table = np.stack(rows).astype(rows[0].dtype.newbyteorder("="))
    return table[:, 0] if table.shape[1] == 1 else table
