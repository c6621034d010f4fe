"""Owns what every step pane is: an introduction before the step, its content after, one primary action.

A pane of a step:

    class DeployPane(StepPane):
        KEYS_OF = "deploy"                      # its keys in tui/bindings.py, if it has any
        BINDINGS = bindings_for("deploy")

        def compose_body(self) -> ComposeResult:   # widgets shown once the step has begun
            yield Static(id="deploy-facts")

        def refresh_body(self, model, topics):     # when one of `TOPICS` changed
            self.query_one("#deploy-facts", Static).update(...)

The base draws the introduction (what will happen, what to expect, what it costs), progress, the outcome in
one line, and decides the primary action. While a step waits only the introduction is shown, unless
`BODY_BEFORE = True`. Panes ask for work with `self.control` and never block, never do IO.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from sagewizard.tui import topics as t
from sagewizard.tui.panes import places
from sagewizard.tui.whole import whole
from sagewizard.tui.words import amount, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel
    from sagewizard.tui.views import StepView

FRAME = frozenset((t.RUN, t.STEPS, t.PROGRESS, t.ERROR, t.OPTIONS, t.WARNING, t.RESOURCES))
"""The topics that the base's own parts depend on: a log line alone redraws none of them."""

TITLES = {
    "dataset": "Dataset", "preview": "Preview", "prepare": "Prepare", "algorithm": "Algorithm",
    "train": "Train",
    "tune": "Tune", "deploy": "Deploy", "predict": "Predict", "transform": "Transform",
    "evaluate": "Evaluate", "teardown": "Teardown",
}  # fmt: skip
VERBS = {
    "dataset": "Get the data", "preview": "Show the data", "prepare": "Prepare and upload", "train": "Train",
    "tune": "Tune", "deploy": "Deploy", "predict": "Predict", "transform": "Run the batch transform",
    "evaluate": "Evaluate", "teardown": "Tear everything down",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Action:
    """What Enter does here: a label that completes "Enter:", and the function; it must return at once."""

    label: str
    run: Callable[[], object]


class StepPane(Vertical):
    """One step in the main pane; `step` is its name in the recipe (or `algorithm`)."""

    KEYS_OF: ClassVar[str] = ""
    TOPICS: ClassVar[frozenset[str]] = t.ALL_TOPICS
    """The topics its body depends on; the base's own parts are always kept up to date."""
    BODY_BEFORE: ClassVar[bool] = False
    """Whether the body is shown while the step still waits."""

    BEGINS_IN_FIELD: ClassVar[bool] = False
    """Whether `focus_first` goes into a field, where letters are text."""

    class GoTo(Message):
        """The person asked for another place of the rail."""

        def __init__(self, place: str) -> None:
            super().__init__()
            self.place = place

    def __init__(self, step: str, control: RunControl) -> None:
        super().__init__(id=f"pane-{step}", classes="step-pane")
        self.step = step
        self.control = control
        self._ready = False

    @property
    def model(self) -> RunModel:
        """The model of the run on the screen (another one after another run was opened)."""
        return self.control.model

    @property
    def view(self) -> StepView:
        """The step's own view."""
        return self.model.step(self.step)

    # What a pane overrides

    def compose_body(self) -> ComposeResult:
        """Yield the pane's own widgets."""
        yield from ()

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Redraw what depends on the changed topics."""

    def own_action(self) -> Action | None:
        """Return a primary action of the pane's own that goes before the usual one, or None."""
        return None

    ALWAYS: ClassVar[frozenset[str]] = frozenset()
    """Ids of the pane's keys that have an effect before the step has begun, too."""

    def offers(self, key_id: str) -> bool:
        """Whether the footer offers one of the pane's keys: not while there is nothing yet to use it on."""
        return self.BODY_BEFORE or self.view.status != "waiting" or key_id in self.ALWAYS

    def explain(self) -> str:
        """Return the lesson of this step as Markdown; default: the recipe's texts."""
        text = self.view.text
        if text is None:
            return f"# {TITLES.get(self.step, self.step)}\n"
        parts = [f"# {text.title}", "## What happens", text.what, "## Why", text.why]
        parts += ["## What you should see", text.expect, "## What it costs", text.cost]
        if text.question:
            finished = self.view.status == "done"
            later = "The answer stands here when the step is done."
            parts += ["## A question", text.question, text.answer if finished else f"*{later}*"]
        if text.instructor and getattr(self.app, "instructor", False):
            parts += ["## For the instructor", text.instructor]
        return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"

    # What the base does

    def compose(self) -> ComposeResult:
        """Lay out introduction, body and outcome."""
        with VerticalScroll(classes="pane-scroll", can_focus=True):
            yield Static(classes="pane-title")
            yield Static(classes="pane-intro")
            yield Static(classes="pane-progress")
            with Vertical(classes="pane-body"):
                yield from self.compose_body()
            yield Static(classes="pane-choices")
            yield Static(classes="pane-notes")
        yield Static(classes="pane-action")

    def on_mount(self) -> None:
        """Draw everything once."""
        self._ready = True
        self.update_from(self.model, set(t.ALL_TOPICS))

    def update_from(self, model: RunModel, topics: set[str]) -> None:
        """Take changed topics; called by the run screen, in the interface's thread."""
        # Not before its widgets are there, and not while the screen is being taken away.
        if not self._ready or not whole(self):
            return
        if topics & FRAME:
            self._frame(model)
        if topics & self.TOPICS:
            self.refresh_body(model, topics)

    def primary(self) -> Action | None:
        """Return what Enter does here, or None when there is nothing to do (the step is at work)."""
        given = self.control.action_at(self.step)
        if given is not None:
            return Action(*given)
        own = self.own_action()
        if own is not None:
            return own
        return self.usual_action()

    def usual_action(self) -> Action | None:
        """Return the step's ordinary action: do it, do it again after a failure, or go to the next one."""
        control, model = self.control, self.model
        if control.busy:
            if model.current and model.current != self.step:
                return Action(f"Look at {TITLES.get(model.current, model.current)}, at work", self.go_current)
            return None
        label = VERBS.get(self.step, TITLES.get(self.step, self.step))
        view = self.view
        if control.stale == self.step:
            return Action(f"{label} again, with your changes", lambda: control.redo_from(self.step))
        if view.status in ("done", "skipped"):
            following = self.following()
            if not following:
                return Action("Go back to Home", self.go_home)
            name = TITLES.get(following, following)
            return Action(f"Go on to {name}", lambda: self.go(following))
        first = model.next_step()
        if first and first != self.step and self.step in model.steps:
            name = TITLES.get(first, first)
            return Action(f"First: {name}", lambda: self.go(first))
        if view.status in ("failed", "stopped"):
            label = f"{label}: {'try again' if view.status == 'failed' else 'go on'}"
        return Action(label, lambda: control.start_step(self.step))

    def following(self) -> str:
        """Return the place in the rail after this one; "" at the end."""
        all_places = places(tuple(self.model.steps))
        index = all_places.index(self.step) if self.step in all_places else -1
        return all_places[index + 1] if 0 <= index < len(all_places) - 1 else ""

    def go(self, place: str) -> None:
        """Show another place of the rail."""
        self.post_message(self.GoTo(place))

    def focus_first(self) -> None:
        """Take the focus: the part that scrolls, so that arrow keys work and letters are the screen's."""
        self.query_one(".pane-scroll").focus()

    def go_home(self) -> None:
        """Go back to the recipes."""
        self.app.action_app_home()  # type: ignore[attr-defined]  # the app is always ours

    def go_current(self) -> None:
        """Show the step that is at work."""
        self.go(self.model.current)

    def _frame(self, model: RunModel) -> None:
        view, text = self.view, self.view.text
        waiting = view.status == "waiting"
        title = text.title if text else TITLES.get(self.step, self.step)
        self.query_one(".pane-title", Static).update(Content(title))
        intro = self.query_one(".pane-intro", Static)
        intro.display = waiting and text is not None and not self.BODY_BEFORE
        if intro.display and text is not None:
            intro.update(introduction(text.what, text.expect, text.cost))
        body = self.query_one(".pane-body")
        body.display = self.BODY_BEFORE or not waiting
        self._draw_progress(view)
        notes = self.query_one(".pane-notes", Static)
        lines = [message for step, message in model.warnings if step == self.step]
        notes.display = bool(lines)
        notes.update(Content("\n".join(f"! Note: {line}" for line in dict.fromkeys(lines))))
        decided = dict.fromkeys(message for step, message in model.notes if step == self.step)
        choices = self.query_one(".pane-choices", Static)
        choices.display = bool(decided)
        choices.update(Content("\n".join(f"· {line}" for line in decided)))
        action = self.primary()
        line = self.query_one(".pane-action", Static)
        if action is None:
            line.update(Content.from_markup("[dim]$word[/dim]", word=self._at_work(view)))
        else:
            line.update(Content.from_markup("[b]Enter[/b]  $label", label=action.label))

    def _at_work(self, view: StepView) -> str:
        if view.status == "running":
            return "At work. Meanwhile, e explains what happens."
        return "Starting the sandbox." if self.model.target == "sandbox" else "Reaching the target."

    def _draw_progress(self, view: StepView) -> None:
        widget = self.query_one(".pane-progress", Static)
        if view.status == "running":
            text = "▶ Running"
            if view.progress is not None:
                text = f"▶ {view.progress.message}"
                share = view.progress.share
                if share is not None and view.progress.total:
                    filled = round(share * 20)
                    bar = "█" * filled + "░" * (20 - filled)
                    unit = view.progress.unit
                    done = amount(view.progress.done, unit if unit == "bytes" else "")
                    text += f"  {bar} {share:4.0%}  {done} of {amount(view.progress.total, unit)}"
            widget.update(Content(text))
        elif view.status == "done":
            took = f" in {duration(view.seconds)}" if view.seconds is not None else ""
            widget.update(Content(f"✓ Done{took}. {view.summary}"))
        elif view.status == "skipped":
            widget.update(Content(f"- Skipped: {view.summary}"))
        elif view.status == "failed":
            problem = self.model.error
            message = problem.message if problem and problem.step == self.step else "see the log"
            widget.update(Content(f"✗ Failed: {message}"))
        elif view.status == "stopped":
            widget.update(Content("■ Stopped before its end. It can go on where it was."))
        widget.display = view.status != "waiting"


def introduction(what: str, expect: str, cost: str) -> Content:
    """Return what will happen, what to see and what it costs, as one text."""
    parts = [Content(" ".join(what.split()))]
    for head, text in (("You should see", expect), ("Cost", cost)):
        if text.strip():
            parts.append(Content.from_markup("[b]$head[/b]  $text", head=head, text=" ".join(text.split())))
    return Content("\n\n").join(parts)
