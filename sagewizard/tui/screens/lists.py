"""Owns what screens that are a list share: a head, a filter as you type, a table, and the way out of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widgets import Input, Static

from sagewizard.tui.screens.base import AppScreen
from sagewizard.tui.widgets.rows import RowTable

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from sagewizard.tui.control import RunControl


class ListScreen(AppScreen):
    """A list over another screen; what its widgets are called begins with `KEYS_OF`.

    `reload` reads what is listed, `draw` draws it; both come from the screen itself.
    """

    READING: ClassVar[str] = ""
    """What the head says until the first rows have been read."""
    FILTERS: ClassVar[str] = ""
    """What the filter looks at, in words."""

    def __init__(self, control: RunControl) -> None:
        super().__init__(id=self.KEYS_OF)
        self._control = control

    @property
    def control(self) -> RunControl:
        """The run on the screen below, and the way to the target."""
        return self._control

    def compose_main(self) -> ComposeResult:
        """Lay out filter and table, and what is below them."""
        name = self.KEYS_OF
        with Vertical(id=f"{name}-main"):
            yield Static(self.READING, id=f"{name}-head")
            yield Input(id=f"{name}-filter", placeholder=self.FILTERS, compact=True)
            yield RowTable(id=f"{name}-table")
            yield from self.below()

    def below(self) -> list[Widget]:
        """Return the widgets below the table."""
        return []

    def reload(self) -> None:
        """Read what is listed."""

    def draw(self) -> None:
        """Draw what is listed."""

    def on_mount(self) -> None:
        """Read what there is to list; the filter comes when it is asked for."""
        self.box.display = False
        self.draw_status()
        self.reload()

    @property
    def table(self) -> RowTable:
        """The list."""
        return self.query_one(f"#{self.KEYS_OF}-table", RowTable)

    @property
    def box(self) -> Input:
        """The filter."""
        return self.query_one(f"#{self.KEYS_OF}-filter", Input)

    @property
    def wanted(self) -> list[str]:
        """The words of the filter."""
        return self.box.value.lower().split()

    def open_filter(self) -> None:
        """Type to filter."""
        self.box.display = True
        self.box.focus()

    def close(self) -> None:
        """Empty the filter first, then go back."""
        box = self.box
        if box.value or box.has_focus:
            box.value, box.display = "", False
            self.table.focus()
            self.draw()
            return
        self.app.pop_screen()

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Filter as it is typed."""
        self.draw()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Go to the list."""
        self.table.focus()
