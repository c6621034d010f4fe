"""Step train: one training job, followed to its end: status, log, metrics, cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sagewizard import algorithms
from sagewizard.algorithms import MetricDefinition
from sagewizard.engine import scripts
from sagewizard.engine.api import exists_already
from sagewizard.engine.capacity import Shortage
from sagewizard.engine.costs import TRAINING
from sagewizard.engine.cross_validation import cross_validate
from sagewizard.engine.following import JobWatch
from sagewizard.engine.formats import format_of
from sagewizard.engine.logs import LogFollower, MetricReader
from sagewizard.engine.spot import savings, stopping
from sagewizard.engine.spot import words as spot_words
from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.waiting import wait_until
from sagewizard.errors import JobFailedError, UsageError

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext

KIND = "training-job"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
ENDED = ("Completed", "Failed", "Stopped")
_STOPPED_AT = {
    "MaxRuntimeExceeded": " at its longest run",
    "MaxWaitTimeExceeded": " because spare capacity did not come in time",
}
# Waiting for capacity and loading data come on top of the job's own longest run.
WAIT_BEYOND_RUNTIME = 3600.0


def run(context: RunContext) -> StepResult:
    """Train, each fold of a cross-validation first where there is one."""
    outputs: dict[str, Any] = {}
    if context.recipe.folds:
        outputs["folds"] = cross_validate(context, run_job)
    name = context.name("train")
    answer = run_job(context, name, training_request(context, name))
    result = _result(answer["TrainingJobName"], answer, simulated=context.target.simulated)
    return StepResult(result.summary, {**result.outputs, **outputs})


def run_job(context: RunContext, name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Create a job, or find the one that an earlier try made; follow it; return its last description.

    Without capacity it goes on as `train.on_capacity` says, each time under another name: SageMaker gives a
    name only once. Raises JobFailedError when it does not complete.
    """
    shortage, first = Shortage(context, TRAINING), name
    while True:
        try:
            return _run_once(context, name, request)
        except Exception as error:
            instance_type = shortage.after(error)
        again = f"{first}-c{shortage.tries}"
        # The name stands in more than one member: the script's hyperparameters, the place of checkpoints.
        request = json.loads(json.dumps(request).replace(name, again))
        request["ResourceConfig"]["InstanceType"] = instance_type
        name = again


def _run_once(context: RunContext, name: str, request: dict[str, Any]) -> dict[str, Any]:
    entry = context.intend(
        KIND, name, component=TRAINING, instance_type=request["ResourceConfig"]["InstanceType"],
        count=request["ResourceConfig"]["InstanceCount"],
    )  # fmt: skip
    adopted = False
    try:
        arn = context.api("sagemaker", "CreateTrainingJob", **request)["TrainingJobArn"]
    except Exception as error:
        if not exists_already(error):
            context.not_made(entry, error)
            raise
        adopted = True
        arn = context.once_found("DescribeTrainingJob", TrainingJobName=name)["TrainingJobArn"]
        _check_same(context, name, request)
    context.made(entry, arn, adopted=adopted)
    answer = _follow(context, name, request)
    context.ledger.deleted(entry.id, now=context.clock.now(), note=f"ended: {answer['TrainingJobStatus']}")
    _bill(context, name, answer, ended=True)
    context.cost_changed()
    _check_completed(name, answer)
    return answer


def training_request(context: RunContext, name: str) -> dict[str, Any]:
    """Return CreateTrainingJob's parameters, machines as the step at work has them set."""
    prepared = context.outputs("prepare")
    recipe, target = context.recipe, context.target
    channels = [
        {
            "ChannelName": channel,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": prepared["channels"][split],
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
            "ContentType": prepared["content_type"],
            "CompressionType": "None",
            "RecordWrapperType": "None",
        }
        for split, channel in format_of(recipe).channels.items()
        if split in prepared["channels"]
    ]
    algorithm: dict[str, Any] = {
        "TrainingImage": algorithms.image_uri(recipe.algorithm.name, target.region, recipe.version),
        "TrainingInputMode": "File",
    }
    if recipe.file.algorithm.metrics:
        algorithm["MetricDefinitions"] = [
            {"Name": name, "Regex": regex} for name, regex in recipe.file.algorithm.metrics.items()
        ]
    parameters = recipe.effective_hyperparameters()
    if prepared.get("script"):
        parameters |= scripts.hyperparameters(recipe, prepared["script"], name, target.region)
    return {
        "TrainingJobName": name,
        **stopping(context, name),
        "AlgorithmSpecification": algorithm,
        "RoleArn": target.role_arn,
        "HyperParameters": parameters,
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": context.s3("output")},
        "ResourceConfig": {
            "InstanceType": context.text("instance_type"),
            "InstanceCount": context.number("instance_count"),
            "VolumeSizeInGB": context.number("volume_gb"),
        },
        "Tags": context.tags(),
    }


