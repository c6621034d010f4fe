"""Decodes RecordIO-protobuf: whole blocks of numpy at once while records are alike, one by one when not.

The file is read in blocks of about one megabyte straight into arrays of the final size, so reading takes the
memory of its result and little more. Nothing is allocated on the word of a length in the file: a declared
length is compared with the bytes that are there first.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sagewizard.data import varint
from sagewizard.data.recordio_format import (
    BLOCK,
    FRAME_HEADER,
    LONGEST_RECORD,
    MAGIC,
    VALUES,
    Records,
    padding,
)
from sagewizard.data.recordio_record import MalformedError, Tensor, maps, numbers
from sagewizard.data.recordio_sink import Sink
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_WIDEST = (1 << 31) - 1
"""Columns at most; a larger declared shape is taken for damage."""

REMEDY = "Check that the file is RecordIO-protobuf (application/x-recordio-protobuf) and was copied whole."


@dataclass(frozen=True, slots=True)
class Input:
    """An open file to decode: its name for errors ("" for none) and its bytes, None when not known."""

    file: BinaryIO
    name: str
    size: int | None


def size_of(file: BinaryIO) -> int | None:
    """Return the bytes left in an open file, None for a stream that must be read to know."""
    if isinstance(file, io.BytesIO | io.BufferedReader | io.BufferedRandom | io.FileIO) and file.seekable():
        raw = getattr(file, "raw", file)
        if isinstance(raw, io.FileIO | io.BytesIO):
            here = file.tell()
            end = file.seek(0, io.SEEK_END)
            file.seek(here)
            return end - here
    return None


def decode_inputs(inputs: Sequence[Input]) -> Records:
    """Decode files one after another into one result; DataError names file, record and byte offset."""
    sink = Sink()
    sizes = [i.size for i in inputs]
    known = None if None in sizes else sum(s for s in sizes if s is not None)
    for source in inputs:
        _Reader(source, sink, known).run()
    if sink.rows == 0:
        raise DataError(
            "there is no record in it", file=inputs[0].name if inputs else "", offset=0, remedy=REMEDY
        )
    return sink.result()


def frames(source: Input) -> Iterator[bytes]:
    """Yield every frame, header and padding included, in order; DataError for a damaged or foreign file."""
    window = _Window(source)
    while (frame := window.frame()) is not None:
        position, length = frame
        end = position + FRAME_HEADER + length + padding(length)
        yield bytes(window.data[position:end])
        window.position = end


class _Window:
    """The part of the file in memory: `data[position:filled]` are bytes not yet used."""

    def __init__(self, source: Input) -> None:
        self.source = source
        first = BLOCK if source.size is None else min(BLOCK, source.size)
        self.data = bytearray(max(first, FRAME_HEADER))
        self.position = self.filled = 0
        self.base = 0
        self.ended = False
        self.records = 0

    def error(self, message: str, position: int) -> DataError:
        """Return the error for a position in the window."""
        return DataError(message, file=self.source.name, offset=self.base + position, remedy=REMEDY)

    def have(self, count: int) -> bool:
        """Read until `count` bytes lie after the position; False when the file ends before."""
        while self.filled - self.position < count and not self.ended:
            self.more()
        return self.filled - self.position >= count

    def more(self) -> None:
        """Move what is left to the front and fill up; the window doubles when it is full of one record."""
        left = self.filled - self.position
        if self.position:
            self.data[:left] = self.data[self.position : self.filled]
            self.base += self.position
            self.position, self.filled = 0, left
        elif self.filled == len(self.data):
            grown = bytearray(2 * len(self.data))
            grown[:left] = self.data
            self.data = grown
        got = self._read_into()
        self.filled += got
        self.ended = got == 0

    def _read_into(self) -> int:
        with memoryview(self.data) as view, view[self.filled :] as room:
            if (read_into := getattr(self.source.file, "readinto", None)) is not None:
                return int(read_into(room) or 0)
            data = self.source.file.read(len(room))
            room[: len(data)] = data
            return len(data)

    def frame(self) -> tuple[int, int] | None:
        """Return (position, record length) of the next whole frame, None at the end of the file."""
        if not self.have(1):
            return None
        if not self.have(FRAME_HEADER):
            raise self.error(f"the file ends inside the header of record {self.records + 1}", self.filled)
        at = self.position
        magic = int.from_bytes(self.data[at : at + 4], "little")
        if magic != MAGIC:
            what = (
                "this is not a RecordIO file" if not self.records else f"record {self.records + 1} is damaged"
            )
            raise self.error(f"{what}: 0x{magic:08X} where 0x{MAGIC:08X} must be", at)
        length = int.from_bytes(self.data[at + 4 : at + 8], "little")
        if length > LONGEST_RECORD:
            raise self.error(
                f"record {self.records + 1} declares {length} bytes or is split into parts", at + 4
            )
        whole = FRAME_HEADER + length + padding(length)
        size = self.source.size
        short = size is not None and self.base + at + whole > size
        if short or not self.have(whole):
            left = (size - self.base - at) if size is not None else self.filled - self.position
            message = f"the file ends inside record {self.records + 1}: it declares {length} bytes, "
            raise self.error(f"{message}{max(0, left - FRAME_HEADER)} are left", self.position)
        self.records += 1
        return self.position, length


class _Reader:
    """Reads one file into a sink."""

    def __init__(self, source: Input, sink: Sink, known: int | None) -> None:
        self.window = _Window(source)
        self.sink = sink
        self.known = known

    def run(self) -> None:
        """Read the file to its end."""
        window = self.window
        frame = window.frame()
        if frame is None:
            return
        template = self._template(*frame)
        if template is None or not self.sink.fits(template.width, template.kind, template.label_kind):
            self._one(*frame)
        else:
            window.records -= 1  # the first record is read again, with its block
            self._alike(template)
        while (frame := window.frame()) is not None:
            self._one(*frame)
        self.sink.flush()

    def _parse(self, position: int, length: int) -> tuple[Tensor, Tensor | None]:
        """Return features and label of the record at a position."""
        window = self.window
        start = position + FRAME_HEADER
        record = window.records
        try:
            features, labels = maps(window.data, start, start + length)
        except MalformedError as error:
            raise window.error(f"record {record} holds {error.message}", error.position) from None
        except IndexError:
            raise window.error(f"record {record} ends too early", start) from None
        if VALUES not in features:
            names = ", ".join(sorted(features)) or "no features"
            raise window.error(f"record {record} holds {names} where 'values' is expected", start)
        if labels and VALUES not in labels:
            names = ", ".join(sorted(labels))
            raise window.error(f"record {record} has the label {names} where 'values' is expected", start)
        return features[VALUES], labels.get(VALUES)

    def _one(self, position: int, length: int) -> None:
        """Add one record by itself."""
        window = self.window
        features, label = self._parse(position, length)
        shape = self._shape(features)
        self.sink.add(window.data, features, label, shape, window.source.name, window.base + position)
        window.position = position + FRAME_HEADER + length + padding(length)

    def _shape(self, tensor: Tensor) -> int | None:
        """Return how many columns the tensor's shape declares, None without a shape."""
        if not tensor.shape:
            return None
        try:
            extents = numbers(self.window.data, tensor.shape)
        except MalformedError as error:
            raise self.window.error(
                f"record {self.window.records} holds {error.message}", error.position
            ) from None
        width = 1
        for extent in extents:
            width *= extent
            if width > _WIDEST:
                raise self.window.error(
                    f"record {self.window.records} declares a shape of {extents}, beyond {_WIDEST} columns",
                    tensor.shape[0][0],
                )
        return width

    def _template(self, position: int, length: int) -> _Template | None:
        """Return how records like this one look, None when they cannot be read a block at a time."""
        features, label = self._parse(position, length)
        if features.keys or features.shape or len(features.values) != 1:
            return None
        if label is not None and (len(label.values) != 1 or label.keys or label.shape):
            return None
        frame = FRAME_HEADER + length + padding(length)
        example = np.frombuffer(self.window.data, np.uint8, frame, position).copy()
        spans = [(a - position, b - position) for a, b in features.values + (label.values if label else [])]
        width = _count(example[slice(*spans[0])], features.kind)
        if width is None or (label is not None and _count(example[slice(*spans[1])], label.kind) != 1):
            return None
        return _Template(example, spans, features.kind, label.kind if label else None, width)

    def _alike(self, template: _Template) -> None:
        """Read whole blocks for as long as every record fits the template."""
        window, sink = self.window, self.sink
        frame = len(template.example)
        if self.known is not None:
            # Labels of more or fewer bytes make frames differ by up to 12 bytes; spare room costs nothing.
            rows = self.known // max(frame - 12, 20)
            sink.expect(rows, template.width, template.kind, template.label_kind)
        while window.have(frame):
            rows = (window.filled - window.position) // frame
            table = np.frombuffer(window.data, np.uint8, rows * frame, window.position).reshape(rows, frame)
            good, values, labels = template.read(table)
            if good:
                sink.add_block(values, labels, good)
            window.records += good
            window.position += good * frame
            if good < rows:
                return


