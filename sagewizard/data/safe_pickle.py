"""Reads pickles that hold numpy arrays and plain values, and nothing else.

A pickle is a program. This is a reader of its own for the part of that language which describes data: it
imports nothing, calls nothing that the file names, and builds arrays itself from checked shapes. Python's own
unpickler with a restricted `find_class` would still hand hostile state to numpy's `__setstate__`.

Strings of Python 2 are read as latin1, as the MNIST pickle of the tutorials needs. Protocols 2 to 5
(docs.python.org/3/library/pickletools); opcodes of object state, persistent ids and extensions are refused.
"""

from __future__ import annotations

import enum
import math
import pickle
import re
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data.compressed import CEILING, BoundedReader, open_bounded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from sagewizard.errors import DataError

_STEPS = 2_000_000
"""Opcodes at most: MNIST has 234; each can cost some hundred bytes of memory."""
_DEEPEST_SHAPE = 32
_REMEDY = "Only use data from a source you trust; a dataset never needs more than arrays and plain values."
_TYPECODE = re.compile(r"[biufcSU]\d{1,4}")


class _Known(enum.Enum):
    """The names a pickle may ask for."""

    RECONSTRUCT = "numpy._core.multiarray._reconstruct"
    SCALAR = "numpy._core.multiarray.scalar"
    FROM_BUFFER = "numpy._core.numeric._frombuffer"
    NDARRAY = "numpy.ndarray"
    DTYPE = "numpy.dtype"
    ENCODE = "_codecs.encode"
    BYTES = "builtins.bytes"


class _Mark:
    """Where an open tuple, list or dict begins on the stack."""


class _Unbuilt:
    """An array whose state has not come yet, and the memo keys under which it was kept."""

    def __init__(self) -> None:
        self.keys: list[int] = []


