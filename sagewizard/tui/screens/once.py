"""Owns dialogs that close once: keys that were typed ahead meet a screen that has gone already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

from sagewizard.tui.screens.base import too_small
from sagewizard.tui.screens.fresh import FreshScreen

if TYPE_CHECKING:
    from textual import events


class OnceModal(ModalScreen[Any], FreshScreen):
    """A modal screen whose second answer is nobody's.

    `ModalScreen` comes first: Textual takes styles from the first base, and they let show what is below.
    """

    def on_resize(self, event: events.Resize) -> None:
        """Make way for the screen below where that says that the terminal is too small."""
        self.set_class(too_small(event.size), "-too-small")

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Close with an answer; does nothing when it is closed already, not yet there, or below another one.

        Textual's own `is_current` also counts what shows through from below, and would close what is on top.
        """
        if not (self.app.screen is self and self.is_mounted):
            return AwaitComplete()
        return super().dismiss(result)
