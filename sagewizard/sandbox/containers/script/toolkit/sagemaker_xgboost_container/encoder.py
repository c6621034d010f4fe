"""Request bodies to DMatrix, for a script's own input_fn."""

from __future__ import annotations

from typing import Any

from sagewizard.sandbox.containers.script.xgboost_defaults import read as decode
from sagewizard.sandbox.containers.script.xgboost_defaults import to_matrix

__all__ = ["csv_to_dmatrix", "decode", "libsvm_to_dmatrix", "recordio_protobuf_to_dmatrix"]


def csv_to_dmatrix(input: str | bytes, dtype: Any = None) -> Any:  # noqa: A002 - the container's own name
    """Read CSV without labels as a DMatrix."""
    return to_matrix(input, "csv")


def libsvm_to_dmatrix(string_like: str | bytes) -> Any:
    """Read libsvm as a DMatrix; labels in it are passed over."""
    return to_matrix(string_like, "libsvm")


def recordio_protobuf_to_dmatrix(string_like: bytes) -> Any:
    """Read RecordIO as a DMatrix."""
    return to_matrix(string_like, "recordio-protobuf")