class _DType:
    """A dtype in the making; kept apart so that a plain value can never be one."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype


def load_pickle(path: Path, ceiling: int = CEILING) -> Any:
    """Read a pickle, gzipped or plain: arrays (read-only), numbers, text, bytes, tuples, lists and dicts.

    DataError names the byte offset, and for anything else what the pickle asked for. Nothing above `ceiling`
    bytes is read.
    """
    with open_bounded(path, ceiling) as reader:
        return _Machine(reader).run()


class _Machine:
    """A stack, a memo and the opcodes that describe data."""

    def __init__(self, reader: BoundedReader) -> None:
        self.reader = reader
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.made = 0

    def run(self) -> Any:
        reader = self.reader
        if (first := reader.upto(1)) != pickle.PROTO:
            raise self.error(f"this is not a pickle of protocol 2 or later: it starts with {first!r}")
        if (version := reader.read(1)[0]) > pickle.HIGHEST_PROTOCOL:
            raise self.error(f"this is a pickle of protocol {version}, which does not exist")
        for _ in range(_STEPS):
            code = reader.read(1)
            if code == pickle.STOP:
                if reader.upto(1):  # this also makes gzip compare its checksum
                    raise self.error("there are bytes left after the pickle")
                return self.finished()
            action = _ACTIONS.get(code)
            if action is None:
                raise self.error(f"the pickle uses {_name(code)}, which a data file does not need")
            try:
                action(self)
            except (IndexError, KeyError):
                raise self.error(f"the pickle is damaged: {_name(code)} finds nothing to work on") from None
            except (TypeError, ValueError, struct.error) as error:
                raise self.error(f"the pickle is damaged at {_name(code)}: {error}") from None
        raise self.error(f"the pickle has more than {_STEPS} steps")

    def error(self, message: str) -> DataError:
        return self.reader.error(message, _REMEDY)

    def finished(self) -> Any:
        """Return the only thing on the stack; it may hold nothing but data."""
        if len(self.stack) != 1:
            raise self.error(f"the pickle is damaged: it ends with {len(self.stack)} values")
        seen: set[int] = set()
        todo = [self.stack[0]]
        while todo:
            value = todo.pop()
            if isinstance(value, _Known | _Unbuilt | _DType | _Mark):
                what = value.value if isinstance(value, _Known) else "a part of an array"
                raise self.error(f"the pickle holds {what} as a value")
            if isinstance(value, tuple | list | dict) and id(value) not in seen:
                seen.add(id(value))
                todo += [*value.keys(), *value.values()] if isinstance(value, dict) else value
        return self.stack[0]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def unmark(self) -> list[Any]:
        """Take everything above the last mark from the stack, and the mark."""
        at = len(self.stack) - 1
        while not isinstance(self.stack[at], _Mark):
            at -= 1
            if at < 0:
                raise IndexError
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def number(self, count: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.reader.read(count), "little", signed=signed)

    def remember(self, key: int) -> None:
        value = self.stack[-1]
        self.memo[key] = value
        if isinstance(value, _Unbuilt):
            value.keys.append(key)

    def text(self, count: int) -> str:
        return self.reader.read(count).decode("utf-8", "surrogatepass")

    def ask(self, module: str, name: str) -> None:
        """Push one of the names a pickle may ask for."""
        module = module.replace("numpy.core.", "numpy._core.").replace("__builtin__", "builtins")
        try:
            self.push(_Known(f"{module}.{name}"))
        except ValueError:
            raise self.error(
                f"the pickle asks for {module}.{name}; a data file may hold numpy arrays and plain values"
            ) from None

    def ask_from_stack(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError("a name that is not text")
        self.ask(module, name)

    def extend(self) -> None:
        items = self.unmark()
        target = self.stack[-1]
        if type(target) is not list:
            raise TypeError("items for something that is no list")
        target.extend(items)

    def append(self) -> None:
        item = self.stack.pop()
        target = self.stack[-1]
        if type(target) is not list:
            raise TypeError("an item for something that is no list")
        target.append(item)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise TypeError("pairs for something that is no dict")
        target.update(zip(items[::2], items[1::2], strict=True))

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def make_dict(self) -> None:
        items = self.unmark()
        self.push({})
        self.set_items(items)

    def make_tuple(self, count: int) -> None:
        if len(self.stack) < count:
            raise IndexError
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.push(items)

    def call(self) -> None:
        """REDUCE: what a known name means, done here."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Known) or type(arguments) is not tuple:
            raise TypeError("a call of something that is no function")
        if function is _Known.RECONSTRUCT:
            if arguments[0] is not _Known.NDARRAY:
                raise TypeError("an array of another class")
            self.push(_Unbuilt())
        elif function is _Known.DTYPE:
            self.push(_DType(_dtype(arguments[0])))
        elif function is _Known.ENCODE:
            text, encoding = arguments
            if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
                raise TypeError(f"text in the encoding {encoding!r}")
            self.push(self.encoded(text))
        elif function is _Known.SCALAR:
            kind, raw = arguments
            self.push(self.array(kind, (), raw, fortran=False)[()])
        elif function is _Known.FROM_BUFFER:
            raw, kind, shape, order = arguments
            self.push(self.array(kind, shape, raw, fortran=order == "F"))
        elif function is _Known.BYTES and arguments == ():
            self.push(b"")
        else:
            raise TypeError(f"a call of {function.value}")

    def build(self) -> None:
        """BUILD: the state of an array or a dtype."""
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _DType):
            _, order, *parts = state
            if parts[:3] != [None] * 3 or order not in ("<", ">", "|", "="):
                raise TypeError("a dtype with fields")
            if order != "|":
                target.dtype = np.dtype(target.dtype.newbyteorder(order).str)
        elif isinstance(target, _Unbuilt):
            _, shape, kind, fortran, raw = state
            array = self.array(kind, shape, raw, fortran=bool(fortran))
            self.stack[-1] = array
            for key in target.keys:
                self.memo[key] = array
        else:
            raise TypeError("state for something that is no array")

    def encoded(self, text: str) -> bytes:
        """Return text as latin1; a text can be asked for again and again, so all of them count."""
        self.made += len(text)
        if self.made > self.reader.ceiling:
            raise self.error(f"the pickle unpacks to more than {self.reader.ceiling >> 20} MiB")
        return text.encode("latin1")

    def array(self, kind: Any, shape: Any, raw: Any, *, fortran: bool) -> NDArray[Any]:
        if isinstance(raw, str):
            raw = self.encoded(raw)
        self.made += 0 if shape else len(raw)  # a scalar is a copy
        return _array(kind, shape, raw, fortran=fortran)


def _dtype(code: Any) -> np.dtype[Any]:
    if not isinstance(code, str) or not _TYPECODE.fullmatch(code):
        raise TypeError(f"an array of the type {code!r}")
    return np.dtype(code)


