"""Reads a channel of a supervised algorithm into one float32 table: RecordIO or CSV, one file or many.

The table is held once: RecordIO blocks and CSV chunks are written straight into the final array.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from sagewizard.data import recordio
from sagewizard.errors import DataError
from sagewizard.sandbox.containers.contract import CustomerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from sagewizard.sandbox.containers.contract import Channel, TrainingContainer

RECORDIO = "application/x-recordio-protobuf"
CSV = "text/csv"
CSV_CHUNK = 1000
"""Rows parsed at a time; the error for a damaged file names such a block of rows."""


@dataclass(slots=True)
class Table:
    """Rows of one channel: features (n, d) float32, an array or a CSR matrix, and labels (n,) float32.

    `size` is the number of bytes in the channel's files.
    """

    features: NDArray[np.float32] | csr_matrix
    labels: NDArray[np.float32]
    size: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.labels)

    @property
    def width(self) -> int:
        """How many features a row has."""
        return int(self.features.shape[1])


def content_type_of(channel: Channel, *, supervised: bool = True) -> str:
    """Return the media type of a channel, RECORDIO when none was given; CustomerError for one not read here.

    CSV has its label in the first column unless label_size=0 says that there is none, which only algorithms
    that learn without labels (`supervised=False`) take. The sentence of a refusal is that of a first-party
    container whose inputdataconfig.json fails its schema.
    """
    if channel.content_type is None:
        return RECORDIO
    media = channel.content_type.split(";")[0].strip()
    sizes = ("1",) if supervised else ("0", "1")
    sound = media.lower() == RECORDIO or (media.lower() == CSV and _label_size(channel) in sizes)
    if not sound:
        choices = [RECORDIO, "text/csv", *(f"text/csv;label_size={size}" for size in sizes)]
        raise CustomerError(
            "Unable to initialize the algorithm. Failed to validate input data configuration. "
            "(caused by ValidationError)\n\n"
            f"Caused by: {channel.content_type!r} is not one of {choices!r}\n\n"
            f"Failed validating 'enum' in schema['properties'][{channel.name!r}]['properties']"
            f"['ContentType']:\n    {{'enum': {choices!r}}}\n\n"
            f"On instance[{channel.name!r}]['ContentType']:\n    {channel.content_type!r}"
        )
    return media.lower()


def _label_size(channel: Channel) -> str:
    """Return how many columns of a CSV channel are labels, as its content type says."""
    parts = [part.strip() for part in (channel.content_type or "").split(";")[1:]]
    settings = dict(part.split("=", 1) for part in parts if "=" in part)
    return settings.get("label_size", "1").strip()


def unreadable(channel: Channel, cause: str) -> CustomerError:
    """Return the error of a channel whose bytes are not what its content type says."""
    requested = channel.content_type or RECORDIO
    return CustomerError(
        f"Unable to read data channel '{channel.name}'. Requested content-type is '{requested}'. "
        f"Please verify the data matches the requested content-type.\n\nCaused by: {cause}"
    )


def read_table(container: TrainingContainer, channel: Channel, *, supervised: bool = True) -> Table:
    """Read all of a channel; CustomerError says which file and which rows are at fault.

    Labels that are not there are zeros, which only `supervised=False` allows.
    """
    files = channel.files()
    media = content_type_of(channel, supervised=supervised)
    if not files:
        raise unreadable(channel, f"there is no data in {container.shown(channel.path)}")
    if media == RECORDIO:
        features, labels = _read_recordio(container, channel, files, supervised=supervised)
    else:
        features, labels = _read_csv(container, channel, files)
    values = features if isinstance(features, np.ndarray) else features.data
    # The sum is NaN or infinite when any value is; it costs no copy. float64 cannot overflow from float32.
    with np.errstate(invalid="ignore"):  # infinity plus minus infinity
        total = values.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise CustomerError(_unbounded(channel, features))
    if not np.isfinite(labels).all():
        row = int(np.flatnonzero(~np.isfinite(labels))[0])
        raise CustomerError(
            f"The label of row {row + 1} in data channel '{channel.name}' is NaN or infinite. "
            "Please fix the input and try again."
        )
    return Table(features, labels, sum(path.stat().st_size for path in files))


def _unbounded(channel: Channel, features: NDArray[np.float32] | csr_matrix) -> str:
    if isinstance(features, np.ndarray):
        row = next(i for i, values in enumerate(features) if not np.isfinite(values).all())
        column = int(np.flatnonzero(~np.isfinite(features[row]))[0])
    else:
        entry = int(np.flatnonzero(~np.isfinite(features.data))[0])
        row = int(np.searchsorted(features.indptr, entry, "right")) - 1
        column = int(features.indices[entry])
    return (
        f"Feature {column + 1} of row {row + 1} in data channel '{channel.name}' is NaN or infinite. "
        "Please fix the input and try again."
    )


def _read_recordio(
    container: TrainingContainer, channel: Channel, files: list[Path], *, supervised: bool
) -> tuple[NDArray[np.float32] | csr_matrix, NDArray[np.float32]]:
    try:
        records = recordio.read_files(files)
    except DataError as error:
        place = str(error).replace(str(container.base), "/opt/ml")
        raise unreadable(channel, place) from None
    if records.labels is None and supervised:
        raise unreadable(channel, "the records have no label")
    if records.features.dtype != np.float32:
        raise unreadable(
            channel,
            f"only Float32 tensors are supported, but the features are {records.features.dtype} tensors",
        )
    labels = np.zeros(records.features.shape[0]) if records.labels is None else records.labels
    return records.features, np.asarray(labels, np.float32)


def _count_lines(path: Path) -> int:
    """Count the lines of a file, an unfinished last one included: an upper bound for its rows."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            lines += block.count(b"\n") or block.count(b"\r")
            last = block[-1:]
    return lines + (last != b"\n")


