"""Owns a row of a table as editable fields, one a column."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from sagewizard.render.cells import clean, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_FIELDS = 60
"""Columns up to which each has a field; a wider row is one field with a line of CSV."""


def row_text(columns: Sequence[str], values: Sequence[float], most: int = 12) -> str:
    """Return the first values of a row with their names."""
    shown = [f"{clean(name)} {value:.6g}" for name, value in zip(columns, values, strict=False)][:most]
    rest = len(columns) - len(shown)
    return " · ".join(shown) + (f" · and {rest} more" if rest > 0 else "")


def exact(value: float) -> str:
    """Write a float32 with as few digits as tell it from its neighbours: 5.1, and not 5.0999999."""
    import numpy as np

    return str(np.float32(value)).removesuffix(".0")


class FieldForm(Vertical):
    """The fields; `Changed` is posted when one was edited. `problem` says what is wrong, "" when nothing."""

    class Changed(Message):
        """A value was edited."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns: tuple[str, ...] = ()
        self.problem = ""

    def begin(self, columns: Sequence[str], values: Sequence[float]) -> None:
        """Make the fields of these columns, unless they are there."""
        if tuple(columns) == self._columns:
            return
        self._columns = tuple(columns)
        self.remove_children()
        if len(columns) > MOST_FIELDS:
            box = Input(_line(values), classes="field-input field-line", compact=True)
            self.mount(Static(f"{len(columns)} values as CSV", classes="field-name"), box)
            return
        self.mount(
            *(
                Horizontal(
                    Static(cut(clean(name), 24), classes="field-name", markup=False),
                    Input(exact(value), classes="field-input", type="number", compact=True),
                    classes="field",
                )
                for name, value in zip(columns, values, strict=True)
            )
        )

    def load(self, values: Sequence[float]) -> None:
        """Put a row into the fields."""
        boxes = list(self.query(Input))
        if len(self._columns) > MOST_FIELDS:
            boxes[0].value = _line(values)
            return
        for box, value in zip(boxes, values, strict=False):
            box.value = exact(value)

    def values(self) -> list[float] | None:
        """Return the values, or None when one is no number: `problem` names it then."""
        texts = [box.value for box in self.query(Input)]
        if len(self._columns) > MOST_FIELDS and texts:
            texts = texts[0].split(",")
            if len(texts) != len(self._columns):
                self.problem = f"There are {len(texts)} values, and a row has {len(self._columns)}."
                return None
        found = []
        for name, text in zip(self._columns, texts, strict=False):
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                self.problem = f"{clean(name)}: {clean(text)[:30] or 'nothing'} is not a number."
                return None
            found.append(value)
        self.problem = "" if len(found) == len(self._columns) else "The fields are not ready yet."
        return found if not self.problem else None

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell that a value was edited."""
        event.stop()
        self.post_message(self.Changed())


def _line(values: Sequence[float]) -> str:
    return ",".join(exact(value) for value in values)
