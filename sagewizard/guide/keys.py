"""Owns the keyboard while the guide works: what is typed then is neither shown nor taken for an answer."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def unheard() -> Iterator[None]:
    """Ignore keys on a terminal, Ctrl-C apart; answers that come through a pipe wait for their question."""
    try:
        import termios

        if not sys.stdin.isatty():
            raise OSError
        number = sys.stdin.fileno()
        before = termios.tcgetattr(number)
    except (ImportError, OSError, ValueError):
        yield
        return
    silent = list(before)
    silent[3] = before[3] & ~termios.ECHO
    try:
        termios.tcsetattr(number, termios.TCSANOW, silent)
        yield
    finally:
        # TCSAFLUSH drops what was typed meanwhile.
        termios.tcsetattr(number, termios.TCSAFLUSH, before)