def _longest(request: dict[str, Any]) -> int:
    """Return the seconds that a job may take, waiting for spare capacity included."""
    condition = request["StoppingCondition"]
    return int(condition.get("MaxWaitTimeInSeconds") or condition["MaxRuntimeInSeconds"])


def _check_same(context: RunContext, name: str, request: dict[str, Any]) -> None:
    answer = context.once_found("DescribeTrainingJob", show=False, TrainingJobName=name)
    if answer.get("HyperParameters", {}) != request["HyperParameters"]:
        raise UsageError(
            f"The training job {name} of this run was made with other hyperparameters.",
            remedy="Train again under a new name: --from train.",
        )


def _follow(context: RunContext, name: str, request: dict[str, Any]) -> dict[str, Any]:
    follower = LogFollower(context.api, LOG_GROUP, f"{name}/")
    own = [MetricDefinition(*pair) for pair in context.recipe.file.algorithm.metrics.items()]
    reader = MetricReader([*context.recipe.algorithm.metric_definitions, *own])
    watch = JobWatch(context, KIND, name, follower, reader)

    def look() -> dict[str, Any]:
        answer = context.api("sagemaker", "DescribeTrainingJob", show=watch.changes(), TrainingJobName=name)
        ended = answer["TrainingJobStatus"] in ENDED
        # The log is read after the status, so that a job that has ended has written all of it.
        watch.training(answer)
        watch.log(last=ended)
        _bill(context, name, answer, ended=ended)
        return answer

    return wait_until(
        look, lambda answer: answer["TrainingJobStatus"] in ENDED, clock=context.clock, cancel=context.cancel,
        every=context.target.poll_seconds,
        limit=_longest(request) + WAIT_BEYOND_RUNTIME,
        what=f"The training job {name}",
        remedy="It may still be running: resume the run to go on waiting, or tear it down.",
    )  # fmt: skip


def _bill(context: RunContext, name: str, answer: dict[str, Any], *, ended: bool) -> None:
    started = answer.get("TrainingStartTime")
    if started is None:
        return
    resources = answer["ResourceConfig"]
    context.meter.start(
        KIND, name, TRAINING, resources["InstanceType"], resources["InstanceCount"], started.timestamp()
    )
    if ended:
        end = answer.get("TrainingEndTime")
        context.meter.stop(
            KIND, name, at=end.timestamp() if end else None,
            billed_seconds=answer.get("BillableTimeInSeconds"),
        )  # fmt: skip
    context.cost_changed(at_most_every=2.0)


def _check_completed(name: str, answer: dict[str, Any]) -> None:
    status = answer["TrainingJobStatus"]
    if status == "Failed":
        raise JobFailedError(
            f"The training job {name} failed: {answer.get('FailureReason', 'no reason was given')}",
            remedy="Correct what the reason names, e.g. with --set, and run again from train: --from train.",
        )
    if status == "Stopped":
        limit = _STOPPED_AT.get(str(answer.get("SecondaryStatus")))
        if limit is None:
            raise JobFailedError(
                f"The training job {name} was stopped by somebody else, in the console or by a program.",
                remedy="Resume the run: it trains again, under a new name.",
            )
        raise JobFailedError(
            f"The training job {name} was stopped{limit}.",
            remedy="Run it again: --from train, with a longer train.max_runtime_seconds if it needs one.",
        )


def _result(name: str, answer: dict[str, Any], *, simulated: bool) -> StepResult:
    metrics = {
        metric["MetricName"]: float(metric["Value"]) for metric in answer.get("FinalMetricDataList", [])
    }
    billed = int(answer.get("BillableTimeInSeconds", 0))
    spot = {"spot_savings": saved} if (saved := savings(answer)) is not None else {}
    return StepResult(
        f"Trained, {billed} s billed{spot_words(answer, simulated=simulated)}" + _shown(metrics),
        {
            "job": name,
            **spot,
            "model_artifact": answer["ModelArtifacts"]["S3ModelArtifacts"],
            "billable_seconds": billed,
            "metrics": metrics,
            "image": answer["AlgorithmSpecification"]["TrainingImage"],
        },
    )


def _shown(metrics: dict[str, float]) -> str:
    """Write the figure that says most of how the training went, and of which part it is."""
    accuracy = metrics.get("validation:binary_classification_accuracy")
    if accuracy is not None:
        return f", validation accuracy {accuracy:.4f}"
    for part in ("validation", "test", "train"):
        for name, value in metrics.items():
            short = name.removeprefix(f"{part}:")
            if short != name and short not in ("progress", "throughput", "objective_loss"):
                return f", {part} {short} {value:.4g}"
    return ""
