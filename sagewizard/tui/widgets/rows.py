"""Owns a table of rows with a cursor that leaves Enter to its pane or screen and keeps its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.actions import SkipAction
from textual.widgets import DataTable

if TYPE_CHECKING:
    from collections.abc import Sequence


class RowTable(DataTable[Any]):
    """A list with columns; `fill` changes only the cells that differ, so that the cursor never jumps."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._heads: tuple[str, ...] = ()
        self._shown: dict[str, tuple[str, ...]] = {}

    def fill(self, heads: Sequence[str], rows: dict[str, tuple[str, ...]]) -> None:
        """Show rows by key; numbers and prices go to the right."""
        same = tuple(heads) == self._heads and list(rows) == list(self._shown)
        if same:
            for key, row in rows.items():
                for head, new, old in zip(heads, row, self._shown[key], strict=True):
                    if new != old:
                        self.update_cell(key, head, _cell(new), update_width=True)
            self._shown = dict(rows)
            return
        kept, place = self.key, self.cursor_row
        self.clear(columns=True)
        for head in heads:
            self.add_column(Text(head, "bold"), key=head)
        for key, row in rows.items():
            self.add_row(*(_cell(text) for text in row), key=key)
        self._heads, self._shown = tuple(heads), dict(rows)
        if rows:
            keys = list(rows)
            self.move_cursor(
                row=keys.index(kept) if kept in rows else min(place, len(keys) - 1), animate=False
            )

    @property
    def key(self) -> str:
        """The key of the row under the cursor; "" when there is none."""
        keys = list(self._shown)
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else ""

    def action_select_cursor(self) -> None:
        """Leave Enter to whoever owns the table."""
        raise SkipAction


def tail(name: str, width: int) -> str:
    """Return the end of a name: what tells apart names that begin with the same run."""
    return name if len(name) <= width else f"…{name[1 - width :]}"


def _cell(text: str) -> Text:
    number = text[:1].isdigit() or text[:1] in ("$", "<")
    return Text(text, justify="right" if number else "left", no_wrap=True)
