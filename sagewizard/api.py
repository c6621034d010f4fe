"""The engine in one call, for scripts: run a recipe, get its metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard import errors
from sagewizard import settings as settings_module
from sagewizard.errors import CancelledError, SageWizardError
from sagewizard.events import (
    AliveResource,
    EvaluationMade,
    Event,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from sagewizard.engine.ttl import Ttl
    from sagewizard.engine.tuned import Tuned
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import Target


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came out of a run.

    `metrics` by name (for two classes: accuracy, precision, recall, f1, mcc, roc_auc, ...); `confusion[i][j]`
    counts the rows of `labels[i]` that were predicted as `labels[j]`; `usd` is the bill, in the sandbox what
    AWS would charge for the same seconds; `alive` is what is still there, empty after a whole run. `tuning`
    has the trials of an automatic tuning (`trials`, each with `hyperparameters`, `objective` and `status`;
    `best` is the name of the best one and `best_objective` its value), None when nothing was tuned.
    """

    run_id: str
    folder: Path
    metrics: dict[str, float] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    usd: float = 0.0
    simulated: bool = True
    complete: bool = True
    alive: tuple[AliveResource, ...] = ()
    tuning: Tuned | None = None


def run(
    recipe: str | Path | Recipe,
    target: str | Target = "sandbox",
    *,
    settings: Mapping[str, object] | None = None,
    on_event: Callable[[Event], None] | None = None,
    run_id: str | None = None,
    from_step: str | None = None,
    until: str | None = None,
    keep: bool = False,
    cancel: threading.Event | None = None,
    budget: float | None = None,
    ttl: Ttl | None = None,
) -> RunResult:
    """Run a recipe, by name, path or loaded, and return what came out.

    `settings` are options such as `{"train.epochs": 5}`; `on_event` hears every event, in this thread.
    The other arguments are those of `Engine.run`. A target given by its name `aws` is refused: open it with
    `open_target`, which asks for the account. Raises what the run ended with: `UsageError` and `DataError`
    for what cannot be done as asked (nothing was created), `JobFailedError`, `TargetError`, `CancelledError`.
    """
    from sagewizard.engine import Engine
    from sagewizard.recipe import finding
    from sagewizard.targets import open_target

    home = settings_module.load()
    loaded = finding.load(recipe) if isinstance(recipe, str | Path) else recipe
    loaded = loaded.with_settings(settings or {})
    if isinstance(target, str):
        target = open_target(target, home)
    folder, evaluation, end = Path(), None, None
    stream = Engine(target, settings=home).run(
        loaded,
        run_id=run_id,
        from_step=from_step,
        until=until,
        keep=keep,
        cancel=cancel,
        budget=budget,
        ttl=ttl,
    )
    for event in stream:
        if on_event is not None:
            on_event(event)
        if isinstance(event, RunStarted):
            folder = Path(event.folder)
        elif isinstance(event, EvaluationMade):
            evaluation = event
        elif isinstance(event, RunFinished | RunFailed | RunCancelled):
            end = event
    if isinstance(end, RunFailed):
        raise error_of(end)
    if not isinstance(end, RunFinished):
        raise CancelledError("The run was cancelled.", remedy="Give its run_id to go on with it.")
    return RunResult(
        run_id=end.run_id,
        folder=folder,
        metrics=dict(end.metrics),
        labels=evaluation.labels if evaluation else (),
        confusion=evaluation.confusion if evaluation else (),
        usd=end.usd,
        simulated=end.simulated,
        complete=end.complete,
        alive=end.alive,
        tuning=_tuning(home, folder),
    )


def _tuning(home: Settings, folder: Path) -> Tuned | None:
    """Read what the run keeps of its tuning: also of one that an earlier session has finished."""
    from sagewizard.engine import state
    from sagewizard.engine.tuned import tuned

    return tuned(home, state.load(folder))


def error_of(event: RunFailed) -> SageWizardError:
    """Return the error that a RunFailed stands for, of its own class where that takes a plain message."""
    found = getattr(errors, event.error, SageWizardError)
    if not (isinstance(found, type) and issubclass(found, SageWizardError)):
        found = SageWizardError
    error = found(event.message, remedy=event.remedy)
    error.where = event.where
    return error
