"""Owns copying: the text of a screen, and the file beside OSC 52 for terminals that do not take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import App

    from sagewizard.settings import Settings


def keep(settings: Settings, name: str, text: str) -> Path | None:
    """Write a copied text into the home's `copied` folder; None when that cannot be done."""
    path = settings.home / "copied" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    except OSError:
        return None
    return path


def screen_text(app: App[Any]) -> str:
    """Return what is on the screen as lines of text, without trailing blanks."""
    width, height = app.size
    compositor = app.screen._compositor  # noqa: SLF001  # the one place that knows what is drawn
    strips = compositor.render_strips()
    del width
    return "\n".join("".join(s.text for s in strip).rstrip() for strip in strips[:height])
