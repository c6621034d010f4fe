"""Owns how each kind of event changes the model of a run; `RunModel.apply` looks it up here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sagewizard.tui.topics import (
    CALLS,
    COST,
    DATASET,
    ERROR,
    EVALUATION,
    JOBS,
    LOG,
    METRICS,
    PREDICTION,
    PREVIEW,
    PROGRESS,
    RESOURCES,
    RUN,
    STEPS,
    TUNING,
    WARNING,
)
from sagewizard.tui.views import (
    Call,
    JobView,
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
    from collections.abc import Callable

    from sagewizard.tui.model import RunModel

KEPT: Final = {
    "DatasetLoaded": ("dataset", DATASET),
    "PreviewMade": ("preview", PREVIEW),
    "PredictionsCompared": ("comparison", PREDICTION),
    "EvaluationMade": ("evaluation", EVALUATION),
    "ThresholdsCompared": ("thresholds", EVALUATION),
    "ClustersMeasured": ("clusters", EVALUATION),
}
"""Events that are shown as they are: where the newest one is kept, and the topic that changes."""


def _run_started(model: RunModel, event: Any) -> set[str]:
    model.run_id, model.recipe, model.title = event.run_id, event.recipe, event.title
    model.target, model.simulated, model.region = event.target, event.simulated, event.region
    model.folder = event.folder
    known = model.steps
    model.steps = {
        name: known.get(name) or StepView(name, number) for number, name in enumerate(event.steps, start=1)
    }
    for number, view in enumerate(model.steps.values(), start=1):
        view.number = number
    model.error, model.end, model.running = None, None, True
    return {RUN, STEPS, ERROR}


def _step_started(model: RunModel, event: Any) -> set[str]:
    view = model.steps.setdefault(event.step, StepView(event.step, event.number))
    view.status, view.text, view.options, view.attempt = (
        "running",
        event.text,
        event.options,
        event.attempt,
    )
    view.started, view.seconds, view.summary, view.progress = event.time, None, "", None
    view.outputs = {}
    # Doing a step again makes what came after it out of date.
    for later in model.steps.values():
        if later.number > view.number and later.status != "waiting":
            later.status, later.summary, later.outputs = "waiting", "", {}
    model.current = event.step
    topics = {STEPS, PROGRESS}
    if event.step == "train":
        model.metrics, model.metrics_job, model.folds = {}, "", None
        topics.add(METRICS)
        model.tuning = Tuning()  # tuned again, its plan comes first and does the same
        topics.add(TUNING)
    if event.step in ("train", "tune", "predict", "transform"):
        model.evaluation = model.thresholds = model.clusters = None
        topics.add(EVALUATION)
    if event.step in ("train", "tune", "predict"):
        model.predictions, model.comparison = [], None
        topics.add(PREDICTION)
    return topics


def _step_skipped(model: RunModel, event: Any) -> set[str]:
    view = model.steps.setdefault(event.step, StepView(event.step, event.number))
    if view.status == "done":  # finished earlier in this run: the journal has told how
        return set()
    view.status = "done" if event.reason.startswith("finished") else "skipped"
    view.summary = view.summary or event.reason
    return {STEPS}


def _step_progressed(model: RunModel, event: Any) -> set[str]:
    view = model.steps.get(event.step)
    if view is not None:
        view.progress = Progress(event.message, event.done, event.total, event.unit)
    return {PROGRESS}


def _step_finished(model: RunModel, event: Any) -> set[str]:
    view = model.steps.setdefault(event.step, StepView(event.step, len(model.steps) + 1))
    view.status, view.seconds, view.summary = "done", event.seconds, event.summary
    view.outputs, view.progress = event.outputs, None
    return {STEPS, PROGRESS}


def _api_called(model: RunModel, event: Any) -> set[str]:
    model.calls.append(Call(model.current, event))
    return {CALLS}


def _resource_created(model: RunModel, event: Any) -> set[str]:
    key = (event.resource, event.name)
    if key not in model.alive:
        model.alive[key] = ResourceView(
            event.resource, event.name, event.arn, event.time, event.hourly_usd, event.price_source,
            model.current,
        )  # fmt: skip
    return {RESOURCES}


def _resource_deleted(model: RunModel, event: Any) -> set[str]:
    found = model.alive.pop((event.resource, event.name), None)
    view = found or ResourceView(event.resource, event.name, "", event.time, None, "", model.current)
    model.gone.append(view)
    if event.resource == "schedule":
        model.ends.pop(event.name, None)
    topics = {RESOURCES}
    if event.name in model.jobs and not model.jobs[event.name].ended and event.resource == "endpoint":
        model.jobs[event.name].transitions.append(Transition("Deleted", "", "", event.time))
        topics.add(JOBS)
    return topics


def _deletion_scheduled(model: RunModel, event: Any) -> set[str]:
    model.ends[event.endpoint] = event.at
    return {RESOURCES}


def _deletion_failed(model: RunModel, event: Any) -> set[str]:
    found = model.alive.get((event.resource, event.name))
    if found is None:
        found = ResourceView(event.resource, event.name, "", event.time, event.hourly_usd, "", model.current)
        model.alive[(event.resource, event.name)] = found
    found.problem = event.message
    return {RESOURCES}


def _job_status(model: RunModel, event: Any) -> set[str]:
    job = model.jobs.get(event.name)
    if job is None:
        job = model.jobs[event.name] = JobView(event.resource, event.name, model.current)
    moment = event.changed_at if event.changed_at is not None else event.time
    new = Transition(event.status, event.secondary_status, event.message, moment)
    if not job.transitions or job.transitions[-1] != new:
        job.transitions.append(new)
    topics = {JOBS}
    if job.ended and job.kind != "endpoint":
        # A job ends by itself; it is a record then, and nothing that is alive.
        model.alive.pop((job.kind, job.name), None)
        topics.add(RESOURCES)
    return topics


def _log_lines(model: RunModel, event: Any) -> set[str]:
    model.log.extend(
        LogLine(event.job, text, stamp) for text, stamp in zip(event.lines, event.timestamps, strict=False)
    )
    return {LOG}


def _metric(model: RunModel, event: Any) -> set[str]:
    if model.current == "tune":  # those of the trials: their objective is in TUNING, the curves stay
        return set()
    if event.job != model.metrics_job:
        model.metrics, model.metrics_job = {}, event.job
    metric = model.metrics.setdefault(event.name, Metric(event.name))
    if event.epoch is None:
        metric.final = event.value
    elif not metric.points or metric.points[-1][0] < event.epoch:
        metric.points.append((event.epoch, event.value))
    elif metric.points[-1][0] == event.epoch:
        metric.points[-1] = (event.epoch, event.value)
    return {METRICS}


def _cost_changed(model: RunModel, event: Any) -> set[str]:
    model.cost, model.cost_at = event, event.time
    return {COST}


def _prediction(model: RunModel, event: Any) -> set[str]:
    model.predictions.append(event)
    return {PREDICTION}


def _tuning_planned(model: RunModel, event: Any) -> set[str]:
    model.tuning = Tuning(
        objective_name=event.objective, maximize=event.goal == "Maximize", max_jobs=event.jobs, plan=event
    )
    return {TUNING}


def _trial(model: RunModel, event: Any) -> set[str]:
    tuning = model.tuning
    tuning.job, tuning.objective_name, tuning.best_name = event.job, event.objective, event.best
    tuning.max_jobs = event.jobs or tuning.max_jobs
    tuning.trials[event.trial.name] = event.trial
    return {TUNING}


def _tuning_changed(model: RunModel, event: Any) -> set[str]:
    tuning = model.tuning
    tuning.job, tuning.status, tuning.objective_name = event.job, event.status, event.objective
    tuning.maximize, tuning.max_jobs = event.goal == "Maximize", event.jobs
    tuning.best_name = event.best
    tuning.trials = {trial.name: trial for trial in event.trials}
    return {TUNING}


def _cross_validated(model: RunModel, event: Any) -> set[str]:
    model.folds = event
    return {METRICS, EVALUATION}


def _noted(model: RunModel, event: Any) -> set[str]:
    model.notes.append((event.step, event.message))
    return {WARNING}


def _warned(model: RunModel, event: Any) -> set[str]:
    model.warnings.append((event.step, event.message))
    return {WARNING}


def _run_finished(model: RunModel, event: Any) -> set[str]:
    model.end, model.running = event, False
    _take_alive(model, event)
    return {RUN, RESOURCES}


def _run_failed(model: RunModel, event: Any) -> set[str]:
    model.end, model.running = event, False
    model.error = Problem(event.error, event.message, event.remedy, event.where, event.step, event.resumable)
    step = model.steps.get(event.step)
    if step is not None:
        step.status = "failed"
    _take_alive(model, event)
    return {RUN, STEPS, ERROR, RESOURCES}


def _run_cancelled(model: RunModel, event: Any) -> set[str]:
    model.end, model.running = event, False
    step = model.steps.get(event.step)
    if step is not None and step.status == "running":
        step.status = "stopped"
    _take_alive(model, event)
    return {RUN, STEPS, RESOURCES}


def _take_alive(model: RunModel, event: Any) -> None:
    """Take the list of what is alive at the end of a run: it is from the ledger, the last word."""
    known = model.alive
    model.alive = {}
    for item in event.alive:
        key = (item.kind, item.name)
        model.alive[key] = known.get(key) or ResourceView(
            item.kind, item.name, "", item.since, item.hourly_usd, item.price_source, model.current
        )


HANDLERS: Final[dict[str, Callable[[RunModel, Any], set[str]]]] = {
    "RunStarted": _run_started,
    "StepStarted": _step_started,
    "StepSkipped": _step_skipped,
    "StepProgressed": _step_progressed,
    "StepFinished": _step_finished,
    "ApiCalled": _api_called,
    "ResourceCreated": _resource_created,
    "ResourceDeleted": _resource_deleted,
    "ResourceDeletionFailed": _deletion_failed,
    "JobStatusChanged": _job_status,
    "LogLines": _log_lines,
    "MetricReported": _metric,
    "CostChanged": _cost_changed,
    "PredictionMade": _prediction,
    "TuningPlanned": _tuning_planned,
    "TrialReported": _trial,
    "TuningChanged": _tuning_changed,
    "CrossValidated": _cross_validated,
    "Warned": _warned,
    "Noted": _noted,
    "DeletionScheduled": _deletion_scheduled,
    "RunFinished": _run_finished,
    "RunFailed": _run_failed,
    "RunCancelled": _run_cancelled,
}
"""What each kind of event does to the model; a kind that is not here changes nothing."""
