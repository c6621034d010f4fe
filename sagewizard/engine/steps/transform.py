"""Step transform: a batch transform job over the test CSV, and its output brought back and compared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sagewizard.engine.api import exists_already
from sagewizard.engine.capacity import persevere
from sagewizard.engine.costs import TRANSFORM
from sagewizard.engine.following import JobWatch
from sagewizard.engine.formats import format_of, read_answers
from sagewizard.engine.logs import LogFollower
from sagewizard.engine.predictions import Answer, save
from sagewizard.engine.state import write_atomically
from sagewizard.engine.steps.deploy import ensure_model
from sagewizard.engine.steps.predict import is_right
from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.waiting import wait_until
from sagewizard.errors import JobFailedError, WaitTimeoutError
from sagewizard.events import PredictionsCompared

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext
    from sagewizard.engine.ledger import Entry

KIND = "transform-job"
LOG_GROUP = "/aws/sagemaker/TransformJobs"
# A job has two minutes to end after it was asked to.
STOP_LIMIT = 600.0
ENDED = ("Completed", "Failed", "Stopped")
FILE = "predictions-transform.csv"
# The output as the job wrote it, one answer a line.
OUTPUT = "transform-output.jsonl"


def run(context: RunContext) -> StepResult:
    """Transform; without capacity go on as `transform.on_capacity` says."""
    return persevere(context, TRANSFORM, _transform)


def _transform(context: RunContext) -> StepResult:
    """Create the job or find it, follow it, read its output."""
    name = context.name("transform")
    model = ensure_model(context)
    request = _request(context, name, model)
    resources = request["TransformResources"]
    entry = context.intend(
        KIND, name, component=TRANSFORM, instance_type=resources["InstanceType"],
        count=resources["InstanceCount"],
    )  # fmt: skip
    adopted = False
    try:
        arn = context.api("sagemaker", "CreateTransformJob", **request)["TransformJobArn"]
    except Exception as error:
        if not exists_already(error):
            context.not_made(entry, error)
            raise
        adopted = True
        arn = context.once_found("DescribeTransformJob", TransformJobName=name)["TransformJobArn"]
    context.made(entry, arn, adopted=adopted)
    answer = _follow(context, name, entry)
    status = answer["TransformJobStatus"]
    context.ledger.deleted(entry.id, now=context.clock.now(), note=f"ended: {status}")
    context.cost_changed()
    if status != "Completed":
        reason = answer.get("FailureReason") or "no reason was given"
        if status == "Stopped":
            raise JobFailedError(
                f"The transform job {name} was stopped by somebody else, in the console or by a program.",
                remedy="Resume the run: it transforms again, under a new name.",
            )
        raise JobFailedError(
            f"The transform job {name} failed: {str(reason).rstrip('.')}.",
            remedy="Correct what the reason names, then run again: --from transform.",
        )
    return _result(context, name, answer)


def _request(context: RunContext, name: str, model: str) -> dict[str, Any]:
    prepared = context.outputs("prepare")
    return {
        "TransformJobName": name,
        "ModelName": model,
        "BatchStrategy": context.text("strategy"),
        "MaxPayloadInMB": context.number("max_payload_mb"),
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": _input(prepared)}},
            "ContentType": "text/csv",
            "SplitType": "Line",
            "CompressionType": "None",
        },
        "TransformOutput": {
            "S3OutputPath": context.s3("transform", name),
            "Accept": format_of(context.recipe).batch_answers,
            "AssembleWith": "Line",
        },
        "TransformResources": {
            "InstanceType": context.text("instance_type"),
            "InstanceCount": context.number("instance_count"),
        },
        "Tags": context.tags(),
    }


def _input(prepared: dict[str, Any]) -> str:
    # A run that an earlier version began has its test rows under the channel of that name.
    return str(prepared.get("batch") or prepared["channels"]["test"])


def _follow(context: RunContext, name: str, entry: Entry) -> dict[str, Any]:
    watch = JobWatch(context, KIND, name, LogFollower(context.api, LOG_GROUP, f"{name}/"))

    def look() -> dict[str, Any]:
        answer = context.api("sagemaker", "DescribeTransformJob", show=watch.changes(), TransformJobName=name)
        ended = answer["TransformJobStatus"] in ENDED
        watch.status(answer["TransformJobStatus"], answer.get("FailureReason", ""))
        watch.log(last=ended)
        started = answer.get("TransformStartTime")
        if started is not None:
            resources = answer["TransformResources"]
            context.meter.start(
                KIND, name, TRANSFORM, resources["InstanceType"], resources["InstanceCount"],
                started.timestamp(),
            )  # fmt: skip
            if ended:
                end = answer.get("TransformEndTime")
                context.meter.stop(KIND, name, at=end.timestamp() if end else None)
            context.cost_changed(at_most_every=2.0)
        return answer

    def wait(limit: float) -> dict[str, Any]:
        return wait_until(
            look, lambda seen: seen["TransformJobStatus"] in ENDED, clock=context.clock,
            cancel=context.cancel, every=context.target.poll_seconds, limit=limit,
            what=f"The transform job {name}",
            remedy="Run it again with a longer transform.max_runtime_seconds.",
        )  # fmt: skip

    try:
        return wait(float(context.number("max_runtime_seconds")))
    except WaitTimeoutError as late:
        # A transform job has no MaxRuntimeInSeconds of its own: whoever made it has to end it.
        context.api("sagemaker", "StopTransformJob", TransformJobName=name)
        answer = wait(STOP_LIMIT)
        if answer["TransformJobStatus"] == "Completed":
            return answer
        late.message = f"{late.message.rstrip('.')}, and was stopped."
        context.ledger.deleted(entry.id, now=context.clock.now(), note="stopped at its longest run")
        context.state.step(context.step).retry_under_new_name = True
        raise


def _result(context: RunContext, name: str, answer: dict[str, Any]) -> StepResult:
    part = context.dataset.parts["test"]
    output = str(answer["TransformOutput"]["S3OutputPath"]).rstrip("/")
    bucket, _, prefix = output.removeprefix("s3://").partition("/")
    file = f"{context.outputs('prepare').get('batch_file', 'test.csv')}.out"
    key = f"{prefix}/{file}"
    reply = context.api("s3", "GetObject", Bucket=bucket, Key=key)
    body: bytes = reply["Body"].read()
    answers = read_answers(context, body, len(part), source=f"The transform job {name}", batch=True)
    write_atomically(context.results / OUTPUT, body)
    # Under the name that it has in the bucket as well, where a learner looks for it.
    write_atomically(context.results / file, body)
    save(context.results / FILE, answers, [float(value) for value in part.targets])
    correct = sum(
        is_right(context, one, float(target)) for one, target in zip(answers, part.targets, strict=True)
    )
    context.emit(
        PredictionsCompared, step="transform", source="transform", requests=1, rows=len(part),
        correct=correct,
    )  # fmt: skip
    agreed = _agreement(context, answers)
    return StepResult(
        f"{len(answers):,} answers in s3://{bucket}/{key}" + (f", {agreed}" if agreed else ""),
        {
            "job": name,
            "model": answer["ModelName"],
            "output": f"s3://{bucket}/{key}",
            "file": FILE,
            "answers": file,
            "rows": len(part),
        },
    )


def _agreement(context: RunContext, answers: list[Answer]) -> str:
    from sagewizard.engine import predictions
    from sagewizard.engine.steps import predict

    path = context.results / predict.FILE
    if not path.exists():
        return ""
    _expected, predicted, _scores = predictions.load(path)
    if len(predicted) != len(answers):
        return ""
    # A request of the endpoint and one of the job may round the last digit of a score differently.
    same = sum(
        math.isclose(one.value, other, rel_tol=1e-6, abs_tol=1e-9)
        for one, other in zip(answers, predicted, strict=True)
    )
    if same == len(answers):
        return "all as the endpoint gave them"
    return f"{len(answers) - same:,} of them other than the endpoint's"
