"""Request bodies of the first-party algorithms: CSV, JSON, JSON Lines and RecordIO to one float32 table.

JSON instances come in both documented shapes, {"features": [..]} and
{"data": {"features": {"values": [..]}}}; a sparse one adds "keys" and "shape".
Source: Developer Guide, "Common data formats for inference".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data import recordio
from sagewizard.errors import DataError
from sagewizard.sandbox.containers.reading import parse_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

CSV = "text/csv"
JSON = "application/json"
JSONLINES = "application/jsonlines"
RECORDIO = "application/x-recordio-protobuf"
REQUEST_TYPES = (CSV, JSON, JSONLINES, RECORDIO)


class PayloadError(ValueError):
    """A request body that cannot be read; the text is for the caller."""


class UnsupportedContentTypeError(Exception):
    """A content type the algorithm does not read."""


def media_type(header: str) -> str:
    """Cut parameters off a content type and fold its case."""
    return header.split(";", 1)[0].strip().lower()


def decode_features(body: bytes, content_type: str, width: int) -> NDArray[np.float32] | csr_matrix:
    """Read a request body as features (n, d) float32.

    `width` is the model's, used only to place sparse JSON values; whether d fits is the caller's to check.
    PayloadError for a body that is not what its type says, UnsupportedContentTypeError for a type not read.
    """
    media = media_type(content_type)
    if media == CSV:
        table: NDArray[np.float32] | csr_matrix = _decode_csv(body)
    elif media == JSON:
        table = _decode_instances(_instances(_load(body)), width)
    elif media in (JSONLINES, "application/jsonlines+json", "application/x-jsonlines"):
        lines = [line for line in body.split(b"\n") if line.strip()]
        table = _decode_instances([_load(line) for line in lines], width)
    elif media == RECORDIO:
        table = _decode_recordio(body)
    else:
        raise UnsupportedContentTypeError(content_type)
    values = table if isinstance(table, np.ndarray) else table.data
    if not np.isfinite(values).all():
        raise PayloadError("the features must be finite numbers, but there is NaN or infinity among them")
    return table


def _decode_csv(body: bytes) -> NDArray[np.float32]:
    try:
        lines = [line for line in body.decode("utf-8-sig").splitlines() if line.strip()]
        if not lines:
            raise PayloadError("there is no row in the request")
        return parse_csv(lines)
    except PayloadError:
        raise
    except ValueError as error:
        raise PayloadError(f"unable to parse csv: {error}") from None


def _decode_recordio(body: bytes) -> NDArray[np.float32] | csr_matrix:
    try:
        records = recordio.decode(body)
    except DataError as error:
        raise PayloadError(f"unable to parse recordio: {error}") from None
    with np.errstate(over="ignore"):  # what does not fit becomes infinite and is refused
        return records.features.astype(np.float32, copy=False)


def _load(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"unable to parse json: {error}") from None


def _instances(document: Any) -> list[Any]:
    if not isinstance(document, dict) or not isinstance(document.get("instances"), list):
        raise PayloadError('the request must be a JSON object {"instances": [...]}')
    instances: list[Any] = document["instances"]
    return instances


def _decode_instances(instances: Sequence[Any], width: int) -> NDArray[np.float32]:
    if not instances:
        raise PayloadError("there is no instance in the request")
    rows = [_row(instance, number, width) for number, instance in enumerate(instances, 1)]
    first = len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != first:
            raise PayloadError(f"instance {number} has {len(row)} features, the first one has {first}")
    return np.stack(rows)


def _row(instance: Any, number: int, width: int) -> NDArray[np.float32]:
    """Turn one instance into a row."""
    features = instance.get("features") if isinstance(instance, dict) else None
    if features is None and isinstance(instance, dict) and isinstance(instance.get("data"), dict):
        features = instance["data"].get("features")
    if isinstance(features, list):
        return _numbers(features, number)
    if not isinstance(features, dict) or not isinstance(features.get("values"), list):
        raise PayloadError(
            f'instance {number} must be {{"features": [...]}} or '
            '{"data": {"features": {"values": [...]}}}'
        )
    values = _numbers(features["values"], number)
    keys = features.get("keys")
    if not keys:
        return values
    shape = features.get("shape")
    extent = shape[0] if isinstance(shape, list) and len(shape) == 1 else shape
    if extent is None:
        extent = width
    # A row is as wide as its shape says, and a wide one is refused before memory is taken for it.
    if not isinstance(extent, int) or isinstance(extent, bool) or not 0 < extent <= max(width, 1 << 20):
        raise PayloadError(
            f"instance {number} has the shape {shape}, which is not the number of its features"
        )
    sound = isinstance(keys, list) and all(type(key) is int and 0 <= key < extent for key in keys)
    if not sound or len(keys) != len(values) or len(set(keys)) != len(keys):
        raise PayloadError(
            f"instance {number} needs one key a value, each another column from 0 to {extent - 1}"
        )
    row = np.zeros(extent, np.float32)
    row[keys] = values
    return row


def _numbers(values: list[Any], number: int) -> NDArray[np.float32]:
    """Turn JSON numbers into float32; what does not fit becomes infinite and is refused with the rest."""
    if not all(type(value) in (int, float) for value in values):
        raise PayloadError(f"instance {number} has a feature that is not a number")
    try:
        with np.errstate(over="ignore"):
            row = np.array([float(value) for value in values], np.float32)
    except OverflowError:
        row = np.array([np.inf], np.float32)
    if not np.isfinite(row).all():
        raise PayloadError(f"instance {number} has a feature that is not a finite number")
    return row
