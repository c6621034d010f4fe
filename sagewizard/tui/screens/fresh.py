"""Owns what Textual's layout forgets: a text that changes twice around one layout keeps its first height."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.screen import Screen
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.geometry import Size


CHANGING = ("transform-lines", "train-chart", "evaluate-clusters")
"""The texts that a worker changes from a line to a page; others keep the layout that Textual settles on."""


class FreshScreen(Screen[Any]):
    """A screen on which the texts CHANGING are measured again when they change after a layout.

    A text that changes asks for a layout once, and is measured anew only when it asks. When a layout for
    another widget comes first, it measures the new text already; a second change, before the first one is
    noticed, asks for nothing, and its layout takes the height of the first text from a cache (Textual 8.2).
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._measured: list[tuple[Static, object]] = []
        """The texts that still ask for a layout after one, each with what was measured."""

    def _refresh_layout(self, size: Size | None = None, scroll: bool = False) -> None:
        for text, measured in self._measured:
            if text.visual is not measured:
                text._layout_updates += 1  # noqa: SLF001  # Textual has no public word for these two
        super()._refresh_layout(size, scroll)
        texts = self.query(", ".join(f"#{name}" for name in CHANGING)).results(Static)
        waiting = (text for text in texts if text._layout_required)  # noqa: SLF001
        self._measured = [(text, text.visual) for text in waiting]
