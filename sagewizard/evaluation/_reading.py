"""Owns how stored results are read back: anything unexpected in them is one clear error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what a missing or foreign value raises into a `DataError` that names `what`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"This is not {what}: {type(error).__name__}: {error}", remedy="Evaluate the run again."
        ) from error


def optional_float(data: Mapping[str, Any], key: str) -> float | None:
    """Return a float, or None where the value is None or absent."""
    value = data.get(key)
    return None if value is None else float(value)
