"""Finds the parts of one protobuf record: where the packed values, keys and shape of a map entry lie.

Everything is read by position in a buffer and nothing is copied, so that many records can be decoded at
once afterwards. Fields may come in any order, repeated or unpacked, as protobuf allows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sagewizard.data.recordio_format import BYTES_FIELD, DTYPE_OF_FIELD, FEATURES, LABEL

Span = tuple[int, int]
"""Start and end of some bytes in the buffer."""

Buffer = bytes | bytearray | memoryview

_PACKED_WIDTH = {"float32": 5, "float64": 1, "int32": 0}
"""Wire type of one element that is not packed."""


class MalformedError(ValueError):
    """The bytes are not such a record: a message and the position in the buffer."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message, self.position = message, position


@dataclass(slots=True)
class Tensor:
    """One tensor: its element type and the spans of its packed values, keys and shape."""

    kind: str
    start: int
    values: list[Span] = field(default_factory=list)
    keys: list[Span] = field(default_factory=list)
    shape: list[Span] = field(default_factory=list)


def maps(buffer: Buffer, start: int, end: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the feature map and the label map of the record in `buffer[start:end]`.

    Raises MalformedError for anything that is not a record with numeric tensors.
    """
    features: dict[str, Tensor] = {}
    labels: dict[str, Tensor] = {}
    position = start
    while position < end:
        number, wire, first, position = _field(buffer, position, end)
        if number in (FEATURES, LABEL):
            if wire != 2:
                raise MalformedError("a feature or label map of a wrong wire type", first)
            name, tensor = _entry(buffer, first, position)
            (features if number == FEATURES else labels)[name] = tensor
    return features, labels


def varint(buffer: Buffer, position: int, end: int) -> tuple[int, int]:
    """Read one varint of at most 64 bits: (its value, the position after it)."""
    result = shift = 0
    for at in range(position, min(end, position + 10)):
        byte = buffer[at]
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFF_FFFF_FFFF_FFFF, at + 1
        shift += 7
    raise MalformedError("a number that does not end", position)


def numbers(buffer: Buffer, spans: list[Span]) -> list[int]:
    """Read all varints in the spans."""
    found = []
    for start, end in spans:
        position = start
        while position < end:
            value, position = varint(buffer, position, end)
            found.append(value)
    return found


def _field(buffer: Buffer, position: int, end: int) -> tuple[int, int, int, int]:
    """Read a field's tag: (field number, wire type, start of its content, position after it)."""
    start = position
    if (tag := buffer[position]) < 0x80:
        position += 1
    else:
        tag, position = varint(buffer, position, end)
    number, wire = tag >> 3, tag & 7
    if wire == 2:
        length, first = varint(buffer, position, end)
        after = first + length
    elif wire == 0:
        first = position
        _, after = varint(buffer, position, end)
    elif wire in (1, 5):
        first, after = position, position + (8 if wire == 1 else 4)
    else:
        raise MalformedError(f"unknown wire type {wire}", start)
    if number == 0:
        raise MalformedError("field number 0", start)
    if after > end:
        raise MalformedError(f"a field of {after - first} bytes where {end - first} are left", start)
    return number, wire, first, after


def _entry(buffer: Buffer, start: int, end: int) -> tuple[str, Tensor]:
    name, value = "", None
    position = start
    while position < end:
        number, wire, first, position = _field(buffer, position, end)
        if number == 1 and wire == 2:
            try:
                name = bytes(buffer[first:position]).decode()
            except UnicodeDecodeError:
                raise MalformedError("a name that is not UTF-8", first) from None
        elif number == 2 and wire == 2:
            value = _value(buffer, first, position)
    if value is None:
        raise MalformedError("a map entry without a tensor", start)
    return name, value


def _value(buffer: Buffer, start: int, end: int) -> Tensor | None:
    tensor: Tensor | None = None
    position = start
    while position < end:
        number, wire, first, position = _field(buffer, position, end)
        kind = DTYPE_OF_FIELD.get(number)
        if number == BYTES_FIELD:
            raise MalformedError("bytes (an image or a text) where numbers were expected", first)
        if kind is None or wire != 2:
            continue
        if tensor is None or tensor.kind != kind:
            tensor = Tensor(kind, first)
        _tensor(buffer, first, position, tensor)
    return tensor


def _tensor(buffer: Buffer, start: int, end: int, tensor: Tensor) -> None:
    position = start
    while position < end:
        number, wire, first, position = _field(buffer, position, end)
        if number == 1:
            if wire != 2 and wire != _PACKED_WIDTH[tensor.kind]:
                raise MalformedError(f"values of a wrong wire type for {tensor.kind}", first)
            tensor.values.append((first, position))
        elif number in (2, 3):
            if wire not in (0, 2):
                raise MalformedError("keys or shape of a wrong wire type", first)
            (tensor.keys if number == 2 else tensor.shape).append((first, position))
