"""Step predict: one row to the endpoint, request and reply shown whole; then the test split in N requests."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.data import csvio
from sagewizard.engine import ttl
from sagewizard.engine.endpoint_gone import gone, says_gone
from sagewizard.engine.formats import format_of, judged, read_answers
from sagewizard.engine.predictions import Answer, class_name, save
from sagewizard.engine.steps.dataset import check_row
from sagewizard.engine.steps.deploy import look_up
from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.teardown import Teardown
from sagewizard.events import PredictionMade, PredictionsCompared
from sagewizard.recipe.tasks import BINARY, CLUSTERING, MULTICLASS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sagewizard.engine.context import RunContext
    from sagewizard.engine.table import Part

CONTENT_TYPE = "text/csv"
# InvokeEndpoint takes bodies of at most 6 MB.
MOST_BYTES = 6 * 1024 * 1024
FILE = "predictions-endpoint.csv"


def run(context: RunContext) -> StepResult:
    """Ask the endpoint; answers go to results/predictions-endpoint.csv."""
    endpoint = str(context.outputs("deploy")["endpoint"])
    found = look_up(context, "DescribeEndpoint", "EndpointName", endpoint)
    if found is None or found["EndpointStatus"] == "Deleting":
        raise gone(context, endpoint)
    part = context.dataset.parts["test"]
    row = context.number("row")
    check_row(context, context.dataset)  # it may have been set since the data was loaded
    ask(
        context, endpoint, part.features[row - 1 : row], row=row, expected=float(part.targets[row - 1])
    )  # fmt: skip
    outputs: dict[str, Any] = {}
    summary = f"Row {row} of {len(part):,} test rows was answered"
    if context.number("requests"):
        compared = compare(context, endpoint, context.number("requests"))
        summary = (
            f"{score_line(context, compared.correct, compared.rows)}, in {compared.requests} requests of"
        )
        summary += f" {compared.median_seconds * 1000:.0f} ms"
        outputs = {
            "file": FILE,
            "rows": compared.rows,
            "correct": compared.correct,
            "requests": compared.requests,
        }
    else:
        (context.results / FILE).unlink(missing_ok=True)
    if context.option("delete_endpoint"):
        summary += f"; {_delete_endpoint(context)}"
    return StepResult(summary, {"endpoint": endpoint, **outputs})


def score_line(context: RunContext, correct: int, rows: int) -> str:
    """Say how many rows were right, or that they were answered where there is no right and wrong."""
    if context.recipe.task in (BINARY, MULTICLASS):
        return f"{correct:,} of {rows:,} test rows right"
    return f"{rows:,} test rows answered"


def is_right(context: RunContext, answer: Answer, expected: float) -> bool:
    """Tell whether an answer names the class that was expected; never for a number or a cluster."""
    return context.recipe.task in (BINARY, MULTICLASS) and judged(context.recipe, answer) == expected


def _delete_endpoint(context: RunContext) -> str:
    entries = [
        entry
        for entry in context.ledger.alive(run_id=context.run_id)
        if entry.kind in ("endpoint", "endpoint-config", ttl.KIND)
    ]
    report = Teardown(
        context.target,
        context.api,
        context.ledger,
        context.clock,
        context.cancel,
        context.emit,
        context.meter,
    ).delete(entries)
    context.cost_changed()
    if report.failed:
        # The step teardown tries again, and says what still costs money.
        return f"{len(report.failed)} of {len(entries)} could not be deleted yet"
    return "the endpoint and its configuration are deleted"


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of predicting the test split: requests sent, rows, rows right, the median request in s."""

    requests: int
    rows: int
    correct: int
    median_seconds: float


