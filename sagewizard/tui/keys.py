"""Writes docs/keys.md from the registry: `python -m sagewizard.tui.keys [PATH]`."""

from __future__ import annotations

import sys
from pathlib import Path

from sagewizard.tui.bindings import KEYS, TITLES

HEAD = """\
# Keys

Made from `sagewizard/tui/bindings.py` by `python -m sagewizard.tui.keys`. `^p` stands for Ctrl and p.
Whatever has a command is also in the command palette (`^p`) under that name, so that it can be reached while
a letter would be typed into a field. The mouse works everywhere: click on a list, a button, or a key in the
footer.
"""


def document() -> str:
    """Return the whole page: a table for each part of the app."""
    parts = [HEAD]
    for where in dict.fromkeys(key.where for key in KEYS):
        parts.append(f"## {TITLES.get(where, where)}\n")
        rows = [("Key", "What it does", "Command")]
        rows += [
            (", ".join(f"`{one}`" for one in key.shown.split(" or ")), key.tooltip, key.command)
            for key in KEYS
            if key.where == where
        ]
        lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
        lines.insert(1, "|---|---|---|")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page to the path that is given, or to docs/keys.md of the checkout."""
    path = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / "docs" / "keys.md"
    path.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
