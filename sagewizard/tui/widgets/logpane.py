"""Owns the log pane: 10,000 lines drawn on demand, find, follow, wrap, levels with a colour and a word.

Lines arrive in batches (`extend`), never one message each: 2,000 lines a second cost ten small repaints. Only
what is on the screen is ever drawn.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.containers import Vertical
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input, Static

from sagewizard.render.cells import cell_width, clean
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.views import LOG_LINES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual import events
    from textual.app import ComposeResult

    from sagewizard.tui.views import LogLine

_LEVEL: Final = re.compile(
    r"\b(ERROR|CRITICAL|FATAL|WARNING|WARN|INFO|DEBUG)\b"
    r"|^(#quality_metric|#metrics|#progress_metric)|^(Traceback)"
)
_WORDS: Final = {
    "ERROR": "error", "CRITICAL": "error", "FATAL": "error", "Traceback": "error", "WARNING": "warn",
    "WARN": "warn", "INFO": "info", "DEBUG": "debug", "#quality_metric": "metric", "#metrics": "metric",
    "#progress_metric": "metric",
}  # fmt: skip
LEVELS: Final = ("error", "warn", "info", "debug", "metric", "")
_MARGIN: Final = 7
"""Cells of the level's word before each line."""


def level_of(text: str) -> str:
    """Return the level of a line as a word: error, warn, info, debug, metric, or "" when it has none."""
    match = _LEVEL.search(text, 0, 200)
    return _WORDS[match.group(0)] if match else ""


class LogView(ScrollView, can_focus=True):
    """The lines; `rows` are what is drawn: (line, offset) where lines wrap, else one row a line."""

    DEFAULT_CSS = """
    LogView {
        height: 1fr; background: $background; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--error", "log--warn", "log--info", "log--debug", "log--metric", "log--hit",
    }  # fmt: skip

    def __init__(self, keep: int = LOG_LINES) -> None:
        super().__init__()
        self._lines: deque[tuple[str, str]] = deque()
        self._keep = keep
        self._first = 0
        """The number of the oldest line that is kept; lines are numbered from 0 as they come."""
        self._rows: deque[tuple[int, int]] = deque()
        self._widest = 0
        self.following = True
        self.wrapping = False
        self.needle = ""
        self.hit = -1

    @property
    def count(self) -> int:
        """How many lines are kept."""
        return len(self._lines)

    @property
    def text(self) -> str:
        """All kept lines."""
        return "\n".join(text for _level, text in self._lines)

    def extend(self, lines: Iterable[LogLine]) -> None:
        """Take new lines and let the oldest go."""
        number = self._first + len(self._lines)
        width = self._text_width()
        for line in lines:
            text = line.text
            if not text.isprintable():  # the quick way for nearly all lines
                text = clean(text.replace("\t", "    "))
            self._lines.append((level_of(text), text))
            self._add_rows(number, text, width)
            number += 1
        dropped = 0
        while len(self._lines) > self._keep:
            self._lines.popleft()
            self._first += 1
            while self._rows and self._rows[0][0] < self._first:
                self._rows.popleft()
                dropped += 1
        self._resized(dropped)

    def clear(self) -> None:
        """Forget all lines."""
        if not self._lines:
            return
        self._lines.clear()
        self._rows.clear()
        self._first, self._widest, self.hit = 0, 0, -1
        self._resized(0)

    def _add_rows(self, number: int, text: str, width: int) -> None:
        length = len(text) if text.isascii() else cell_width(text)
        if self.wrapping and length > width > 0:
            for offset in range(0, len(text), width):
                self._rows.append((number, offset))
            return
        self._rows.append((number, 0))
        self._widest = max(self._widest, length)

    def _text_width(self) -> int:
        return max(10, self.scrollable_content_region.width - _MARGIN)

    def _rebuild(self) -> None:
        self._rows.clear()
        self._widest = 0
        width = self._text_width()
        for place, (_level, text) in enumerate(self._lines):
            self._add_rows(self._first + place, text, width)
        self._resized(0)

    def _resized(self, dropped: int) -> None:
        width = 0 if self.wrapping else self._widest + _MARGIN
        self.virtual_size = Size(width, len(self._rows))
        if self.following:
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)
        elif dropped:
            self.scroll_to(y=max(0, self.scroll_offset.y - dropped), animate=False, immediate=True)
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap again at the new width."""
        if self.wrapping:
            self._rebuild()
        elif self.following:
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        scroll_x, scroll_y = self.scroll_offset
        width = self.size.width
        style = self.rich_style
        row = scroll_y + y
        if row >= len(self._rows):
            return Strip.blank(width, style)
        number, offset = self._rows[row]
        level, text = self._lines[number - self._first]
        shown = text[offset : offset + self._text_width()] if self.wrapping else text
        plain = style
        if level:
            plain = self.get_component_rich_style(f"log--{level}")
        word = f"{level:<{_MARGIN}}" if not offset else " " * _MARGIN
        segments = [Segment(word, plain + Style(bold=level == "error"))]
        segments += self._marked(shown, plain if level in ("error", "warn", "metric") else style, number)
        strip = Strip(segments)
        right = scroll_x + self.scrollable_content_region.width
        if not self.wrapping and strip.cell_length > right:  # w shows the rest
            *kept, last = strip.crop(0, right - 1)
            strip = Strip([*kept, Segment(f"{last.text}…", last.style)])
        return strip.crop_extend(scroll_x, scroll_x + width, style)

    def _marked(self, text: str, style: Style, number: int) -> list[Segment]:
        needle = self.needle.lower()
        if not needle:
            return [Segment(text, style)]
        found = style + Style(reverse=True, bold=number == self.hit, underline=number == self.hit)
        parts: list[Segment] = []
        place = 0
        folded = text.lower()
        while (at := folded.find(needle, place)) >= 0:
            parts += [Segment(text[place:at], style), Segment(text[at : at + len(needle)], found)]
            place = at + len(needle)
        return [*parts, Segment(text[place:], style)]

    def follow(self, on: bool) -> None:
        """Follow the newest line, or stay."""
        self.following = on
        if on:
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Let go of the newest line when the person scrolls up, take it again at the end."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and round(new_value) < self.max_scroll_y:
            self.following = False
        elif round(new_value) >= self.max_scroll_y > 0:
            self.following = True
        pane = self.parent
        if isinstance(pane, LogPane):
            pane.draw_head()

    def wrap(self, on: bool) -> None:
        """Wrap long lines, or cut them."""
        self.wrapping = on
        self._rebuild()

    def find(self, needle: str, *, step: int = 0) -> tuple[int, int]:
        """Go to a hit: the newest (`step` 0), the next (1), the one before (-1); return (which, how many)."""
        self.needle = needle
        folded = needle.lower()
        hits = (
            [
                self._first + place
                for place, (_level, text) in enumerate(self._lines)
                if folded in text.lower()
            ]
            if folded
            else []
        )
        if not hits:
            self.hit = -1
            self.refresh()
            return 0, 0
        if step == 0 or self.hit not in hits:
            place = len(hits) - 1
        else:
            place = (hits.index(self.hit) + step) % len(hits)
        self.hit = hits[place]
        row = next(i for i, (number, _offset) in enumerate(self._rows) if number == self.hit)
        self.following = False
        self.scroll_to_region(Region(0, row, 1, 1), animate=False, immediate=True, x_axis=False)
        self.refresh()
        return place + 1, len(hits)


