"""Owns what widgets share that draw in colours of their own: another theme asks for another drawing."""

from __future__ import annotations

from textual.widgets import Static


class Coloured(Static):
    """A widget that `redraw` draws: once it is there, and again when the colours of the app change."""

    def redraw(self) -> None:
        """Draw what is shown."""

    def on_mount(self) -> None:
        """Draw once, and again when the colours change."""
        self.redraw()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.redraw())
