"""What to do when AWS has no machine of a type to spare: stop and say so, take the next type, or wait.

The step's option `on_capacity` decides. The types to take are those of the plan, so that their prices were
shown before anything was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from sagewizard.engine.api import error_code, error_message
from sagewizard.engine.plan_instances import alternatives, machines
from sagewizard.errors import CancelledError, JobFailedError, SageWizardError
from sagewizard.render.units import duration, hourly

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.engine.context import RunContext
    from sagewizard.engine.steps.result import StepResult

WAITS: Final = (1, 2, 4, 8, 15, 15, 15)
"""Between two tries, in minutes on AWS: an hour in all."""

LOOKS_A_MINUTE: Final = 12
"""A minute in looks at a job: 60 s on AWS, where they are 5 s apart, and 2.4 s in the sandbox."""

_CODES: Final = ("CapacityError", "InsufficientCapacity", "InsufficientCapacityException")
_WORDS: Final = (
    "CapacityError",
    "InsufficientCapacity",
    "InsufficientInstanceCapacity",
    "Unable to provision requested ML compute capacity",
)


def is_shortage(error: BaseException) -> bool:
    """Whether an error, of a call or of a job, says that there are no machines to be had."""
    if error_code(error) in _CODES:
        return True
    text = error.message if isinstance(error, SageWizardError) else error_message(error)
    return any(words in text for words in _WORDS)


def persevere(
    context: RunContext,
    component: str,
    work: Callable[[RunContext], StepResult],
    clear: Callable[[RunContext], None] | None = None,
) -> StepResult:
    """Do the work of a step; without capacity again as its `on_capacity` says, each time under new names.

    `clear` is called before another try, for what the one that failed has left.
    """
    shortage = Shortage(context, component)
    while True:
        try:
            return work(context)
        except Exception as error:
            instance_type = shortage.after(error)
        if clear is not None:
            clear(context)
        context.state.step(context.step).attempt += 1
        if instance_type != context.text("instance_type"):
            # Kept with the run, so that one that goes on knows what its step runs on.
            context.recipe = context.recipe.with_settings({f"{context.step}.instance_type": instance_type})
            context.state.overrides = dict(context.recipe.settings)
        context.save()


class Shortage:
    """Decides after each failure of one piece of work what is tried next."""

    def __init__(self, context: RunContext, component: str) -> None:
        self._context = context
        self._component = component
        self._type = context.text("instance_type")
        self._tried = [self._type]
        self.tries = 0

    def after(self, error: Exception) -> str:
        """Return the instance type to try next, once it may be tried.

        Raises `error` itself when it is about something else, JobFailedError when nothing is left to try,
        CancelledError when the run is cancelled while it waits.
        """
        if not is_shortage(error):
            raise error
        context = self._context
        match context.text("on_capacity"):
            case "next-type":
                self._next_type(error)
            case "wait":
                self._wait(error)
            case _:
                self._give_up(error)
        self.tries += 1
        return self._type

    def _next_type(self, error: Exception) -> None:
        context = self._context
        left = [
            name
            for name in alternatives(context.recipe, context.step, context.target.quotas)
            if name not in self._tried
        ]
        if not left:
            self._give_up(error)
        count = machines(context.recipe, context.step)
        price, source = context.meter.price(left[0], self._component, count)
        cost = f"{hourly(price)}, {source}" if price is not None else "no price is known"
        context.warn(f"AWS has no {self._type} to spare: taking {left[0]} ({cost}).")
        self._type = left[0]
        self._tried.append(left[0])

    def _wait(self, error: Exception) -> None:
        context = self._context
        if self.tries >= len(WAITS):
            self._give_up(error)
        seconds = WAITS[self.tries] * LOOKS_A_MINUTE * context.target.poll_seconds
        context.warn(f"AWS has no {self._type} to spare: trying again in {duration(seconds)}.")
        if context.clock.wait(context.cancel, seconds):
            raise CancelledError("The run was cancelled.") from error

    def _give_up(self, error: Exception) -> NoReturn:
        step = self._context.step
        said = error.message if isinstance(error, SageWizardError) else error_message(error)
        tried = ", ".join(self._tried)
        chosen = self._context.text("on_capacity")
        others = [way for way in ("next-type", "wait") if way != chosen]
        ways = " or ".join(f"--set {step}.on_capacity={way}" for way in others)
        raise JobFailedError(
            f"AWS has no machines to spare for {step} ({tried}): {said}",
            remedy=f"Resume the run later, take another type with --set {step}.instance_type=..., or let the"
            f" run help itself: {ways}.",
        ) from error
