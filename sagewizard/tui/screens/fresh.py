"""Owns what Textual's layout forgets: a text that changes twice around one layout keeps its first height."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.screen import Screen
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.geometry import Size


class FreshScreen(Screen[Any]):
    """A screen whose widgets are measured again when they change after a layout that they had waited for.

    A widget that changes asks for a layout once, and is measured anew only when it asks. When a layout for
    another widget comes first, it measures the new text already; a second change, before the first one is
    noticed, asks for nothing, and its layout takes the height of the first text from a cache (Textual 8.2).
    """

    def _refresh_layout(self, size: Size | None = None, scroll: bool = False) -> None:
        super()._refresh_layout(size, scroll)
        for widget in self.walk_children(Widget):
            if widget._layout_required:  # noqa: SLF001  # Textual has no public word for these two
                widget._layout_updates += 1  # noqa: SLF001
