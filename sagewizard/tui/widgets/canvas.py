"""Owns the canvas: a small grey picture that a person draws with arrow keys and space, or with the mouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text
from textual.message import Message

from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.coloured import Coloured
from sagewizard.tui.widgets.digit import SHADES, block_style, colourless, joined, shade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

LEVELS = 4
"""Ink levels above paper: as many as there are shades to tell them apart without colours."""
_BROAD = 16
"""Pixels across up to which one pixel takes two cells by one; above it two pixels share a cell."""
_UNDO = 200


@dataclass
class Drawing:
    """A picture in the dataset's own values, 0 (paper) to `high` (ink), with a cursor and the way back.

    A person puts ink in LEVELS steps; what was loaded from the dataset keeps its values until it is touched,
    so that an unchanged picture is answered as the test row is.
    """

    height: int
    width: int
    high: float = 1.0
    row: int = 0
    column: int = 0
    pixels: list[float] = field(default_factory=list)
    _before: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1 or self.high <= 0:
            raise ValueError("a drawing needs a height, a width and a value for full ink")
        self.pixels = self.pixels or [0.0] * (self.height * self.width)

    def level_at(self, row: int, column: int) -> int:
        """Return the nearest ink level of a pixel, 0 to LEVELS."""
        return min(max(round(self.pixels[row * self.width + column] / self.high * LEVELS), 0), LEVELS)

    @property
    def level(self) -> int:
        """The ink under the cursor."""
        return self.level_at(self.row, self.column)

    @property
    def inked(self) -> int:
        """How many pixels are not paper."""
        return sum(1 for value in self.pixels if value)

    def move(self, down: int, right: int) -> None:
        """Move the cursor; it stops at the edge."""
        self.row = min(max(self.row + down, 0), self.height - 1)
        self.column = min(max(self.column + right, 0), self.width - 1)

    def put(self, level: int) -> None:
        """Set the ink under the cursor, held within 0 and LEVELS."""
        level = min(max(level, 0), LEVELS)
        if level != self.level:
            self._remember()
            self.pixels[self.row * self.width + self.column] = level * self.high / LEVELS

    def ink(self) -> None:
        """Go to the next level: full ink on paper first, then lighter, then paper again."""
        self.put(LEVELS if self.level == 0 else self.level - 1)

    def clear(self) -> None:
        """Make everything paper."""
        if self.inked:
            self._remember()
            self.pixels = [0.0] * (self.height * self.width)

    def load(self, values: Sequence[float]) -> None:
        """Take a picture of the dataset as it is."""
        if len(values) != self.height * self.width:
            raise ValueError(f"{len(values)} values do not make {self.height}x{self.width} pixels")
        self._remember()
        self.pixels = [float(value) for value in values]

    def undo(self) -> None:
        """Take back the last change."""
        if self._before:
            self.pixels = self._before.pop()

    def values(self) -> list[float]:
        """Return the picture in the dataset's own values."""
        return list(self.pixels)

    def words(self) -> str:
        """Say where the cursor is and what is under it."""
        what = "paper" if self.level == 0 else f"ink {self.level} of {LEVELS}"
        return f"row {self.row + 1}, column {self.column + 1}: {what}"

    def _remember(self) -> None:
        self._before.append(list(self.pixels))
        del self._before[:-_UNDO]


