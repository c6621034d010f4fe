"""Ad hoc work on a run between its steps: predict a row or values of one's own, predict the test set, look.

Calls go out through the same Api as the steps' calls, and what happens goes into the run's own journal. What
only looks (rows, results, output lines) needs no target and holds no lock.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sagewizard import boto_errors
from sagewizard.engine import results, trained, ttl
from sagewizard.engine import state as states
from sagewizard.engine.artifact import threshold_of
from sagewizard.engine.opening import context_of, recipe_of
from sagewizard.engine.recorder import Recorder
from sagewizard.engine.steps import predict, transform
from sagewizard.engine.steps.dataset import load_table
from sagewizard.errors import UsageError
from sagewizard.events import Event, PredictionMade, PredictionsCompared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sagewizard.engine.context import RunContext
    from sagewizard.engine.engine import Engine
    from sagewizard.engine.table import Table
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings

E = TypeVar("E", bound=Event)
MOST_LINES = 200
"""Output lines handed out at once: more than anybody reads beside their inputs."""


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line of a batch transform: the test row (from 1), the line that went in, the line that came out."""

    row: int
    request: str
    answer: str


class Interactive:
    """One run, open for questions; safe to use from worker threads, one question at a time.

    `connect` opens an engine on the run's target, and is only asked when something goes to the target.
    `on_event` hears every event, in the thread that works.
    """

    def __init__(
        self,
        settings: Settings,
        run_id: str,
        connect: Callable[[], Engine],
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.settings = settings
        self.run_id = states.check_run_id(run_id)
        self._connect = connect
        self._on_event = on_event
        self._lock = threading.RLock()
        self._table: Table | None = None
        self._threshold: tuple[str, float | None] | None = None

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.settings.runs / self.run_id

    # What only looks

    def table(self, cancel: threading.Event | None = None) -> Table:
        """Return the run's data, loaded when first asked for. DataError when it is not the same any more."""
        with self._lock:
            state = states.load(self.folder)
            begun = state.outputs("dataset").get("fingerprint")
            if self._table is None or begun not in (None, self._table.fingerprint):
                self._table, _findings = load_table(
                    recipe_of(self.settings, state), self.settings, cancel=cancel or threading.Event(),
                    begun=begun,
                )  # fmt: skip
            return self._table

    def results(self) -> results.Results:
        """Return the outcome of the step evaluate. UsageError when there is none."""
        return results.load(self.folder)

    def output_lines(self, first: int = 1, count: int = 20) -> list[OutputLine]:
        """Return lines of the batch transform's output beside the rows that went in, from test row `first`.

        UsageError when there is no output.
        """
        path = self.folder / "results" / transform.OUTPUT
        part = self.table().parts["test"]
        count = min(count, MOST_LINES)
        found: list[str] = []
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                for number, line in enumerate(file, start=1):
                    if number >= first + count:
                        break
                    if number >= first:
                        found.append(line.rstrip("\n"))
        except OSError as error:
            raise UsageError(
                "This run has no output of a batch transform.", remedy="Do the step transform."
            ) from error
        return [
            OutputLine(first + at, predict.csv_line(part.features[first - 1 + at : first + at]), answer)
            for at, answer in enumerate(found)
            if first - 1 + at < len(part)
        ]

    # What goes to the target

    def threshold(self) -> float | None:
        """Return the threshold of the run's model; None without one.

        An evaluation that is in force has it; before that it is read from the model's artifact.
        """
        if states.load(self.folder).outputs("evaluate"):
            return self.results().threshold
        with self._lock, boto_errors.translated(doing="read the model's threshold"):
            state = states.load(self.folder)
            recipe = recipe_of(self.settings, state)
            artifact = str(trained.outputs(recipe, state).get("model_artifact", ""))
            if self._threshold is None or self._threshold[0] != artifact:
                engine = self._connect()
                recorder = Recorder(self.run_id, engine.clock, _unheard)
                context = self._context(engine, state, recorder, threading.Event())
                self._threshold = (artifact, threshold_of(context))
            return self._threshold[1]

    def predict_row(self, row: int) -> PredictionMade:
        """Send a row of the test split, counted from 1, to the run's endpoint."""
        part = self.table().parts["test"]
        if not 1 <= row <= len(part):
            raise UsageError(f"There is no test row {row}.", remedy=f"Choose one from 1 to {len(part)}.")
        with self._open("predict") as (context, told):
            predict.ask(
                context, self._endpoint(context), part.features[row - 1 : row], row=row,
                expected=float(part.targets[row - 1]),
            )  # fmt: skip
        return _last(told, PredictionMade)

    def predict_values(self, values: Sequence[float]) -> PredictionMade:
        """Send values of one's own, one a column, to the run's endpoint. UsageError when they do not fit."""
        table = self.table()
        features = np.asarray(values, dtype=np.float32).reshape(1, -1)
        if features.shape[1] != table.features:
            raise UsageError(
                f"{features.shape[1]} values were given, and a row of {table.name} has {table.features}.",
                remedy="Give one value for each column.",
            )
        if not np.isfinite(features).all():
            column = int(np.argmin(np.isfinite(features[0])))
            raise UsageError(
                f"The value of {table.columns[column]} is not a finite number.", remedy="Correct it."
            )
        with self._open("predict") as (context, told):
            predict.ask(context, self._endpoint(context), features)
        return _last(told, PredictionMade)

    def predict_test_set(self, cancel: threading.Event) -> PredictionsCompared:
        """Send the whole test split; progress comes as StepProgressed. CancelledError after `cancel`."""
        with self._open("predict", cancel) as (context, told):
            predict.compare(context, self._endpoint(context), context.number("requests", "predict"))
        return _last(told, PredictionsCompared)

    def retime(self, recipe: Recipe) -> bool:
        """Let the run's endpoint delete itself as a recipe says now, or stay; whether that was a change.

        ScheduleError when its schedule cannot be made. Without an endpoint it holds for the next one.
        """
        state = states.load(self.folder)
        wanted = ttl.of_recipe(recipe)
        before = None if state.ttl is None else ttl.Ttl(state.ttl, state.ttl_else, state.ttl_role)
        if wanted == before:
            return False
        with self._open("deploy") as (context, _told):
            if wanted is not None:
                ttl.check(wanted.seconds, simulated=context.target.simulated)
            ttl.take(context.state, recipe)
            context.state.overrides = dict(recipe.settings)
            ttl.renew_all(context, now=True)
        return True

    # Inside

    def _endpoint(self, context: RunContext) -> str:
        name = str(context.state.outputs("deploy").get("endpoint", ""))
        alive = {entry.name for entry in context.ledger.alive(run_id=self.run_id)}
        if name and name in alive:
            return name
        raise UsageError(
            f"The endpoint {name} of this run is gone." if name else "This run has no endpoint.",
            remedy="Do the step deploy" + (" again." if name else "."),
        )

    def _context(
        self, engine: Engine, state: states.RunState, recorder: Recorder, cancel: threading.Event
    ) -> RunContext:
        return context_of(
            recipe_of(self.settings, state), state, target=engine.target, settings=self.settings,
            clock=engine.clock, ledger=engine.ledger, cancel=cancel, recorder=recorder, on_disk=True,
        )  # fmt: skip

    @contextmanager
    def _open(
        self, step: str, cancel: threading.Event | None = None
    ) -> Iterator[tuple[RunContext, list[Event]]]:
        """Hold the run, go on with its journal, keep its state."""
        told: list[Event] = []

        def hear(event: Event) -> None:
            told.append(event)
            if self._on_event is not None:
                self._on_event(event)

        table = self.table(cancel)
        with self._lock, boto_errors.translated(doing="ask the endpoint"):
            engine = self._connect()
            folder = self.folder
            with states.exclusive(folder):
                recorder = Recorder(self.run_id, engine.clock, hear)
                recorder.resume(folder)
                try:
                    context = self._context(
                        engine, states.load(folder), recorder, cancel or threading.Event()
                    )
                    context.step, context.dataset = step, table
                    yield context, told
                    context.save()
                finally:
                    recorder.close()


def _last(told: list[Event], wanted: type[E]) -> E:
    return next(event for event in reversed(told) if isinstance(event, wanted))


def _unheard(_event: Event) -> None:
    return None
