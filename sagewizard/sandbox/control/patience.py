"""Holds the answer to a client that looks rarely, until what it waits for has happened.

The SageMaker SDK looks every 10 to 30 seconds, boto3's waiters every 30 to 120: made for minutes, they would
turn a job of two seconds into one of thirty. Their describe calls are answered when the state changes, or
after a while. Whoever looks often (the engine, boto3 in a loop) is answered at once.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from sagewizard.sandbox.control.resources import ENDPOINT, TRAINING_JOB, TRANSFORM_JOB, TUNING_JOB
from sagewizard.sandbox.services import Pace

if TYPE_CHECKING:
    from typing import Any

    from sagewizard.sandbox.control.context import Control

# Kind, member that names it, and how long to hold in seconds. The SDK shows a job's log only after its first
# look, so that one is short; clients give up after 60 seconds of silence.
_HELD = {
    "DescribeTrainingJob": (TRAINING_JOB, "TrainingJobName", 5.0),
    "DescribeTransformJob": (TRANSFORM_JOB, "TransformJobName", 5.0),
    "DescribeProcessingJob": ("processing-job", "ProcessingJobName", 5.0),
    "DescribeHyperParameterTuningJob": (TUNING_JOB, "HyperParameterTuningJobName", 20.0),
    "DescribeEndpoint": (ENDPOINT, "EndpointName", 20.0),
}
_CHANGING = frozenset({"InProgress", "Stopping", "Creating", "Updating", "RollingBack", "Deleting"})
_LOOK = 0.02
# The gateway answers with 32 threads; most of them must stay free for those who do not wait.
_PLACES = threading.BoundedSemaphore(8)
# botocore says in `m/` what a request is for: B is a waiter.
_WAITER = re.compile(r"(?:^|\s)m/(?:[A-Za-z0-9+\-]{1,2},)*B(?:,|\s|$)")


def looks_rarely(user_agent: str) -> bool:
    """Tell whether a request comes from the SageMaker SDK or from a waiter of boto3."""
    return "AWS-SageMaker-Python-SDK" in user_agent or _WAITER.search(user_agent) is not None


def hold(
    control: Control, operation: str, region: str, request: dict[str, Any], closing: threading.Event
) -> None:
    """Wait until the resource that is asked for has come to rest, for as long as this operation may.

    Does nothing for other operations, when there is no such resource, and at another pace than instant: then
    the statuses on the way are what somebody wants to see.
    """
    if operation not in _HELD or control.services.pace != Pace.instant():
        return
    if not _PLACES.acquire(blocking=False):
        return
    try:
        _wait(control, *_HELD[operation], region, request, closing)
    finally:
        _PLACES.release()


def _wait(
    control: Control,
    kind: str,
    member: str,
    seconds: float,
    region: str,
    request: dict[str, Any],
    closing: threading.Event,
) -> None:
    clock = control.services.clock
    deadline = clock.monotonic() + seconds
    while True:
        found = control.repository.find(region, kind, request[member])
        if found is None or found.status not in _CHANGING or clock.monotonic() >= deadline:
            return
        if clock.wait(closing, _LOOK):
            return
