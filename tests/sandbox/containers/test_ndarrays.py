"""The NDArray list: its bytes, and what becomes of damaged ones."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewizard.sandbox.containers import ndarrays

WEIGHT = np.array([[1.5], [-2.0]], np.float32)
BIAS = np.array([[0.25]], np.float32)
# Written out by hand from the format: header, two arrays, two names.
GOLDEN = bytes.fromhex(
    "1201000000000000 0000000000000000 0200000000000000"
    "c9fa93f9 00000000 02000000 0200000000000000 0100000000000000"
    "01000000 00000000 00000000 0000c03f 000000c0"
    "c9fa93f9 00000000 02000000 0100000000000000 0100000000000000"
    "01000000 00000000 00000000 0000803e"
    "0200000000000000"
    "0e00000000000000 6172673a6663305f776569676874"
    "0c00000000000000 6172673a6663305f62696173"
)


def test_the_bytes_are_those_of_the_format() -> None:
    assert ndarrays.dumps({"arg:fc0_weight": WEIGHT, "arg:fc0_bias": BIAS}) == GOLDEN


def test_what_was_written_is_read_back() -> None:
    found = ndarrays.loads(GOLDEN)
    np.testing.assert_array_equal(found["arg:fc0_weight"], WEIGHT)
    np.testing.assert_array_equal(found["arg:fc0_bias"], BIAS)


def test_no_prefix_of_a_file_is_taken_for_a_file() -> None:
    for end in range(len(GOLDEN)):
        with pytest.raises(ndarrays.NDArrayFormatError):
            ndarrays.loads(GOLDEN[:end])
    with pytest.raises(ndarrays.NDArrayFormatError, match="left over"):
        ndarrays.loads(GOLDEN + b"\0")


@pytest.mark.parametrize(
    ("at", "replacement", "words"),
    [
        (0, struct.pack("<Q", 0x113), "magic"),
        (16, struct.pack("<Q", 1 << 60), "arrays are declared"),
        (24, struct.pack("<I", 1), "not a dense array"),
        (28, struct.pack("<i", 1), "not a dense array"),
        (32, struct.pack("<I", 1 << 31), "dimensions"),
        (36, struct.pack("<q", 1 << 62), "are left"),
        (36, struct.pack("<q", -1), "negative"),
        (60, struct.pack("<i", 1), "float32"),
    ],
)
def test_a_declared_size_is_not_believed(at: int, replacement: bytes, words: str) -> None:
    damaged = GOLDEN[:at] + replacement + GOLDEN[at + len(replacement) :]
    with pytest.raises(ndarrays.NDArrayFormatError, match=words):
        ndarrays.loads(damaged)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOLDEN) - 1), st.integers(0, 255))
def test_one_wrong_byte_is_an_error_or_another_model_but_no_crash(at: int, value: int) -> None:
    damaged = GOLDEN[:at] + bytes([value]) + GOLDEN[at + 1 :]
    try:
        found = ndarrays.loads(damaged)
    except ndarrays.NDArrayFormatError:
        return
    assert sum(array.size for array in found.values()) == 3
