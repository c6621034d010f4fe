"""How each algorithm wants its data and gives its answers: channels, content types, files, replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data import csvio, recordio
from sagewizard.engine.predictions import Answer, numbers_answers, read_json, read_json_lines
from sagewizard.recipe.tasks import BINARY, CLUSTERING, MULTICLASS, NATURAL_THRESHOLD

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from sagewizard.engine.context import RunContext
    from sagewizard.engine.table import Part
    from sagewizard.recipe.recipe import Recipe

RECORDIO, CSV, JSON, JSON_LINES = (
    "application/x-recordio-protobuf",
    "text/csv",
    "application/json",
    "application/jsonlines",
)


@dataclass(frozen=True, slots=True)
class Format:
    """One algorithm's wire.

    `channels` maps the parts of the data to channels of the training job, `folders` to prefixes in the
    bucket. `batch` is the object that a batch transform reads, without labels; where it is the test part's
    own, `labelled_test` is false. `answers` is the content type of replies, `batch_answers` of a transform's.
    """

    content_type: str
    suffix: str
    labels: bool
    channels: dict[str, str]
    folders: dict[str, str]
    batch: tuple[str, str]
    labelled_test: bool
    answers: str
    batch_answers: str

    def write(self, path: Path, part: Part) -> None:
        """Write a part as the training job reads it."""
        if self.content_type == RECORDIO:
            recordio.write(path, part.features, part.targets if self.labels else None)
        else:
            csvio.write_csv(path, part.features, plain(part.targets) if self.labels else None)


_LINEAR = Format(
    RECORDIO, "pbr", True, {"train": "train", "validation": "validation"},
    {"train": "train", "validation": "validation"}, ("test", "test.csv"), False, JSON, JSON_LINES,
)  # fmt: skip
# The tutorials for CSV have the folders train/, test/ and validate/, and a file without labels beside them.
_TABLE = Format(
    CSV, "csv", True, {"train": "train", "validation": "validation"},
    {"train": "train", "validation": "validate", "test": "test"}, ("batch-in", "batch-in.csv"), True,
    CSV, CSV,
)  # fmt: skip
_CLUSTERS = Format(
    RECORDIO, "pbr", False, {"train": "train", "validation": "test"},
    {"train": "train", "validation": "validation"}, ("test", "test.csv"), False, JSON, JSON_LINES,
)  # fmt: skip
_FORMATS = {"linear-learner": _LINEAR, "xgboost": _TABLE, "kmeans": _CLUSTERS, "sklearn": _TABLE}


def format_of(recipe: Recipe) -> Format:
    """Return the wire of a recipe's algorithm."""
    return _FORMATS.get(recipe.algorithm.name, _TABLE)


def plain(targets: NDArray[np.float32]) -> NDArray[Any]:
    """Return labels as whole numbers where all are, so that a file says 1 and not 1.0."""
    whole = targets.astype(np.int64)
    return whole if (whole == targets).all() else targets


def natural_threshold(recipe: Recipe) -> float:
    """Return the score above which a row is positive when nobody has chosen a threshold."""
    return NATURAL_THRESHOLD.get(recipe.effective_hyperparameters().get("objective", ""), 0.5)


def read_answers(
    context: RunContext, body: bytes, rows: int, *, source: str, batch: bool = False
) -> list[Answer]:
    """Read the answers to some rows, of an endpoint or of a batch transform.

    Raises JobFailedError when they are no predictions, or for another number of rows.
    """
    return answers_of(context.recipe, body, rows, source=source, batch=batch)


def answers_of(recipe: Recipe, body: bytes, rows: int, *, source: str, batch: bool = False) -> list[Answer]:
    """Read answers as a recipe's algorithm writes them; see `read_answers`."""
    wire = format_of(recipe)
    if (wire.batch_answers if batch else wire.answers) != CSV:
        read = read_json_lines if batch else read_json
        return read(body, rows, source=source)
    values = numbers_answers(body, rows, source=source)
    task = recipe.task
    if task == BINARY and not recipe.algorithm.script_mode:
        cut = natural_threshold(recipe)
        return [Answer(float(row[0] > cut), row) for row in values]
    if task == MULTICLASS and len(values[0]) > 1:
        return [Answer(float(row.index(max(row))), row) for row in values]
    if task in (BINARY, MULTICLASS, CLUSTERING):
        return [Answer(row[0], row) for row in values]
    return [Answer(None, row) for row in values]


def judged(recipe: Recipe, answer: Answer) -> float:
    """Return an answer as a number, by the threshold that was asked for, else by the model's own."""
    cut = recipe.threshold
    if cut is None or recipe.task != BINARY or answer.score is None:
        return answer.value
    return float(answer.score > cut)
