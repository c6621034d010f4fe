"""Opens a run that is on disk: its recipe as it was, and the context that steps and later calls work in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.engine import state as states
from sagewizard.engine.api import Api
from sagewizard.engine.budget import Budget
from sagewizard.engine.context import RunContext
from sagewizard.engine.costs import CostMeter
from sagewizard.errors import UsageError
from sagewizard.events import ApiCalled
from sagewizard.outcome_events import Noted

if TYPE_CHECKING:
    import threading

    from sagewizard.clock import Clock
    from sagewizard.engine.ledger import Ledger
    from sagewizard.engine.recorder import Recorder
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import Target

# From the third failed try on (4 s of waiting) each is told.
LASTING = 3


def recipe_of(settings: Settings, state: states.RunState) -> Recipe:
    """Return the recipe of a run as it was then, with what was set for it. UsageError when it is gone."""
    from sagewizard.recipe.loading import load_text

    path = settings.runs / state.run_id / states.RECIPE
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The recipe of the run {state.run_id} is gone.", where=str(path),
            remedy=f"Delete what it made with `sagewizard teardown {state.run_id}`.",
        ) from error  # fmt: skip
    return load_text(raw, state.recipe_source).with_settings(state.overrides)


def context_of(
    recipe: Recipe,
    state: states.RunState,
    *,
    target: Target,
    settings: Settings,
    clock: Clock,
    ledger: Ledger,
    cancel: threading.Event,
    recorder: Recorder,
    on_disk: bool,
) -> RunContext:
    """Return the context of a run; its meters go on, its calls are recorded."""
    meter = CostMeter(target, clock)
    meter.restore(state.meters)
    budget = None
    if state.budget is not None:
        stays = state.ttl if state.leaves_endpoint else None
        budget = Budget(state.budget, meter, poll_seconds=target.poll_seconds, stays_seconds=stays)

    def called(**call: object) -> None:
        recorder.emit(ApiCalled, **call)

    heard: set[tuple[str, str]] = set()

    def retried(why: str, attempt: int) -> None:
        # Once a step for each kind of trouble, then only when it lasts: a busy account slows many calls.
        kind = (context.step, why.partition(";")[0])
        if attempt >= LASTING or kind not in heard:
            heard.add(kind)
            recorder.emit(Noted, message=f"{why}.", step=context.step)

    api = Api(
        target, clock=clock, cancel=cancel, observer=called, guard=budget.check if budget else None,
        on_retry=retried,
    )  # fmt: skip
    context = RunContext(
        recipe=recipe,
        target=target,
        settings=settings,
        clock=clock,
        cancel=cancel,
        state=state,
        folder=settings.runs / state.run_id,
        recorder=recorder,
        ledger=ledger,
        meter=meter,
        api=api,
        budget=budget,
        on_disk=on_disk,
    )
    return context
