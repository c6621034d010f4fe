"""Plays the events of a run again: in their order, at their pace or faster, from any step on.

A `Tape` knows no clock: it is told how much time has passed and returns the events that are due, so that the
app's own tick can move it. `play` moves one by a clock, for the terminal. A target is needed by neither.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from difflib import get_close_matches
from typing import TYPE_CHECKING

from sagewizard.errors import UsageError
from sagewizard.events import Event, RunStarted, StepFinished, StepStarted

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from sagewizard.clock import Clock

LONGEST_PAUSE = 2.0
"""Seconds kept of a pause before a step: there a person was reading, or came back the next day."""
SLOWEST, FASTEST = 0.1, 1000.0
_SOON = 1e-6


class Tape:
    """The events of a run and a place among them; `speed` is how many recorded seconds pass in one.

    `position` is the number of events that have been played.
    """

    def __init__(self, events: Sequence[Event], *, speed: float = 1.0) -> None:
        self.events = tuple(events)
        self.speed = speed
        self.position = 0
        self._offsets: list[float] = []
        self._offset = 0.0
        for before, event in zip((None, *self.events), self.events, strict=False):
            gap = 0.0 if before is None else max(0.0, event.time - before.time)
            if isinstance(event, RunStarted | StepStarted):
                gap = min(gap, LONGEST_PAUSE)
            self._offsets.append((self._offsets[-1] if self._offsets else 0.0) + gap)

    @property
    def over(self) -> bool:
        """Whether every event has been played."""
        return self.position >= len(self.events)

    @property
    def seconds(self) -> float:
        """How long the whole of it takes at its own pace."""
        return self._offsets[-1] if self._offsets else 0.0

    @property
    def played_seconds(self) -> float:
        """How far it is, in seconds of its own pace."""
        return min(self._offset, self.seconds)

    @property
    def now(self) -> float:
        """The moment of the recorded run that is shown, in seconds since the epoch."""
        if not self.events:
            return 0.0
        last = max(0, self.position - 1)
        return self.events[last].time + max(0.0, self._offset - self._offsets[last])

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that were begun, in the order of their first beginning."""
        return tuple(dict.fromkeys(event.step for event in self.events if isinstance(event, StepStarted)))

    def until_next(self) -> float:
        """Return the seconds until the next event is due at the present speed; 0 when one is."""
        if self.over or math.isinf(self.speed):
            return 0.0
        return max(0.0, self._offsets[self.position] - self._offset) / self.speed

    def advance(self, seconds: float, *, to_step_end: bool = False) -> list[Event]:
        """Let time pass and return the events that are due by then.

        With `to_step_end` it stops at the first end of a step, and the time after that is not used up.
        """
        target = math.inf if math.isinf(self.speed) else self._offset + max(0.0, seconds) * self.speed
        end = bisect_right(self._offsets, target + _SOON, lo=self.position)
        if to_step_end:
            for at in range(self.position, end):
                if isinstance(self.events[at], StepFinished):
                    end, target = at + 1, self._offsets[at]
                    break
        due = list(self.events[self.position : end])
        self.position = end
        self._offset = min(target, self.seconds)
        return due

    def seek(self, step: str) -> tuple[Event, ...]:
        """Go to the first beginning of a step; return all events before it, which made what it began with.

        Raises UsageError with the steps there are when the run never began this one.
        """
        for at, event in enumerate(self.events):
            if isinstance(event, StepStarted) and event.step == step:
                self.position, self._offset = at, self._offsets[at]
                return self.events[:at]
        near = get_close_matches(step, self.steps, n=1)
        raise UsageError(
            f"The recorded run has no step {step!r}.",
            remedy=(f"Did you mean {near[0]}? " if near else "") + f"Its steps are {', '.join(self.steps)}.",
        )


def play(
    tape: Tape,
    *,
    clock: Clock,
    cancel: threading.Event,
    at_step_end: Callable[[], None] | None = None,
) -> Iterator[Event]:
    """Yield what is left of a tape as its time comes; ends at once when `cancel` is set.

    `at_step_end` is called after the last event of each step, and takes as long as it likes.
    """
    last = clock.monotonic()
    while not tape.over and not cancel.is_set():
        pause = tape.until_next()
        if pause > 0 and clock.wait(cancel, pause):
            return
        now = clock.monotonic()
        due = tape.advance(now - last, to_step_end=at_step_end is not None)
        last = now
        for event in due:
            if cancel.is_set():
                return
            yield event
        if at_step_end is not None and due and isinstance(due[-1], StepFinished) and not tape.over:
            at_step_end()
            last = clock.monotonic()


def parse_speed(text: str) -> float:
    """Read a speed: `10`, `0.5`, `10x`, or `max` for no waiting at all. Raises UsageError."""
    cleaned = text.strip().lower()
    if cleaned == "max":
        return math.inf
    try:
        speed = float(cleaned.removesuffix("x"))
    except ValueError:
        speed = math.nan
    if not SLOWEST <= speed <= FASTEST:
        raise UsageError(
            f"{text!r} is no speed.",
            remedy=f"Give how many times as fast as the run was, from {SLOWEST:g} to {FASTEST:g}, or max.",
        )
    return speed
