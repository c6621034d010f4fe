"""Collects decoded records: checks that they fit together, and puts them in one array or one CSR matrix.

Records that come one by one are first gathered as bytes and decoded together, about a megabyte at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data import varint
from sagewizard.data.recordio_format import BLOCK, Records
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sagewizard.data.recordio_record import Buffer, Span, Tensor

REMEDY = "Check that the file is RecordIO-protobuf (application/x-recordio-protobuf) and was copied whole."
_SAME = "Write all records of a channel with the same columns and types."
_WIDEST = (1 << 31) - 1


@dataclass(slots=True)
class _Column:
    """The packed bytes of one part of the gathered records, and where each record's bytes end."""

    data: bytearray = field(default_factory=bytearray)
    ends: list[int] = field(default_factory=list)

    def add(self, buffer: Buffer, spans: list[Span]) -> None:
        for start, end in spans:
            self.data += buffer[start:end]
        self.ends.append(len(self.data))

    def counts(self, kind: str) -> NDArray[np.int64]:
        """Return how many elements each record has, -1 where the bytes are not whole elements."""
        ends = np.array(self.ends, np.int64)
        sizes = np.diff(ends, prepend=0)
        if kind == "int32":
            raw = np.frombuffer(self.data, np.uint8)
            closing = np.concatenate(([0], np.cumsum(raw < 0x80)))
            counts = np.asarray(closing[ends] - closing[ends - sizes], np.int64)
            if len(raw):
                counts[(sizes > 0) & (raw[np.maximum(ends, 1) - 1] >= 0x80)] = -1
            return counts
        return np.where(sizes % np.dtype(kind).itemsize, -1, sizes // np.dtype(kind).itemsize)


class _Growing:
    """An array filled from the front: whole when its length was guessed, in pieces beyond that."""

    def __init__(self, dtype: str, width: int | None) -> None:
        self.dtype, self.width = np.dtype(dtype), width
        self.whole: NDArray[Any] | None = None
        self.filled = 0
        self.pieces: list[NDArray[Any]] = []

    def _empty(self, rows: int) -> NDArray[Any]:
        return np.empty(rows if self.width is None else (rows, self.width), self.dtype)

    def expect(self, rows: int) -> None:
        self.whole = self._empty(rows)  # pages are only taken from the system when they are written

    def add(self, part: NDArray[Any]) -> None:
        if self.whole is not None and not self.pieces and self.filled + len(part) <= len(self.whole):
            self.whole[self.filled : self.filled + len(part)] = part
            self.filled += len(part)
        else:
            self.pieces.append(part.astype(self.dtype, copy=True))

    def take(self) -> NDArray[Any]:
        """Return everything; pieces are let go one by one while they are copied."""
        start = self.whole[: self.filled] if self.whole is not None else self._empty(0)
        if not self.pieces:
            return start
        out = self._empty(self.filled + sum(map(len, self.pieces)))
        out[: self.filled] = start
        at = self.filled
        self.whole = None
        del start
        self.pieces.reverse()
        while self.pieces:
            piece = self.pieces.pop()
            out[at : at + len(piece)] = piece
            at += len(piece)
        return out


class Sink:
    """One table in the making, dense or sparse as its first records are."""

    def __init__(self) -> None:
        self.rows = 0
        self.kind: str | None = None
        self.label_kind: str | None = None
        self.sparse: bool | None = None
        self.width: int | None = None
        self._values: _Growing | None = None
        self._labels: _Growing | None = None
        self._indices: _Growing | None = None
        self._counts: _Growing | None = None
        self._largest_key = -1
        self._start_gathering()

    # Blocks of equal dense records

    def fits(self, width: int, kind: str, label_kind: str | None) -> bool:
        """Tell whether dense records of this kind may follow what is here."""
        if self.kind is None:
            return True
        mine = (self.sparse, self.width, self.kind, self.label_kind)
        return mine == (False, width, kind, label_kind)

    def expect(self, rows: int, width: int, kind: str, label_kind: str | None) -> None:
        """Prepare for about `rows` dense records; does nothing once records are here."""
        if self.kind is None:
            self._begin(kind, label_kind)
            self._begin_dense(width)
            assert self._values is not None
            self._values.expect(rows)
            if self._labels is not None:
                self._labels.expect(rows)

    def add_block(self, values: NDArray[Any], labels: NDArray[Any] | None, rows: int) -> None:
        """Add `rows` dense records that fit: values (rows, width), labels (rows,)."""
        if self.kind is None:
            self._begin(values.dtype.name, labels.dtype.name if labels is not None else None)
        if self.sparse is None:
            self._begin_dense(values.shape[1])
        assert self._values is not None
        self._values.add(values)
        if labels is not None:
            assert self._labels is not None
            self._labels.add(labels)
        self.rows += rows

    # Records one by one

    def add(
        self,
        buffer: Buffer,
        features: Tensor,
        label: Tensor | None,
        shape: int | None,
        name: str,
        offset: int,
    ) -> None:
        """Gather one record of the file `name` that starts at byte `offset`."""
        label_kind = label.kind if label else None
        if self.kind is None:
            self._begin(features.kind, label_kind)
        self._name = name
        self._offsets.append(offset)
        if features.kind != self.kind:
            raise self._error(-1, f"holds {features.kind} values, the first record {self.kind}", _SAME)
        if label_kind != self.label_kind:
            now, first = label_kind or "no", self.label_kind or "no"
            raise self._error(-1, f"has {now} label, the first record {first} label", _SAME)
        self._gathered["values"].add(buffer, features.values)
        self._gathered["keys"].add(buffer, features.keys)
        if label is not None:
            if label.keys or label.shape:
                raise self._error(-1, "has a sparse label", REMEDY)
            self._gathered["labels"].add(buffer, label.values)
        self._shapes.append(-1 if shape is None else shape)
        size = len(self._gathered["values"].data) + len(self._gathered["keys"].data)
        if size >= BLOCK or len(self._offsets) >= BLOCK // 128:
            self.flush()

    def flush(self) -> None:
        """Decode and add what was gathered; DataError names the first record that does not fit."""
        if not self._offsets:
            return
        assert self.kind is not None
        values, keys = self._gathered["values"], self._gathered["keys"]
        counts = self._count(values, self.kind, "values")
        shapes = np.array(self._shapes, np.int64)
        has_keys = np.diff(np.array(keys.ends, np.int64), prepend=0) > 0
        sparse = has_keys | ((counts == 0) & (shapes >= 0))
        either = (counts == 0) & ~sparse
        if self.sparse is None:
            decided = np.flatnonzero(~either)
            if len(decided) and sparse[decided[0]]:
                self._begin_sparse()
            else:
                self._begin_dense(int(counts[0]))
        if self.sparse:
            self._refuse((~sparse & ~either), lambda i: "is dense, the first record is sparse")
            self._flush_sparse(counts, shapes)
        else:
            self._refuse(sparse, lambda i: "is sparse, the first record is dense")
            width = self.width
            self._refuse(counts != width, lambda i: f"has {counts[i]} features, the first record {width}")
            wrong = (shapes >= 0) & (shapes != counts)
            self._refuse(wrong, lambda i: f"declares {shapes[i]} columns and has {counts[i]} features")
            assert self._values is not None
            self._values.add(self._elements(values, self.kind).reshape(len(counts), -1 if width else 0))
        if self.label_kind is not None:
            labels = self._gathered["labels"]
            label_counts = self._count(labels, self.label_kind, "labels")
            self._refuse(
                label_counts != 1, lambda i: f"has {label_counts[i]} label values where one is expected"
            )
            assert self._labels is not None
            self._labels.add(self._elements(labels, self.label_kind))
        self.rows += len(self._offsets)
        self._start_gathering()

    def result(self) -> Records:
        """Return everything; the sink is empty afterwards."""
        self.flush()
        assert self._values is not None
        labels = self._labels.take() if self._labels else None
        values = self._values.take()
        if not self.sparse:
            return Records(values, labels)
        from scipy.sparse import csr_matrix

        assert self._indices is not None
        assert self._counts is not None
        width = self.width if self.width is not None else self._largest_key + 1
        starts = np.concatenate(([0], np.cumsum(self._counts.take())))
        if len(values) <= _WIDEST:
            starts = starts.astype(np.int32)
        matrix = csr_matrix((values, self._indices.take(), starts), shape=(self.rows, width), copy=False)
        return Records(matrix, labels)

    def _begin(self, kind: str, label_kind: str | None) -> None:
        self.kind, self.label_kind = kind, label_kind
        if label_kind is not None:
            self._labels = _Growing(label_kind, None)

    def _begin_dense(self, width: int) -> None:
        assert self.kind is not None
        self.sparse, self.width = False, width
        self._values = _Growing(self.kind, width)

    def _begin_sparse(self) -> None:
        assert self.kind is not None
        self.sparse = True
        self._values = _Growing(self.kind, None)
        self._indices, self._counts = _Growing("int32", None), _Growing("int64", None)

    def _start_gathering(self) -> None:
        self._gathered = {"values": _Column(), "keys": _Column(), "labels": _Column()}
        self._shapes: list[int] = []
        self._offsets: list[int] = []
        self._name = ""

    def _flush_sparse(self, counts: NDArray[np.int64], shapes: NDArray[np.int64]) -> None:
        assert self.kind is not None
        keys = self._gathered["keys"]
        key_counts = self._count(keys, "int32", "keys")
        self._refuse(key_counts != counts, lambda i: f"has {key_counts[i]} keys for {counts[i]} values")
        if self.width is None and (shapes >= 0).any():
            self.width = int(shapes[shapes >= 0][0])
        width = self.width
        wrong = (shapes >= 0) & (shapes != width)
        self._refuse(wrong, lambda i: f"declares {shapes[i]} columns, the records before {width}")
        found = self._decode(keys)
        limit = _WIDEST if width is None else width
        outside = found >= np.uint64(limit)
        if outside.any():
            at = int(outside.argmax())
            row = int(np.searchsorted(np.cumsum(counts), at, side="right"))
            raise self._error(row, f"has the key {found[at]}, beyond {limit} columns", REMEDY)
        if len(found):
            self._largest_key = max(self._largest_key, int(found.max()))
        assert self._values is not None
        assert self._indices is not None
        assert self._counts is not None
        self._values.add(self._elements(self._gathered["values"], self.kind))
        self._indices.add(found.astype(np.int32))
        self._counts.add(counts)

    def _count(self, column: _Column, kind: str, what: str) -> NDArray[np.int64]:
        counts = column.counts(kind)
        self._refuse(counts < 0, lambda i: f"has {what} that end too early")
        return counts

    def _decode(self, column: _Column) -> NDArray[np.uint64]:
        raw = np.frombuffer(column.data, np.uint8)
        try:
            return varint.decode_array(raw)
        except ValueError as error:
            row = int(np.searchsorted(column.ends, error.args[1], side="right"))
            raise self._error(row, f"holds numbers that are damaged: {error.args[0]}", REMEDY) from None

    def _elements(self, column: _Column, kind: str) -> NDArray[Any]:
        if kind == "int32":
            return self._decode(column).astype(np.uint32).view(np.int32)
        return np.frombuffer(column.data, np.dtype(kind).newbyteorder("<"))

    def _refuse(self, wrong: NDArray[np.bool_], message: Any) -> None:
        if wrong.any():
            row = int(wrong.argmax())
            raise self._error(row, message(row), _SAME)

    def _error(self, row: int, message: str, remedy: str) -> DataError:
        """Return the error for one of the gathered records."""
        number = self.rows + (row if row >= 0 else len(self._offsets) + row) + 1
        return DataError(
            f"record {number} {message}", file=self._name, offset=self._offsets[row], remedy=remedy
        )
