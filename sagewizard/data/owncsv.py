"""A CSV file that somebody brings along: which column is the label, what the task is, text into numbers.

Everything decided here is also said in words (`Proposal.reasons`), so that a person can decide otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data.dataset import frozen
from sagewizard.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sagewizard.data.csvio import CsvTable
    from sagewizard.data.dataset import Task

MOST_CLASSES = 20
"""Labels of more different values than this are quantities, and texts of more are not made into columns."""
_LABEL_NAMES = ("label", "target", "class", "y", "species", "outcome", "diagnosis", "result", "quality")
_YES = ("1", "yes", "true", "y", "t", "positive", "abnormal", "malignant", "churn", "fraud", "spam")
_IDENTITY = re.compile(r"(.*[_ ])?(id|uuid|index|rownum)|unnamed.*|", re.IGNORECASE)
_ROWS_A_COLUMN = 10
"""With fewer training rows for each column than this, trees have little to hold on to."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to do with a file: `label` is its column's position from 0, `reasons` sentences for a person."""

    label: int
    task: Task
    classes: tuple[str, ...]
    positive_label: str | None
    algorithm: str
    width: int
    rows: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """The feature columns as numbers: `features` float32 (rows, columns), rows without a label left out."""

    features: NDArray[np.float32]
    names: tuple[str, ...]
    rows: NDArray[np.intp]
    notes: tuple[str, ...]


def propose(
    table: CsvTable, *, label: str | None = None, task: str | None = None, algorithm: str | None = None
) -> Proposal:
    """Propose label, task and algorithm for a table; what is given is kept, and checked.

    Raises DataError when the label cannot be predicted as asked for, or nothing is left to predict it from.
    """
    position, why = (table.find(label), "as you said") if label is not None else likely_label(table)
    name = table.columns[position]
    encoded = encode(table, position)
    reasons = [f"The label is the column {name!r}: {why}."]
    labels = label_values(table, position, encoded.rows)
    found, classes, reason = _task(table, name, labels, task)
    reasons.append(reason)
    positive = None
    if found == "binary_classifier":
        positive, reason = _positive(classes, labels)
        reasons.append(reason)
    rows, width = encoded.features.shape
    chosen, reason = _algorithm(rows, width, algorithm)
    reasons += [reason, *encoded.notes]
    return Proposal(position, found, classes, positive, chosen, width, rows, tuple(reasons))


def encode(table: CsvTable, label: int) -> Encoded:
    """Turn every column but the label into numbers.

    Texts of few values become a column of 0 and 1 for each value; identities, texts of many values and empty
    columns are left out; a missing number becomes the median of its column. DataError names the row and the
    column of a text among numbers.
    """
    frame = table.frame
    missing = frame.iloc[:, label].isna().to_numpy()
    rows = np.flatnonzero(~missing)
    notes: list[str] = []
    if missing.any():
        notes.append(f"{int(missing.sum()):,} rows without a label are left out.")
    names: list[str] = []
    columns: list[NDArray[np.float32]] = []
    dropped: list[str] = []
    for position, name in enumerate(table.columns):
        if position == label:
            continue
        column = frame.iloc[:, position]
        held = column.dropna()
        identity = table.header and bool(_IDENTITY.fullmatch(name)) and held.nunique() == len(held) > 1
        if held.empty or identity:
            dropped.append(name)
        elif column.dtype.kind in "biuf" or _mostly_numbers(held):
            values, note = _numbers(table, position, rows)
            names.append(name)
            columns.append(values)
            notes += [note] if note else []
        elif held.nunique() > MOST_CLASSES:
            dropped.append(name)
        else:
            texts = column.map(lambda cell: str(cell).strip(), na_action="ignore").to_numpy()[rows]
            categories = sorted({text for text in texts if isinstance(text, str)})
            names += [f"{name}={category}" for category in categories]
            columns += [(texts == category).astype(np.float32) for category in categories]
            notes.append(f"{name!r} holds text: it becomes {len(categories)} columns of 0 and 1.")
    if dropped:
        listed = ", ".join(repr(name) for name in dropped[:5]) + (" and more" if len(dropped) > 5 else "")
        notes.append(f"Left out, since they name a row or hold nothing to learn from: {listed}.")
    if not columns:
        raise DataError(
            "there is no column left to learn from", file=str(table.file),
            remedy="Give columns of numbers, or of a few different texts.",
        )  # fmt: skip
    return Encoded(frozen(np.stack(columns, axis=1)), tuple(names), rows, tuple(notes))


