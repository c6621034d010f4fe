"""RecordIO-protobuf, SageMaker's own record format: reading, writing, request bodies and replies.

Written bytes equal those of `sagemaker.amazon.common` (SageMaker SDK 2); the layout is described in
`recordio_format`. Every function raises DataError with the byte offset for damaged or foreign data.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sagewizard.data import recordio_reader, recordio_writer
from sagewizard.data.files import replacing
from sagewizard.data.recordio_format import Records
from sagewizard.data.recordio_labels import decode_predictions, encode_predictions
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

__all__ = [
    "Records",
    "decode",
    "decode_predictions",
    "encode",
    "encode_predictions",
    "frames",
    "read",
    "read_files",
    "write",
]


def write(
    target: BinaryIO | str | Path, features: NDArray[Any] | csr_matrix, labels: NDArray[Any] | None = None
) -> None:
    """Write features (n, d) and labels (n,) as RecordIO-protobuf.

    float32 and float64 keep their type, every integer type becomes int32; a scipy sparse matrix is written
    sparse. A path is replaced only once everything is written. Extra memory is a few megabytes.
    """
    if isinstance(target, str | os.PathLike):
        path = Path(target)
        with replacing(path) as file:
            _write(file, features, labels)
    else:
        _write(target, features, labels)


def encode(features: NDArray[Any] | csr_matrix, labels: NDArray[Any] | None = None) -> bytes:
    """Return the bytes that `write` writes."""
    buffer = io.BytesIO()
    _write(buffer, features, labels)
    return buffer.getvalue()


def read(source: BinaryIO | str | Path) -> Records:
    """Read a file or an open binary stream from where it stands to its end."""
    if isinstance(source, str | os.PathLike):
        return read_files([source])
    name = getattr(source, "name", "")
    size = recordio_reader.size_of(source)
    return recordio_reader.decode_inputs([recordio_reader.Input(source, str(name), size)])


def read_files(paths: Sequence[str | Path]) -> Records:
    """Read several files as one table, in the order given; they must agree in columns and types."""
    if not paths:
        raise DataError("no files were given to read", remedy="Name at least one RecordIO file.")
    with contextlib.ExitStack() as stack:
        inputs = []
        for path in paths:
            try:
                file = stack.enter_context(Path(path).open("rb", buffering=0))
            except OSError as error:
                raise DataError(
                    f"cannot be read: {error.strerror}", file=str(path), remedy="Check the path."
                ) from error
            inputs.append(recordio_reader.Input(file, str(path), os.fstat(file.fileno()).st_size))
        return recordio_reader.decode_inputs(inputs)


def decode(data: bytes | bytearray | memoryview) -> Records:
    """Read the records in a request body."""
    return recordio_reader.decode_inputs([recordio_reader.Input(io.BytesIO(data), "", len(data))])


def frames(source: BinaryIO | str | Path) -> Iterator[bytes]:
    """Yield every record with its frame, so that a file can be split without decoding it."""
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            yield from recordio_reader.frames(recordio_reader.Input(file, str(source), size))
    else:
        name = str(getattr(source, "name", ""))
        yield from recordio_reader.frames(
            recordio_reader.Input(source, name, recordio_reader.size_of(source))
        )


def _write(file: BinaryIO, features: Any, labels: NDArray[Any] | None) -> None:
    # A sparse matrix can only be here when its module is loaded, so scipy is never imported to ask.
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(features):
        if features.ndim != 2:
            raise DataError("a sparse array of one dimension is not a table", remedy="Give a matrix.")
        blocks: Iterator[memoryview | bytes] = recordio_writer.sparse_blocks(features.tocsr(), labels)
    else:
        blocks = recordio_writer.dense_blocks(features, labels)
    for block in blocks:
        rest = memoryview(block)
        while len(rest):
            # Only an unbuffered file writes less than it was given.
            written = file.write(rest)
            rest = rest[written if written is not None else len(rest) :]
