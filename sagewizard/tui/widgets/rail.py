"""Owns the step rail: every place of the run with its state as a glyph and, where there is room, a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from sagewizard.tui.panes import places
from sagewizard.tui.panes.base import TITLES
from sagewizard.tui.words import STATES, WIDE

if TYPE_CHECKING:
    from textual import events

    from sagewizard.tui.control import RunControl

HERE = "›"
"""Stands before the number of the place that is shown."""
STYLES = {
    "running": "bold $text-accent",
    "done": "$text-success",
    "failed": "bold $text-error",
    "stale": "$text-warning",
}


class Rail(OptionList):
    """The places of the run, one a line; moving the cursor shows the place."""

    KEYS_OF: ClassVar[str] = "rail"

    def __init__(self, control: RunControl, **options: str) -> None:
        super().__init__(id=options.get("id"))
        self.control = control
        self._shown: list[tuple[str, str, bool]] = []
        """What is drawn: each place's name, its state, and whether it is the one that is shown."""

    def on_click(self, event: events.Click) -> None:
        """Show the place that is clicked, and do nothing there: a look must not start a step."""
        event.prevent_default()
        clicked = event.style.meta.get("option")
        if clicked is not None:
            self.highlighted = clicked

    def draw(self, place: str) -> None:
        """Draw states and put the cursor on a place."""
        model = self.control.model
        all_places = places(tuple(model.steps))
        wanted = [(name, self.state_of(name), name == place) for name in all_places]
        if [name for name, *_ in wanted] != [name for name, *_ in self._shown]:
            self.clear_options()
            self.add_options([Option(self._line(*line), id=line[0]) for line in wanted])
        else:
            for line, before in zip(wanted, self._shown, strict=True):
                if line != before:
                    self.replace_option_prompt(line[0], self._line(*line))
        self._shown = wanted
        if place in all_places and self.highlighted != all_places.index(place):
            with self.prevent(OptionList.OptionHighlighted):
                self.highlighted = all_places.index(place)

    def state_of(self, name: str) -> str:
        """Return the state of a place; the algorithm's form is done when its step is."""
        model = self.control.model
        if name == "algorithm":
            step = next((s for s in ("train", "tune") if s in model.steps), "")
            return "done" if step and model.step(step).status != "waiting" else "waiting"
        if self.control.stale == name:
            return "stale"
        return model.step(name).status

    def _line(self, name: str, state: str, here: bool) -> Content:
        glyph, word = STATES.get(state, ("?", state))
        step = self.control.model.steps.get(name)
        number = f"{step.number}" if step is not None else " "
        # The cursor's colour alone would not tell which place is shown.
        text = f"{glyph}{HERE if here else ' '}{number:>2} {TITLES.get(name, name)}"
        # Where there is no room for the word, the pane says it, and the glyph is another one all the same.
        told = state in ("running", "failed", "stopped", "stale")
        tail = f" {word}" if told and self.app.size.width >= WIDE else ""
        style = STYLES.get(state, "")
        return Content.assemble((text + tail, style)) if style else Content(text + tail)
