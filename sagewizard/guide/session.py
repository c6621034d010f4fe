"""Owns the run behind the guide: its recipe with what was set, the engine, and what has been done already."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, TypeVar

from sagewizard import events as ev
from sagewizard.engine import state as states
from sagewizard.engine.ledger import Ledger
from sagewizard.engine.opening import recipe_of
from sagewizard.engine.ttl import said
from sagewizard.errors import SageWizardError
from sagewizard.recipe.option import as_text
from sagewizard.recipe.options import OWN_DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.engine import Engine
    from sagewizard.engine.interactive import Interactive
    from sagewizard.engine.ledger import Entry
    from sagewizard.engine.state import RunState
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import PriceList, Target

E = TypeVar("E", bound=ev.Event)
_OWN = {option.path for option in OWN_DATA}


class StepBroke(Exception):  # noqa: N818 (it carries the run's own last event)
    """A step failed; `event` is the run's last word."""

    def __init__(self, event: ev.RunFailed) -> None:
        super().__init__(event.message)
        self.event = event


class Session:
    """One run; `open_target(name, region)` opens a target by its name."""

    def __init__(
        self, settings: Settings, target_name: str, open_target: Callable[[str, str | None], Target]
    ) -> None:
        self.settings = settings
        self.target_name = target_name
        self.run_id = ""
        self.told: list[ev.Event] = []
        self.cancel = threading.Event()
        self._open = open_target
        self._region: str | None = None
        self._target: Target | None = None
        self._base: Recipe | None = None
        self._recipe: Recipe | None = None
        self._assigned: dict[str, object] = {}
        self._done: dict[str, dict[str, object]] = {}
        self._steps: tuple[str, ...] = ()

    # The recipe and its options

    @property
    def chosen(self) -> bool:
        """Whether there is a recipe."""
        return self._recipe is not None

    @property
    def recipe(self) -> Recipe:
        """The recipe with what was set."""
        if self._recipe is None:
            raise RuntimeError("no recipe has been chosen")
        return self._recipe

    @property
    def named(self) -> str:
        """The recipe as a command takes it: its name, or the path of its file."""
        from sagewizard.recipe import finding

        return self.recipe.name if self.recipe.name in finding.shipped() else self.recipe.source

    def take(self, recipe: Recipe, assigned: Mapping[str, object] | None = None) -> None:
        """Begin with a recipe: a new run. Raises UsageError for what cannot be set."""
        changed = recipe.with_settings(assigned or {})
        self._base, self._recipe, self._assigned = recipe, changed, dict(assigned or {})
        self.run_id, self.told, self._done, self._steps = "", [], {}, ()

    def resume(self, state: RunState) -> None:
        """Go on with an earlier run."""
        recipe = recipe_of(self.settings, state)
        base = recipe.origin or dataclasses.replace(recipe, settings={})
        self._base, self._recipe, self._assigned = base, recipe, dict(state.overrides)
        self.run_id, self.target_name, self._region = state.run_id, state.target, state.region
        self._target, self.told = None, []
        self._steps = recipe.steps
        self._done = {s: self._of(s) for s, step in state.steps.items() if step.status == "finished"}
        from sagewizard.engine import journal

        self.told = list(journal.read(self.settings.runs / state.run_id / journal.NAME, unknown="skip"))

    def set(self, changes: Mapping[str, object]) -> None:
        """Set options; one that is set to the recipe's own value is no change. Raises UsageError."""
        if self._base is None:
            raise RuntimeError("no recipe has been chosen")
        wanted = {**self._assigned, **changes}
        recipe = self._base.with_settings(wanted)
        own = {path: value for path, value in wanted.items() if path in _OWN}
        plain = self._base.with_settings(own)
        kept = {
            path: value
            for path, value in wanted.items()
            if path in _OWN or as_text(recipe.value(path)) != as_text(plain.value(path))
        }
        self._recipe, self._assigned = self._base.with_settings(kept), kept

    def fault(self, path: str, value: str) -> str:
        """Say what would be wrong with a value; "" when nothing is."""
        from sagewizard.errors import UsageError

        if self._base is None:
            return ""
        try:
            self._base.with_settings({**self._assigned, path: value})
        except UsageError as error:
            return f"{error.message} {error.remedy}".strip()
        return ""

    # The target

    def engine(self) -> Engine:
        """Return an engine on the target; asked for each time: a server that has gone starts again."""
        from sagewizard.engine import Engine

        if self._target is None or self._target.simulated:
            self._target = self._open(self.target_name, self._region)
        return Engine(self._target, settings=self.settings)

    @property
    def simulated(self) -> bool:
        """Whether nothing is billed."""
        return self.target_name != "aws"

    @property
    def prices(self) -> tuple[PriceList, str]:
        """The prices and the region that they are of; the dated table until the target is open."""
        if self._target is not None:
            return self._target.prices, self._target.region
        from sagewizard.gallery import REGION, table_prices

        return table_prices(), self._region or REGION

    def alive(self) -> list[Entry]:
        """Return what this run has made that is still there, without the data."""
        if not self.run_id:
            return []
        entries = Ledger(self.settings.ledger).alive(run_id=self.run_id)
        return [entry for entry in entries if entry.kind != "s3-prefix"]

    def desk(self) -> Interactive:
        """Return a way to ask about the run between its steps."""
        from sagewizard.engine.interactive import Interactive

        return Interactive(self.settings, self.run_id, self.engine, self.told.append)

    # The work

    def finished(self, step: str) -> bool:
        """Whether a step is done, with the settings in force."""
        stale = self._stale()
        steps = self.recipe.steps
        if step not in self._done or step not in steps:
            return False
        return stale is None or steps.index(step) < steps.index(stale)

    def do(self, until: str, hear: Callable[[ev.Event], None]) -> None:
        """Do all steps up to one that are not done yet, or not with these settings.

        Raises StepBroke when one fails, KeyboardInterrupt when the person stops it.
        """
        if self.finished(until):
            return
        from sagewizard.cli.run import interruptible
        from sagewizard.cli.terminal import console

        engine = self.engine()
        stale = self._stale()
        recipe = said(self.recipe, self._kept())
        if stale is not None and recipe.steps.index(stale) > recipe.steps.index(until):
            stale = None
        self.cancel = threading.Event()
        stream = engine.run(
            recipe, run_id=self.run_id or None, until=until, cancel=self.cancel,
            from_step=stale if self.run_id else None,
        )  # fmt: skip
        if stale is not None:
            for name in recipe.steps[recipe.steps.index(stale) :]:
                self._done.pop(name, None)
        self._steps = recipe.steps
        with interruptible(self.cancel, console()):
            try:
                for event in stream:
                    self.told.append(event)
                    if isinstance(event, ev.StepFinished):
                        self.run_id = event.run_id
                        self._done[event.step] = self._of(event.step)
                    hear(event)
            finally:
                stream.close()  # type: ignore[attr-defined]  # it is a generator: this ends the run
        end = self.told[-1]
        if isinstance(end, ev.RunFailed):
            raise StepBroke(end)
        if isinstance(end, ev.RunCancelled):
            raise KeyboardInterrupt

    def retime(self) -> None:
        """Let the endpoint that is there delete itself as set now. Raises ScheduleError when it may not."""
        if any(entry.kind == "endpoint" for entry in self.alive()):
            self.desk().retime(self.recipe)

    @property
    def target(self) -> Target | None:
        """The target, once it is open."""
        return self._target

    @property
    def done(self) -> tuple[str, ...]:
        """The steps that are done."""
        return tuple(self._done)

    def forget(self, step: str) -> None:
        """Let a step be done again the next time, and all after it."""
        for name in self.recipe.steps[self.recipe.steps.index(step) :]:
            self._done.pop(name, None)

    def last(self, kind: type[E]) -> E | None:
        """Return the newest event of a kind."""
        return next((event for event in reversed(self.told) if isinstance(event, kind)), None)

    def every(self, kind: type[E], step: str) -> list[E]:
        """Return the events of a kind that the newest attempt at a step told."""
        found: list[E] = []
        inside = False
        for event in self.told:
            if isinstance(event, ev.StepStarted):
                inside = event.step == step
                if inside:
                    found = []
            elif inside and isinstance(event, kind):
                found.append(event)
        return found

    # Inside

    def _of(self, step: str) -> dict[str, object]:
        options = self.recipe.options()
        mine = ((p, v) for p, v in self.recipe.settings.items() if p.startswith(f"{step}."))
        return {path: value for path, value in mine if path not in options or not options[path].live}

    def _kept(self) -> RunState | None:
        """Return the state of the run as it is on disk; None before there is one."""
        folder = self.settings.runs / self.run_id
        return states.load(folder) if self.run_id and (folder / states.NAME).is_file() else None

    def _stale(self) -> str | None:
        """Return the first step that is done, and would be done otherwise now."""
        if not self.run_id:
            return None
        steps = self.recipe.steps
        for number, step in enumerate(steps):
            if step in self._done and self._done[step] != self._of(step):
                return step
            # A step that came in or went out: what follows it has to be done with the other model.
            gone = [name for name in self._steps if name not in steps]
            fresh = step not in self._done and any(name in self._done for name in steps[number + 1 :])
            if fresh or (gone and step in self._done and self._before(gone[0], step)):
                return step
        return None

    def _before(self, one: str, other: str) -> bool:
        return other in self._steps and self._steps.index(one) < self._steps.index(other)


def unfinished(settings: Settings, recipe: str | None, target: str) -> RunState | None:
    """Return the newest run on a target, of a recipe when one is named, when it is not at its end."""
    for state in states.all_runs(settings.runs):
        if (recipe is None or state.recipe == recipe) and state.target == target:
            try:
                steps = recipe_of(settings, state).steps
            except SageWizardError:  # its recipe is gone or damaged: it can only be torn down
                return None
            return state if next_step(state, steps) else None
    return None


def next_step(state: RunState, steps: tuple[str, ...]) -> str:
    """Return the first step that a run has not finished; "" when it is at its end."""
    # A step that was never begun has no entry in the state.
    return next((name for name in steps if state.step(name).status != "finished"), "")
