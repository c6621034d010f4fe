"""What a step works with: the run's target, recipe, state, ledger, meter, and how to tell what happened."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagewizard.engine import tagging, waiting
from sagewizard.engine.api import refused
from sagewizard.errors import CancelledError, UsageError
from sagewizard.events import AliveResource, CostChanged, Event, ResourceCreated, StepProgressed, Warned

if TYPE_CHECKING:
    from pathlib import Path

    from sagewizard.clock import Clock
    from sagewizard.engine.api import Api
    from sagewizard.engine.budget import Budget
    from sagewizard.engine.costs import CostMeter
    from sagewizard.engine.ledger import Entry, Ledger
    from sagewizard.engine.recorder import Recorder
    from sagewizard.engine.state import RunState
    from sagewizard.engine.table import Table
    from sagewizard.recipe.options import Value
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import Target


@dataclass
class RunContext:
    """One run in one process; steps read and change it, one after the other."""

    recipe: Recipe
    target: Target
    settings: Settings
    clock: Clock
    cancel: threading.Event
    state: RunState
    folder: Path
    recorder: Recorder
    ledger: Ledger
    meter: CostMeter
    api: Api
    step: str = ""
    budget: Budget | None = None
    on_disk: bool = False
    _dataset: Table | None = None
    _cost_lock: threading.Lock = field(default_factory=threading.Lock)
    _last_cost: float = 0.0
    _fresh: set[int] = field(default_factory=set)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.state.run_id

    @property
    def results(self) -> Path:
        """The folder of the run's results; made when first asked for."""
        folder = self.folder / "results"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def prefix(self) -> str:
        """The run's own prefix in the bucket, without a slash at its end."""
        return f"sagewizard/{self.run_id}"

    def s3(self, *parts: str) -> str:
        """Write a place under the run's prefix as an S3 URI."""
        return "/".join((f"s3://{self.target.bucket}", self.prefix, *parts))

    def emit(self, event_type: type[Event], **fields: Any) -> None:
        """Tell what happened."""
        self.recorder.emit(event_type, **fields)

    def progress(self, message: str, done: float = 0.0, total: float | None = None, unit: str = "") -> None:
        """Tell how far the step is."""
        self.emit(
            StepProgressed, step=self.step, message=message, done=float(done),
            total=None if total is None else float(total), unit=unit,
        )  # fmt: skip

    def warn(self, message: str) -> None:
        """Tell something that does not stop the run."""
        self.emit(Warned, message=message, step=self.step)

    def check_cancel(self) -> None:
        """Raise CancelledError when the person has stopped the run."""
        if self.cancel.is_set():
            raise CancelledError("The run was cancelled.")

    def option(self, name: str, step: str = "") -> Value:
        """Return the value of one of the step's options."""
        value = self.recipe.value(f"{step or self.step}.{name}")
        if value is None:
            raise UsageError(f"{step or self.step}.{name} has no value.", remedy="Set it in the recipe.")
        return value

    def number(self, name: str, step: str = "") -> int:
        """Return the value of a whole-number option."""
        return int(self.option(name, step))

    def text(self, name: str, step: str = "") -> str:
        """Return the value of a text option."""
        return str(self.option(name, step))

    def name(self, part: str, step: str = "") -> str:
        """Return the name of what a step makes: the same in every process, another for every attempt."""
        attempt = self.state.step(step or self.step).attempt
        return f"sw-{self.run_id}-{part}" + (f"-{attempt}" if attempt > 1 else "")

    def outputs(self, step: str) -> dict[str, Any]:
        """Return what an earlier step produced. Raises UsageError when it has not been done."""
        found = self.state.outputs(step)
        if not found:
            raise UsageError(
                f"The step {self.step} needs what {step} makes, and {step} has not been done in this run.",
                remedy=f"Run it from there: --from {step}.",
            )
        return found

    def tags(self) -> list[dict[str, str]]:
        """Return the tags that everything of this run carries; every key begins with `sagewizard:`."""
        return tagging.tags(
            {
                "run": self.run_id,
                "recipe": self.recipe.name,
                "owner": self.target.owner or self.target.name,
                "expires": tagging.expires(self.clock.now()),
            }
        )

    def intend(
        self, kind: str, name: str, *, component: str = "", instance_type: str = "", count: int = 0
    ) -> Entry:
        """Enter something into the ledger that is about to be made; BudgetReachedError if it is too dear."""
        hourly, source = self.meter.price(instance_type, component, count) if component else (None, "")
        if self.budget is not None and component:
            self.budget.commit(kind, name, component, hourly, instance_type)
        now = self.clock.now()
        entry = self.ledger.intend(
            run_id=self.run_id, target=self.target.name, account=self.target.account_id,
            region=self.target.region, kind=kind, name=name, now=now, component=component,
            instance_type=instance_type, instance_count=count, hourly_usd=hourly, price_source=source,
        )  # fmt: skip
        if entry.intended == now:
            self._fresh.add(entry.id)
        return entry

    def not_made(self, entry: Entry, error: Exception) -> None:
        """Close the row of something whose creation failed with `error`, where it is certain that it failed.

        It is not after a dropped connection or a fault of the server, nor where an earlier try entered the
        row: that one may have made it. Then the row stays open for a teardown to ask.
        """
        if entry.id in self._fresh and entry.created is None and refused(error):
            self.ledger.deleted(entry.id, now=self.clock.now(), note="refused")

    def once_found(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Describe something of SageMaker's that is there, even if it was made a moment ago."""
        return waiting.once_found(
            lambda: self.api("sagemaker", operation, **parameters),
            clock=self.clock, cancel=self.cancel, every=self.target.poll_seconds,
        )  # fmt: skip

    def made(self, entry: Entry, arn: str, *, adopted: bool = False) -> None:
        """Enter that it is there, and tell it."""
        self.ledger.created(entry.id, arn=arn, now=self.clock.now())
        self.emit(
            ResourceCreated, resource=entry.kind, name=entry.name, arn=arn, hourly_usd=entry.hourly_usd,
            price_source=entry.price_source, adopted=adopted,
        )  # fmt: skip

    def alive(self) -> tuple[AliveResource, ...]:
        """Return what the run has made and not deleted, kept data left out."""
        return tuple(
            alive_resource(entry)
            for entry in self.ledger.alive(run_id=self.run_id)
            if entry.kind != "s3-prefix"
        )

    def cost_changed(self, *, at_most_every: float = 0.0) -> None:
        """Tell the bill; with `at_most_every`, only when the last time is so many seconds ago."""
        with self._cost_lock:
            now = self.clock.monotonic()
            if at_most_every and self._last_cost and now - self._last_cost < at_most_every:
                return
            self._last_cost = now
        self.emit(
            CostChanged, usd=self.meter.total(), hourly_usd=self.meter.hourly(),
            simulated=self.target.simulated, items=self.meter.items(),
        )  # fmt: skip

    def save(self) -> None:
        """Write the state of the run, once it has a folder."""
        self.state.updated = self.clock.now()
        self.state.usd = self.meter.total()
        self.state.meters = self.meter.dump()
        if self.on_disk:
            self.state.save(self.folder)

    @property
    def dataset(self) -> Table:
        """The data; loaded again when this process has not loaded it yet."""
        if self._dataset is None:
            from sagewizard.engine.steps.dataset import load_and_check

            self._dataset = load_and_check(self)
        return self._dataset

    @dataset.setter
    def dataset(self, value: Table) -> None:
        self._dataset = value


def alive_resource(entry: Entry) -> AliveResource:
    """Return a row of the ledger as events carry it."""
    return AliveResource(
        kind=entry.kind,
        name=entry.name,
        since=entry.created or entry.intended,
        hourly_usd=entry.hourly_usd,
        price_source=entry.price_source,
    )