class LogPane(Vertical):
    """Head, lines, and the line to find with."""

    KEYS_OF: ClassVar[str] = "log"
    BINDINGS = bindings_for("log")

    def __init__(self, keep: int = LOG_LINES, **options: str) -> None:
        super().__init__(id=options.get("id"))
        self.view = LogView(keep)
        # Kept, not asked for by query: the lines still scroll while the pane is being taken apart.
        self._head = Static("Job log", id="log-head")
        self._field = Input(
            placeholder="Find in the log; Enter goes to the next, Esc closes", id="log-find", compact=True
        )
        self._found = ""

    def compose(self) -> ComposeResult:
        """Lay out head, lines and search."""
        yield self._head
        yield self.view
        yield self._field

    def on_mount(self) -> None:
        """Begin without the search, and as one line while there is nothing to show."""
        self._field.display = False
        self.set_class(not self.view.count, "-empty")
        self.call_after_refresh(self.draw_head)

    def extend(self, lines: Iterable[LogLine]) -> None:
        """Take new lines."""
        self.view.extend(lines)
        self.set_class(not self.view.count, "-empty")
        self.draw_head()

    def clear(self) -> None:
        """Forget all lines."""
        self.view.clear()
        self.set_class(True, "-empty")
        self.draw_head()

    def draw_head(self) -> None:
        """Say how many lines there are and what the log does."""
        if not self.is_mounted:
            return
        state = "following" if self.view.following else "not following: f follows"
        wrap = ", wrapped" if self.view.wrapping else ""
        if not self.view.count:
            self._head.update("Job log · no lines yet", layout=False)
            return
        lines = f"{self.view.count:,} lines"
        found = f" · {self._found}" if self._found else ""
        self._head.update(f"Job log · {lines} · {state}{wrap}{found}", layout=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Find while typing."""
        event.stop()
        self._tell(self.view.find(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the next hit."""
        event.stop()
        self._tell(self.view.find(event.value, step=-1))

    def on_key(self, event: events.Key) -> None:
        """Close the search on Esc."""
        if event.key == "escape" and self._field.has_focus:
            event.stop()
            self._field.display = False
            self.view.needle = ""
            self._found = ""
            self.view.refresh()
            self.view.focus()
            self.draw_head()

    def _tell(self, found: tuple[int, int]) -> None:
        which, count = found
        needle = self.view.needle
        self._found = f"{which} of {count} hits" if count else (f"no hit for {needle!r}" if needle else "")
        self.draw_head()

    def action_log_find(self) -> None:
        """Open the search."""
        self._field.display = True
        self._field.focus()

    def action_log_next(self) -> None:
        """Go to the next hit."""
        self._tell(self.view.find(self.view.needle, step=1))

    def action_log_previous(self) -> None:
        """Go to the hit before."""
        self._tell(self.view.find(self.view.needle, step=-1))

    def action_log_follow(self) -> None:
        """Follow, or stay."""
        self.view.follow(not self.view.following)
        self.draw_head()

    def action_log_wrap(self) -> None:
        """Wrap, or cut."""
        self.view.wrap(not self.view.wrapping)
        self.draw_head()

    def action_log_copy(self) -> None:
        """Copy all kept lines."""
        self.app.copy(self.view.text, "the log", "log.txt")  # type: ignore[attr-defined]
