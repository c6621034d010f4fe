"""The command `guide`: opens the guide, which is a front end of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def guide(options: argparse.Namespace) -> int:
    """Go through a project question by question."""
    from importlib import import_module

    # By name: the commands are no part of the guide, and import nothing that draws.
    return int(import_module("sagewizard.guide").run(options))