def _count(data: NDArray[np.uint8], kind: str) -> int | None:
    """Return how many elements the packed bytes hold, None when they are damaged."""
    if kind == "int32":
        return None if len(data) and data[-1] >= 0x80 else int((data < 0x80).sum())
    size = np.dtype(kind).itemsize
    return None if len(data) % size else len(data) // size


@dataclass(frozen=True, slots=True)
class _Template:
    """A frame as an example: all records like it differ only within `spans` (features, then label)."""

    example: NDArray[np.uint8]
    spans: list[tuple[int, int]]
    kind: str
    label_kind: str | None
    width: int

    def read(self, table: NDArray[np.uint8]) -> tuple[int, NDArray[Any], NDArray[Any] | None]:
        """Decode frames (n, frame size): how many at the front are like this, their features and labels."""
        like = np.ones(len(table), bool)
        edge = 0
        for start, end in sorted([*self.spans, (len(self.example),) * 2]):
            like &= (table[:, edge:start] == self.example[edge:start]).all(axis=1)
            edge = end
        columns = [(table[:, a:b], kind) for (a, b), kind in zip(self.spans, self._kinds(), strict=True)]
        for (part, kind), count in zip(columns, (self.width, 1), strict=False):
            if kind == "int32" and part.shape[1]:
                # As many varints as in the first record, the last of them complete, none of them endless.
                like &= ((part < 0x80).sum(axis=1) == count) & (part[:, -1] < 0x80)
                if part.shape[1] > count:
                    like &= _longest_run(part >= 0x80) < varint.LONGEST
        good = len(table) if like.all() else int(like.argmin())
        decoded = [_elements(part[:good], kind) for part, kind in columns]
        return good, decoded[0], decoded[1][:, 0] if len(decoded) > 1 else None

    def _kinds(self) -> list[str]:
        return [self.kind] if self.label_kind is None else [self.kind, self.label_kind]


def _longest_run(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the longest run of True in each row."""
    run = np.zeros(len(flags), np.int64)
    longest = run.copy()
    for column in flags.T:
        run = (run + 1) * column
        np.maximum(longest, run, out=longest)
    return longest


def _elements(part: NDArray[np.uint8], kind: str) -> NDArray[Any]:
    """Turn packed bytes (n, bytes) into elements (n, k); floats stay a view of the bytes where numpy can."""
    if kind == "int32":
        if not part.size:
            return np.empty((len(part), 0), np.int32)
        flat = varint.decode_array(np.ascontiguousarray(part).reshape(-1))
        return flat.astype(np.uint32).view(np.int32).reshape(len(part), -1)
    if not part.size:
        return np.empty((len(part), 0), kind)
    return part.view(np.dtype(kind).newbyteorder("<"))
