"""Owns the one-line bars: status on top, echo and footer below; each fits itself to the width there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, Static

from sagewizard.tui.bindings import KEYS
from sagewizard.tui.keytable import PRINTABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.widget import Widget

FOOTER_KEYS = 6


class StatusBar(Static):
    """Left: where you are. Right: target and cost, whose first parts are given up first when it is narrow."""

    def __init__(self, **options: Any) -> None:
        super().__init__(" sagewizard", **options)
        self._left: Sequence[str] = ("sagewizard",)
        self._right: Sequence[str] = ()

    def show(self, left: Sequence[str], right: Sequence[str]) -> None:
        """Show parts; of `left` the first, of `right` the middle ones give way when there is no room."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self._draw()

    def on_resize(self, _event: events.Resize) -> None:
        """Fit again."""
        self._draw()

    def _draw(self) -> None:
        width = self.content_size.width
        if not width:  # not laid out yet: the name alone stands there
            return
        left, right = list(self._left), list(self._right)

        def room() -> int:
            return width - len(" · ".join(left)) - len(" · ".join(right))

        # First the program's name goes, then the region and what is alive (the price an hour tells of it),
        # last the place: target and cost stay.
        if room() < 2 and len(left) > 1:
            left.pop(0)
        while len(right) > 2 and room() < 2 and not _costs(right[1]):
            right.pop(1)
        while left and room() < 2:
            left.pop(0)
        one, other = " · ".join(left), " · ".join(right)
        gap = " " * max(1, width - len(one) - len(other))
        text = Content.assemble((one, "bold"), gap, other)
        # One line high, whatever it says: no layout is needed.
        self.update(text.truncate(width, ellipsis=True) if len(text) > width else text, layout=False)


def _costs(part: str) -> bool:
    """Whether a part of the status bar is about money: that stays."""
    return "$" in part or "bill" in part


class EchoLine(Static):
    """The command that does the same: `$ sagewizard run ...`."""

    def show(self, command: str) -> None:
        """Show a command, cut at its end when it is too long; copying gives all of it."""
        self.command = command
        self._draw()

    command = "sagewizard"

    def on_resize(self, _event: events.Resize) -> None:
        """Fit again."""
        self._draw()

    def _draw(self) -> None:
        width = max(10, self.content_size.width)
        text = f"$ {self.command}"
        if len(text) > width:
            text = text[: width - 1] + "…"
        self.update(Content(text), layout=False)


class KeyFooter(Static):
    """At most six keys that work now, then ^p for all others; each can be clicked."""

    def on_mount(self) -> None:
        """Follow the focus."""
        self.call_after_refresh(self.redraw)

    def on_resize(self, _event: events.Resize) -> None:
        """Fit again."""
        self.redraw()

    def redraw(self) -> None:
        """Draw the keys of the focused widget, its pane and the screen, by their rank."""
        active = getattr(self.app, "active_keys", None)
        # Below a dialog the keys that work are the dialog's; the screen draws its own when it comes back.
        if active is None or not self.is_mounted or self.app.screen is not self.screen:
            return
        width = max(20, self.content_size.width)
        near = active(near=True)
        # In a field a letter is text, and the field has uses of its own for some keys.
        taken = _taken(self.app.focused)
        offered = [
            (key, node) for key, node in near if key.footer and key.free(taken) and _enabled(node, key)
        ]
        # What Enter does comes first, wherever the focus is.
        ranked = sorted(
            enumerate(offered),
            key=lambda pair: (pair[1][0].id != "run.primary", pair[1][0].footer, pair[0]),
        )
        last = " ^p commands"
        chosen: list[Content] = []
        used = len(last)
        for _place, (key, node) in ranked:
            label = getattr(node, "key_labels", {}).get(key.id, key.label)
            short = key.free(taken)
            text = f"{short} {label}  "
            if len(chosen) == FOOTER_KEYS or used + len(text) > width:
                continue
            used += len(text)
            chosen.append(
                Content.from_markup(
                    f"[@click=app.press_key('{key.id}')][b]$key[/b] $label[/]  ", key=short, label=label
                )
            )
        end = Content.from_markup("[@click=app.press_key('app.palette')][b]^p[/b] commands[/]")
        self.update(Content.assemble(*chosen, end), layout=False)


def _enabled(node: Any, key: Any) -> bool:
    offers = getattr(node, "offers", None)
    return node.check_action(key.action, ()) is True and (offers is None or offers(key.id))


def _taken(focused: Widget | None) -> Callable[[str], bool]:
    """Return which keys what has the focus takes for itself: a field takes letters and its own keys."""
    if not isinstance(focused, Input):
        return lambda _key: False
    own = {
        one.strip()
        for binding in Input.BINDINGS
        if isinstance(binding, Binding) and binding.action not in ("submit", "copy")
        for one in binding.key.split(",")
    }

    def taken(key: str) -> bool:
        # The names that Textual gives to what can be typed are longer than one letter: "slash", "space".
        return key in own or key in PRINTABLE or len(key) == 1

    return taken


def by_id(key_id: str) -> Any:
    """Return a key of the registry by its id."""
    return next(key for key in KEYS if key.id == key_id)
