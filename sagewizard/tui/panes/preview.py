"""Owns the preview pane: rows as pictures or a table, columns with range and histogram, class balance."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.widgets import Static

from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import StepPane
from sagewizard.tui.whole import whole

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from sagewizard.engine.looking import DataLook
    from sagewizard.errors import SageWizardError
    from sagewizard.tui.model import RunModel

VIEWS: Final = ("rows", "columns", "labels")
COLUMNS: Final = ("column", "type", "min", "max", "mean", "missing", "histogram")
ROOMY: Final = 70
_BARS: Final = " ▁▂▃▄▅▆▇█"


class PreviewPane(StepPane):
    """At most 200 rows of the training split, one page at a time."""

    KEYS_OF = "preview"
    BINDINGS = bindings_for("preview")
    TOPICS: ClassVar[frozenset[str]] = frozenset((t.PREVIEW, t.STEPS))

    def __init__(self, step: str, control: object) -> None:
        super().__init__(step, control)  # type: ignore[arg-type]
        self._look: DataLook | None = None
        self._asked = False
        self._page = 0
        self._view = "rows"
        self._drawing = 0

    def compose_body(self) -> ComposeResult:
        """Yield head and content."""
        yield Static(id="preview-head")
        yield Static(id="preview-body")

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Ask for the rows once the step has shown that the data is there."""
        if model.step(self.step).status in ("done", "running") and not self._asked:
            self._asked = True
            self.query_one("#preview-head", Static).update("Reading the rows.")
            self.control.call(self.control.look, self._read, self._refused)

    def offers(self, key_id: str) -> bool:
        """Offer to turn the page only where there are several."""
        if self._look is None:
            return False
        return key_id == "preview.view" or self._length() > self._per_page()

    def _read(self, found: DataLook) -> None:
        self._look = found
        if whole(self):
            self.draw()
            self._keys_changed()

    def _refused(self, error: SageWizardError) -> None:
        self._asked = False
        if whole(self):
            self.query_one("#preview-head", Static).update(Text(f"The rows cannot be read again: {error}"))

    def on_resize(self, _event: events.Resize) -> None:
        """Fit the page to the new size."""
        if self._look is not None:
            self.draw()

    # Pages

    def _room(self) -> tuple[int, int]:
        region = self.query_one(".pane-scroll").size
        return max(20, region.width - 2), max(6, region.height - 4)

    def _per_page(self) -> int:
        look = self._look
        if look is None:
            return 1
        width, height = self._room()
        if self._view != "rows" or look.image_shape is None:
            # Below a table's head and rule comes a line that says what the width has no room for.
            return max(1, height - {"rows": 3, "columns": 3, "labels": 0}[self._view])
        tall, wide = look.image_shape
        wide = max(wide, 16)
        tall = tall * max(1, 16 // look.image_shape[1])
        if getattr(self.app, "colourless", False) and look.image_shape[1] > 16:
            wide, tall = (wide + 1) // 2, tall // 2
        return max(1, (width + 2) // (wide + 2)) * max(1, height // (tall // 2 + 2))

    def _length(self) -> int:
        look = self._look
        if look is None:
            return 0
        return {"rows": len(look.values), "columns": len(look.columns), "labels": len(look.classes)}[
            self._view
        ]

    def draw(self) -> None:
        """Draw the page; pictures are made in a worker."""
        look = self._look
        if look is None:
            return
        per_page, length = self._per_page(), self._length()
        pages = max(1, -(-length // per_page))
        self._page = min(self._page, pages - 1)
        start = self._page * per_page
        end = min(length, start + per_page)
        what = {"rows": "Rows", "columns": "Columns", "labels": "Labels"}[self._view]
        among = "the first " if self._view == "rows" and length < look.rows.get("train", 0) else ""
        head = f"{what} {start + 1} to {end} of {among}{length:,}"
        head += f" · v: {self._following_view()}" + (" · PgDn: more" if pages > 1 else "")
        self.query_one("#preview-head", Static).update(Text(head, style="bold"))
        width, _height = self._room()
        self._drawing += 1
        drawing, view = self._drawing, self._view
        colourless = bool(getattr(self.app, "colourless", False))

        def make() -> str:
            if view == "columns":
                return columns_text(look, start, end, width)
            if view == "labels":
                return labels_text(look, start, end, width)
            return rows_text(look, start, end, width, colourless=colourless)

        def made(text: str) -> None:
            if drawing == self._drawing and whole(self):
                self.query_one("#preview-body", Static).update(Text.from_ansi(text))

        self.control.call(make, made)

    def action_preview_next(self) -> None:
        """Show the next page."""
        if (self._page + 1) * self._per_page() < self._length():
            self._page += 1
            self.draw()

    def action_preview_previous(self) -> None:
        """Show the page before."""
        if self._page:
            self._page -= 1
            self.draw()

    def action_preview_view(self) -> None:
        """Change between rows, columns and labels."""
        if self._look is None:
            return
        self._view, self._page = self._following_view(), 0
        self.draw()
        self._keys_changed()

    def _following_view(self) -> str:
        following = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        # What is to be predicted as a number has no classes to count.
        without = self._look is None or not self._look.classes
        return "rows" if following == "labels" and without else following

    def _keys_changed(self) -> None:
        redraw = getattr(self.screen, "redraw_keys", None)
        if redraw is not None:
            redraw()


def rows_text(look: DataLook, start: int, end: int, width: int, *, colourless: bool) -> str:
    """Return rows as pictures with their labels, or as a table."""
    if look.image_shape is not None:
        from sagewizard.tui.pictures import draw_digits

        return draw_digits(
            look.values[start:end], look.labels[start:end], look.image_shape, width, colourless=colourless
        )
    from sagewizard.render import table
    from sagewizard.tui.pictures import ink

    names = [column.name for column in look.columns]
    shown = max(1, min(len(names), (width - 14) // 11))
    rows = [
        [str(number + 1), look.labels[number], *(f"{value:g}" for value in look.values[number][:shown])]
        for number in range(start, end)
    ]
    more = [f"and {len(names) - shown} columns more: v shows them all"] if shown < len(names) else []
    return "\n".join([table(rows, ["row", "label", *names[:shown]], ink=ink(width, colourless=True)), *more])


def columns_text(look: DataLook, start: int, end: int, width: int) -> str:
    """Return columns with their type, range, missing values and a small histogram."""
    from sagewizard.render import table
    from sagewizard.tui.pictures import ink

    # The narrower the terminal, the fewer columns: a histogram that is cut says nothing.
    missing_any = any(column.missing for column in look.columns)
    headers = list(COLUMNS)
    if not missing_any:
        headers.remove("missing")
    elif width < ROOMY:
        headers.remove("mean")
    rows = []
    for column in look.columns[start:end]:
        low = "" if column.minimum is None else f"{column.minimum:g}"
        high = "" if column.maximum is None else f"{column.maximum:g}"
        mean = "" if column.mean is None else f"{column.mean:.4g}"
        missing = str(column.missing) if column.missing else "none"
        cells = [column.name, column.kind, low, high, mean, missing, histogram(column.bins)]
        every = dict(zip(COLUMNS, cells, strict=True))
        rows.append([every[header] for header in headers])
    drawn = table(rows, headers, ink=ink(width, colourless=True))
    return drawn if missing_any else f"{drawn}\nNo value is missing in any column."


def labels_text(look: DataLook, start: int, end: int, width: int) -> str:
    """Return the class balance of the training split."""
    total = sum(count for _name, count in look.classes) or 1
    largest = max((count for _name, count in look.classes), default=1)
    room = max(8, width - 34)
    lines = []
    for name, count in look.classes[start:end]:
        bar = "█" * max(1 if count else 0, round(count / largest * room))
        lines.append(f"{name[:14]:<14} {count:>7,} {count / total:>6.1%}  {bar}")
    return "\n".join(lines)


def histogram(bins: tuple[int, ...]) -> str:
    """Return counts as a line of bars; what is there at all is never drawn as nothing."""
    top = max(bins, default=0)
    if not top:
        return ""
    return "".join(_BARS[max(1, round(count / top * 8)) if count else 0] for count in bins)
