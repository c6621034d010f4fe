"""Reads a channel into an XGBoost matrix: CSV and libsvm by XGBoost's own reader, RecordIO, Parquet.

XGBoost's reader is the one the real container uses, so what it makes of odd files is the same: an empty field
or text is a missing value, a text label is 0, rows may differ in width. It is deprecated since XGBoost 3.1.
"""

from __future__ import annotations

import csv
import importlib
import re
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.data import recordio
from sagewizard.errors import DataError
from sagewizard.sandbox.containers.contract import CustomerError
from sagewizard.sandbox.containers.xgb.channels import CSV, LIBSVM, PARQUET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.sandbox.containers.contract import TrainingContainer
    from sagewizard.sandbox.containers.xgb.channels import Files
    from sagewizard.sandbox.containers.xgb.image import Image
    from sagewizard.sandbox.containers.xgb.log import XgboostLog

_FIRST_LINE = 1 << 16  # a first line is looked at no further than this
_SNIFFED = 4096  # of a first line full of quotes, 64 KiB keep Python's sniffer busy for 40 seconds
_IN_A_URI = frozenset("?;#&")
_NO_LABELS = (
    "Got input data without labels. Please check the input data set. If training job is running on multiple "
    "instances, please switch to using single instance if number of records in the data set is less than "
    "number of workers (16 * number of instance) in the cluster."
)


@dataclass(slots=True)
class Source:
    """The files of one matrix, how they are written, and the folder the log names for them."""

    paths: Sequence[Path]
    form: str
    shown: str
    weights: bool = False


class MatrixReader:
    """Checks and reads the data of one job."""

    def __init__(self, container: TrainingContainer, image: Image, log: XgboostLog) -> None:
        self.container, self.image, self.log = container, image, log

    def check(self, files: Files, form: str) -> None:
        """Look at the first line of each text file, as the container does before it reads anything."""
        for path in files.paths:
            if path.name.startswith("_"):
                continue
            if form == CSV:
                self._check_csv(path)
            elif form == LIBSVM:
                self._check_libsvm(path)

    def read(self, source: Source) -> Any:
        """Read files into one DMatrix; CustomerError in the container's words for what cannot be read."""
        label = "recordio-protobuf" if source.form not in (CSV, LIBSVM, PARQUET) else source.form
        try:
            if source.form == CSV:
                matrix = self._read_csv(source)
            elif source.form == LIBSVM:
                matrix = self._read_text(source, "?format=libsvm")
            elif source.form == PARQUET:
                matrix = _read_parquet(source.paths)
            else:
                matrix = _read_recordio(source.paths)
        except CustomerError:
            raise
        except Exception as error:
            text = plain(error).replace(str(self.container.base), "/opt/ml")
            raise CustomerError(f"Failed to load {label} data with exception:\n{text}") from None
        if matrix.get_label().size == 0:
            raise CustomerError(_NO_LABELS)
        return matrix

    def _check_csv(self, path: Path) -> None:
        line = first_line(path)
        if self.image.is_first:
            if " " in line and ":" in line:
                raise CustomerError(
                    f"Blankspace and colon found in firstline '{line[:50]}...' of file '{path.name}'. "
                    "Please ensure the file is in csv format."
                )
            found = re.search("[a-df-zA-DF-Z]", line)
            if found is not None:
                raise CustomerError(
                    f"Non-numeric value '{found[0]}' found in the header line '{line[:50]}...' of file "
                    f"'{path.name}'. CSV format require no header line in it. If header line is already "
                    "removed, XGBoost does not accept non-numeric value in the data."
                )
            return
        delimiter = self._delimiter(line)
        fields = line.rstrip("\r\n").split(delimiter)
        text = next((field for field in fields if field.strip() and not _is_number(field)), None)
        if text is not None:
            self.log.line(
                f"Sandbox: the first line of {self.container.shown(path)} holds text ('{text.strip()[:40]}')."
                " XGBoost takes text for a missing value, and for the label 0: a header line becomes a row."
                " Remove it, or turn the text into numbers."
            )

    def _check_libsvm(self, path: Path) -> None:
        if self.image.is_first:
            line = first_line(path)
            if not (" " in line and ":" in line):
                raise CustomerError(
                    f"Blankspace and colon not found in firstline '{line[:50]}...' of file '{path.name}'. "
                    "ContentType by defaullt is in libsvm. Please ensure the file is in libsvm format."
                )
            return
        with path.open(errors="ignore") as file:
            while line := file.readline(_FIRST_LINE):
                features = _libsvm_features(line)
                if features < 0:
                    raise CustomerError(
                        f"First line '{line[:50]}...' of file '{path.name}' is not 'LIBSVM' format. "
                        "Please ensure the file is in 'LIBSVM' format."
                    )
                if features > 1:
                    return
        self.log.warning(
            f"File {path.name} is not an invalid LIBSVM file but has no features. "
            "Accepting simple validation."
        )

    def _delimiter(self, line: str) -> str:
        try:
            delimiter = csv.Sniffer().sniff(line[:_SNIFFED]).delimiter
        except csv.Error as error:
            raise CustomerError(f"Could not determine delimiter on line {line[:50]}:\n{error}") from None
        self.log.info(f"Determined delimiter of CSV input is '{delimiter}'")
        return delimiter

    def _read_csv(self, source: Source) -> Any:
        delimiter = self._delimiter(first_line(source.paths[0]))
        if (
            delimiter in _IN_A_URI - {";"}
            or delimiter.isalnum()
            or (not delimiter.isprintable() and delimiter != "\t")
        ):
            raise CustomerError(
                f"Could not determine delimiter on line {first_line(source.paths[0])[:50]}:\n"
                f"'{delimiter}' cannot separate numbers"
            )
        weights = "&weight_column=1" if source.weights else ""
        return self._read_text(source, f"?format=csv&label_column=0&delimiter={delimiter}{weights}")

    def _read_text(self, source: Source, how: str) -> Any:
        import xgboost

        folder = Path(tempfile.mkdtemp(prefix="sagewizard-xgboost-", dir=_plain_folder()))
        try:
            links = []
            for number, path in enumerate(source.paths):
                links.append(folder / f"{number}")
                links[-1].symlink_to(path.resolve())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that the reader is deprecated concerns nobody here
                matrix = xgboost.DMatrix(";".join(map(str, links)) + how, nthread=1)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        rows, columns = matrix.num_row(), matrix.num_col()
        entries = rows * columns if how.startswith("?format=csv") else matrix.num_nonmissing()
        self.log.library(f"{rows}x{columns} matrix with {entries} entries loaded from {source.shown}{how}")
        return matrix