def _read_csv(
    container: TrainingContainer, channel: Channel, files: list[Path]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    bound = sum(_count_lines(path) for path in files)
    features: NDArray[np.float32] | None = None
    label_columns = int(_label_size(channel))
    labels = np.zeros(bound, np.float32)
    filled = 0
    for path in files:
        shown = container.shown(path)
        for start, chunk in _csv_chunks(path, shown):
            if chunk.shape[1] <= label_columns:
                raise CustomerError(_csv_error(start, shown))
            if features is None:
                # Pages of the upper bound that are never written are never taken from the system.
                features = np.empty((bound, chunk.shape[1] - label_columns), np.float32)
            if chunk.shape[1] != features.shape[1] + label_columns or filled + len(chunk) > bound:
                raise CustomerError(_csv_error(start, shown))
            if label_columns:
                labels[filled : filled + len(chunk)] = chunk[:, 0]
            features[filled : filled + len(chunk)] = chunk[:, label_columns:]
            filled += len(chunk)
    if features is None:
        raise unreadable(channel, f"there is no row in {container.shown(channel.path)}")
    return features[:filled], labels[:filled]


def _csv_chunks(path: Path, shown: str) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (number of the first row, rows (n, columns) float32) of a file, CSV_CHUNK rows at a time."""
    start = 1
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        lines = (line for line in file if not line.isspace())
        while True:
            block = list(islice(lines, CSV_CHUNK))
            if not block:
                return
            try:
                yield start, parse_csv(block)
            except ValueError:
                raise CustomerError(_csv_error(start, shown)) from None
            start += len(block)


def parse_csv(lines: list[str]) -> NDArray[np.float32]:
    """Parse lines of comma-separated numbers to (n, columns) float32; ValueError when they are not that."""
    return np.loadtxt(lines, delimiter=",", dtype=np.float32, ndmin=2, comments=None, quotechar='"')


def _csv_error(start: int, shown: str) -> str:
    return f"Unable to parse csv: rows {start}-{start + CSV_CHUNK - 1}, file {shown}"
