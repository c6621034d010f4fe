"""The rows of a recorded run: the labels of the whole test split, and the values of the rows taken along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.engine.interactive import Interactive, OutputLine
from sagewizard.engine.steps.predict import csv_line
from sagewizard.engine.table import Part, Table
from sagewizard.errors import UsageError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from sagewizard.engine.engine import Engine
    from sagewizard.engine.recording import Recording
    from sagewizard.events import PredictionMade, PredictionsCompared

NO_TARGET = "This is a recorded run: nothing runs, so there is nothing to ask or to change."
DO_IT = "Start the recipe from Home, or with `{command}`, to do it yourself."


@dataclass(frozen=True, slots=True)
class RecordedTable(Table):
    """The table of a recorded run; `places` tells where the values of a test row are, if they are there."""

    places: dict[int, int] = field(default_factory=dict)
    top: float = 1.0

    @classmethod
    def read(cls, body: dict[str, Any]) -> RecordedTable:
        """Make it of what was taken along. KeyError, TypeError or ValueError when that is not whole."""
        columns = tuple(str(name) for name in body["columns"])
        targets = np.array(body["targets"], dtype=np.float32)
        labels = np.array([str(label) for label in body["labels"]], dtype=np.str_)
        rows = {int(row): values for row, values in body["rows"].items()}
        features = np.array(list(rows.values()), dtype=np.float32).reshape(len(rows), -1)
        if len(labels) != len(targets) or (rows and features.shape[1] != len(columns)):
            raise ValueError("its rows do not fit together")
        if any(not 1 <= row <= len(targets) for row in rows):
            raise ValueError("it has a row that the test split has not")
        height, width = body["image_height"], body["image_width"]
        if height and width and int(height) * int(width) != len(columns):
            raise ValueError("its pictures have another size")
        positive = body["positive_label"]
        return cls(
            name=str(body["name"]),
            source=str(body["source"]),
            parts={"test": Part(features, labels, targets)},
            columns=columns,
            classes=tuple(str(name) for name in body["classes"]),
            image_height=int(height) if height else None,
            image_width=int(width) if width else None,
            positive_label=None if positive is None else str(positive),
            fingerprint=str(body["fingerprint"]),
            places={row: place for place, row in enumerate(rows)},
            top=float(body["highest"]),
        )

    def has(self, row: int) -> bool:
        """Tell whether the values of a test row were taken along."""
        return row in self.places

    def values(self, row: int) -> list[float]:
        """Return the values of a test row; of one that was not taken along, zeros."""
        if row not in self.places:
            return [0.0] * len(self.columns)
        found: list[float] = self.parts["test"].features[self.places[row]].tolist()
        return found

    @property
    def highest(self) -> float:
        """Return the largest value of the whole test split."""
        return self.top


class RecordedInteractive(Interactive):
    """Looks at a recorded run; what would need a target says so."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording.settings, recording.run_id, _no_engine)
        self._recording = recording

    def table(self, cancel: threading.Event | None = None) -> Table:
        """Return the rows that there are."""
        with self._lock:
            if self._table is None:
                self._table = self._recording.table()
            return self._table

    def output_lines(self, first: int = 1, count: int = 20) -> list[OutputLine]:
        """Return the lines of the batch transform whose rows were taken along."""
        table = self.table()
        if not isinstance(table, RecordedTable):
            return super().output_lines(first, count)
        path = self.folder / "results" / "transform-output.jsonl"
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise UsageError(
                "The output of the batch transform is not part of this recorded run.",
                remedy="Run the recipe yourself to see it.",
            ) from error
        return [
            OutputLine(row, csv_line(np.array([table.values(row)], dtype=np.float32)), line)
            for row, line in enumerate(lines, start=1)
            if first <= row < first + count and table.has(row)
        ]

    def threshold(self) -> float | None:
        """Return the threshold of the run's model, as its evaluation has it."""
        return self.results().threshold

    def predict_row(self, row: int) -> PredictionMade:
        """Say that nothing can be asked."""
        raise refusal(self._recording.state.recipe)

    def predict_values(self, values: Sequence[float]) -> PredictionMade:
        """Say that nothing can be asked."""
        raise refusal(self._recording.state.recipe)

    def predict_test_set(self, cancel: threading.Event) -> PredictionsCompared:
        """Say that nothing can be asked."""
        raise refusal(self._recording.state.recipe)


def refusal(recipe: str) -> UsageError:
    """Return the error for everything that would need a target."""
    return UsageError(NO_TARGET, remedy=DO_IT.format(command=f"sagewizard run {recipe}"))


def _no_engine() -> Engine:
    raise UsageError(NO_TARGET, remedy="Start the recipe from Home to do it yourself.")