def _plain_folder() -> str:
    """Name a temporary folder whose name means nothing in a URI."""
    folder = tempfile.gettempdir()
    return "/tmp" if _IN_A_URI & set(folder) else folder  # noqa: S108


def first_line(path: Path) -> str:
    """Read the first line of a file, as far as it is looked at."""
    with path.open(errors="ignore") as file:
        return file.readline(_FIRST_LINE)


def plain(error: Exception) -> str:
    """Cut the stack trace off an XGBoost error; the addresses in it help nobody."""
    return str(error).split("\nStack trace:")[0].rstrip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _libsvm_features(line: str) -> int:
    """Count the features of a libsvm line, -1 when it is none: LABEL[:WEIGHT] INDEX:VALUE ..."""
    label, *features = line.strip().split(" ")
    parts = label.split(":")
    if len(parts) > 2 or not all(_is_number(part) for part in parts):
        return -1
    features = [feature for feature in features if feature]
    return len(features) if all(feature.count(":") == 1 for feature in features) else -1


def _read_recordio(paths: Sequence[Path]) -> Any:
    import numpy as np
    import xgboost

    try:
        records = recordio.read_files(paths)
    except DataError as error:
        raise ValueError(str(error)) from None
    features = records.features
    if features.dtype.kind != "f":
        features = features.astype(np.float32)
    label = np.empty(0, np.float32) if records.labels is None else np.asarray(records.labels, np.float32)
    return xgboost.DMatrix(features, label=label, nthread=1)


def _read_parquet(paths: Sequence[Path]) -> Any:
    import xgboost

    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ValueError(
            "The sandbox reads Parquet with pyarrow, which is not installed here. Install it with "
            "'pip install pyarrow', or give the data as CSV, libsvm or RecordIO."
        ) from None
    import numpy as np

    tables = [parquet.read_table(path).to_pandas().to_numpy(np.float32) for path in paths]
    data = np.concatenate(tables)
    return xgboost.DMatrix(data[:, 1:], label=data[:, 0], nthread=1)
