"""Owns what one key binding is: the row that footer, help, palette and docs/keys.md are all made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Key:
    """One binding.

    `id` is `where.verb` and unique; the widget whose `KEYS` is `where` has the method `action_` + id with
    its dot and hyphens as underscores (`log.find` -> `action_log_find`). `keys` is Textual's notation,
    comma between several. `label` is one or two words for the footer, `tooltip` a sentence for help and
    palette, `command` the palette's entry in the form `area: Verb` ("" for keys that only move the cursor:
    these are left out of the palette). `footer` ranks it for the footer, 1 first; 0 keeps it out of there.
    """

    id: str
    keys: str
    label: str
    tooltip: str
    command: str = ""
    footer: int = 0

    @property
    def where(self) -> str:
        """The part of the app it belongs to."""
        return self.id.partition(".")[0]

    @property
    def action(self) -> str:
        """The name of its action, without `action_`."""
        return self.id.replace(".", "_").replace("-", "_")

    @property
    def shown(self) -> str:
        """The first key as a person reads it: `^p`, `Enter`, `?`."""
        return " or ".join(dict.fromkeys(_readable(key) for key in self.keys.split(",")))

    @property
    def short(self) -> str:
        """The first key alone, for the footer."""
        return _readable(self.keys.split(",")[0])

    def free(self, taken: Callable[[str], bool]) -> str:
        """Return the first key that nothing else takes, as a person reads it; "" when all are taken."""
        return next((_readable(key) for key in self.keys.split(",") if not taken(key)), "")


PRINTABLE = frozenset((
    "space", "slash", "question_mark", "plus", "minus", "equals_sign", "comma", "full_stop", "less_than_sign",
    "greater_than_sign", "left_square_bracket", "right_square_bracket",
))  # fmt: skip
"""Textual's names of the keys here that are a character in a field."""

_NAMES = {
    "enter": "Enter", "escape": "Esc", "space": "Space", "tab": "Tab", "shift+tab": "Shift+Tab",
    "shift+left": "Shift+←", "shift+right": "Shift+→", "up": "↑",
    "down": "↓", "left": "←", "right": "→", "question_mark": "?", "slash": "/", "plus": "+", "minus": "-",
    "pageup": "PgUp", "pagedown": "PgDn", "home": "Home", "end": "End", "left_square_bracket": "[",
    "right_square_bracket": "]", "less_than_sign": "<", "greater_than_sign": ">",
    "full_stop": ".", "comma": ",", "equals_sign": "=", "delete": "Del", "backspace": "Backspace",
}  # fmt: skip


def _readable(key: str) -> str:
    if key in _NAMES:
        return _NAMES[key]
    if key[0] == "f" and key[1:].isdigit():
        return key.upper()
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return key
