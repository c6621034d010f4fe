"""Owns dialogs that close once: keys that were typed ahead meet a screen that has gone already."""

from __future__ import annotations

from typing import Any

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

from sagewizard.tui.screens.fresh import FreshScreen


class OnceModal(ModalScreen[Any], FreshScreen):
    """A modal screen whose second answer is nobody's.

    `ModalScreen` comes first: Textual takes styles from the first base, and they let show what is below.
    """

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Close with an answer; does nothing when it is closed already, not yet there, or below another one.

        Textual's own `is_current` also counts what shows through from below, and would close what is on top.
        """
        if not (self.app.screen is self and self.is_mounted):
            return AwaitComplete()
        return super().dismiss(result)
