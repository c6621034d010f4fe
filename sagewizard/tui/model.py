"""Owns what the app knows of one run: engine events folded into view state. Pure Python, no Textual, no IO.

`RunModel.apply(event)` takes one event and returns the topics that changed; panes get these topics in
`update_from(model, topics)` and redraw what depends on them. Everything here is read-only for panes. The
model is only touched in the interface's thread, and it does not matter whether events come live, from a
journal that is read again (Resume), or from a test.

Topics (constants of this module):
    RUN        started, resumed, ended; title, target, region, folder
    STEPS      a step's state, text, summary or outputs
    PROGRESS   `StepView.progress` of the step at work
    DATASET    `dataset`            PREVIEW   `preview`
    JOBS       `jobs`: training, transform and tuning jobs, and endpoints (kind `endpoint`)
    LOG        `log`                METRICS   `metrics`
    COST       `cost`               RESOURCES `alive`, `gone`, `stuck`
    CALLS      `calls`              WARNING   `warnings`, `notes`
    PREDICTION `predictions`, `comparison`
    EVALUATION `evaluation`, `thresholds`, `clusters`, `folds`        TUNING    `tuning`
    ERROR      `error`              OPTIONS   an option was set or a step became stale (sent by RunControl)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sagewizard.tui.views import (
    Call,
    JobView,
    LogBuffer,
    LogLine,
    Metric,
    Problem,
    Progress,
    ResourceView,
    StepView,
    Transition,
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

RUN: Final = "run"
STEPS: Final = "steps"
PROGRESS: Final = "progress"
DATASET: Final = "dataset"
PREVIEW: Final = "preview"
JOBS: Final = "jobs"
LOG: Final = "log"
METRICS: Final = "metrics"
COST: Final = "cost"
RESOURCES: Final = "resources"
CALLS: Final = "calls"
PREDICTION: Final = "prediction"
EVALUATION: Final = "evaluation"
TUNING: Final = "tuning"
WARNING: Final = "warning"
ERROR: Final = "error"
OPTIONS: Final = "options"
ALL_TOPICS: Final = frozenset(
    (RUN, STEPS, PROGRESS, DATASET, PREVIEW, JOBS, LOG, METRICS, COST, RESOURCES, CALLS, PREDICTION,
     EVALUATION, TUNING, WARNING, ERROR, OPTIONS)
)  # fmt: skip

_KEPT: Final = {
    "DatasetLoaded": ("dataset", DATASET),
    "PreviewMade": ("preview", PREVIEW),
    "PredictionsCompared": ("comparison", PREDICTION),
    "EvaluationMade": ("evaluation", EVALUATION),
    "ThresholdsCompared": ("thresholds", EVALUATION),
    "ClustersMeasured": ("clusters", EVALUATION),
}
"""Events that are shown as they are: where the newest one is kept, and the topic that changes."""


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
        self._handlers: dict[str, Callable[[Any], set[str]]] = {
            "RunStarted": self._run_started,
            "StepStarted": self._step_started,
            "StepSkipped": self._step_skipped,
            "StepProgressed": self._step_progressed,
            "StepFinished": self._step_finished,
            "ApiCalled": self._api_called,
            "ResourceCreated": self._resource_created,
            "ResourceDeleted": self._resource_deleted,
            "ResourceDeletionFailed": self._deletion_failed,
            "JobStatusChanged": self._job_status,
            "LogLines": self._log_lines,
            "MetricReported": self._metric,
            "CostChanged": self._cost_changed,
            "PredictionMade": self._prediction,
            "TuningPlanned": self._tuning_planned,
            "TrialReported": self._trial,
            "TuningChanged": self._tuning_changed,
            "CrossValidated": self._cross_validated,
            "Warned": self._warned,
            "Noted": self._noted,
            "DeletionScheduled": self._deletion_scheduled,
            "RunFinished": self._run_finished,
            "RunFailed": self._run_failed,
            "RunCancelled": self._run_cancelled,
        }

    def apply(self, event: Event) -> set[str]:
        """Fold one event in; return the topics that changed, none for a kind it does not know."""
        self.last_event_at = event.time
        kind = type(event).__name__
        if kind in _KEPT:
            name, topic = _KEPT[kind]
            setattr(self, name, event)
            return {topic}
        handler = self._handlers.get(kind)
        return handler(event) if handler is not None else set()

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

    # Events

    def _run_started(self, event: Any) -> set[str]:
        self.run_id, self.recipe, self.title = event.run_id, event.recipe, event.title
        self.target, self.simulated, self.region = event.target, event.simulated, event.region
        self.folder = event.folder
        known = self.steps
        self.steps = {
            name: known.get(name) or StepView(name, number)
            for number, name in enumerate(event.steps, start=1)
        }
        for number, view in enumerate(self.steps.values(), start=1):
            view.number = number
        self.error, self.end, self.running = None, None, True
        return {RUN, STEPS, ERROR}

    def _step_started(self, event: Any) -> set[str]:
        view = self.steps.setdefault(event.step, StepView(event.step, event.number))
        view.status, view.text, view.options, view.attempt = (
            "running",
            event.text,
            event.options,
            event.attempt,
        )
        view.started, view.seconds, view.summary, view.progress = event.time, None, "", None
        view.outputs = {}
        # Doing a step again makes what came after it out of date.
        for later in self.steps.values():
            if later.number > view.number and later.status != "waiting":
                later.status, later.summary, later.outputs = "waiting", "", {}
        self.current = event.step
        topics = {STEPS, PROGRESS}
        if event.step == "train":
            self.metrics, self.metrics_job, self.folds = {}, "", None
            topics.add(METRICS)
            self.tuning = Tuning()  # tuned again, its plan comes first and does the same
            topics.add(TUNING)
        if event.step in ("train", "tune", "predict", "transform"):
            self.evaluation = self.thresholds = self.clusters = None
            topics.add(EVALUATION)
        if event.step in ("train", "tune", "predict"):
            self.predictions, self.comparison = [], None
            topics.add(PREDICTION)
        return topics

    def _step_skipped(self, event: Any) -> set[str]:
        view = self.steps.setdefault(event.step, StepView(event.step, event.number))
        if view.status == "done":  # finished earlier in this run: the journal has told how
            return set()
        view.status = "done" if event.reason.startswith("finished") else "skipped"
        view.summary = view.summary or event.reason
        return {STEPS}

    def _step_progressed(self, event: Any) -> set[str]:
        view = self.steps.get(event.step)
        if view is not None:
            view.progress = Progress(event.message, event.done, event.total, event.unit)
        return {PROGRESS}

    def _step_finished(self, event: Any) -> set[str]:
        view = self.steps.setdefault(event.step, StepView(event.step, len(self.steps) + 1))
        view.status, view.seconds, view.summary = "done", event.seconds, event.summary
        view.outputs, view.progress = event.outputs, None
        return {STEPS, PROGRESS}

    def _api_called(self, event: Any) -> set[str]:
        self.calls.append(Call(self.current, event))
        return {CALLS}

    def _resource_created(self, event: Any) -> set[str]:
        key = (event.resource, event.name)
        if key not in self.alive:
            self.alive[key] = ResourceView(
                event.resource, event.name, event.arn, event.time, event.hourly_usd, event.price_source,
                self.current,
            )  # fmt: skip
        return {RESOURCES}

    def _resource_deleted(self, event: Any) -> set[str]:
        found = self.alive.pop((event.resource, event.name), None)
        view = found or ResourceView(event.resource, event.name, "", event.time, None, "", self.current)
        self.gone.append(view)
        if event.resource == "schedule":
            self.ends.pop(event.name, None)
        topics = {RESOURCES}
        if event.name in self.jobs and not self.jobs[event.name].ended and event.resource == "endpoint":
            self.jobs[event.name].transitions.append(Transition("Deleted", "", "", event.time))
            topics.add(JOBS)
        return topics

    def _deletion_scheduled(self, event: Any) -> set[str]:
        self.ends[event.endpoint] = event.at
        return {RESOURCES}

    def _deletion_failed(self, event: Any) -> set[str]:
        found = self.alive.get((event.resource, event.name))
        if found is None:
            found = ResourceView(
                event.resource, event.name, "", event.time, event.hourly_usd, "", self.current
            )
            self.alive[(event.resource, event.name)] = found
        found.problem = event.message
        return {RESOURCES}

    def _job_status(self, event: Any) -> set[str]:
        job = self.jobs.get(event.name)
        if job is None:
            job = self.jobs[event.name] = JobView(event.resource, event.name, self.current)
        moment = event.changed_at if event.changed_at is not None else event.time
        new = Transition(event.status, event.secondary_status, event.message, moment)
        if not job.transitions or job.transitions[-1] != new:
            job.transitions.append(new)
        topics = {JOBS}
        if job.ended and job.kind != "endpoint":
            # A job ends by itself; it is a record then, and nothing that is alive.
            self.alive.pop((job.kind, job.name), None)
            topics.add(RESOURCES)
        return topics

    def _log_lines(self, event: Any) -> set[str]:
        self.log.extend(
            LogLine(event.job, text, stamp)
            for text, stamp in zip(event.lines, event.timestamps, strict=False)
        )
        return {LOG}

    def _metric(self, event: Any) -> set[str]:
        if self.current == "tune":  # those of the trials: their objective is in TUNING, the curves stay
            return set()
        if event.job != self.metrics_job:
            self.metrics, self.metrics_job = {}, event.job
        metric = self.metrics.setdefault(event.name, Metric(event.name))
        if event.epoch is None:
            metric.final = event.value
        elif not metric.points or metric.points[-1][0] < event.epoch:
            metric.points.append((event.epoch, event.value))
        elif metric.points[-1][0] == event.epoch:
            metric.points[-1] = (event.epoch, event.value)
        return {METRICS}

    def _cost_changed(self, event: Any) -> set[str]:
        self.cost, self.cost_at = event, event.time
        return {COST}

    def _prediction(self, event: Any) -> set[str]:
        self.predictions.append(event)
        return {PREDICTION}

    def _tuning_planned(self, event: Any) -> set[str]:
        self.tuning = Tuning(
            objective_name=event.objective, maximize=event.goal == "Maximize", max_jobs=event.jobs, plan=event
        )
        return {TUNING}

    def _trial(self, event: Any) -> set[str]:
        tuning = self.tuning
        tuning.job, tuning.objective_name, tuning.best_name = event.job, event.objective, event.best
        tuning.max_jobs = event.jobs or tuning.max_jobs
        tuning.trials[event.trial.name] = event.trial
        return {TUNING}

    def _tuning_changed(self, event: Any) -> set[str]:
        tuning = self.tuning
        tuning.job, tuning.status, tuning.objective_name = event.job, event.status, event.objective
        tuning.maximize, tuning.max_jobs = event.goal == "Maximize", event.jobs
        tuning.best_name = event.best
        tuning.trials = {trial.name: trial for trial in event.trials}
        return {TUNING}

    def _cross_validated(self, event: Any) -> set[str]:
        self.folds = event
        return {METRICS, EVALUATION}

    def _noted(self, event: Any) -> set[str]:
        self.notes.append((event.step, event.message))
        return {WARNING}

    def _warned(self, event: Any) -> set[str]:
        self.warnings.append((event.step, event.message))
        return {WARNING}

    def _run_finished(self, event: Any) -> set[str]:
        self.end, self.running = event, False
        self._take_alive(event)
        return {RUN, RESOURCES}

    def _run_failed(self, event: Any) -> set[str]:
        self.end, self.running = event, False
        self.error = Problem(
            event.error, event.message, event.remedy, event.where, event.step, event.resumable
        )
        step = self.steps.get(event.step)
        if step is not None:
            step.status = "failed"
        self._take_alive(event)
        return {RUN, STEPS, ERROR, RESOURCES}

    def _run_cancelled(self, event: Any) -> set[str]:
        self.end, self.running = event, False
        step = self.steps.get(event.step)
        if step is not None and step.status == "running":
            step.status = "stopped"
        self._take_alive(event)
        return {RUN, STEPS, RESOURCES}

    def _take_alive(self, event: Any) -> None:
        """Take the list of what is alive at the end of a run: it is from the ledger, the last word."""
        known = self.alive
        self.alive = {}
        for item in event.alive:
            key = (item.kind, item.name)
            self.alive[key] = known.get(key) or ResourceView(
                item.kind, item.name, "", item.since, item.hourly_usd, item.price_source, self.current
            )
