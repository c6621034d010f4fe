"""Owns the pages of what a model got wrong: pictures with captions, or rows, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sagewizard.render.cells import clean, fit
from sagewizard.render.units import number
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.coloured import Coloured
from sagewizard.tui.widgets.digit import beside, captioned, colourless, joined, picture
from sagewizard.tui.widgets.fields import row_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagewizard.evaluation.mistakes import Mistake

ROWS_A_PAGE = 6
_GAP = 2


class MistakePager(Coloured):
    """One page of mistakes at a time; `show` gives another list and keeps the page when it can."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._mistakes: Sequence[Mistake] = ()
        self._values: Callable[[int], list[float]] | None = None
        self._label: Callable[[int], str] = str
        self._columns: tuple[str, ...] = ()
        self._shape: tuple[int, int] | None = None
        self._high = 1.0
        self._regression = False
        self.first = 0

    def rows(
        self,
        values: Callable[[int], list[float]],
        label: Callable[[int], str],
        columns: Sequence[str],
        shape: tuple[int, int] | None,
        high: float,
    ) -> None:
        """Say where the values and the label of a test row (from 1) come from, and the form of a picture."""
        self._values, self._label = values, label
        self._columns, self._shape, self._high = tuple(columns), shape, high
        self.redraw()

    def show(self, mistakes: Sequence[Mistake], *, regression: bool = False) -> None:
        """Show another list."""
        self._mistakes, self._regression = mistakes, regression
        self.first = min(self.first, max(0, (len(mistakes) - 1) // self.a_page * self.a_page))
        self.redraw()

    @property
    def a_page(self) -> int:
        """How many fit on a page at this width."""
        if self._shape is None:
            return ROWS_A_PAGE
        width = self._shape[1] * (2 if self._shape[1] < 16 else 1)
        return max(1, (max(self.size.width, width) + _GAP) // (width + _GAP))

    def turn(self, pages: int) -> None:
        """Go some pages on, or back."""
        last = max(0, (len(self._mistakes) - 1) // self.a_page * self.a_page)
        self.first = min(max(self.first + pages * self.a_page, 0), last)
        self.redraw()

    def on_resize(self) -> None:
        """Fit as many as the new width takes."""
        self.redraw()

    def redraw(self) -> None:
        """Draw what is shown."""
        if not whole(self):
            return
        if not self._mistakes:
            self.update(Text("✓ No mistakes at all on these rows." if self._values is not None else ""))
            return
        page = self._mistakes[self.first : self.first + self.a_page]
        total = len(self._mistakes)
        what = "Largest errors" if self._regression else "Mistakes"
        head = Text(
            f"{what} {self.first + 1} to {self.first + len(page)} of {total:,}, the worst first", "bold"
        )
        if total > self.a_page:
            head.append("   ] next, [ before", "dim")
        if self._values is None:
            self.update(joined([head, Text("Reading the test rows.")]))
        elif self._shape is not None:
            self.update(joined([head, *self._pictures(page)]))
        else:
            self.update(Text("\n").join([head, *self._texts(page)]))

    def _pictures(self, page: Sequence[Mistake]) -> list[Text]:
        assert self._values is not None and self._shape is not None, "drawn only when both are known"
        blocks = []
        for mistake in page:
            lines = picture(
                self._values(mistake.index + 1), *self._shape, plain=colourless(self), high=self._high
            )
            captions = [
                f"row {mistake.index + 1}",
                f"is {self._truth(mistake)}",
                f"said {clean(mistake.predicted)}",
            ]
            if mistake.score is not None:
                captions.append(f"score {number(mistake.score, 3)}")
            blocks.append(captioned(lines, captions))
        return beside(blocks, _GAP)

    def _texts(self, page: Sequence[Mistake]) -> list[Text]:
        assert self._values is not None, "drawn only when it is known"
        lines = []
        for mistake in page:
            where = fit(str(mistake.index + 1), 6)
            line = Text(f"row {where} is {self._truth(mistake)}, said {clean(mistake.predicted)}")
            if self._regression:
                line.append(f", off by {number(mistake.wrongness)}")
            elif mistake.score is not None:
                line.append(f", score {number(mistake.score, 3)}")
            line.append(f"\n    {row_text(self._columns, self._values(mistake.index + 1), 6)}", "dim")
            lines.append(line)
        return lines

    def _truth(self, mistake: Mistake) -> str:
        """Name the row's own label: it says more than `not 0` where one class was told from the rest."""
        return clean(self._label(mistake.index + 1))
