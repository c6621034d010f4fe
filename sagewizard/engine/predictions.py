"""Answers of a model as rows: reading replies, and keeping them as a CSV file in the run's results."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.engine.state import write_atomically
from sagewizard.errors import JobFailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sagewizard.engine.table import Table


@dataclass(frozen=True, slots=True)
class Answer:
    """One row's answer: the predicted target (None for a regression), its score, or one score a class."""

    predicted: float | None
    scores: tuple[float, ...]

    @property
    def score(self) -> float | None:
        """The score, when there is one and not one a class."""
        return self.scores[0] if len(self.scores) == 1 else None

    @property
    def value(self) -> float:
        """The answer as a number: the predicted target, or the score of a regression."""
        return self.scores[0] if self.predicted is None else self.predicted


def read_json(body: bytes, rows: int, *, source: str) -> list[Answer]:
    """Read `{"predictions": [...]}`. Raises JobFailedError when it is something else or for other rows."""
    import orjson

    try:
        entries = orjson.loads(body)["predictions"]
        answers = [_answer(entry) for entry in entries]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _strange(body, source) from error
    return _counted(answers, rows, source)


def read_json_lines(body: bytes, rows: int, *, source: str) -> list[Answer]:
    """Read one answer a line. Raises JobFailedError when it is something else or for other rows."""
    import orjson

    try:
        answers = [_answer(orjson.loads(line)) for line in body.splitlines() if line.strip()]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _strange(body, source) from error
    return _counted(answers, rows, source)


def numbers_answers(body: bytes, rows: int, *, source: str) -> list[tuple[float, ...]]:
    """Read CSV: a row of numbers for each answer, on lines of their own or all on one line.

    Raises JobFailedError when it is something else or for other rows.
    """
    try:
        # A batch transform of XGBoost writes the classes' probabilities of a row as a list in brackets.
        lines = [line.strip(" []") for line in body.decode("ascii").splitlines()]
        found = [tuple(float(cell) for cell in line.split(",")) for line in lines if line]
    except (ValueError, UnicodeDecodeError) as error:
        raise _strange(body, source) from error
    if len(found) == 1 and rows > 1 and len(found[0]) % rows == 0:
        # The images up to 1.2-1 write all answers of a request on one line.
        width = len(found[0]) // rows
        found = [found[0][start : start + width] for start in range(0, len(found[0]), width)]
    if len(found) != rows or len({len(row) for row in found}) != 1:
        raise _miscounted(len(found), rows, source)
    return found


def _answer(entry: Any) -> Answer:
    if "closest_cluster" in entry:
        return Answer(float(entry["closest_cluster"]), (float(entry["distance_to_cluster"]),))
    score = entry["score"]
    scores = tuple(float(value) for value in score) if isinstance(score, list) else (float(score),)
    label = entry.get("predicted_label")
    return Answer(None if label is None else float(label), scores)


def _strange(body: bytes, source: str) -> JobFailedError:
    start = body[:200].decode("utf-8", "replace")
    return JobFailedError(
        f"{source} answered with something that is no prediction: {start!r}.",
        remedy="Look at the log of the endpoint or the job.",
    )


def _counted(answers: list[Answer], rows: int, source: str) -> list[Answer]:
    if len(answers) != rows:
        raise _miscounted(len(answers), rows, source)
    return answers


def _miscounted(answers: int, rows: int, source: str) -> JobFailedError:
    return JobFailedError(
        f"{source} gave {answers} answers for {rows} rows.",
        remedy="Look at the log of the endpoint or the job.",
    )


def class_name(table: Table, value: float) -> str:
    """Return the name of a target: the class, or the number itself for a regression."""
    if table.classes and value == int(value) and 0 <= int(value) < len(table.classes):
        return table.classes[int(value)]
    return f"{value:g}"


def save(path: Path, answers: Sequence[Answer], targets: Sequence[float]) -> None:
    """Write row, expected target, predicted target and scores, with a header, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    width = max((len(answer.scores) for answer in answers), default=1)
    writer.writerow(["row", "expected", "predicted", *_score_names(width)])
    for row, (answer, target) in enumerate(zip(answers, targets, strict=True), start=1):
        writer.writerow([row, f"{target:g}", f"{answer.value!r}", *(repr(score) for score in answer.scores)])
    write_atomically(path, text.getvalue().encode())


def _score_names(width: int) -> list[str]:
    return ["score"] if width == 1 else [f"score_{number}" for number in range(width)]


def load(path: Path) -> tuple[list[float], list[float], list[tuple[float, ...]]]:
    """Read what `save` wrote: expected, predicted, scores. Raises UsageError when it is damaged."""
    expected, predicted, scores = [], [], []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            next(rows)
            for row in rows:
                expected.append(float(row[1]))
                predicted.append(float(row[2]))
                scores.append(tuple(float(value) for value in row[3:]))
    except (OSError, ValueError, IndexError, StopIteration) as error:
        raise UsageError(
            f"The predictions of this run cannot be read: {error}.", where=str(path),
            remedy="Make them again: --from predict or --from transform.",
        ) from error  # fmt: skip
    return expected, predicted, scores
