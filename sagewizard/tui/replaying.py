"""Owns a recorded run on the run screen: a `RunControl` whose events come from a tape, and nothing runs.

The app's own tick moves the tape, so there is no thread, and stopping, speed and seeking take effect at once.
Every verb that would need a target says that this is a record, instead of failing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sagewizard.clock import SystemClock
from sagewizard.engine.recording import open_recording
from sagewizard.engine.replay import Tape
from sagewizard.errors import UsageError
from sagewizard.tui import topics
from sagewizard.tui.control import RunControl
from sagewizard.tui.model import RunModel

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from sagewizard.clock import Clock
    from sagewizard.engine import Engine
    from sagewizard.engine.interactive import Interactive
    from sagewizard.engine.looking import DataLook
    from sagewizard.engine.recording import Recording
    from sagewizard.events import Event
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings

SPEEDS = (0.5, 1.0, 2.0, 5.0, 10.0, 50.0, math.inf)
REFUSED = "This is a recorded run: nothing runs here, so nothing can be asked, changed or deleted."
REMEDY = "Press Esc and start the recipe from Home to do it yourself."


class TapeClock:
    """Tells the moment of the recorded run that is shown; waits like the clock behind it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.tape: Tape | None = None

    def now(self) -> float:
        """Seconds since the epoch, then."""
        return self.tape.now if self.tape is not None else self._clock.now()

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return self._clock.monotonic()

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        """Wait until `cancel` is set or `seconds` have passed; True when it was set."""
        return self._clock.wait(cancel, seconds)


