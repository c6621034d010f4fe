"""Step predict: one row to the endpoint, request and reply shown whole; then the test split in N requests."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.data import csvio
from sagewizard.engine.predictions import Answer, class_name, read_json, save
from sagewizard.engine.steps.deploy import look_up
from sagewizard.engine.steps.result import StepResult
from sagewizard.errors import TargetError, UsageError
from sagewizard.events import PredictionMade, PredictionsCompared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sagewizard.engine.context import RunContext
    from sagewizard.engine.table import Part

CONTENT_TYPE = "text/csv"
ACCEPT = "application/json"
# InvokeEndpoint takes bodies of at most 6 MB.
MOST_BYTES = 6 * 1024 * 1024
FILE = "predictions-endpoint.csv"


def run(context: RunContext) -> StepResult:
    """Ask the endpoint; answers go to results/predictions-endpoint.csv."""
    endpoint = str(context.outputs("deploy")["endpoint"])
    if look_up(context, "DescribeEndpoint", "EndpointName", endpoint) is None:
        raise TargetError(
            f"The endpoint {endpoint} is not there any more: somebody has deleted it.",
            remedy="Deploy the model again: --from deploy.",
        )
    part = context.dataset.parts["test"]
    row = context.number("row")
    if row > len(part):
        raise UsageError(
            f"predict.row is {row}, and the test split has {len(part)} rows.",
            remedy=f"Choose a row from 1 to {len(part)}.",
        )
    ask(
        context, endpoint, part.features[row - 1 : row], row=row, expected=float(part.targets[row - 1])
    )  # fmt: skip
    compared = compare(context, endpoint, context.number("requests"))
    return StepResult(
        f"{compared.correct:,} of {compared.rows:,} test rows right, in {compared.requests} requests of"
        f" {compared.median_seconds * 1000:.0f} ms",
        {"file": FILE, "rows": compared.rows, "correct": compared.correct, "requests": compared.requests},
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of predicting the test split: requests sent, rows, rows right, the median request."""

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
    table = context.dataset
    body = csvio.encode_csv(features)
    reply, seconds = _invoke(context, endpoint, body, show=True)
    (answer,) = read_json(reply, 1, source=f"The endpoint {endpoint}")
    context.emit(
        PredictionMade, step="predict", endpoint=endpoint, row=row, content_type=CONTENT_TYPE,
        request=body.decode(), accept=ACCEPT, response=reply.decode("utf-8", "replace"),
        seconds=round(seconds, 6), expected="" if expected is None else class_name(table, expected),
        predicted=class_name(table, answer.value), score=answer.score,
        correct=expected is not None and answer.value == expected,
    )  # fmt: skip


def csv_line(features: NDArray[np.float32]) -> str:
    """Return one row, of shape (1, columns), as it is sent, without its line break."""
    return csvio.encode_csv(features).decode().rstrip("\n")


def compare(context: RunContext, endpoint: str, requests: int) -> Compared:
    """Predict the whole test split, keep the answers in the run's results, tell how many are right."""
    part = context.dataset.parts["test"]
    answers, seconds = _all(context, endpoint, part, requests)
    save(context.results / FILE, answers, [float(value) for value in part.targets])
    correct = sum(answer.value == float(target) for answer, target in zip(answers, part.targets, strict=True))
    median = statistics.median(seconds)
    context.emit(
        PredictionsCompared, step="predict", source="endpoint", requests=len(seconds), rows=len(part),
        correct=correct, median_seconds=median, slowest_seconds=max(seconds),
    )  # fmt: skip
    context.cost_changed()
    return Compared(len(seconds), len(part), correct, median)


def _invoke(context: RunContext, endpoint: str, body: bytes, *, show: bool) -> tuple[bytes, float]:
    started = context.clock.monotonic()
    answer: dict[str, Any] = context.api(
        "sagemaker-runtime", "InvokeEndpoint", show=False, EndpointName=endpoint,
        ContentType=CONTENT_TYPE, Accept=ACCEPT, Body=body,
    )  # fmt: skip
    reply: bytes = answer["Body"].read()
    seconds = context.clock.monotonic() - started
    if show:
        request = {"EndpointName": endpoint, "ContentType": CONTENT_TYPE, "Accept": ACCEPT, "Body": body}
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
            answers += read_json(reply, count, source=f"The endpoint {endpoint}")
        context.progress("Predicting the test split", bounds[number + 1], rows, "rows")
    return answers, seconds


def _bodies(features: NDArray[np.float32]) -> list[tuple[bytes, int]]:
    body = csvio.encode_csv(features)
    if len(body) <= MOST_BYTES or len(features) == 1:
        return [(body, len(features))]
    half = len(features) // 2
    return _bodies(features[:half]) + _bodies(features[half:])
