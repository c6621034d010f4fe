"""Reads and writes UBJSON, the form in which XGBoost keeps models; reads never go beyond the bytes.

XGBoost's own reader believes the lengths it finds, so a damaged file reads past its end and ends the
process. Numbers are big-endian; typed arrays are numpy arrays. Source: ubjson.org, draft 12, as far as
XGBoost uses it.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

_NUMBERS = {b"i": "b", b"U": "B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
_ARRAYS = {b"i": "i1", b"U": "u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_WHOLE = (b"i", b"U", b"I", b"l", b"L")
_DEEPEST = 64


class UbjsonError(ValueError):
    """Bytes that are no UBJSON; the text says where."""


class Decoder:
    """Decodes one value from bytes."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = memoryview(data)
        self.place = 0

    def decode(self) -> Any:
        """Return the value: dict, list, numpy array, text, number, bool or None."""
        value = self._value(self._take(1), 0)
        if self.place != len(self.data):
            raise UbjsonError(f"there are bytes left over from byte {self.place} on")
        return value

    def _take(self, size: int) -> bytes:
        end = self.place + size
        if size < 0 or end > len(self.data):
            raise UbjsonError(f"it ends before byte {end}, of which byte {self.place} speaks")
        found = bytes(self.data[self.place : end])
        self.place = end
        return found

    def _value(self, marker: bytes, depth: int) -> Any:
        if depth > _DEEPEST:
            raise UbjsonError("it is nested too deeply")
        if marker == b"{":
            return self._object(depth)
        if marker == b"[":
            return self._array(depth)
        if marker == b"S":
            return self._text()
        if marker in _NUMBERS:
            form = _NUMBERS[marker]
            return struct.unpack(form, self._take(struct.calcsize(form)))[0]
        if marker in (b"T", b"F"):
            return marker == b"T"
        if marker == b"Z":
            return None
        raise UbjsonError(f"byte {self.place - 1} is no type of UBJSON")

    def _length(self) -> int:
        marker = self._take(1)
        if marker not in _WHOLE:
            raise UbjsonError(f"byte {self.place - 1} begins no length")
        length = self._value(marker, 0)
        if length < 0:
            raise UbjsonError(f"the length before byte {self.place} is negative")
        return int(length)

    def _text(self) -> str:
        return self._take(self._length()).decode("utf-8", "replace")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while bytes(self.data[self.place : self.place + 1]) != b"}":
            key = self._text()
            found[key] = self._value(self._take(1), depth + 1)
        self.place += 1
        return found

    def _array(self, depth: int) -> Any:
        marker = self._take(1)
        if marker == b"$":
            kind = self._take(1)
            if kind not in _ARRAYS or self._take(1) != b"#":
                raise UbjsonError(f"the array at byte {self.place} has no type and count")
            form = np.dtype(_ARRAYS[kind])
            return np.frombuffer(self._take(self._length() * form.itemsize), form)
        if marker == b"#":
            return [self._value(self._take(1), depth + 1) for _ in range(self._length())]
        found = []
        while marker != b"]":
            found.append(self._value(marker, depth + 1))
            marker = self._take(1)
        return found


def encode(value: Any) -> bytes:
    """Write dicts, lists, numpy arrays, texts and numbers (floats with 32 bits) as XGBoost writes them."""
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _write(value: Any, parts: list[bytes]) -> None:
    if isinstance(value, dict):
        parts.append(b"{")
        for key, member in value.items():
            parts.append(_sized(key.encode()))
            _write(member, parts)
        parts.append(b"}")
    elif isinstance(value, np.ndarray):
        marker = next(mark for mark, form in _ARRAYS.items() if np.dtype(form) == value.dtype)
        parts += [b"[$", marker, b"#L", struct.pack(">q", len(value)), value.tobytes()]
    elif isinstance(value, list):
        parts.append(b"[")
        for member in value:
            _write(member, parts)
        parts.append(b"]")
    elif isinstance(value, float):
        parts += [b"d", struct.pack(">f", value)]
    elif isinstance(value, str):
        parts += [b"S", _sized(value.encode())]
    else:
        parts += [b"L", struct.pack(">q", value)]


def _sized(text: bytes) -> bytes:
    return b"L" + struct.pack(">q", len(text)) + text
