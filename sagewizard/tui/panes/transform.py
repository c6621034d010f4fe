"""Owns the transform pane: the batch job, how far it is, and its output lines beside what went in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from sagewizard.render.cells import clean, cut
from sagewizard.render.units import count, duration
from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.desk import DeskPane, desk_of
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.digit import beside, colourless, joined, picture
from sagewizard.tui.words import dollars

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.engine.interactive import OutputLine
    from sagewizard.errors import SageWizardError
    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel

GRADED = ("binary_classifier", "multiclass_classifier")
"""The tasks with a right and a wrong answer."""
LINES_READ = 200
"""Output lines that can be paged through: the first ones; all are in the bucket."""


class TransformPane(DeskPane):
    """The job's facts, then a page of lines: input, answer, right or wrong."""

    KEYS_OF = "transform"
    BINDINGS = bindings_for("transform")
    TOPICS = frozenset((t.RUN, t.STEPS, t.JOBS, t.COST, t.PREDICTION))

    def __init__(self, step: str, control: RunControl) -> None:
        super().__init__(step, control)
        self.lines: list[OutputLine] = []
        self.first = 0
        self.only_wrong = False
        self._read_for = ""

    def compose_body(self) -> ComposeResult:
        """Lay out facts and lines."""
        yield Static(id="transform-facts")
        yield Static(id="transform-lines")

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Follow the job; read its output when it has ended."""
        self._draw_facts(model)
        if self.view.status == "done":
            self.read_rows(self._read_lines)
            if self.rows is not None:
                self._read_lines()
        self._draw_lines()

    def offers(self, key_id: str) -> bool:
        """Offer the wrong answers only where an answer is right or wrong."""
        recipe = self.control.recipe
        graded = recipe is None or recipe.task in GRADED
        return super().offers(key_id) and (graded or key_id != "transform.wrong")

    def action_transform_next(self) -> None:
        """Show the next lines."""
        last = max(0, (len(self._shown()) - 1) // self.a_page * self.a_page)
        self.first = min(self.first + self.a_page, last)
        self._draw_lines()

    def action_transform_previous(self) -> None:
        """Show the lines before."""
        self.first = max(0, self.first - self.a_page)
        self._draw_lines()

    def action_transform_wrong(self) -> None:
        """Show only wrong answers, or all."""
        recipe = self.control.recipe
        if not self.only_wrong and recipe is not None and recipe.task not in GRADED:
            self.app.notify("These answers are neither right nor wrong: all are shown.", markup=False)
            return
        self.only_wrong, self.first = not self.only_wrong, 0
        self._draw_lines()

    @property
    def a_page(self) -> int:
        """How many lines are shown at once: fewer when each has a picture."""
        if self.shape is None:
            return 8
        return 4 if self.size.height >= 30 else 2

    def on_resize(self) -> None:
        """Fit the page to the new size."""
        self._draw_lines()

    # Inside

    def _draw_facts(self, model: RunModel) -> None:
        job, view = model.job("transform-job"), self.view
        lines: list[Text] = []
        if job is not None:
            path = " → ".join(dict.fromkeys(move.status for move in job.transitions))
            lines.append(Text(f"Job      {clean(job.name)}"))
            lines.append(Text(f"Status   {path}"))
        rows = view.outputs.get("rows")
        if rows:
            lines.append(Text(f"Records  {count(rows)} in, {count(rows)} answers out"))
        elif view.status == "running":
            total = self._total(model)
            lines.append(
                Text(
                    f"Records  {count(total) if total else 'all'} in; SageMaker counts the answers at the end"
                )
            )
        item = model.billed("transform-job")
        if item is not None:
            word = "would cost" if model.simulated else "cost"
            lines.append(
                Text(
                    f"Billed   {duration(item.seconds)} of {item.instance_count} x {item.instance_type},"
                    f" {word} {dollars(item.usd)}"
                )
            )
        self.query_one("#transform-facts", Static).update(Text("\n").join(lines))

    def _total(self, model: RunModel) -> int:
        return model.dataset.rows.get("test", 0) if model.dataset is not None else 0

    def _read_lines(self) -> None:
        desk = desk_of(self.control)
        key = f"{self.model.run_id} {self.view.attempt} {self.view.outputs.get('job', '')}"
        if desk is None or self._read_for == key:
            return
        self._read_for = key

        def read(lines: list[OutputLine]) -> None:
            self.lines, self.first = lines, 0
            self._draw_lines()

        self.control.call(lambda: desk.output_lines(1, LINES_READ), read, self._no_lines)

    def _no_lines(self, error: SageWizardError) -> None:
        self.query_one("#transform-lines", Static).update(Text(f"· {error.message} {error.remedy}"))

    def _shown(self) -> list[OutputLine]:
        return [line for line in self.lines if not self.only_wrong or self._right(line) is False]

    def _right(self, line: OutputLine) -> bool | None:
        """Whether an answer is right; None for a number or a cluster, which has no right and wrong."""
        from sagewizard.engine.formats import answers_of, judged
        from sagewizard.errors import SageWizardError

        recipe = self.control.recipe
        if self.rows is None or recipe is None or recipe.task not in GRADED:
            return None
        try:
            (answer,) = answers_of(recipe, line.answer.encode(), 1, source="The transform job", batch=True)
        except SageWizardError:
            return None
        return bool(judged(recipe, answer) == float(self.rows.parts["test"].targets[line.row - 1]))

    def _draw_lines(self) -> None:
        if not whole(self) or not self.query("#transform-lines"):
            return
        widget = self.query_one("#transform-lines", Static)
        if self.rows is None or not self.lines:
            widget.update("Reading the output." if self.view.status == "done" else "")
            return
        shown = self._shown()
        self.first = min(self.first, max(0, len(shown) - 1))
        page = shown[self.first : self.first + self.a_page]
        which = "wrong answers" if self.only_wrong else "answers"
        among = "the first " if len(self.lines) < self.test_count() and not self.only_wrong else ""
        if not page:
            widget.update(Text(f"✓ No {which} among these lines. w shows all lines."))
            return
        head = Text(
            f"{which.capitalize()} {self.first + 1} to {self.first + len(page)} of {among}{len(shown):,}",
            "bold",
        )
        recipe = self.control.recipe
        graded = recipe is None or recipe.task in GRADED
        wrong = f", w {'all' if self.only_wrong else 'wrong'}" if graded else ""
        head.append(f"   ] [ turn{wrong}", "dim")
        blocks = [head]
        for line in page:
            blocks += self._block(line)
        widget.update(joined(blocks))

    def _block(self, line: OutputLine) -> list[Text]:
        # Two columns less than there are: the scroll bar comes when the lines are there.
        width = max(30, (self.query_one("#transform-lines").size.width or 70) - 2)
        right = self._right(line)
        label = clean(self.label_of(line.row))
        verdict = {True: f"✓ right, it is {label}", False: f"✗ wrong, it is {label}", None: f"it is {label}"}[
            right
        ]
        if right is None and (recipe := self.control.recipe) is not None and recipe.task == "clustering":
            verdict = f"labelled {label}"
        if self.shape is None:
            return [
                Text(f"{line.row:>5}  in   {cut(clean(line.request), width - 12)}", end=""),
                Text(f"       out  {cut(clean(line.answer), width - 12)}", end=""),
                Text(f"            {verdict}", "dim", end=""),
            ]
        drawn = self._small(line.row)
        room = width - drawn[0].cell_len - 3
        facts = [
            Text(f"row {line.row}", "bold", end=""),
            Text(cut(f"in   {clean(line.request)}", room), end=""),
            Text(cut(f"out  {clean(line.answer)}", room), end=""),
            Text(verdict, end=""),
        ]
        return [*beside([drawn, facts], 3), Text("", end="")]

    def _small(self, row: int) -> list[Text]:
        assert self.shape is not None, "asked for a picture where rows are pictures"
        return picture(
            self.values_of(row), *self.shape, plain=colourless(self), high=self.full_ink(), double=False
        )
