"""Owns what the interface may ask of the engine; every method returns at once, the work happens in threads.

Threads put events and results into the queue of `tui.work`, from which the app's tick folds events into
`model`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

from sagewizard.clock import Clock, SystemClock
from sagewizard.errors import CancelledError, SageWizardError, UsageError
from sagewizard.tui import topics
from sagewizard.tui.choices import Choices
from sagewizard.tui.model import RunModel
from sagewizard.tui.problems import as_error
from sagewizard.tui.views import Problem, StepView

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sagewizard.engine import Engine
    from sagewizard.engine.interactive import Interactive
    from sagewizard.engine.looking import DataLook
    from sagewizard.engine.state import RunState
    from sagewizard.events import Event
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import Target


class RunControl(Choices):
    """One run on the screen: its recipe, its model, and the verbs.

    `on_account(account) -> bool` is called in a worker when a target asks for its account to be confirmed.
    `recorded` tells a run that is played back from one that happens (`tui.replaying`).
    """

    recorded: ClassVar[bool] = False

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.clock = clock or SystemClock()
        self.running_until = ""
        self.told_to_stop: set[str] = set()
        """Names of the jobs that the target was asked to stop."""
        self.on_account: Callable[[str], bool] = _refuse
        self._target: Target | None = None
        self._target_lock = threading.Lock()
        self._cancel = threading.Event()
        self._worker: threading.Thread | None = None
        self._generation = 0

    # State

    @property
    def busy(self) -> bool:
        """Whether the engine is at work on the run, here."""
        return self._worker is not None and self._worker.is_alive()

    # Opening

    def open_recipe(self, recipe: Recipe, *, target: str = "sandbox") -> None:
        """Begin with a recipe: a new model, no run yet."""
        self._generation += 1
        self.recipe, self.target_name, self.stale = recipe, target, ""
        self.before_own = None
        self.model = RunModel()
        self.model.recipe, self.model.title = recipe.name, recipe.title
        self.model.target, self.model.simulated = target, target != "aws"
        self.model.steps = {
            name: StepView(name, number, text=recipe.text(name))
            for number, name in enumerate(recipe.steps, start=1)
        }

    def take_target(self, target: Target) -> None:
        """Work on a target that is open already: the person has confirmed its account."""
        with self._target_lock:
            self.target_name, self._target = target.name, target
        self.model.target, self.model.simulated, self.model.region = (
            target.name, target.simulated, target.region,
        )  # fmt: skip

    def open_run(
        self,
        run_id: str,
        on_done: Callable[[], None],
        on_error: Callable[[SageWizardError], None] | None = None,
    ) -> None:
        """Read an earlier run's recipe and journal in a worker, fold it, then call `on_done`."""

        def read() -> tuple[Recipe, str, RunModel]:
            return _read_run(self.settings, run_id)

        def opened(found: tuple[Recipe, str, RunModel]) -> None:
            self._generation += 1
            self.recipe, self.target_name, self.model = found
            self.before_own = None
            self.stale = ""
            self._queue.put(lambda: set(topics.ALL_TOPICS))
            on_done()

        self.call(read, opened, on_error)

    # Verbs

    def start_step(self, step: str) -> bool:
        """Run up to and including a step, in the run that is open or in a new one. False when busy."""
        return not self.refuse() and self._begin(until=step)

    def run_rest(self) -> bool:
        """Run all steps that are left. False when busy."""
        return self._begin(until=self.steps[-1] if self.steps else None)

    def redo_from(self, step: str) -> bool:
        """Do a finished step again, and only it; what comes after it is out of date then. False when busy."""
        return self._begin(until=step, from_step=step)

    def detach(self) -> None:
        """Stop following: the engine ends in a state that can be resumed, jobs and endpoints go on."""
        self._cancel.set()

    def stop_job(self, on_done: Callable[[str], None] | None = None) -> None:
        """Ask the target to stop the job that is running; the step then fails as stopped."""
        job = self.model.job_at_work()
        if self.refuse() or job is None:
            return
        operation, member = {
            "training-job": ("StopTrainingJob", "TrainingJobName"),
            "transform-job": ("StopTransformJob", "TransformJobName"),
            "tuning-job": ("StopHyperParameterTuningJob", "HyperParameterTuningJobName"),
        }.get(job.kind, ("StopTrainingJob", "TrainingJobName"))

        def stop() -> str:
            self.engine().api()("sagemaker", operation, **dict[str, Any]({member: job.name}))
            self.told_to_stop.add(job.name)
            return job.name

        self.call(stop, on_done)

    def teardown(
        self,
        names: Collection[str] | None = None,
        *,
        run_id: str | None = None,
        kinds: Collection[str] | None = None,
        on_done: Callable[[list[tuple[str, str]]], None] | None = None,
    ) -> None:
        """Delete what a run has made (default: this one), all of it or those of the given names and kinds.

        `on_done` gets what could not be deleted, as (name, reason). Events go into the run's journal and, for
        the run that is open, into `model`.
        """
        if self.refuse():
            if on_done is not None:
                on_done([])
            return
        wanted = run_id or self.model.run_id

        def work() -> list[tuple[str, str]]:
            from sagewizard.engine.inventory import belongs, delete

            engine = self.engine(wanted)
            entries = [
                entry
                for entry in engine.ledger.alive(run_id=wanted)
                if belongs(engine, entry)
                and entry.kind != "s3-prefix"
                and (names is None or entry.name in names)
                and (kinds is None or entry.kind in kinds)
            ]
            outcome = delete(engine, entries, cancel=threading.Event(), on_event=self.hear)
            failed = [(entry.name, reason) for entry, reason in outcome.failed]
            return failed + [(run, "another process is at work on this run") for run in outcome.busy]

        self.call(work, on_done)

    # What panes ask

    def look(self) -> DataLook:
        """Return what there is to see of the recipe's data; only for worker threads. Raises DataError."""
        from sagewizard.engine import looking

        if self.recipe is None:
            raise UsageError("No recipe is open.", remedy="Choose one on Home.")
        found = looking.look(self.recipe, self.settings)
        looking.keep_thumbnail(found, self.settings)
        return found

    def desk(self, run_id: str, heard: Callable[[Event], None]) -> Interactive:
        """Return a way to ask about the run outside of its steps."""
        from sagewizard.engine.interactive import Interactive

        return Interactive(self.settings, run_id, self.engine, heard)

    def action_at(self, place: str) -> tuple[str, Callable[[], object]] | None:
        """Return what Enter does at a place of the rail, when it is not for the pane to say."""
        return None

    def bar(self) -> list[str]:
        """Return what the status bar says in place of the target; nothing for a run that happens."""
        return []

    def refuse(self) -> bool:
        """Say that this is a recorded run, if it is; tell whether it is."""
        return False

    def left(self) -> None:
        """Take note that the run's screen has gone."""

    def retime(self, on_done: Callable[[bool], None]) -> None:
        """Let the endpoint that is there delete itself as set now; `on_done` gets whether that was a change.

        While the run is at work it holds from its next step on.
        """
        recipe, run_id = self.recipe, self.model.run_id
        if recipe is None or self.busy or not any(kind == "endpoint" for kind, _name in self.model.alive):
            return
        self.call(lambda: self.desk(run_id, self._post_event).retime(recipe), on_done)

    def replace_recipe(self, recipe: Recipe, before: Recipe | None = None) -> None:
        """Take another recipe in place of this one (own data): begins a new run; `before` can come back."""
        if self.refuse():
            return
        self.open_recipe(recipe, target=self.target_name)
        self.before_own = before
        self._queue.put(lambda: set(topics.ALL_TOPICS))

    # Work in threads

    def hear(self, event: Event) -> None:
        """Take an event from any thread; one of another run than the open one is in its journal only."""
        self.post(lambda: self.model.apply(event) if event.run_id == self.model.run_id else set())

    def engine(self, run_id: str | None = None) -> Engine:
        """Return an engine on the open target; only for worker threads, since opening takes seconds."""
        from sagewizard.engine import Engine

        return Engine(self._open_target(run_id), settings=self.settings, clock=self.clock)

    def settle(self, seconds: float) -> None:
        """Give the engine a moment to write down where it stopped; for leaving the app."""
        if self._worker is not None:
            self._worker.join(seconds)

    # Inside

    def _begin(self, *, until: str | None, from_step: str | None = None) -> bool:
        recipe = self.recipe
        if recipe is None or self.busy:
            return False
        resumes = bool(self.model.run_id)
        if self.stale and until is not None:
            first = min(recipe.steps.index(s) for s in (self.stale, from_step) if s)
            if first <= recipe.steps.index(until):
                from_step = recipe.steps[first]
        self.stale = ""
        cancel = self._cancel = threading.Event()
        generation = self._generation
        run_id = self.model.run_id or None
        self.running_until = until or ""
        self.model.running, self.model.error = True, None

        asides = list(self._asides)

        def work() -> None:
            try:
                for stop, _over in asides:
                    stop.set()
                for _stop, over in asides:
                    while not over.wait(0.1) and not cancel.is_set():
                        pass
                from sagewizard.engine.ttl import said

                engine = self.engine()
                if cancel.is_set():
                    raise CancelledError("Stopped before it began.")
                stream = engine.run(
                    said(recipe, _kept(self.settings, run_id)), run_id=run_id, until=until, cancel=cancel,
                    from_step=from_step if resumes else None,
                )  # fmt: skip
                for event in stream:
                    self._post_event(event, generation)
            except BaseException as raised:  # a thread's fault must reach the person, whatever it is
                error = as_error(raised)
                self._queue.put(lambda: self._run_broke(error, generation))

        self._worker = threading.Thread(target=work, name="sagewizard-run", daemon=True)
        self._worker.start()
        self._queue.put(lambda: {topics.RUN, topics.STEPS, topics.ERROR})
        return True

    def _post_event(self, event: Event, generation: int | None = None) -> None:
        def fold() -> set[str]:
            # Events of a run that was left for another one are in its journal, and not for this screen.
            if generation is not None and generation != self._generation:
                return set()
            return self.model.apply(event)

        self._queue.put(fold)

    def _run_broke(self, error: SageWizardError, generation: int) -> set[str]:
        if generation != self._generation:
            return set()
        self.model.running = False
        if not isinstance(error, CancelledError):
            self.model.error = Problem(
                type(error).__name__, error.message, error.remedy, error.where, self.model.next_step(), True
            )
        return {topics.RUN, topics.ERROR, topics.STEPS}

    def _open_target(self, run_id: str | None = None) -> Target:
        from sagewizard.targets import open_target

        name, region = self.target_name, None
        if run_id is not None and run_id != self.model.run_id:
            from sagewizard.engine import state as states

            if (self.settings.runs / run_id / states.NAME).is_file():
                state = states.load(self.settings.runs / run_id)
                name, region = state.target, state.region
        with self._target_lock:
            if name == "sandbox":
                # Asked for every time: this starts the server again when somebody has ended it.
                fresh = open_target(name, self.settings, region=region)
                old = self._target
                if old is not None and (old.name, old.endpoint_url, old.region, old.credentials) == (
                    fresh.name, fresh.endpoint_url, fresh.region, fresh.credentials,
                ):  # fmt: skip
                    return old
                self._target = fresh
                return fresh
            if self._target is None or self._target.name != name:
                self._target = open_target(name, self.settings, region=region, confirm=self.on_account)
            return self._target


def _read_run(settings: Settings, run_id: str) -> tuple[Recipe, str, RunModel]:
    from sagewizard.engine import journal
    from sagewizard.engine import state as states
    from sagewizard.engine.opening import recipe_of

    state = states.find(settings.runs, run_id)
    recipe = recipe_of(settings, state)
    model = RunModel()
    for event in journal.read(settings.runs / state.run_id / journal.NAME, unknown="skip"):
        model.apply(event)
    model.running = False
    for name, view in model.steps.items():
        if view.text is None:
            view.text = recipe.text(name)
        # A process that was killed has left no last word: the state on disk has it.
        if view.status == "running":
            view.status = "stopped"
    return recipe, state.target, model


def _kept(settings: Settings, run_id: str | None) -> RunState | None:
    """Return the state of a run as it is on disk; None before there is one."""
    from sagewizard.engine import state as states

    there = run_id is not None and (settings.runs / run_id / states.NAME).is_file()
    return states.load(settings.runs / str(run_id)) if there else None


def _refuse(_account: str) -> bool:
    return False
