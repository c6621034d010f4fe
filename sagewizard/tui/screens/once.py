"""Owns dialogs that close once: keys that were typed ahead meet a screen that has gone already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, Screen

from sagewizard.tui.screens.base import too_small
from sagewizard.tui.screens.fresh import FreshScreen

if TYPE_CHECKING:
    from textual import events


class Once(Screen[Any]):
    """A screen over others whose second answer is nobody's."""

    @property
    def is_asking(self) -> bool:
        """Whether it is there, on top, and not answered yet.

        Textual's own `is_current` also counts what shows through from below.
        """
        return self.app.screen is self and self.is_mounted

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Close with an answer; does nothing when it is closed already, not there yet, or below another."""
        return super().dismiss(result) if self.is_asking else AwaitComplete()


class OnceModal(ModalScreen[Any], Once, FreshScreen):
    """A dialog, which closes once.

    `ModalScreen` comes first: Textual takes styles from the first base, and they let show what is below.
    """

    def on_resize(self, event: events.Resize) -> None:
        """Make way for the screen below where that says that the terminal is too small."""
        self.set_class(too_small(event.size), "-too-small")
