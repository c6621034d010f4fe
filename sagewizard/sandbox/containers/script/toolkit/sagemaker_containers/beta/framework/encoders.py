"""Arrays to bodies and back, by media type."""

from __future__ import annotations

from typing import Any

from sagewizard.sandbox.containers.script.handlers import NPY
from sagewizard.sandbox.containers.script.handlers import decode as _decode
from sagewizard.sandbox.containers.script.handlers import encode as _encode


def encode(array_like: Any, content_type: str) -> str | bytes:
    """Write an array; text for JSON and CSV, bytes for npy."""
    body = _encode(array_like, content_type)
    return body if content_type == NPY else body.decode()


def decode(obj: str | bytes, content_type: str) -> Any:
    """Read an array; what came as text becomes float32."""
    return _decode(obj, content_type)


def array_to_npy(array_like: Any) -> bytes:
    """Write an array as .npy."""
    return _encode(array_like, NPY)


def npy_to_numpy(npy_array: bytes) -> Any:
    """Read a .npy array."""
    return _decode(npy_array, NPY)


def array_to_json(array_like: Any) -> str:
    """Write an array as JSON."""
    return _encode(array_like, "application/json").decode()


def json_to_numpy(string_like: str | bytes, dtype: Any = None) -> Any:
    """Read an array from JSON."""
    found = _decode(string_like, "application/json")
    return found if dtype is None else found.astype(dtype)


def array_to_csv(array_like: Any) -> str:
    """Write an array as CSV."""
    return _encode(array_like, "text/csv").decode()


def csv_to_numpy(string_like: str | bytes, dtype: Any = None) -> Any:
    """Read an array from CSV."""
    found = _decode(string_like, "text/csv")
    return found if dtype is None else found.astype(dtype)
