"""Owns the question whether a screen or widget is whole: answers of workers come late."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.widget import Widget


def whole(node: Widget) -> bool:
    """Whether a screen or widget is there with all its parts.

    Textual's `is_attached` alone is not enough: a screen that was closed stays attached until the last of its
    children has gone, and whatever then asks for one of them finds nothing.
    """
    pruned = node._pruning  # noqa: SLF001  # Textual has no public word for it
    if not node.is_attached or pruned:
        return False
    # An app that ends has its screens on the stack until the last of them has gone.
    return node.app.is_running and node.screen in node.app.screen_stack
