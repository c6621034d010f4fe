"""Request bodies of an XGBoost endpoint: CSV, libsvm and RecordIO to one table of features.

A body that cannot be read is answered with 415 and the container's sentence. As in the container, an empty
CSV field is a missing value, and the delimiter is found out from the first line.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data import recordio
from sagewizard.errors import DataError
from sagewizard.sandbox.containers.xgb.channels import CSV, LIBSVM, RECORDIO, data_format

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sagewizard.sandbox.containers.xgb.image import Image

_WIDEST = 1 << 24
_SNIFFED = 512
_FIRST_TYPES = ("text/csv", "text/libsvm", "text/x-libsvm", "application/x-recordio-protobuf")


class PayloadError(ValueError):
    """A request body that is not what its content type says, or a content type that is not read."""


def form_of(image: Image, content_type: str) -> str:
    """Return csv, libsvm or recordio-protobuf; PayloadError for anything else.

    Without a content type, images up to 0.90-2 take CSV and later ones libsvm.
    """
    media = content_type.split(";")[0].strip().lower()
    if not image.since("1.0-1"):
        media = media or "text/csv"
        if media not in _FIRST_TYPES:
            raise PayloadError(
                f"Content-type {media} not supported. Supported content-type is text/csv, text/libsvm, "
                "application/x-recordio-protobuf"
            )
        return data_format(media)
    form = _known_form(content_type)
    if form not in (CSV, LIBSVM, RECORDIO):
        raise PayloadError(f"Content-type {content_type} is not supported.")
    return form


def _known_form(content_type: str) -> str:
    from sagewizard.sandbox.containers.contract import CustomerError

    try:
        return data_format(content_type or None)
    except CustomerError as error:
        raise PayloadError(str(error)) from None


def decode(body: bytes, form: str) -> Any:
    """Read a body as features (n, d): a float64 array with NaN for missing values, or a CSR matrix."""
    readers = {CSV: _read_csv, LIBSVM: _read_libsvm, RECORDIO: _read_recordio}
    try:
        return readers[form](body)
    except Exception as error:
        if form == RECORDIO:
            raise PayloadError(
                "Loading recordio-protobuf data failed with Exception, please ensure data is in "
                f"recordio-protobuf format: {type(error)} {error}"
            ) from None
        raise PayloadError(
            f"Loading {form} data failed with Exception, please ensure data is in {form} format:\n "
            f"{type(error)}\n {error}"
        ) from None


def _read_csv(body: bytes) -> NDArray[np.float64]:
    lines = body.strip().decode("utf-8").split("\n")
    delimiter = csv.Sniffer().sniff(lines[0][:_SNIFFED]).delimiter
    if delimiter.isalnum():
        delimiter = ","
    width = lines[0].count(delimiter) + 1
    if any(line.count(delimiter) + 1 != width for line in lines):
        raise ValueError("setting an array element with a sequence.")
    fields = delimiter.join(lines).split(delimiter)
    values = np.array([float(field) if field else np.nan for field in fields])
    if np.isinf(values).any():
        raise ValueError(
            "Input data contains `inf` or a value too large, while `missing` is not set to `inf`"
        )
    return values.reshape(len(lines), width)


def _read_libsvm(body: bytes) -> Any:
    from scipy.sparse import csr_matrix

    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for line in body.strip().decode("utf-8").split("\n"):
        for item in line.split(" "):
            if ":" in item:
                column, value = item.split(":")[:2]
                columns.append(int(column))
                values.append(float(value))
        ends.append(len(values))
    if columns and not 0 <= min(columns) <= max(columns) < _WIDEST:
        raise ValueError("negative column index found" if min(columns) < 0 else "column index is too large")
    shape = (len(ends) - 1, max(columns, default=-1) + 1)
    return csr_matrix((np.array(values), np.array(columns, np.int64), np.array(ends)), shape=shape)


def _read_recordio(body: bytes) -> Any:
    try:
        records = recordio.decode(body)
    except DataError as error:
        raise ValueError(str(error)) from None
    return records.features
