"""The engine: takes a recipe through its steps against a target and tells what happens as a stream of events.

The steps run in a thread of their own, so that events come out while a step is at work; the caller only
iterates. Stopping the iteration, or setting `cancel`, ends the run in a state that can be resumed. Nothing
is printed, and nothing about a target's nature is known here.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard.clock import Clock, SystemClock
from sagewizard.engine import state as states
from sagewizard.engine.api import Api
from sagewizard.engine.budget import check_budget, leaves_endpoint
from sagewizard.engine.faults import translate
from sagewizard.engine.ledger import Ledger
from sagewizard.engine.opening import context_of
from sagewizard.engine.recorder import Recorder
from sagewizard.engine.steps import STEPS
from sagewizard.engine.teardown import teardown_of
from sagewizard.engine.ttl import Ttl, kept, of_recipe, renew_all, take
from sagewizard.engine.ttl import check as check_ttl
from sagewizard.errors import CancelledError, JobFailedError, SageWizardError, UsageError
from sagewizard.events import (
    AliveResource,
    Event,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from sagewizard.exit_codes import ExitCode
from sagewizard.recipe import tuning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import Target


class Engine:
    """Runs recipes against one target."""

    def __init__(self, target: Target, *, settings: Settings, clock: Clock | None = None) -> None:
        self.target = target
        self.settings = settings
        self.clock = clock or SystemClock()
        self.ledger = Ledger(settings.ledger)

    def run(
        self,
        recipe: Recipe,
        *,
        run_id: str | None = None,
        from_step: str | None = None,
        until: str | None = None,
        cancel: threading.Event | None = None,
        keep: bool = False,
        budget: float | None = None,
        ttl: Ttl | None = None,
    ) -> Iterator[Event]:
        """Run a recipe, or go on with a run of it, and yield what happens.

        With the `run_id` of an earlier run, finished steps are skipped; `from_step` does that step and all
        after it again (without `run_id`: in the newest run of the recipe that got so far). `until` is the
        last step to do. `keep` leaves out the teardown. With a `budget` in USD the run stops, and tears down
        what it made, before it would cost more; a run that goes on keeps the one it had. With
        `ttl`, which is the option `deploy.ttl`, its endpoints delete themselves a while after their last use.

        The last event is always RunFinished, RunFailed or RunCancelled. Raises UsageError at once when what
        is asked for cannot be.
        """
        cancel = cancel or threading.Event()
        for name in (from_step, until):
            if name is not None and name not in recipe.steps:
                raise UsageError(
                    f"The recipe {recipe.name} has no step {name!r}.",
                    remedy=f"Its steps are {', '.join(recipe.steps)}.",
                )
        if from_step and until and recipe.steps.index(until) < recipe.steps.index(from_step):
            raise UsageError(f"The step {until} comes before {from_step}.", remedy="Swap --from and --until.")
        if from_step == recipe.steps[0] and run_id is None:
            from_step = None
        recipe = recipe.with_settings(ttl.settings if ttl is not None else {})
        existing = self._existing(recipe, run_id, from_step)
        recipe = kept(recipe, existing)
        ttl = of_recipe(recipe)
        if ttl is not None:
            check_ttl(ttl.seconds, simulated=self.target.simulated)
        if budget is not None:
            check_budget(budget, recipe.steps, until=until, keep=keep, ttl=ttl)
        run = _Run(self, recipe, existing, run_id, from_step, until, cancel, keep, budget)
        return run.stream()

    def _existing(self, recipe: Recipe, run_id: str | None, from_step: str | None) -> states.RunState | None:
        if run_id is not None:
            states.check_run_id(run_id)
            folder = self.settings.runs / run_id
            found = states.load(folder) if (folder / states.NAME).is_file() else None
            if found is None and from_step:
                raise UsageError(
                    f"There is no run {run_id}.", remedy="`sagewizard runs list` shows the runs."
                )
        elif from_step is not None:
            found = newest_run(self.settings, recipe, self.target, from_step)
        else:
            return None
        if found is not None:
            self._check(found, recipe, from_step)
        return found

    def _check(self, state: states.RunState, recipe: Recipe, from_step: str | None) -> None:
        if state.recipe != recipe.name:
            raise UsageError(
                f"The run {state.run_id} is one of {state.recipe}, not of {recipe.name}.",
                remedy=f"Resume it with `sagewizard runs resume {state.run_id}`.",
            )
        here = (self.target.name, self.target.account_id, self.target.region)
        there = (state.target, state.account, state.region)
        if here != there:
            raise UsageError(
                f"The run {state.run_id} was made on {' '.join(there)}, and this is {' '.join(here)}.",
                remedy="Choose the same target, account and region.",
            )
        if from_step is None:
            return
        earlier = recipe.steps[: recipe.steps.index(from_step)]
        missing = [name for name in earlier if state.step(name).status != "finished"]
        if missing:
            raise UsageError(
                f"The run {state.run_id} cannot go on from {from_step}: {missing[0]} is not finished.",
                remedy=f"Resume it with `sagewizard runs resume {state.run_id}`.",
            )
        gone = state.steps.get("teardown")
        if from_step in ("predict", "transform") and gone and gone.status == "finished":
            raise UsageError(
                f"The endpoint and the model of the run {state.run_id} were torn down.",
                remedy="Start again at --from deploy; the trained model is still in the bucket.",
            )

    def api(self, cancel: threading.Event | None = None) -> Api:
        """Return a way to call the target outside of a run."""
        return Api(self.target, clock=self.clock, cancel=cancel or threading.Event())


def newest_run(settings: Settings, recipe: Recipe, target: Target, from_step: str) -> states.RunState:
    """Return the newest run of a recipe on a target that has finished all steps before `from_step`."""
    earlier = recipe.steps[: recipe.steps.index(from_step)]
    for state in states.all_runs(settings.runs):
        same = (state.recipe, state.target, state.account, state.region) == (
            recipe.name, target.name, target.account_id, target.region,
        )  # fmt: skip
        if same and all(state.step(name).status == "finished" for name in earlier):
            return state
    raise UsageError(
        f"No run of {recipe.name} has got as far as {from_step}.",
        remedy=f"Start one from the beginning: `sagewizard run {recipe.name}`.",
    )


class _Run:
    """One run of the engine in this process."""

    def __init__(
        self,
        engine: Engine,
        recipe: Recipe,
        existing: states.RunState | None,
        run_id: str | None,
        from_step: str | None,
        until: str | None,
        cancel: threading.Event,
        keep: bool,
        budget: float | None,
    ) -> None:
        self.engine = engine
        self.recipe = recipe
        self.existing = existing
        self.from_step = from_step
        self.until = until
        self.cancel = cancel
        self.keep = keep
        self.clock = engine.clock
        target = engine.target
        self.started = self.clock.monotonic()
        self._ended = False
        self._held = ExitStack()
        now = self.clock.now()
        state = existing or states.RunState(
            run_id=run_id or self._new_id(now),
            recipe=recipe.name,
            recipe_source=str(Path(recipe.source).absolute()),
            overrides={},
            target=target.name,
            region=target.region,
            account=target.account_id,
            bucket=target.bucket,
            created=now,
            updated=now,
            simulated=target.simulated,
        )
        state.overrides = dict(recipe.settings)
        state.keep = keep
        state.budget = state.budget if budget is None else budget
        take(state, recipe)
        state.leaves_endpoint = leaves_endpoint(recipe.steps, until=until, keep=keep)
        recorder = Recorder(state.run_id, self.clock)
        self.recorder = recorder
        self.context = context_of(
            recipe, state, target=target, settings=engine.settings, clock=self.clock, ledger=engine.ledger,
            cancel=cancel, recorder=recorder, on_disk=existing is not None,
        )  # fmt: skip

    def _new_id(self, now: float) -> str:
        while True:
            run_id = states.new_run_id(now)
            if not (self.engine.settings.runs / run_id).exists():
                return run_id

    def stream(self) -> Iterator[Event]:
        """Work in a thread, yield its events; closing the iterator cancels the run and waits for its end."""
        worker = threading.Thread(target=self._work, name=f"run-{self.context.run_id}", daemon=True)
        worker.start()
        try:
            while (event := self.recorder.next()) is not None:
                yield event
        finally:
            if not self._ended:  # the iteration was left early
                self.cancel.set()
            worker.join()

    def _work(self) -> None:
        context = self.context
        try:
            if self.existing is not None:
                self._held.enter_context(states.exclusive(context.folder))
                self.recorder.resume(context.folder)
            self._guarded()
        except SageWizardError as error:  # the lock is held by another process
            self.recorder.emit(
                RunFailed, error=type(error).__name__, message=error.message, remedy=error.remedy,
                exit_code=int(error.exit_code), where=error.where, resumable=True,
            )  # fmt: skip
        finally:
            self._held.close()
            self._ended = True
            self.recorder.close()

    def _guarded(self) -> None:
        context = self.context
        try:
            self._steps()
        except CancelledError:
            self._end("cancelled", "")
            alive = context.alive()
            self.recorder.emit(
                RunCancelled, step=context.step, resumable=context.on_disk, alive=alive,
                exit_code=self._exit_code(ExitCode.INTERRUPTED, alive),
            )  # fmt: skip
        except Exception as raised:
            error = translate(raised, context)
            if context.step and context.on_disk:
                step = context.state.step(context.step)
                step.status = "failed"
                # A job that failed keeps its name for ever: doing the step again needs another one.
                step.retry_under_new_name = isinstance(error, JobFailedError)
            self._stop_spending()
            alive = context.alive()
            self._end("failed", str(error))
            self.recorder.emit(
                RunFailed, error=type(error).__name__, message=error.message, remedy=error.remedy,
                exit_code=self._exit_code(error.exit_code, alive), step=context.step,
                where=error.where, resumable=context.on_disk, alive=alive,
            )  # fmt: skip

    def _exit_code(self, code: ExitCode, alive: tuple[AliveResource, ...]) -> int:
        """Return 5 when something goes on costing money, else the code of how the run ended."""
        remains = not self.context.target.simulated and any(resource.hourly_usd for resource in alive)
        return int(ExitCode.BILLABLE_REMAINS if remains else code)

    def _stop_spending(self) -> None:
        """Tear down what a run with a budget has made: once it has ended, nobody watches the bill."""
        context = self.context
        if context.budget is None:
            return
        context.budget.close()
        entries = [e for e in context.ledger.alive(run_id=context.run_id) if e.kind != "s3-prefix"]
        if not entries:
            return
        context.progress(f"Deleting what the run has made: {len(entries)} resources")
        try:
            report = teardown_of(context).delete(entries)
        except Exception as problem:
            # Whatever stopped it, the run's own reason comes first, and what is alive is listed with it.
            context.warn(f"Not everything could be deleted: {translate(problem, context).message}")
            return
        context.cost_changed()
        kinds = {entry.kind for entry in report.deleted}
        states.after_teardown(context.state, kinds, all_gone=not report.failed)

    def _end(self, status: states.Status, error: str) -> None:
        self.context.state.status = status
        self.context.state.error = error
        # What cannot be written any more must not hide why the run ended.
        try:
            self.context.save()
            self.recorder.sync()
        except OSError as problem:
            self.context.warn(f"The state of the run could not be written: {problem}.")

    def _steps(self) -> None:
        context, recipe = self.context, self.recipe
        self.recorder.emit(
            RunStarted, recipe=recipe.name, title=recipe.title, target=context.target.name,
            simulated=context.target.simulated, region=context.target.region, steps=recipe.steps,
            settings=dict(recipe.settings), folder=str(context.folder), resumed=self.existing is not None,
            program_version=_version(),
        )  # fmt: skip
        context.state.status = "running"
        context.state.error = ""
        self._prepare_restart()
        if self.existing is not None:
            renew_all(context)
        complete = True
        context.state.in_order(recipe.steps)
        for number, name in enumerate(recipe.steps, start=1):
            place = {"step": name, "number": number, "total": len(recipe.steps)}
            step = context.state.step(name)
            if step.status == "finished" and self._may_skip(name):
                self.recorder.emit(StepSkipped, **place, reason="finished earlier in this run")
            elif name == "teardown" and self.keep:
                self.recorder.emit(StepSkipped, **place, reason="everything is kept, as asked for")
                complete = False
            else:
                self._step(name, number)
            if name == self.until:
                complete = complete and name == recipe.steps[-1]
                break
        self._finish(complete)

    def _may_skip(self, name: str) -> bool:
        # A teardown that is done need not be the last word: a later attempt may have made something since.
        return name != "teardown" or not self.context.alive()

    def _prepare_restart(self) -> None:
        context, recipe = self.context, self.recipe
        if self.existing is None:
            return
        for step in context.state.steps.values():
            if step.status == "failed" and step.retry_under_new_name:
                step.attempt += 1
                step.retry_under_new_name = False
        if self.from_step is None:
            return
        first = recipe.steps.index(self.from_step)
        for name in recipe.steps[first:]:
            step = context.state.step(name)
            if step.status != "pending":
                step.attempt += 1
            step.status, step.outputs = "pending", {}
        if "deploy" in recipe.steps and first <= recipe.steps.index("deploy"):
            entries = [e for e in context.ledger.alive(run_id=context.run_id) if e.kind != "s3-prefix"]
            if entries:
                context.progress(f"Deleting what the earlier attempt left: {len(entries)} resources")
                teardown_of(context).delete(entries)
        context.save()

    def _step(self, name: str, number: int) -> None:
        context, recipe = self.context, self.recipe
        context.check_cancel()
        context.step = name
        step = context.state.step(name)
        if name == "teardown" and context.budget is not None:
            context.budget.close()
        step.status = "running"
        context.save()
        options = dict(recipe.step_values(name))
        if name == "train":
            options |= recipe.effective_hyperparameters()
        if name == "tune":
            options |= tuning.words(tuning.tuning_of(recipe))
        self.recorder.emit(
            StepStarted, step=name, number=number, total=len(recipe.steps), text=recipe.text(name),
            options=options, attempt=step.attempt,
        )  # fmt: skip
        started = self.clock.monotonic()
        result = STEPS[name].run(context)
        step.seconds = self.clock.monotonic() - started
        step.status, step.outputs = "finished", result.outputs
        if not context.on_disk:
            self._open_folder()
        context.save()
        self.recorder.emit(
            StepFinished, step=name, seconds=round(step.seconds, 3), summary=result.summary,
            outputs=result.outputs,
        )  # fmt: skip
        self.recorder.sync()
        context.step = ""

    def _open_folder(self) -> None:
        context = self.context
        context.folder.mkdir(parents=True)
        states.write_atomically(context.folder / states.RECIPE, self.recipe.raw)
        context.on_disk = True
        self._held.enter_context(states.exclusive(context.folder))
        self.recorder.attach(context.folder)

    def _finish(self, complete: bool) -> None:
        context = self.context
        alive = context.alive()
        self._end("finished" if complete else "partial", "")
        context.cost_changed()
        metrics = context.state.outputs("evaluate").get("metrics", {})
        self.recorder.emit(
            RunFinished,
            seconds=round(self.clock.monotonic() - self.started, 3),
            complete=complete,
            usd=context.meter.total(),
            simulated=context.target.simulated,
            metrics=metrics,
            alive=alive,
            exit_code=self._exit_code(ExitCode.OK, alive),
        )


def _version() -> str:
    from sagewizard import __version__

    return __version__