def _array(kind: Any, shape: Any, raw: Any, *, fortran: bool) -> NDArray[Any]:
    """Build a read-only array from checked parts; it shares the memory of `raw`."""
    if not isinstance(kind, _DType):
        raise TypeError("an array without a type")
    if type(shape) is not tuple or len(shape) > _DEEPEST_SHAPE:
        raise TypeError("an array without a shape")
    if not all(type(extent) is int and 0 <= extent < 1 << 48 for extent in shape):
        raise ValueError(f"an array of the shape {shape}")
    if not isinstance(raw, bytes):
        raise TypeError("an array of objects")
    needed = math.prod(shape) * kind.dtype.itemsize
    if len(raw) != needed:
        raise ValueError(f"{len(raw)} bytes for an array of {needed}")
    flat = np.frombuffer(raw, kind.dtype) if needed else np.empty(math.prod(shape), kind.dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _name(code: bytes) -> str:
    """Return the name of an opcode, as pickletools writes it."""
    names = {getattr(pickle, name): name for name in pickle.__all__ if name.isupper()}
    found = names.get(code)
    return f"the opcode {found}" if isinstance(found, str) else f"the opcode {code!r}"


_ACTIONS: dict[bytes, Callable[[_Machine], Any]] = {
    pickle.MARK: lambda m: m.push(_Mark()),
    pickle.POP: lambda m: m.stack.pop(),
    pickle.POP_MARK: lambda m: m.unmark(),
    pickle.DUP: lambda m: m.push(m.stack[-1]),
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.BININT1: lambda m: m.push(m.number(1)),
    pickle.BININT2: lambda m: m.push(m.number(2)),
    pickle.BININT: lambda m: m.push(m.number(4, signed=True)),
    pickle.LONG1: lambda m: m.push(m.number(m.number(1), signed=True)),
    pickle.BINFLOAT: lambda m: m.push(struct.unpack(">d", m.reader.read(8))[0]),
    pickle.SHORT_BINSTRING: lambda m: m.push(m.reader.read(m.number(1)).decode("latin1")),
    pickle.BINSTRING: lambda m: m.push(m.reader.read(m.number(4)).decode("latin1")),
    pickle.SHORT_BINUNICODE: lambda m: m.push(m.text(m.number(1))),
    pickle.BINUNICODE: lambda m: m.push(m.text(m.number(4))),
    pickle.BINUNICODE8: lambda m: m.push(m.text(m.number(8))),
    pickle.SHORT_BINBYTES: lambda m: m.push(m.reader.read(m.number(1))),
    pickle.BINBYTES: lambda m: m.push(m.reader.read(m.number(4))),
    pickle.BINBYTES8: lambda m: m.push(m.reader.read(m.number(8))),
    pickle.BYTEARRAY8: lambda m: m.push(m.reader.read(m.number(8))),
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.TUPLE: lambda m: m.push(tuple(m.unmark())),
    pickle.TUPLE1: lambda m: m.make_tuple(1),
    pickle.TUPLE2: lambda m: m.make_tuple(2),
    pickle.TUPLE3: lambda m: m.make_tuple(3),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.LIST: lambda m: m.push(m.unmark()),
    pickle.APPEND: lambda m: m.append(),
    pickle.APPENDS: lambda m: m.extend(),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.DICT: lambda m: m.make_dict(),
    pickle.SETITEM: lambda m: m.set_item(),
    pickle.SETITEMS: lambda m: m.set_items(m.unmark()),
    pickle.GLOBAL: lambda m: m.ask(m.reader.line(), m.reader.line()),
    pickle.STACK_GLOBAL: lambda m: m.ask_from_stack(),
    pickle.REDUCE: lambda m: m.call(),
    pickle.BUILD: lambda m: m.build(),
    pickle.BINPUT: lambda m: m.remember(m.number(1)),
    pickle.LONG_BINPUT: lambda m: m.remember(m.number(4)),
    pickle.MEMOIZE: lambda m: m.remember(len(m.memo)),
    pickle.BINGET: lambda m: m.push(m.memo[m.number(1)]),
    pickle.LONG_BINGET: lambda m: m.push(m.memo[m.number(4)]),
    pickle.FRAME: lambda m: m.reader.read(8),
}
