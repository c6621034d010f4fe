"""Step tune: one tuning job, followed to its end: its training jobs, their logs, the best so far, the cost.

A cancelled run leaves the tuning job running, and the run that goes on finds it by its name. One that was
stopped from outside keeps what it has: the best of its finished jobs counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.engine.api import exists_already
from sagewizard.engine.capacity import persevere
from sagewizard.engine.costs import TRAINING
from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.steps.train import training_request
from sagewizard.engine.trials import Trials, metric_patterns
from sagewizard.engine.tuning_plan import TuningPlan, plan_of, tuning_name
from sagewizard.engine.waiting import wait_until
from sagewizard.errors import JobFailedError, UsageError
from sagewizard.events import JobStatusChanged
from sagewizard.recipe import tuning as recipe_tuning
from sagewizard.tuning_events import Trial, TuningChanged, TuningPlanned, better

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext
    from sagewizard.recipe.tuning import Tuning

KIND = "tuning-job"
# What SageMaker takes as MaxRuntimeInSeconds of a tuning job.
SHORTEST_TUNING, LONGEST_TUNING = 120, 2_592_000
ENDED = ("Completed", "Failed", "Stopped")
# Waiting for capacity and loading data come on top of each training job's own longest run.
WAIT_BEYOND_RUNTIME = 3600.0


def run(context: RunContext) -> StepResult:
    """Tune; where its jobs find no capacity go on as `tune.on_capacity` says, with another job."""
    return persevere(context, TRAINING, _tune)


def _tune(context: RunContext) -> StepResult:
    """Create the tuning job, or find the one that an earlier try made, and follow it."""
    recipe_tuning.check(context.recipe)
    plan = plan_of(context.recipe, context.target.prices, context.target.region)
    tuning = plan.tuning
    name = tuning_name(context.name("tune"))
    request = tuning_request(context, name, tuning)
    entry = context.intend(
        KIND, name, component=TRAINING, instance_type=plan.instance_type,
        count=plan.instance_count * tuning.parallel,
    )  # fmt: skip
    if entry.created is None:
        for text in recipe_tuning.advice(context.recipe):
            context.warn(text)
        _tell_plan(context, plan)
    adopted = False
    try:
        arn = context.api("sagemaker", "CreateHyperParameterTuningJob", **request)[
            "HyperParameterTuningJobArn"
        ]
    except Exception as error:
        if not exists_already(error):
            context.not_made(entry, error)
            raise
        adopted = True
        arn = _check_same(context, name, request)
    context.made(entry, arn, adopted=adopted)
    trials = Trials(
        context, name, tuning, metric_patterns(context.recipe), (plan.instance_type, plan.instance_count)
    )
    answer = _follow(context, name, tuning, trials)
    status = answer["HyperParameterTuningJobStatus"]
    if context.budget is not None:
        context.budget.release(KIND, name)
    context.ledger.deleted(entry.id, now=context.clock.now(), note=f"ended: {status}")
    context.cost_changed()
    return _result(context, name, tuning, trials, answer)


def tuning_request(context: RunContext, name: str, tuning: Tuning) -> dict[str, Any]:
    """Return CreateHyperParameterTuningJob's parameters; its training jobs are made as the step train's."""
    training = training_request(context, name)
    definition = {
        member: value
        for member, value in training.items()
        if member not in ("TrainingJobName", "HyperParameters", "Tags")
    }
    searched = {entry.name for entry in tuning.ranges}
    definition["StaticHyperParameters"] = {
        key: value for key, value in training["HyperParameters"].items() if key not in searched
    }
    return {
        "HyperParameterTuningJobName": name,
        **recipe_tuning.as_request(tuning, _longest(context, tuning)),
        "TrainingJobDefinition": definition,
        "Tags": context.tags(),
    }


def _longest(context: RunContext, tuning: Tuning) -> int | None:
    """Return the seconds that the tuning job may take: as asked for, and what a budget can pay."""
    if context.budget is None:
        return tuning.max_seconds
    count = context.number("instance_count") * tuning.parallel
    hourly, _source = context.meter.price(context.text("instance_type"), TRAINING, count)
    wanted = tuning.max_seconds or LONGEST_TUNING
    return max(SHORTEST_TUNING, context.budget.longest_seconds(TRAINING, hourly, wanted))


def _tell_plan(context: RunContext, plan: TuningPlan) -> None:
    tuning = plan.tuning
    trained = context.state.step("train")
    here = None
    if context.target.simulated and trained.status == "finished":
        here = trained.seconds * tuning.waves
    context.emit(
        TuningPlanned, step="tune", strategy=tuning.strategy, objective=tuning.objective, goal=tuning.goal,
        jobs=tuning.jobs, parallel=tuning.parallel, instance_type=plan.instance_type,
        instance_count=plan.instance_count, ranges={entry.name: entry.words for entry in tuning.ranges},
        minutes=plan.minutes, usd=plan.usd, price_source=plan.price_source, seconds_here=here,
        simulated=context.target.simulated,
    )  # fmt: skip


def _check_same(context: RunContext, name: str, request: dict[str, Any]) -> str:
    answer = context.once_found(
        "DescribeHyperParameterTuningJob", show=False, HyperParameterTuningJobName=name
    )
    if _essence(answer) != _essence(request):
        raise UsageError(
            f"The tuning job {name} of this run was made with other settings.",
            remedy="Tune again under a new name: --from tune.",
        )
    return str(answer["HyperParameterTuningJobArn"])


def _essence(body: dict[str, Any]) -> dict[str, Any]:
    """Return what decides the outcome of a tuning job, in a request as in its description."""
    config = body["HyperParameterTuningJobConfig"]
    static = body["TrainingJobDefinition"].get("StaticHyperParameters", {})
    ranges = {
        entry["Name"]: (entry.get("MinValue"), entry.get("MaxValue"), tuple(entry.get("Values", ())))
        for entries in config["ParameterRanges"].values()
        for entry in entries
    }
    limits = config["ResourceLimits"]
    return {
        "strategy": config["Strategy"],
        "objective": config["HyperParameterTuningJobObjective"],
        "ranges": ranges,
        "jobs": limits.get("MaxNumberOfTrainingJobs"),
        # The service adds one of its own.
        "static": {key: value for key, value in static.items() if key != "_tuning_objective_metric"},
    }


def _follow(context: RunContext, name: str, tuning: Tuning, trials: Trials) -> dict[str, Any]:
    told = ""
    shown = True

    def look() -> dict[str, Any]:
        nonlocal told, shown
        answer = context.api(
            "sagemaker", "DescribeHyperParameterTuningJob", show=shown, HyperParameterTuningJobName=name
        )
        shown = False
        # The children are read after the status, so that of a job that has ended none is missed.
        trials.look()
        status = str(answer["HyperParameterTuningJobStatus"])
        reason = str(answer.get("FailureReason", ""))
        best = trials.best
        if status != told:
            told = status
            context.emit(JobStatusChanged, resource=KIND, name=name, status=status, message=reason)
            if status in ENDED:
                while trials.read_logs() and not context.clock.wait(
                    context.cancel, min(1.0, context.target.poll_seconds)
                ):
                    pass
                context.save()
            chosen = _named_best(answer, status)
            context.emit(
                TuningChanged, job=name, status=status, strategy=tuning.strategy, objective=tuning.objective,
                goal=tuning.goal, jobs=tuning.jobs, parallel=tuning.parallel, trials=trials.all,
                best=chosen[0] or (best.name if best else ""),
                best_objective=chosen[1] if chosen[0] else best.objective if best else None, reason=reason,
            )  # fmt: skip
        words = f"{trials.done} of {tuning.jobs} training jobs done"
        if best is not None and best.objective is not None:
            words += f", best {tuning.objective} so far {best.objective:.5g}"
        if status not in ENDED:
            context.progress(words, trials.done, tuning.jobs, "jobs")
        context.cost_changed(at_most_every=2.0)
        return answer

    longest = tuning.waves * (context.number("max_runtime_seconds") + WAIT_BEYOND_RUNTIME)
    return wait_until(
        look, lambda answer: answer["HyperParameterTuningJobStatus"] in ENDED, clock=context.clock,
        cancel=context.cancel, every=context.target.poll_seconds, limit=longest,
        what=f"The tuning job {name}",
        remedy="It may still be running: resume the run to go on waiting, or tear it down.",
    )  # fmt: skip


def _named_best(answer: dict[str, Any], status: str) -> tuple[str, float | None]:
    """Return the job that the service calls best once all is over, a parent's included."""
    found = (
        (answer.get("OverallBestTrainingJob") or answer.get("BestTrainingJob")) if status in ENDED else None
    )
    if not found:
        return "", None
    metric = found.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    return str(found["TrainingJobName"]), float(metric["Value"]) if "Value" in metric else None


