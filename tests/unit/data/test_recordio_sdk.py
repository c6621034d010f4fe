"""Our RecordIO writer against the SageMaker SDK's own, byte for byte, in one child process."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import sparse

from sagewizard.data import recordio

if TYPE_CHECKING:
    from pathlib import Path

CHILD = """
import io, sys, zipfile
import numpy as np
from scipy import sparse
from sagemaker.amazon.common import write_numpy_to_dense_tensor, write_spmatrix_to_sparse_tensor
cases = np.load(sys.argv[1])
with zipfile.ZipFile(sys.argv[2], "w") as out:
    for number in range(int(cases["count"])):
        part = lambda name: cases.get(f"{number}-{name}")
        file = io.BytesIO()
        if part("dense") is not None:
            write_numpy_to_dense_tensor(file, part("dense"), part("labels"))
        else:
            shape = tuple(int(n) for n in part("shape"))
            matrix = sparse.csr_matrix((part("data"), part("indices"), part("indptr")), shape=shape)
            write_spmatrix_to_sparse_tensor(file, matrix, part("labels"))
        out.writestr(str(number), file.getvalue())
"""

Case = tuple[Any, Any]


def numbers(rng: np.random.Generator, shape: tuple[int, ...], kind: str, spread: int) -> Any:
    """Random numbers of one type; `spread` chooses how many bytes integers take."""
    if kind == "int64":
        edges = np.array([0, 1, -1, 127, 128, 16383, 16384, 2**21, 2**28 - 1, 2**28, 2**31 - 1, -(2**31)])
        small = rng.integers(0, 128, shape)
        mixed = np.where(
            rng.random(shape) < 0.5, rng.integers(-(2**31), 2**31, shape), rng.choice(edges, shape)
        )
        return (small, mixed, rng.integers(-200, 20000, shape))[spread % 3]
    values = (rng.standard_normal(shape) * 10.0 ** rng.integers(-30, 30, shape)).astype(kind)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45], kind)
    return np.where(rng.random(shape) < 0.1, rng.choice(special, shape), values).astype(kind)


def generated() -> list[Case]:
    rng = np.random.default_rng(20260101)
    kinds = ["float32", "float64", "int64"]
    cases: list[Case] = []
    sizes = [(1, 1), (1, 784), (7, 13), (3, 31), (40, 4), (2, 0), (0, 5), (5, 127), (2, 4096), (600, 3)]
    for rows, columns in sizes:
        for kind in kinds:
            for label in [None, *kinds]:
                for spread in range(3):
                    labels = None if label is None else numbers(rng, (rows,), label, spread)
                    cases.append((numbers(rng, (rows, columns), kind, spread), labels))
    for kind in kinds:  # more than one block
        cases.append((numbers(rng, (3000, 130), kind, 2), numbers(rng, (3000,), "int64", 2)))
        cases.append((np.asfortranarray(numbers(rng, (1000, 300), kind, 1))[::2, ::3], None))
    for rows, columns in [(1, 1), (9, 300), (30, 20000), (4, 0), (500, 70000), (3, 2**31 - 1)]:
        for kind in kinds:
            for label in [None, *kinds]:
                counts = rng.integers(0, min(columns, 40) + 1, rows)
                counts[:: 3 if rows > 3 else rows + 1] = 0  # rows that store nothing
                indptr = np.concatenate(([0], np.cumsum(counts)))
                stored = int(indptr[-1])
                # Not sorted, and now and then twice the same: the writer keeps what is stored.
                indices = rng.integers(0, max(columns, 1), stored).astype(np.int32)
                data = numbers(rng, (stored,), kind, 1)
                matrix = sparse.csr_matrix((data, indices, indptr), shape=(rows, columns))
                cases.append((matrix, None if label is None else numbers(rng, (rows,), label, 1)))
    return cases


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Case], list[bytes]]:
    folder: Path = tmp_path_factory.mktemp("sdk")
    cases = generated()
    arrays: dict[str, Any] = {"count": np.array(len(cases))}
    for number, (features, labels) in enumerate(cases):
        if sparse.issparse(features):
            for name in ("data", "indices", "indptr"):
                arrays[f"{number}-{name}"] = getattr(features, name)
            arrays[f"{number}-shape"] = np.array(features.shape)
        else:
            arrays[f"{number}-dense"] = features
        if labels is not None:
            arrays[f"{number}-labels"] = labels
    np.savez(folder / "cases.npz", **arrays)
    env = {**os.environ, "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
    command = [sys.executable, "-c", CHILD, str(folder / "cases.npz"), str(folder / "out.zip")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(folder / "out.zip") as archive:
        return cases, [archive.read(str(number)) for number in range(len(cases))]


def test_there_are_hundreds_of_cases_with_every_pair_of_types(compared: Any) -> None:
    cases, _ = compared
    pairs = {(str(x.dtype), None if y is None else str(y.dtype), sparse.issparse(x)) for x, y in cases}
    assert len(cases) > 400
    assert len(pairs) == 3 * 4 * 2


def test_written_bytes_equal_the_sdks(compared: Any) -> None:
    for number, ((features, labels), expected) in enumerate(zip(*compared, strict=True)):
        got = recordio.encode(features, labels)
        assert got == expected, f"case {number}: {features.shape} {features.dtype}, labels {labels}"


def test_what_the_sdk_wrote_reads_back_exactly(compared: Any) -> None:
    for (features, labels), written in zip(*compared, strict=True):
        if not features.shape[0]:
            continue
        records = recordio.decode(written)
        kind = np.int32 if features.dtype == np.int64 else features.dtype
        if sparse.issparse(features):
            assert isinstance(records.features, sparse.csr_matrix)
            assert records.features.shape == features.shape
            np.testing.assert_array_equal(records.features.data, features.data.astype(kind), strict=True)
            np.testing.assert_array_equal(records.features.indices, features.indices)
            np.testing.assert_array_equal(records.features.indptr, features.indptr)
        else:
            assert isinstance(records.features, np.ndarray)
            np.testing.assert_array_equal(records.features, features.astype(kind), strict=True)
        if labels is None:
            assert records.labels is None
        else:
            np.testing.assert_array_equal(records.labels, labels)
