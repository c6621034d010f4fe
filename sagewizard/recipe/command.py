"""Owns the command that does a run again: the same words in the report, the guide, and below the app."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from sagewizard.recipe.option import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

FLAGS: Final[Mapping[str, str]] = {
    "deploy.ttl": "--ttl",
    "deploy.ttl_else": "--ttl-else",
    "deploy.ttl_role": "--ttl-role",
}
"""The options that have a flag of their own beside --set."""


def command_line(
    named: str,
    settings: Mapping[str, object],
    target: str,
    *,
    until: str | None = None,
    keep: bool = False,
    budget: float | None = None,
) -> str:
    """Return the command that does the same again, ready to paste; `named` is a name or a path."""
    words = ["sagewizard", "run", named]
    for path, value in settings.items():
        words += [FLAGS[path], str(value)] if path in FLAGS else ["--set", f"{path}={as_text(value)}"]
    words += ["--until", until] if until else []
    words += ["--keep"] if keep else []
    words += ["--budget", f"{budget:.12g}"] if budget is not None else []
    words += ["--target", target] if target != "sandbox" else []
    return shlex.join(words)
