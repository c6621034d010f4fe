"""Owns the predict pane: one row at a time, from the test set or one's own, and the whole test set."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from sagewizard.render.cells import clean
from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import Action
from sagewizard.tui.panes.desk import DeskPane, desk_of
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.canvas import Canvas, Drawing
from sagewizard.tui.widgets.digit import DigitView
from sagewizard.tui.widgets.exchange import bodies_text, sending_text, whole_set_text
from sagewizard.tui.widgets.fields import FieldForm, row_text
from sagewizard.tui.widgets.scores import answer_lines

if TYPE_CHECKING:
    import threading

    from textual import events
    from textual.app import ComposeResult

    from sagewizard.errors import SageWizardError
    from sagewizard.events import PredictionMade, PredictionsCompared
    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel


class PredictPane(DeskPane):
    """A picture or a row on the left, what the endpoint said on the right, both bodies below."""

    KEYS_OF = "predict"
    BINDINGS = bindings_for("predict")
    TOPICS = frozenset((t.RUN, t.STEPS, t.PREDICTION, t.PROGRESS, t.RESOURCES))

    def __init__(self, step: str, control: RunControl) -> None:
        super().__init__(step, control)
        self.row = 0
        """The test row chosen, from 1; 0 before one is."""
        self.own = False
        """Whether values of one's own are shown, not a test row."""
        self.answered: tuple[object, PredictionMade] | None = None
        """What was asked (see `_question`) and what came back."""
        self.sending: object = None
        self.whole_bodies = False
        self.threshold: float | None = None
        self._threshold_for = ""
        self._cancel: threading.Event | None = None
        self._chance = random.Random()  # noqa: S311  # which row to look at is no secret

    def compose_body(self) -> ComposeResult:
        """Lay out picture, facts, fields and bodies."""
        with Horizontal(id="predict-main"):
            with Vertical(id="predict-left"):
                yield DigitView(id="predict-picture")
                yield Canvas(id="predict-canvas")
            yield Static(id="predict-facts")
        yield Input(id="predict-row", type="integer", placeholder="number of a test row", compact=True)
        yield FieldForm(id="predict-fields")
        yield Static(id="predict-bodies")
        yield Static(id="predict-set")

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Follow the run; the newest prediction is shown when it is the step's own."""
        self.query_one("#predict-row").display = self.query_one("#predict-row").has_focus
        newest = next((event for event in reversed(model.predictions) if event.row), None)
        if not self.row and newest is not None:
            self.row, self.answered = newest.row, (("row", newest.row), newest)
        if self.view.status == "done":
            self.read_rows(self._rows_ready)
            self._read_threshold()
        if whole(self):
            self._draw()

    def own_action(self) -> Action | None:
        """Send what is chosen, when the endpoint has not answered to it yet."""
        if self.view.status != "done" or not self.endpoint_alive or self.rows is None:
            return None
        if self.control.busy or self.control.recorded:
            return None
        if self.answered is not None and self.answered[0] == self._question():
            return None
        if self.own:
            return Action("Send your own digit" if self.shape else "Send your own values", self.send)
        return Action(f"Send test row {self.row}", self.send)

    # Actions

    def action_predict_next(self) -> None:
        """Take the next test row."""
        self._take(self.row + 1)

    def action_predict_previous(self) -> None:
        """Take the test row before."""
        self._take(self.row - 1)

    def action_predict_random(self) -> None:
        """Take any other test row and send it."""
        if self.rows is None or self.test_count() < 2:
            return
        other = self._chance.randrange(1, self.test_count())
        self._take(other if other < self.row else other + 1)
        if self.own_action() is not None:
            self.send()

    def action_predict_choose(self) -> None:
        """Ask for the number of a row."""
        if self.rows is None:
            return
        box = self.query_one("#predict-row", Input)
        box.value, box.display = "", True
        box.focus()

    def action_predict_draw(self) -> None:
        """Change between the test rows and one's own."""
        if self.rows is None:
            return
        self.own = not self.own
        if self.own:
            self._begin_own()
        self._draw()
        if self.own:
            self._own_widget().focus()
        else:
            self.query_one(".pane-scroll").focus()

    def on_key(self, event: events.Key) -> None:
        """Go back from one's own values to the test rows on Esc, before it would leave the run."""
        if event.key == "escape" and self.own:
            event.stop()
            event.prevent_default()
            self.action_predict_draw()

    def action_predict_load(self) -> None:
        """Copy the test row into the canvas or the fields."""
        if self.rows is None:
            return
        values = self.values_of(self.row)
        if self.shape is not None:
            self._begin_own()
            self.query_one("#predict-canvas", Canvas).drawing.load(values)
            self.query_one("#predict-canvas", Canvas).redraw()
        else:
            self._begin_own()
            self.query_one("#predict-fields", FieldForm).load(values)
        if not self.own:
            self.action_predict_draw()
        self._draw()

    def action_predict_test_set(self) -> None:
        """Send the whole test set, or stop sending."""
        desk = desk_of(self.control)
        if self._cancel is not None:
            self._cancel.set()
            return
        if desk is None or self.control.busy or self.view.status != "done":
            return
        if not self.endpoint_alive:
            self.app.notify("The endpoint is gone. Deploy again to ask it.", severity="warning")
            return

        def done(_compared: PredictionsCompared) -> None:
            self._cancel = None
            self._draw()

        def failed(error: SageWizardError) -> None:
            self._cancel = None
            self._draw()
            if not cancel.is_set():
                self.refused(error)
            elif self.control.busy:
                self.app.notify("The test set was not sent to its end: a step began.", markup=False)

        cancel = self._cancel = self.control.aside(desk.predict_test_set, done, failed)
        self._draw()

    def action_predict_bodies(self) -> None:
        """Show both bodies whole, or their beginning."""
        self.whole_bodies = not self.whole_bodies
        self._draw()

    def send(self) -> None:
        """Send what is chosen to the endpoint, in a worker."""
        desk = desk_of(self.control)
        question = self._question()
        if desk is None or self.sending is not None or self.rows is None:
            return
        own = self._own_values() if self.own else None
        if self.own and own is None:
            self.app.notify(
                self.query_one("#predict-fields", FieldForm).problem, severity="warning", markup=False
            )
            return
        self.sending = question
        row = self.row

        def answered(event: PredictionMade) -> None:
            self.sending = None
            self.answered = (question, event)
            self._draw()

        def failed(error: SageWizardError) -> None:
            self.sending = None
            self._draw()
            self.control.on_error(error)

        if own is not None:
            self.control.aside(lambda _stop: desk.predict_values(own), answered, failed)
        else:
            self.control.aside(lambda _stop: desk.predict_row(row), answered, failed)
        self._draw()

    # What widgets tell

    def on_canvas_drawn(self) -> None:
        """Show that the drawing has not been sent."""
        self._draw_facts()

    def on_field_form_changed(self) -> None:
        """Show that the values have not been sent."""
        self._draw_facts()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the row that was typed; in a field, send the values."""
        if event.input.id != "predict-row":
            event.stop()
            if self.own_action() is not None:
                self.send()
            return
        event.stop()
        event.input.display = False
        self.query_one(".pane-scroll").focus()
        text = event.value.strip()
        if text.isdecimal():
            wanted = int(text)
            if not 1 <= wanted <= self.test_count():
                self.app.notify(
                    f"There is no test row {text}: choose one from 1 to {self.test_count()}.",
                    severity="warning",
                )
                return
            self._take(wanted)

    # Inside

    def _rows_ready(self) -> None:
        self.row = self.row or 1
        self._begin_own()
        self._draw()

    def _read_threshold(self) -> None:
        desk, run_id = desk_of(self.control), f"{self.model.run_id} {self.model.step('train').attempt}"
        if desk is None or self._threshold_for == run_id:
            return
        self._threshold_for = run_id

        def read(value: float | None) -> None:
            self.threshold = value
            self._draw()

        # Without its artifact a model's answers are shown all the same, only without the line between them.
        self.control.call(desk.threshold, read, lambda _error: None)

    def _question(self) -> object:
        """Return what would be sent now, to tell whether it has been."""
        if not self.own:
            return ("row", self.row)
        values = self._own_values()
        return ("own", None if values is None else tuple(values))

    def _own_values(self) -> list[float] | None:
        if self.shape is not None:
            return self.query_one("#predict-canvas", Canvas).drawing.values()
        return self.query_one("#predict-fields", FieldForm).values()

    def _own_widget(self) -> Canvas | Input:
        if self.shape is not None:
            return self.query_one("#predict-canvas", Canvas)
        return self.query_one("#predict-fields Input", Input)

    def _begin_own(self) -> None:
        """Make the canvas or the fields fit the rows, unless they do already."""
        rows = self.rows
        if rows is None:
            return
        if self.shape is not None:
            height, width = self.shape
            canvas = self.query_one("#predict-canvas", Canvas)
            if (canvas.drawing.height, canvas.drawing.width, canvas.drawing.high) != (
                height,
                width,
                self.full_ink(),
            ):
                canvas.begin(Drawing(height, width, self.full_ink()))
        else:
            self.query_one("#predict-fields", FieldForm).begin(rows.columns, self.values_of(max(1, self.row)))

    def _take(self, row: int) -> None:
        if self.rows is None:
            return
        self.own = False
        row = min(max(row, 1), self.test_count())
        if not self.rows.has(row):
            row = self._nearest(row)
        self.row = row
        self._draw()

    def _nearest(self, row: int) -> int:
        """Return the row to show for one that a recorded run does not have: the next one on the way."""
        assert self.rows is not None, "asked for a row before the rows were read"
        after, before = range(row, self.test_count() + 1), range(row, 0, -1)
        order = (after, before) if row >= self.row else (before, after)
        found = next((one for way in order for one in way if self.rows.has(one)), row)
        self.app.notify(f"This recorded run has some of the test rows only: row {found} is shown.")
        return found

    def _draw(self) -> None:
        if not whole(self):
            return
        picture, canvas = (
            self.query_one("#predict-picture", DigitView),
            self.query_one("#predict-canvas", Canvas),
        )
        form = self.query_one("#predict-fields", FieldForm)
        shape = self.shape
        canvas.display = self.own and shape is not None
        form.display = self.own and shape is None and self.rows is not None
        picture.display = not self.own and shape is not None
        self.query_one("#predict-left").display = shape is not None
        if picture.display and self.rows is not None and shape is not None:
            picture.show(self.values_of(self.row), *shape, high=self.full_ink())
        self._draw_facts()
        self._draw_set()

    def _draw_facts(self) -> None:
        facts, bodies = self.query_one("#predict-facts", Static), self.query_one("#predict-bodies", Static)
        event = self.answered[1] if self.answered and self.answered[0] == self._question() else None
        lines = [Text(self._title(), "bold")]
        if self.rows is not None and self.shape is None and not self.own:
            lines.append(Text(row_text(self.rows.columns, self.values_of(self.row)), "dim"))
        if self.sending is not None:
            lines.append(Text("… waiting for the answer"))
        elif event is not None:
            lines += answer_lines(event, self.rows, self.threshold)
        elif self.rows is None:
            lines.append(Text("Reading the test rows."))
        elif self.control.recorded:
            lines.append(Text("· The recorded run did not show its answer to this."))
        elif not self.endpoint_alive:
            lines.append(Text("· The endpoint is gone: nothing can be asked now. Deploy again to go on."))
        else:
            lines.append(Text("· Not sent yet: Enter sends it."))
        lines += [Text(line, "dim") for line in self._hints()]
        facts.update(Text("\n").join(lines))
        bodies.update(bodies_text(event, whole=self.whole_bodies) if event is not None else "")
        self._frame(self.model)

    def _title(self) -> str:
        if self.own:
            return "Your own digit" if self.shape else "Your own values"
        label = f", labelled {clean(self.label_of(self.row))}" if self.rows is not None else ""
        total = f" of {self.test_count():,}" if self.rows is not None else ""
        return f"Test row {self.row}{total}{label}"

    def _hints(self) -> list[str]:
        if self.rows is None:
            return []
        if self.own and self.shape:
            words = self.query_one("#predict-canvas", Canvas).drawing.words()
            return [words, "Arrows move, Space inks, Del clears", "o copies the test row, Esc goes back"]
        if self.own:
            return ["", "Tab goes on, Enter sends, Esc goes back"]
        return ["", f"n next · r random · g number · w {'draw' if self.shape else 'edit'}"]

    def _draw_set(self) -> None:
        compared, progress, recipe = self.model.comparison, self.view.progress, self.control.recipe
        out = Text()
        if self._cancel is not None:
            out = sending_text(progress.share if progress is not None else None)
        elif compared is not None and compared.source == "endpoint":
            graded = recipe is None or recipe.task in ("binary_classifier", "multiclass_classifier")
            out = whole_set_text(compared, graded=graded, again=self.endpoint_alive)
        self.query_one("#predict-set", Static).update(out)
