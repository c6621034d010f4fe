"""Pictures of screens as text: what is drawn, and which style each cell has; compared with committed files.

Made again with `python tests/tui/snapshots.py`, which runs the tests that compare in writing mode. A file
has the text of the screen, then a map of the same size with a letter for each style, then what the letters
stand for: so that a change of words, of alignment and of colour each shows as a readable difference.
"""

from __future__ import annotations

import difflib
import os
import string
import sys
from pathlib import Path

FOLDER = Path(__file__).with_name("snapshots")
WRITING = "SAGEWIZARD_WRITE_SNAPSHOTS"
STILL = 8
"""Looks, a tenth of a second apart, in which nothing changes on a screen that is recorded."""
LETTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits + "!#$%&()*+-./:;<=>?@[]^_{|}~"


def picture(app) -> str:
    """Return the screen as text, style map and legend."""
    width, height = app.size
    styles: dict[str, str] = {}
    texts, maps = [], []
    for strip in app.screen._compositor.render_strips()[:height]:
        strip = strip.apply_filter(app._filters[-1], app.screen.styles.background) if app.no_color else strip
        text, codes = "", ""
        for segment in strip:
            name = str(segment.style.without_color + color_only(segment.style)) if segment.style else ""
            letter = styles.setdefault(name, LETTERS[len(styles) % len(LETTERS)])
            text += segment.text
            codes += letter * segment.cell_length
        texts.append(text.rstrip())
        maps.append(codes[:width])
    legend = [f"{letter} {name}" for name, letter in styles.items()]
    return "\n".join([*texts, "", *maps, "", *legend]) + "\n"


def named(what: str, size: tuple[int, int], no_color: bool) -> str:
    """Return the name of a picture's file."""
    return f"{what}-{size[0]}x{size[1]}-{'nocolor' if no_color else 'dark'}"


def color_only(style):
    """Return a style's colours, without links and meta."""
    from rich.style import Style

    return Style(color=style.color, bgcolor=style.bgcolor)


async def compare(app, pilot, name: str) -> None:
    """Compare the screen with its file, or write it in writing mode.

    Markdown and scrollbars are laid out over several frames, and on a busy machine more of them are needed:
    so the screen has up to half a minute to become what the file says.
    """
    path = FOLDER / f"{name}.txt"
    for field in app.screen.query("Input"):
        field.cursor_blink = False
    if os.environ.get(WRITING):
        drawn, same = "", 0
        while same < STILL:
            before, drawn = drawn, picture(app)
            same = same + 1 if drawn == before else 0
            await pilot.pause(0.1)
        FOLDER.mkdir(exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
        return
    assert path.is_file(), f"{path} is missing: make it with `python tests/tui/snapshots.py`"
    expected = path.read_text(encoding="utf-8")
    for _ in range(600):
        drawn = picture(app)
        if drawn == expected:
            return
        await pilot.pause(0.05)
    lines = difflib.unified_diff(
        expected.splitlines(), drawn.splitlines(), "recorded", "drawn", "", "", 0, ""
    )
    raise AssertionError(
        "\n".join([f"{name} looks different; if that is right: `python tests/tui/snapshots.py`", *lines])
    )


if __name__ == "__main__":
    import subprocess

    root = Path(__file__).resolve().parents[2]
    sys.exit(
        subprocess.call(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "tests/tui",
                "-k",
                "looks_as_recorded",
                "-m",
                "not faults",
            ],
            env={**os.environ, WRITING: "1"},
            cwd=root,
        )
    )