def ask(
    context: RunContext,
    endpoint: str,
    features: NDArray[np.float32],
    *,
    row: int = 0,
    expected: float | None = None,
) -> None:
    """Send one row, of shape (1, columns), and tell request and reply whole.

    `row` counts from 1 in the test split; 0 stands for values that are in no split, and then nothing is
    expected of the answer.
    """
    body = csvio.encode_csv(features)
    reply, seconds = _invoke(context, endpoint, body, show=True)
    (answer,) = read_answers(context, reply, 1, source=f"The endpoint {endpoint}")
    context.emit(
        PredictionMade, step="predict", endpoint=endpoint, row=row, content_type=CONTENT_TYPE,
        request=body.decode(), accept=format_of(context.recipe).answers,
        response=reply.decode("utf-8", "replace"), seconds=round(seconds, 6),
        expected="" if expected is None else class_name(context.dataset, expected),
        predicted=_named(context, answer), score=answer.score,
        correct=expected is not None and is_right(context, answer, expected),
        graded=context.recipe.task in (BINARY, MULTICLASS),
    )  # fmt: skip


def _named(context: RunContext, answer: Answer) -> str:
    if context.recipe.task == CLUSTERING:
        return f"cluster {answer.value:g}"
    return class_name(context.dataset, judged(context.recipe, answer))


def csv_line(features: NDArray[np.float32]) -> str:
    """Return one row, of shape (1, columns), as it is sent, without its line break."""
    return csvio.encode_csv(features).decode().rstrip("\n")


def compare(context: RunContext, endpoint: str, requests: int) -> Compared:
    """Predict the whole test split, keep the answers in the run's results, tell how many are right."""
    part = context.dataset.parts["test"]
    answers, seconds = _all(context, endpoint, part, max(1, requests))
    save(context.results / FILE, answers, [float(value) for value in part.targets])
    correct = sum(
        is_right(context, answer, float(target)) for answer, target in zip(answers, part.targets, strict=True)
    )
    median = statistics.median(seconds)
    context.emit(
        PredictionsCompared, step="predict", source="endpoint", requests=len(seconds), rows=len(part),
        correct=correct, median_seconds=median, slowest_seconds=max(seconds),
    )  # fmt: skip
    context.cost_changed()
    return Compared(len(seconds), len(part), correct, median)


def _invoke(context: RunContext, endpoint: str, body: bytes, *, show: bool) -> tuple[bytes, float]:
    accept = format_of(context.recipe).answers
    started = context.clock.monotonic()
    ttl.renew(context, endpoint)
    try:
        answer: dict[str, Any] = context.api(
            "sagemaker-runtime", "InvokeEndpoint", show=False, EndpointName=endpoint,
            ContentType=CONTENT_TYPE, Accept=accept, Body=body,
        )  # fmt: skip
    except Exception as error:
        if not says_gone(error):
            raise
        raise gone(context, endpoint) from error
    reply: bytes = answer["Body"].read()
    seconds = context.clock.monotonic() - started
    if show:
        request = {"EndpointName": endpoint, "ContentType": CONTENT_TYPE, "Accept": accept, "Body": body}
        context.api.record(
            "sagemaker-runtime", "InvokeEndpoint", request, {**answer, "Body": reply}, round(seconds, 6)
        )
    return reply, seconds


def _all(context: RunContext, endpoint: str, part: Part, requests: int) -> tuple[list[Answer], list[float]]:
    rows = len(part)
    requests = min(requests, rows)
    bounds = [rows * number // requests for number in range(requests + 1)]
    answers: list[Answer] = []
    seconds: list[float] = []
    for number in range(requests):
        context.check_cancel()
        for body, count in _bodies(part.features[bounds[number] : bounds[number + 1]]):
            reply, took = _invoke(context, endpoint, body, show=False)
            seconds.append(took)
            answers += read_answers(context, reply, count, source=f"The endpoint {endpoint}")
        context.progress("Predicting the test split", bounds[number + 1], rows, "rows")
    return answers, seconds


def _bodies(features: NDArray[np.float32]) -> list[tuple[bytes, int]]:
    body = csvio.encode_csv(features)
    if len(body) <= MOST_BYTES or len(features) == 1:
        return [(body, len(features))]
    half = len(features) // 2
    return _bodies(features[:half]) + _bodies(features[half:])
