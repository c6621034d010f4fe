"""Owns what the app knows of one run: engine events folded into view state. Pure Python, no Textual, no IO.

`RunModel.apply(event)` takes one event and returns the topics that changed; panes get these topics in
`update_from(model, topics)` and redraw what depends on them. Everything here is read-only for panes. The
model is only touched in the interface's thread, and it does not matter whether events come live, from a
journal that is read again (Resume), or from a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.tui.folding import HANDLERS, KEPT
from sagewizard.tui.views import (
    Call,
    JobView,
    LogBuffer,
    Metric,
    Problem,
    ResourceView,
    StepView,
    Tuning,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sagewizard.events import (
        ApiCalled,
        CostChanged,
        CostItem,
        DatasetLoaded,
        EvaluationMade,
        Event,
        PredictionMade,
        PredictionsCompared,
        PreviewMade,
        RunCancelled,
        RunFailed,
        RunFinished,
        StepText,
    )
    from sagewizard.outcome_events import ClustersMeasured, CrossValidated, ThresholdsCompared


class RunModel:
    """The view state of one run."""

    def __init__(self) -> None:
        self.run_id = ""
        self.recipe = ""
        self.title = ""
        self.target = "sandbox"
        self.simulated = True
        self.region = ""
        self.folder = ""
        self.steps: dict[str, StepView] = {}
        self.current = ""
        """The step that is at work or was last; "" before the first."""
        self.running = False
        """Whether the engine is at work on this run, in this process."""
        self.dataset: DatasetLoaded | None = None
        self.preview: PreviewMade | None = None
        self.jobs: dict[str, JobView] = {}
        self.metrics: dict[str, Metric] = {}
        self.metrics_job = ""
        self.log = LogBuffer()
        self.alive: dict[tuple[str, str], ResourceView] = {}
        """What exists, by (kind, name), in the order of creation."""
        self.gone: list[ResourceView] = []
        """What the target has said to be gone, in that order: the proof of the teardown."""
        self.calls: list[Call] = []
        self.cost: CostChanged | None = None
        self.cost_at = 0.0
        self.predictions: list[PredictionMade] = []
        self.comparison: PredictionsCompared | None = None
        self.evaluation: EvaluationMade | None = None
        self.thresholds: ThresholdsCompared | None = None
        self.clusters: ClustersMeasured | None = None
        self.folds: CrossValidated | None = None
        self.tuning = Tuning()
        self.ends: dict[str, float] = {}
        """When each endpoint deletes itself unless it is used, by its name, in seconds since the epoch."""
        self.warnings: list[tuple[str, str]] = []
        """(step, message)"""
        self.notes: list[tuple[str, str]] = []
        """(step, message): what was decided for the person, and could be decided otherwise."""
        self.error: Problem | None = None
        self.end: RunFinished | RunFailed | RunCancelled | None = None
        self.last_event_at = 0.0

    def apply(self, event: Event) -> set[str]:
        """Fold one event in; return the topics that changed, none for a kind it does not know."""
        self.last_event_at = event.time
        kind = type(event).__name__
        if kind in KEPT:
            name, topic = KEPT[kind]
            setattr(self, name, event)
            return {topic}
        handler = HANDLERS.get(kind)
        return handler(self, event) if handler is not None else set()

    # What panes ask

    def step(self, name: str) -> StepView:
        """Return a step's view; one that is not there yet is waiting, numbered 0."""
        return self.steps.get(name) or StepView(name, 0)

    def job(self, kind: str) -> JobView | None:
        """Return the newest job of a kind (`training-job`, `transform-job`, `endpoint`)."""
        return next((job for job in reversed(self.jobs.values()) if job.kind == kind), None)

    def job_at_work(self) -> JobView | None:
        """Return the newest job that has not ended; endpoints are none."""
        jobs = (job for job in reversed(self.jobs.values()) if not job.ended and job.kind != "endpoint")
        return next(jobs, None)

    def calls_of(self, step: str) -> list[ApiCalled]:
        """Return the API calls that a step made, in order."""
        return [call.event for call in self.calls if call.step == step]

    def take_steps(self, names: Iterable[str], text: Callable[[str], StepText]) -> None:
        """Take a recipe's steps after one was switched on or off; what is known of the others stays."""
        known = self.steps
        self.steps = {
            name: known.get(name) or StepView(name, number, text=text(name))
            for number, name in enumerate(names, start=1)
        }
        for number, view in enumerate(self.steps.values(), start=1):
            view.number = number

    def next_step(self) -> str:
        """Return the first step that is not done or skipped; "" when all are."""
        return next((s.name for s in self.steps.values() if s.status not in ("done", "skipped")), "")

    @property
    def hourly_usd(self) -> float:
        """What the run goes on costing each hour: what is alive and billed by the hour."""
        return sum(resource.hourly_usd or 0.0 for resource in self.alive.values())

    def usd(self, now: float) -> float:
        """Return the bill at `now`: the last one told, plus what has been running since."""
        if self.cost is None:
            return 0.0
        return self.cost.usd + self.cost.hourly_usd * max(0.0, now - self.cost_at) / 3600.0

    def billed(self, kind: str) -> CostItem | None:
        """Return the newest line of the bill of a kind, e.g. `training-job`."""
        items = self.cost.items if self.cost else ()
        return next((item for item in reversed(items) if item.kind == kind), None)
