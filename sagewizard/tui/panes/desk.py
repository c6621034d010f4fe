"""Owns how a pane asks about its run outside of the steps: one `Interactive` a run, shared by all panes."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from sagewizard.tui.panes.base import StepPane
from sagewizard.tui.whole import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.engine.interactive import Interactive
    from sagewizard.engine.table import Table
    from sagewizard.errors import SageWizardError
    from sagewizard.tui.control import RunControl

_DESKS: weakref.WeakKeyDictionary[RunControl, Interactive] = weakref.WeakKeyDictionary()


def desk_of(control: RunControl) -> Interactive | None:
    """Return the way to ask about the run that is open; None before there is a run."""
    run_id = control.model.run_id
    if not run_id:
        return None
    found = _DESKS.get(control)
    if found is None or found.run_id != run_id:
        found = _DESKS[control] = control.desk(run_id, control.hear)
    return found


class DeskPane(StepPane):
    """A pane that looks at the rows of the run's test split; `rows` is None until they have been read."""

    rows: Table | None = None
    _asked_for = ""

    def read_rows(self, on_ready: Callable[[], None]) -> None:
        """Read the rows in a worker, once a run and attempt, then call `on_ready`."""
        desk = desk_of(self.control)
        key = f"{self.model.run_id} {self.model.step('dataset').attempt}"
        if desk is None or self._asked_for == key:
            return
        self._asked_for, self.rows = key, None

        def ready(table: Table) -> None:
            if self._asked_for == key and whole(self):
                self.rows = table
                on_ready()

        self.control.call(desk.table, ready, self.refused)

    def refused(self, error: SageWizardError) -> None:
        """Say what could not be done, below the pane's own content."""
        self.app.notify(f"{error.message} {error.remedy}".strip(), severity="warning", markup=False)

    def test_count(self) -> int:
        """How many test rows there are."""
        return len(self.rows.parts["test"]) if self.rows is not None else 0

    def values_of(self, row: int) -> list[float]:
        """Return the values of a test row, counted from 1."""
        assert self.rows is not None, "asked for a row before the rows were read"
        return self.rows.values(row)

    def label_of(self, row: int) -> str:
        """Return the label of a test row as the dataset has it."""
        assert self.rows is not None, "asked for a label before the rows were read"
        return str(self.rows.parts["test"].labels[row - 1])

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width when a row is a picture."""
        rows = self.rows
        if rows is None or not rows.image_height or not rows.image_width:
            return None
        return rows.image_height, rows.image_width

    def full_ink(self) -> float:
        """Return the value of full ink, the largest of the test split: all pictures share one white."""
        assert self.rows is not None, "asked for the ink before the rows were read"
        return max(self.rows.highest, 1e-9)

    @property
    def endpoint_alive(self) -> bool:
        """Whether the run has an endpoint to ask."""
        return any(kind == "endpoint" for kind, _name in self.model.alive)
