"""Owns the keys of the predict, transform, evaluate and teardown panes, and of Resources and Runs."""

from __future__ import annotations

from sagewizard.tui.keytable import Key  # noqa: TC001  # the table below will make some

KEYS: tuple[Key, ...] = ()

TITLES: dict[str, str] = {}
"""What each `where` is called in help and docs/keys.md, e.g. `{"predict": "Predict pane"}`."""
