"""CSV: reading a table with errors that name row and column, and writing numbers fast and exactly.

Reading is pandas' C parser. Only when something is wrong is the file read a second time, to find the line and
what its cell holds. Writing goes through orjson, whose text of a number is the shortest that reads
back the same.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NoReturn, cast

import numpy as np

from sagewizard.data.files import replacing
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

_BLOCK = 1 << 18
"""Numbers written at a time: their text takes up to 5 MB."""
_DAMAGED = (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error, csv.Error)
_DELIMITERS = ",;\t|"
_MISSING = {"", "nan", "na", "n/a", "null", "none", "#n/a", "<na>", "?"}


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file as read: its column names (made up as `column 1` without a header) and its cells."""

    file: Path
    delimiter: str
    header: bool
    columns: tuple[str, ...]
    frame: pd.DataFrame

    def find(self, column: str | int) -> int:
        """Return the position from 0 of a column given by name or by number from 1.

        DataError names the nearest column, or how many there are.
        """
        if isinstance(column, str) and column in self.columns:
            return self.columns.index(column)
        number = int(column) if isinstance(column, int) or re.fullmatch(r"[0-9]{1,9}", column) else 0
        if 1 <= number <= len(self.columns):
            return number - 1
        import difflib

        near = difflib.get_close_matches(str(column), self.columns, n=1)
        listed = ", ".join(self.columns[:12]) + (", ..." if len(self.columns) > 12 else "")
        raise DataError(
            f"there is no column {column!r}",
            file=str(self.file),
            remedy=f"Did you mean {near[0]!r}?" if near else f"The columns are: {listed}.",
        )

    def numbers(self, positions: Sequence[int]) -> NDArray[np.float32]:
        """Return columns as float32 (n, d).

        DataError names row and column of the first cell that is text, missing, or not finite in float32.
        """
        import pandas as pd

        out = np.empty((len(self.frame), len(positions)), np.float32)
        for place, position in enumerate(positions):
            column = self.frame.iloc[:, position]
            numeric = column if column.dtype.kind in "biuf" else pd.to_numeric(column, errors="coerce")
            with np.errstate(over="ignore"):
                out[:, place] = numeric.to_numpy(np.float32, na_value=np.nan)
        wrong = ~np.isfinite(out)
        if wrong.any():
            row, place = divmod(int(wrong.argmax()), len(positions))
            self._refuse(row, positions[place], "a number")
        return out

    def labels(self, position: int) -> NDArray[Any]:
        """Return the label column (n,): integers or floats where all cells are numbers, else text.

        DataError names the row of the first missing label.
        """
        column = self.frame.iloc[:, position]
        missing = column.isna().to_numpy()
        if missing.any():
            self._refuse(int(missing.argmax()), position, "a label")
        if column.dtype.kind == "f":
            values: NDArray[np.float64] = column.to_numpy(np.float64)
            if not np.isfinite(values).all():
                self._refuse(int((~np.isfinite(values)).argmax()), position, "a label")
            whole = bool((values == np.rint(values)).all() and (np.abs(values) < 1 << 53).all())
            return values.astype(np.int64) if whole else values
        if column.dtype.kind in "iu":
            return np.asarray(column.to_numpy(np.int64))
        return np.array([str(cell).strip() for cell in column], dtype=np.str_)

    def _refuse(self, row: int, position: int, wanted: str) -> NoReturn:
        """Raise the error for a cell, after a look at the line it came from."""
        name: int | str = self.columns[position] if self.header else position + 1
        line, cells = self._line(row)
        if len(cells) != len(self.columns):
            raise _ragged(self.file, line, len(cells), len(self.columns))
        text = cells[position].strip()
        if text.lower() in _MISSING:
            what = f"is missing (the cell holds {text!r})" if text else "is missing"
            message, remedy = f"{wanted} {what}", "Fill in the cell or remove the row."
        elif re.fullmatch(r"[-+]?(inf|infinity)|[-+]?[0-9.]+e?\+?[0-9]*", text.lower()):
            message, remedy = f"{text} is not a finite 32-bit number", "Correct the cell or remove the row."
        else:
            message = f"{text[:60]!r} is not {wanted}"
            remedy = "Turn text into numbers, make it the label column, or say whether there is a header."
        raise DataError(message, file=str(self.file), row=line, column=name, remedy=remedy)

    def _line(self, row: int) -> tuple[int, list[str]]:
        """Return line number and cells of a data row, counted as pandas does: without empty lines."""
        wanted = row + (1 if self.header else 0)
        with _text(self.file) as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            for cells in reader:
                if not cells or (len(cells) == 1 and not cells[0].strip()):
                    continue
                if wanted == 0:
                    return reader.line_num, cells
                wanted -= 1
        return row + 1, []


