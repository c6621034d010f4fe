"""Owns which keys work where the person is: what footer, help and palette show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.tui.bindings import KEYS

if TYPE_CHECKING:
    from textual.app import App
    from textual.dom import DOMNode

    from sagewizard.tui.keytable import Key


def nodes_with_keys(app: App[Any], *, near: bool = False) -> list[DOMNode]:
    """Return what has keys on the screen: focused things first, then panes, the screen, the app.

    With `near`, only those whose keys work without moving the focus.
    """
    from textual.widget import Widget

    chain: list[DOMNode] = []
    focused = app.focused
    if focused is not None:
        chain += [node for node in focused.ancestors_with_self if isinstance(node, Widget)]
    if not near:
        chain += [node for node in app.screen.walk_children() if node.display]
    chain += [app.screen, app]
    found = dict.fromkeys(node for node in chain if getattr(node, "KEYS_OF", ""))
    return list(found)


def active_keys(app: App[Any], *, near: bool = False) -> list[tuple[Key, DOMNode]]:
    """Return every key that has an effect on the screen with the node that takes it, nearest first."""
    found: list[tuple[Key, DOMNode]] = []
    seen: set[str] = set()
    for node in nodes_with_keys(app, near=near):
        where = getattr(node, "KEYS_OF", "")
        if where in seen:
            continue
        seen.add(where)
        found += [(key, node) for key in KEYS if key.where == where]
    return found
