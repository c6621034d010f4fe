"""Owns the command palette: Textual's own, whose list takes no keys before it is laid out."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

from textual import on, work
from textual.command import CommandList, CommandPalette
from textual.css.query import NoMatches
from textual.theme import ThemeProvider
from textual.widgets import Input, OptionList

from sagewizard.tui.screens.once import Once


class Palette(CommandPalette, Once):
    """The palette; Page Down that is typed ahead of its list would end the app with a KeyError."""

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _choose_once(self, event: OptionList.OptionSelected | Input.Submitted) -> None:
        """Let a command run once: Enter and a click, typed ahead, choose again in a list that has closed."""
        if not self.is_asking:
            event.stop()
            event.prevent_default()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the keys of the list rest while it has no place on the screen."""
        if action == "command_list":
            return all(found.scrollable_content_region for found in self.query(CommandList))
        return super().check_action(action, parameters)

    @work(exclusive=True, group=CommandPalette._GATHER_COMMANDS_GROUP)  # noqa: SLF001  # one search at a time
    async def _gather_commands(self, search_value: str) -> None:
        """Search; a palette that is closed meanwhile has no list any more, and that is no error."""
        search: Any = inspect.unwrap(super()._gather_commands)
        with contextlib.suppress(NoMatches):
            await search(self, search_value)


def commands() -> Palette:
    """Return the palette of all commands; its id is the one by which Textual knows that it is open."""
    return Palette(id="--command-palette")


def themes() -> Palette:
    """Return the palette of the themes."""
    return Palette(providers=[ThemeProvider], placeholder="Search for themes")
