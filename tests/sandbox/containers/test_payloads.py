"""Request bodies: every documented shape is read, everything else is refused with its place."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sagewizard.data import recordio
from sagewizard.sandbox.containers import payloads

ROWS = np.array([[1.5, 0, -2], [0, 3, 0.25]], np.float32)
INSTANCES = [{"features": row} for row in ROWS.tolist()]
NESTED = [{"data": {"features": {"values": row}}} for row in ROWS.tolist()]
SPARSE = [
    {"data": {"features": {"keys": [0, 2], "shape": [3], "values": [1.5, -2]}}},
    {"features": {"keys": [2, 1], "values": [0.25, 3]}},
]


def lines(instances: list[object]) -> bytes:
    return "\n".join(json.dumps(instance) for instance in instances).encode()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"1.5,0,-2\n0,3,0.25\n", "text/csv"),
        (b"1.5,0,-2\r\n\r\n0,3,0.25", "text/csv; charset=utf-8"),
        ("\ufeff1.5, 0, -2\n0,3,.25".encode(), "TEXT/CSV"),
        (json.dumps({"instances": INSTANCES}).encode(), "application/json"),
        (json.dumps({"instances": NESTED}).encode(), "application/json"),
        (json.dumps({"instances": SPARSE}).encode(), "application/json"),
        (lines(INSTANCES), "application/jsonlines"),  # type: ignore[arg-type]
        (lines([*NESTED]) + b"\n\n", "application/jsonlines"),
        (lines([*SPARSE]), "application/jsonlines"),
        (recordio.encode(ROWS), "application/x-recordio-protobuf"),
        (recordio.encode(ROWS.astype(np.float64)), "application/x-recordio-protobuf"),
        (recordio.encode(csr_matrix(ROWS)), "application/x-recordio-protobuf"),
        (recordio.encode(ROWS, np.ones(2, np.float32)), "application/x-recordio-protobuf"),
    ],
)
def test_every_format_gives_the_same_rows(body: bytes, content_type: str) -> None:
    found = payloads.decode_features(body, content_type, 3)
    dense = found if isinstance(found, np.ndarray) else found.toarray()
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(dense, ROWS)


JSON_DAMAGE = [
    "{",
    "[]",
    "1",
    '"x"',
    "{}",
    '{"instances": 3}',
    '{"instances": []}',
    '{"instances": [3]}',
    '{"instances": [{}]}',
    '{"instances": [{"features": ["a"]}]}',
    '{"instances": [{"features": [true]}]}',
    '{"instances": [{"features": [NaN]}]}',
    '{"instances": [{"features": [1e999]}]}',
    '{"instances": [{"features": [1e39]}]}',
    '{"instances": [{"features": [[1]]}]}',
    '{"instances": [{"features": [1]}, {"features": [1, 2]}]}',
    '{"instances": [{"data": {"features": {"values": 1}}}]}',
    '{"instances": [{"features": {"keys": [0], "values": [1, 2]}}]}',
    '{"instances": [{"features": {"keys": [0, 0], "values": [1, 2]}}]}',
    '{"instances": [{"features": {"keys": [-1], "values": [1]}}]}',
    '{"instances": [{"features": {"keys": [3], "values": [1]}}]}',
    '{"instances": [{"features": {"keys": [1.0], "values": [1]}}]}',
    '{"instances": [{"features": {"keys": [0], "shape": [99999999999], "values": [1]}}]}',
    '{"instances": [{"features": {"keys": [0], "shape": [-1], "values": [1]}}]}',
    '{"instances": [{"features": {"keys": [0], "shape": [2, 2], "values": [1]}}]}',
    '{"instances": ' + "[" * 100_000,
    '{"instances": [{"features": [' + "9" * 5000 + "]}]}",
    '{"instances": [{"features": [' + "9" * 400 + "]}]}",
]


@pytest.mark.parametrize("text", JSON_DAMAGE, ids=lambda text: text[:50])
def test_json_that_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(payloads.PayloadError):
        payloads.decode_features(text.encode(), "application/json", 3)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\n\n", "text/csv"),
        (b"1,a", "text/csv"),
        (b"1,2\n3", "text/csv"),
        (b"1,,2", "text/csv"),
        (b"1,nan", "text/csv"),
        (b"\xff\xfe", "text/csv"),
        (b"\x00", "text/csv"),
        (b"junk", "application/x-recordio-protobuf"),
        (recordio.encode(ROWS)[:-5], "application/x-recordio-protobuf"),
        (b'{"features": [1]}\n{', "application/jsonlines"),
        (b"\n", "application/jsonlines"),
    ],
)
def test_garbage_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(payloads.PayloadError):
        payloads.decode_features(body, content_type, 3)


@pytest.mark.parametrize("content_type", ["", "image/png", "application/x-npy", "text/csvx"])
def test_a_type_that_is_not_read_is_named(content_type: str) -> None:
    with pytest.raises(payloads.UnsupportedContentTypeError):
        payloads.decode_features(b"1,2,3", content_type, 3)