def read_csv(path: Path, *, header: bool | None = None, delimiter: str | None = None) -> CsvTable:
    """Read a CSV file, gzipped or plain, UTF-8; header and delimiter (, ; tab |) are detected unless given.

    A first row without any number is taken for a header when the second has one. DataError for an absent or
    empty file, one that is not UTF-8 text, and rows with more cells than the first.
    """
    import pandas as pd

    try:
        first = _first_rows(path, delimiter)
    except _DAMAGED as error:
        raise _not_text(path) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot be read: {reason}", file=str(path), remedy="Check the path.") from error
    delimiter, rows = first
    if not rows:
        raise DataError("the file is empty", file=str(path), remedy="Choose a file with rows.")
    if header is None:
        header = _looks_like_header(rows)
    if header and len(rows) > 1 and len(rows[1]) > len(rows[0]):
        # pandas would take the surplus cells of every row for row names.
        raise _ragged(path, 2, len(rows[1]), len(rows[0]))
    try:
        with _text(path) as file:
            frame = pd.read_csv(
                file,
                header=0 if header else None,
                sep=delimiter,
                engine="c",
                low_memory=False,
                skipinitialspace=True,
                na_values=["?"],
            )
    except pd.errors.ParserError as error:
        if match := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
            expected, line, saw = map(int, match.groups())
            raise _ragged(path, line, saw, expected) from error
        raise DataError(
            f"is no CSV: {error}", file=str(path), remedy="Check quotes and delimiters."
        ) from error
    except (*_DAMAGED, OSError) as error:
        raise _not_text(path) from error
    columns = tuple(str(c).strip() for c in frame.columns) if header else _numbered(frame.shape[1])
    if frame.empty:
        raise DataError("there is a header and no row", file=str(path), remedy="Choose a file with rows.")
    if header and len(set(rows[0])) < len(rows[0]):
        twice = next(name for name in rows[0] if rows[0].count(name) > 1)
        raise DataError(
            f"the header names {twice!r} twice",
            file=str(path),
            row=1,
            remedy="Give each column its own name.",
        )
    return CsvTable(path, delimiter, header, columns, frame)


def write_csv(
    target: BinaryIO | str | Path, features: NDArray[Any], labels: NDArray[Any] | None = None
) -> None:
    """Write numbers (n, d) as CSV without a header, the labels (n,) first, as SageMaker's algorithms take it.

    The text reads back to exactly the same numbers in their type. NaN and infinity are refused with row and
    column, since built-in algorithms would fail on them later. A path is replaced only once all is written.
    """
    if isinstance(target, str | os.PathLike):
        with replacing(Path(target)) as file:
            file.writelines(csv_blocks(features, labels))
    else:
        for block in csv_blocks(features, labels):
            target.write(block)


def encode_csv(features: NDArray[Any], labels: NDArray[Any] | None = None) -> bytes:
    """Return what `write_csv` writes, for a request body."""
    return b"".join(csv_blocks(features, labels))


def csv_blocks(features: NDArray[Any], labels: NDArray[Any] | None = None) -> Iterator[bytes]:
    """Yield the CSV text in blocks of whole lines, each ending in a newline."""
    if features.ndim != 2 or not features.shape[1]:
        raise DataError(f"an array of shape {features.shape} is not a table", remedy="Give rows of columns.")
    if labels is not None and labels.shape != features.shape[:1]:
        raise DataError(
            f"labels of shape {labels.shape} do not fit {len(features)} rows",
            remedy="Give one label for each row.",
        )
    rows = max(1, _BLOCK // features.shape[1])
    shift = 0 if labels is None else 1
    for start in range(0, len(features), rows):
        lines = _lines(features[start : start + rows], start, shift)
        if labels is not None:
            first = _lines(labels[start : start + rows, None], start, 0)
            pairs = zip(first.split(b"\n"), lines.split(b"\n"), strict=True)
            lines = b"\n".join([label + b"," + rest for label, rest in pairs])
        yield lines + b"\n"


def _lines(block: NDArray[Any], first_row: int, first_column: int) -> bytes:
    """Return rows as text without the last newline."""
    import orjson

    if block.dtype.kind == "f":
        finite = np.isfinite(block)
        if not finite.all():
            row, column = divmod(int((~finite).argmax()), block.shape[1])
            raise DataError(
                f"{block[row, column]} cannot be written as CSV",
                remedy="Fill in or remove missing values first.",
                row=first_row + row + 1,
                column=first_column + column + 1,
            )
    if block.dtype.kind == "b":
        block = block.astype(np.uint8)
    elif block.dtype.kind not in "iuf" or block.dtype.itemsize > 8:
        raise DataError(
            f"numbers of type {block.dtype} cannot be written as CSV",
            remedy="Convert to float32 or integers.",
        )
    native = np.ascontiguousarray(block, block.dtype.newbyteorder("="))
    text = orjson.dumps(native, option=orjson.OPT_SERIALIZE_NUMPY)
    return text[2:-2].replace(b"],[", b"\n")


def _text(path: Path) -> io.TextIOWrapper:
    """Open a text file, unpacking it when it starts as gzip does; a byte order mark is left out."""
    return io.TextIOWrapper(_binary(path), encoding="utf-8-sig", newline="")


def _binary(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


def _first_rows(path: Path, delimiter: str | None) -> tuple[str, list[list[str]]]:
    """Return the delimiter and the cells of the first two rows that are not empty."""
    with _text(path) as file:
        lines: list[str] = []
        while len(lines) < 2 and (line := file.readline(1 << 24)):
            if line.strip():
                lines.append(line)
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=lambda d: lines[0].count(d)) if lines else ","
    rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    return delimiter, [[cell.strip() for cell in row] for row in rows]


def _looks_like_header(rows: list[list[str]]) -> bool:
    if any(_is_number(cell) or not cell for cell in rows[0]):
        return False
    return len(rows) > 1 and any(_is_number(cell) for cell in rows[1])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"column {number}" for number in range(1, count + 1))


def _ragged(path: Path, line: int, found: int, expected: int) -> DataError:
    return DataError(
        f"this row has {found} cells where {expected} are expected",
        file=str(path),
        row=line,
        remedy="Give every row the same number of cells; quote text that holds the delimiter.",
    )


def _not_text(path: Path) -> DataError:
    remedy = "Save it as CSV in UTF-8."
    try:
        with _binary(path) as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError as error:
                    return DataError(
                        f"the file is not UTF-8 text: byte 0x{line[error.start]:02X}",
                        file=str(path),
                        row=number,
                        remedy=remedy,
                    )
    except (*_DAMAGED, OSError):
        pass
    return DataError("the file is damaged or no text", file=str(path), remedy=remedy)