class ReplayControl(RunControl):
    """A recorded run, at its first step or the one asked for, playing.

    UsageError when the record has no such step.
    """

    recorded = True

    def __init__(
        self,
        settings: Settings,
        recording: Recording,
        *,
        clock: Clock | None = None,
        speed: float = 1.0,
        from_step: str = "",
    ) -> None:
        self._real = clock or SystemClock()
        told = TapeClock(self._real)
        super().__init__(settings, clock=told)
        self.recording = recording
        self.target_name = recording.state.target
        self.tape = told.tape = Tape(recording.events, speed=speed)
        self.playing = True
        self._last = self._real.monotonic()
        self._closed = False
        self._desk: Interactive | None = None
        first = from_step or next(iter(self.tape.steps), "")
        if first:
            self._fold(self.tape.seek(first))
        self._fold(self.tape.advance(0.0))

    # State

    @property
    def busy(self) -> bool:
        """Whether it is playing."""
        return self.playing and not self.tape.over

    def bar(self) -> list[str]:
        """Return what the status bar says first: that this is a record, its day, and whether it plays."""
        if self.tape.over:
            state = "at its end"
        elif not self.playing:
            state = "paused"
        else:
            state = "playing" + ("" if self.tape.speed == 1 else f" {speed_word(self.tape.speed)}")
        return [f"[RECORDED {self.recording.date}] {state}"]

    def action_at(self, place: str) -> tuple[str, Callable[[], object]] | None:
        """Return what Enter does at a place: stop, go on, or play from its step."""
        step = self._step_at(place)
        if step == self.model.current and not self.tape.over:
            return ("Pause", self.pause) if self.playing else ("Go on playing", self.go_on)
        if step in self.tape.steps:
            return ("Play again from here" if self.tape.over else "Play from here", lambda: self.seek(step))
        return ("Play again from the beginning", lambda: self.seek(next(iter(self.tape.steps), "")))

    # Playing

    def drain(self) -> set[str]:
        """Fold in what is due, and what workers have left."""
        changed = super().drain()
        now = self._real.monotonic()
        passed, self._last = now - self._last, now
        if self.busy and not self._closed:
            changed |= self._fold(self.tape.advance(passed))
            if self.tape.over:
                self.model.running = False
                changed |= {topics.RUN, topics.STEPS}
        return changed

    def pause(self) -> None:
        """Stop here, until `go_on`."""
        self.playing = False
        self._changed()

    def go_on(self) -> None:
        """Play on."""
        self.playing = True
        self._changed()

    def toggle(self) -> None:
        """Pause, or go on."""
        (self.pause if self.playing else self.go_on)()

    def faster(self, by: int) -> str:
        """Take the next speed up (`by` 1) or down (-1); return it in words."""
        speed = self.tape.speed
        if by > 0:
            self.tape.speed = next((one for one in SPEEDS if one > speed), SPEEDS[-1])
        else:
            self.tape.speed = next((one for one in reversed(SPEEDS) if one < speed), SPEEDS[0])
        self._changed()
        return speed_word(self.tape.speed)

    def seek(self, step: str) -> None:
        """Go to the beginning of a step and play from there."""
        if not step:
            return
        before = self.tape.seek(step)
        if math.isinf(self.tape.speed):  # who plays from a step wants to see it
            self.tape.speed = 1.0
        self.model = RunModel()
        self._fold(before)
        self._fold(self.tape.advance(0.0))
        self._give_texts()
        self.playing = True
        self._last = self._real.monotonic()
        self._queue.put(lambda: set(topics.ALL_TOPICS))

    def read_recipe(self) -> None:
        """Read the recipe in a worker: its lessons and its settings are shown once it is there."""

        def read() -> Recipe:
            return self.recording.recipe

        def there(recipe: Recipe) -> None:
            self.recipe = recipe
            self._give_texts()
            self._queue.put(lambda: set(topics.ALL_TOPICS))

        self.call(read, there, lambda _error: None)

    def left(self) -> None:
        """Take away what was unpacked: the screen has gone."""
        self._closed = True
        self.recording.close()

    # What panes ask

    def look(self) -> DataLook:
        """Return the rows that were taken along."""
        return self.recording.look()

    def desk(self, run_id: str, heard: Callable[[Event], None]) -> Interactive:
        """Return the stand-in for questions: it looks at what was taken along."""
        if self._desk is None:
            from sagewizard.engine.recorded_rows import RecordedInteractive

            self._desk = RecordedInteractive(self.recording)
        return self._desk

    # Verbs that would need a target

    def refuse(self) -> bool:
        """Say that this is a record."""
        self.on_error(_refusal())
        return True

    def engine(self, run_id: str | None = None) -> Engine:
        """Raise: there is no target."""
        raise _refusal()

    def run_rest(self) -> bool:
        """Play the rest without waiting."""
        self.tape.speed, self.playing = math.inf, True
        return True

    def redo_from(self, step: str) -> bool:
        """Play a step again."""
        self.seek(step)
        return True

    def detach(self) -> None:
        """Do nothing: there is nothing that would go on."""

    def set_option(self, path: str, text: str) -> str:
        """Refuse a change of a setting; the value that it has is no change."""
        return "" if str(self.value(path)) == text else "this is a recorded run"

    def reset_option(self, path: str | None = None) -> None:
        """Do nothing: nothing can have been changed."""

    # Inside

    def _fold(self, events: Any) -> set[str]:
        changed: set[str] = set()
        for event in events:
            changed |= self.model.apply(self.recording.here(event))
        return changed

    def _give_texts(self) -> None:
        """Give steps that have not begun their lessons, as a run of one's own has them."""
        for name, view in self.model.steps.items():
            if view.text is None and self.recipe is not None and name in self.recipe.steps:
                view.text = self.recipe.text(name)

    def _step_at(self, place: str) -> str:
        if place == "algorithm":
            return next((step for step in ("train", "tune") if step in self.model.steps), "")
        return place

    def _changed(self) -> None:
        self._queue.put(lambda: {topics.RUN, topics.STEPS})


def open_replay(
    wanted: str, settings: Settings, *, clock: Clock | None = None, speed: float = 1.0, from_step: str = ""
) -> ReplayControl:
    """Open a file, a shipped record or a run of this home for the run screen. Raises UsageError."""
    recording = open_recording(wanted, settings)
    try:
        return ReplayControl(settings, recording, clock=clock, speed=speed, from_step=from_step)
    except BaseException:
        recording.close()
        raise


def speed_word(speed: float) -> str:
    """Write a speed: `x10`, or `without waiting`."""
    return "without waiting" if math.isinf(speed) else f"x{speed:g}"


def _refusal() -> UsageError:
    return UsageError(REFUSED, remedy=REMEDY)
