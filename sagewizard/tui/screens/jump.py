"""Owns jump mode: a letter on everything that can take the focus; pressing it goes there."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from textual.widgets import Static

from sagewizard.tui.screens.once import OnceModal

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.screen import Screen
    from textual.widget import Widget


class JumpScreen(OnceModal):
    """Letters over the screen below; any other key closes it."""

    DEFAULT_CSS = """
    JumpScreen { background: $background 30%; layers: letters; }
    JumpScreen:ansi { background: transparent; }
    JumpScreen .jump-letter {
        layer: letters; position: absolute; width: 3; height: 1; background: $warning; color: $background;
        text-style: bold; content-align: center middle;
    }
    JumpScreen #jump-hint { layer: letters; dock: bottom; height: 1; background: $panel; padding: 0 1; }
    """

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self.targets: dict[str, Widget] = {}
        chain = [widget for widget in below.focus_chain if widget.region.area]
        for letter, widget in zip(string.ascii_lowercase, chain, strict=False):
            self.targets[letter] = widget

    def compose(self) -> ComposeResult:
        """Yield a letter at each place."""
        for letter, widget in self.targets.items():
            label = Static(letter, classes="jump-letter")
            label.styles.offset = (widget.region.x, widget.region.y)
            yield label
        yield Static("Press a letter to go there, any other key to stay.", id="jump-hint")

    def on_key(self, event: events.Key) -> None:
        """Go there, or close."""
        event.stop()
        event.prevent_default()
        widget = self.targets.get(event.key)
        self.dismiss(None)
        if widget is not None and widget.is_attached:
            widget.screen.set_focus(widget)

    def on_click(self) -> None:
        """Close."""
        self.dismiss(None)
