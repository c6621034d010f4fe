"""The writer of RecordIO-protobuf that a script carries along when it has no SDK to do it."""

from __future__ import annotations

from sagewizard.codegen.plan import Section

ABOUT = "In this format a row is a protobuf message of float32 numbers, with its label beside them."

_CODE = '''\
def varint(number):
    """Write a whole number as protobuf does: seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number, content):
    """Write a protobuf field that holds bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(numbers):
    """Write numbers as the entry "values" of a record: a Float32Tensor."""
    packed = field(1, np.asarray(numbers, "<f4").tobytes())
    return field(1, b"values") + field(2, field(2, packed))


def to_recordio(rows, labels=None):
    """Return rows as RecordIO-protobuf, the format that SageMaker's own algorithms read fastest."""
    out = bytearray()
    for number, row in enumerate(rows):
        record = field(1, tensor(row))
        if labels is not None:
            record += field(2, tensor([labels[number]]))
        # Each record begins with a magic number and its length, and is filled up to four bytes.
        out += struct.pack("<II", 0xCED7230A, len(record)) + record + bytes(-len(record) % 4)
    return bytes(out)'''


def section() -> Section:
    """Return the section that defines `to_recordio`."""
    return Section(
        "RecordIO-protobuf", tuple(_CODE.split("\n")), provides=("to_recordio",),
        imports=("import struct", "import numpy as np"), packages=("numpy",), text=(ABOUT,),
    )  # fmt: skip
