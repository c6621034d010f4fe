"""Owns Help: the keys that work where the person is, the nearest first."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from sagewizard.render.cells import cell_width
from sagewizard.tui.bindings import TITLES
from sagewizard.tui.screens.reading import Reader

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.dom import DOMNode

    from sagewizard.tui.keytable import Key


KEY_COLUMN: Final = 13
REPLAY: Final = ("run.pause", "run.faster", "run.slower")


class HelpScreen(Reader):
    """The keys by the part of the app that they belong to."""

    def __init__(self, keys: list[tuple[Key, DOMNode]]) -> None:
        super().__init__("Keys that work here", "Esc closes; ^p finds any command by its name")
        # Those that belong to a recorded run alone are not offered to one that happens.
        self._keys = [key for key, node in keys if key.id not in REPLAY or node.check_action(key.action, ())]

    def compose_body(self) -> ComposeResult:
        """Yield the table."""
        with VerticalScroll(classes="reader-body", id="help"):
            yield Static(id="help-text")

    def on_mount(self) -> None:
        """Scroll with the arrow keys at once."""
        self.query_one("#help").focus()

    def on_resize(self, _event: events.Resize) -> None:
        """Fit the words to the width."""
        width = self.query_one("#help").scrollable_content_region.width - 2  # a scroll bar may come
        self.query_one("#help-text", Static).update(help_text(self._keys, width))


def help_text(keys: list[Key], width: int = 200) -> Content:
    """Return keys as lines of at most `width` cells under the title of their part."""
    parts: list[Content] = []
    for where in dict.fromkeys(key.where for key in keys):
        parts.append(Content.assemble((TITLES.get(where, where), "bold")))
        parts += [_line(key.shown, key.tooltip, width) for key in keys if key.where == where]
        parts.append(Content(""))
    parts.append(Content.assemble(("Everywhere else", "bold")))
    parts.append(_line("Tab", "Go to the next thing; Shift+Tab goes back. The mouse works, too.", width))
    return Content("\n").join(parts)


def _line(key: str, words: str, width: int) -> Content:
    """Return a key and what it does; what does not fit on the line goes on below the words, not the key."""
    column = max(KEY_COLUMN, cell_width(key) + 1)
    lines = wrap(words, max(20, width - column - 2)) or [""]
    rest = "\n".join(" " * (column + 2) + line for line in lines[1:])
    return Content(f"  {key}{' ' * (column - cell_width(key))}{lines[0]}" + (f"\n{rest}" if rest else ""))