def label_values(table: CsvTable, label: int, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Return the labels of some rows: whole numbers or numbers where all are, else text."""
    import dataclasses

    return dataclasses.replace(table, frame=table.frame.iloc[rows]).labels(label)


def likely_label(table: CsvTable) -> tuple[int, str]:
    """Return the position from 0 of the column that is most probably the label, and why."""
    frame, columns = table.frame, table.columns
    if table.header:
        for position, name in enumerate(columns):
            if name.strip().lower() in _LABEL_NAMES:
                return position, "its name says so"
    few = [
        position
        for position in range(len(columns))
        if frame.iloc[:, position].dtype.kind not in "iuf"
        and 2 <= frame.iloc[:, position].nunique() <= MOST_CLASSES
    ]
    if few:
        return few[-1], "it is the last one that holds a few different texts"
    first, last = (int(frame.iloc[:, position].nunique()) for position in (0, -1))
    if 2 <= first <= MOST_CLASSES and first < last:
        return 0, "the first column, which holds few different values"
    return len(columns) - 1, "the last column, where most people put it"


def two_answers(table: CsvTable, label: int) -> tuple[str, ...]:
    """Return the two values of a label that is a yes or no; nothing for any other."""
    held = np.flatnonzero(~table.frame.iloc[:, label].isna().to_numpy())
    labels = label_values(table, label, held)
    classes = tuple(str(value) for value in np.unique(labels))
    return classes if len(classes) == 2 and labels.dtype.kind != "f" else ()


def _numbers(table: CsvTable, position: int, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], str]:
    import dataclasses

    column = table.frame.iloc[:, position]
    gaps = column.isna().to_numpy()
    if not gaps.any():
        return table.numbers([position])[rows, 0], ""
    import pandas as pd

    median = float(pd.to_numeric(column, errors="coerce").median())
    filled = table.frame.copy()
    filled.isetitem(position, column.astype(object).where(~gaps, median))
    values = dataclasses.replace(table, frame=filled).numbers([position])[rows, 0]
    held = int(gaps[rows].sum())
    name = table.columns[position]
    return values, f"{held:,} missing values of {name!r} become its median, {median:g}." if held else ""


def _mostly_numbers(held: Any) -> bool:
    """Tell whether a column of text is one of numbers with a few texts among them: that is a mistake."""
    import pandas as pd

    return bool(pd.to_numeric(held, errors="coerce").notna().mean() > 0.8)


def _task(
    table: CsvTable, name: str, labels: NDArray[Any], wanted: str | None
) -> tuple[Task, tuple[str, ...], str]:
    values = np.unique(labels)
    count = len(values)
    other = "say otherwise with --set dataset.task=..."
    if count < 2:
        raise DataError(
            f"every row has the same label, {values[0] if count else 'none'}", file=str(table.file),
            column=name, remedy="Choose another column: --set dataset.label=...",
        )  # fmt: skip
    text = labels.dtype.kind == "U"
    classes = tuple(str(value) for value in values)
    if wanted in (None, "auto"):
        if text and count > MOST_CLASSES:
            raise DataError(
                f"the label has {count:,} different texts", file=str(table.file), column=name,
                remedy="Choose another column: --set dataset.label=...",
            )  # fmt: skip
        if not text and (labels.dtype.kind == "f" or count > MOST_CLASSES):
            return (
                "regressor",
                (),
                f"It holds {count:,} different numbers: a number is predicted (regression).",
            )
        task: Task = "binary_classifier" if count == 2 else "multiclass_classifier"
        kind = "yes or no" if count == 2 else f"one of {count} classes"
        return task, classes, f"It holds {count} different values: {kind} is predicted; {other}."
    if wanted == "regressor":
        if text:
            raise DataError(
                "the label holds text, and a regression predicts numbers", file=str(table.file), column=name,
                remedy="Leave dataset.task out, or choose another label.",
            )  # fmt: skip
        return "regressor", (), "A number is predicted (regression), as you said."
    if labels.dtype.kind == "f" or count > MOST_CLASSES:
        raise DataError(
            f"the label has {count:,} different values, too many for classes", file=str(table.file),
            column=name, remedy=f"Take a label of at most {MOST_CLASSES} values, or the task regressor.",
        )  # fmt: skip
    if wanted == "binary_classifier":
        if count != 2:
            raise DataError(
                f"the label has {count} different values, and a yes or no has two", file=str(table.file),
                column=name, remedy="Take the task multiclass_classifier.",
            )  # fmt: skip
        return "binary_classifier", classes, "Yes or no is predicted, as you said."
    return "multiclass_classifier", classes, f"One of {count} classes is predicted, as you said."


def _positive(classes: tuple[str, ...], labels: NDArray[Any]) -> tuple[str, str]:
    for name in classes:
        if name.lower() in _YES:
            return name, f"{name!r} counts as yes; choose with --set dataset.positive_label=..."
    texts = labels.astype(np.str_)
    rarer = min(classes, key=lambda name: (int((texts == name).sum()), name))
    return rarer, f"{rarer!r}, the rarer one, counts as yes; choose with --set dataset.positive_label=..."


def _algorithm(rows: int, width: int, wanted: str | None) -> tuple[str, str]:
    if wanted not in (None, "auto"):
        return str(wanted), f"The algorithm is {wanted}, as you said."
    if rows < _ROWS_A_COLUMN * width:
        return "linear-learner", (
            f"{rows:,} rows are few for {width} columns: Linear Learner, which learns one weight a column, is"
            " less easily misled than trees."
        )
    return "xgboost", f"{rows:,} rows of {width} columns: XGBoost, the usual first choice for tables."