def _result(
    context: RunContext, name: str, tuning: Tuning, trials: Trials, answer: dict[str, Any]
) -> StepResult:
    status = answer["HyperParameterTuningJobStatus"]
    best, objective = _named_best(answer, status)
    if status == "Failed" or not best or objective is None:
        raise _failure(name, tuning, trials, answer)
    done = trials.done
    if status == "Stopped":
        context.warn(
            f"The tuning job was stopped after {done} of {tuning.jobs} jobs; the best of them counts."
        )
    described = context.api("sagemaker", "DescribeTrainingJob", show=False, TrainingJobName=best)
    chosen = dict((answer.get("OverallBestTrainingJob") or answer["BestTrainingJob"])["TunedHyperParameters"])
    model = {
        "job": best,
        "model_artifact": described["ModelArtifacts"]["S3ModelArtifacts"],
        "image": described["AlgorithmSpecification"]["TrainingImage"],
    }
    before = context.state.outputs("train").get("metrics", {}).get(tuning.objective)
    if before is not None and better(before, objective, tuning.goal):
        model = _beaten(context, tuning, objective, float(before), model)
    billed = sum(trial.billed_seconds or 0.0 for trial in trials.all)
    listed = ", ".join(f"{key} {short(value)}" for key, value in chosen.items())
    return StepResult(
        f"{done} training jobs, {billed:.0f} s billed; best {tuning.objective} {objective:.5g} with {listed}",
        {
            **model,
            "tuning_job": name,
            "best": best,
            "objective": tuning.objective,
            "goal": tuning.goal,
            "best_objective": objective,
            "hyperparameters": chosen,
            "strategy": tuning.strategy,
            "billable_seconds": billed,
            "trials": [_plain(trial) for trial in trials.all],
        },
    )


