"""Owns Help: the keys that work where the person is, the nearest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from sagewizard.tui.bindings import TITLES
from sagewizard.tui.screens.reading import Reader

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.dom import DOMNode

    from sagewizard.tui.keytable import Key


class HelpScreen(Reader):
    """The keys by the part of the app that they belong to."""

    def __init__(self, keys: list[tuple[Key, DOMNode]]) -> None:
        super().__init__("Keys that work here", "Esc closes; ^p finds any command by its name")
        self._keys = [key for key, _node in keys]

    def compose_body(self) -> ComposeResult:
        """Yield the table."""
        with VerticalScroll(classes="reader-body", id="help"):
            yield Static(help_text(self._keys), id="help-text")

    def on_mount(self) -> None:
        """Scroll with the arrow keys at once."""
        self.query_one("#help").focus()


def help_text(keys: list[Key]) -> Content:
    """Return keys as lines under the title of their part."""
    parts: list[Content] = []
    for where in dict.fromkeys(key.where for key in keys):
        parts.append(Content.assemble((TITLES.get(where, where), "bold")))
        parts += [Content(f"  {key.shown:<12} {key.tooltip}") for key in keys if key.where == where]
        parts.append(Content(""))
    parts.append(Content.assemble(("Everywhere else", "bold")))
    parts.append(Content("  Tab          Go to the next thing; Shift+Tab goes back. The mouse works, too."))
    return Content("\n").join(parts)