class Canvas(Coloured, can_focus=True):
    """The picture to draw on; `Drawn` is posted after every change and move."""

    KEYS_OF = "canvas"
    BINDINGS = bindings_for("canvas")

    class Drawn(Message):
        """The picture has changed, or the cursor has moved."""

    def __init__(self, drawing: Drawing | None = None, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.drawing = drawing or Drawing(8, 8)
        self._painting: int | None = None

    def on_focus(self) -> None:
        """Show the cursor."""
        self.redraw()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.redraw()

    def begin(self, drawing: Drawing) -> None:
        """Take another drawing."""
        self.drawing = drawing
        self.redraw()

    # Actions, one for each key

    def action_canvas_up(self) -> None:
        """Move up."""
        self._move(-1, 0)

    def action_canvas_down(self) -> None:
        """Move down."""
        self._move(1, 0)

    def action_canvas_left(self) -> None:
        """Move left."""
        self._move(0, -1)

    def action_canvas_right(self) -> None:
        """Move right."""
        self._move(0, 1)

    def action_canvas_ink(self) -> None:
        """Put ink, then less of it, then paper."""
        self.drawing.ink()
        self._changed()

    def action_canvas_darker(self) -> None:
        """Put more ink."""
        self.drawing.put(self.drawing.level + 1)
        self._changed()

    def action_canvas_lighter(self) -> None:
        """Take ink away."""
        self.drawing.put(self.drawing.level - 1)
        self._changed()

    def action_canvas_clear(self) -> None:
        """Begin with an empty paper."""
        self.drawing.clear()
        self._changed()

    def action_canvas_undo(self) -> None:
        """Take back the last change."""
        self.drawing.undo()
        self._changed()

    # The mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Put the cursor and ink; what the first pixel gets, all get that are dragged over."""
        if not self._place(event.x, event.y):
            return
        self._painting = 0 if self.drawing.level else LEVELS
        self.capture_mouse()
        self._paint()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Go on painting while the button is down."""
        if self._painting is not None and self._place(event.x, event.y):
            self._paint()

    def on_mouse_up(self) -> None:
        """Stop painting."""
        self._painting = None
        self.release_mouse()

    def _place(self, x: int, y: int) -> bool:
        drawing = self.drawing
        column = x // 2 if self._broad else x
        row = y if self._broad else y * 2
        if not (0 <= column < drawing.width and 0 <= row < drawing.height):
            return False
        drawing.row, drawing.column = row, column
        return True

    def _paint(self) -> None:
        self.drawing.put(self._painting or 0)
        self._changed()

    # Inside

    @property
    def _broad(self) -> bool:
        return self.drawing.width <= _BROAD

    def _move(self, down: int, right: int) -> None:
        self.drawing.move(down, right)
        self._changed()

    def _changed(self) -> None:
        self.redraw()
        self.post_message(self.Drawn())

    def redraw(self) -> None:
        """Draw the picture and the cursor."""
        if not whole(self):
            return
        plain = colourless(self)
        lines = self._broad_lines(plain) if self._broad else self._fine_lines(plain)
        self.update(joined(lines))

    def _broad_lines(self, plain: bool) -> list[Text]:
        drawing, lines = self.drawing, []
        for y in range(drawing.height):
            line = Text(no_wrap=True, end="")
            for x in range(drawing.width):
                level = drawing.level_at(y, x)
                here = self.has_focus and (y, x) == (drawing.row, drawing.column)
                if plain:
                    text = f"[{SHADES[level]}" if here else SHADES[level] * 2
                    line.append("[]" if here and level == 0 else text, Style(reverse=here and level == 0))
                else:
                    grey = round(level / LEVELS * 255)
                    style = Style(
                        color="#000000" if grey > 127 else "#ffffff",
                        bgcolor=f"#{grey:02x}{grey:02x}{grey:02x}",
                    )
                    line.append("[]" if here else ("··" if level == 0 else "  "), _dim(style, level, here))
            lines.append(line)
        return lines

    def _fine_lines(self, plain: bool) -> list[Text]:
        drawing, lines = self.drawing, []
        for y in range(0, drawing.height, 2):
            line = Text(no_wrap=True, end="")
            for x in range(drawing.width):
                upper = drawing.level_at(y, x)
                lower = drawing.level_at(y + 1, x) if y + 1 < drawing.height else 0
                here = self.has_focus and x == drawing.column and drawing.row in (y, y + 1)
                if here:
                    # Half a block in reverse: the cursor is on the upper or the lower pixel of the cell.
                    line.append(
                        "▀" if drawing.row == y else "▄",
                        Style(reverse=plain, color=None if plain else "#ff8700"),
                    )
                elif plain:
                    line.append(shade((upper + lower) / 2 / LEVELS))
                else:
                    line.append("▀", block_style(round(upper / LEVELS * 255), round(lower / LEVELS * 255)))
            lines.append(line)
        return lines


def _dim(style: Style, level: int, here: bool) -> Style:
    """Let the dots of empty paper stay behind the cursor and the ink."""
    return style + Style(color="#585858") if level == 0 and not here else style