def _beaten(
    context: RunContext, tuning: Tuning, objective: float, before: float, model: dict[str, Any]
) -> dict[str, Any]:
    """Say that the training job before the tuning did better; return the model to go on with."""
    words = (
        f"The training job before had {tuning.objective} {before:.5g}, better than the tuning's best,"
        f" {objective:.5g}."
    )
    if tuning.better:
        context.warn(f"{words} Its model goes on, as tune.model says.")
        trained = context.outputs("train")
        return {key: trained[key] for key in model}
    context.warn(f"{words} The tuning's best goes on; --set tune.model=better takes the better one.")
    return model


def _failure(name: str, tuning: Tuning, trials: Trials, answer: dict[str, Any]) -> JobFailedError:
    status = answer["HyperParameterTuningJobStatus"]
    reasons = [trial.reason for trial in trials.all if trial.reason]
    if status == "Failed":
        reason = answer.get("FailureReason") or (reasons[-1] if reasons else "no reason was given")
        detail = (
            f" The last training job said: {reasons[-1]}" if reasons and reasons[-1] not in reason else ""
        )
        return JobFailedError(
            f"The tuning job {name} failed: {reason}{detail}",
            remedy="Correct what the reason names, e.g. a range with --set tune.NAME=LOW..HIGH, and tune"
            " again: --from tune.",
        )
    if status == "Stopped":
        return JobFailedError(
            f"The tuning job {name} was stopped before any of its training jobs had a result.",
            remedy="Tune again: --from tune.",
        )
    return JobFailedError(
        f"No training job of {name} reported {tuning.objective}"
        + (f"; the last one said: {reasons[-1]}" if reasons else "."),
        remedy="Look at the logs, choose an objective that they have, and tune again: --from tune.",
    )


def short(value: str) -> str:
    """Write a chosen value as a person would read it: four significant digits of a fraction."""
    try:
        number = float(value)
    except ValueError:
        return value
    return value if value.lstrip("-").isdigit() else f"{number:.4g}"


def _plain(trial: Trial) -> dict[str, Any]:
    return {name: getattr(trial, name) for name in trial.__slots__}
