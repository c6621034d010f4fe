"""Describe calls of clients that look rarely are held until the state changes; never for long, never all."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from sagewizard.sandbox.control import patience
from sagewizard.sandbox.services import Pace

JOB = {"TrainingJobName": "job"}


class Looks:
    """A repository and a clock in one: each wait is a second, and the statuses come one after the other."""

    def __init__(self, *statuses: str | None) -> None:
        self.statuses = list(statuses)
        self.time = 0.0

    def find(self, region, kind, name):
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return None if status is None else SimpleNamespace(status=status)

    def monotonic(self):
        return self.time

    def wait(self, event, seconds):
        self.time += 1.0
        return event.is_set()


def held(looks, *, operation="DescribeTrainingJob", pace=None, closing=None):
    """Return how long a call was held, in seconds of the played clock."""
    services = SimpleNamespace(pace=pace or Pace.instant(), clock=looks)
    control = SimpleNamespace(services=services, repository=looks)
    patience.hold(control, operation, "us-east-1", JOB, closing or threading.Event())
    return looks.time


def test_the_answer_comes_when_the_status_changes():
    assert held(Looks("InProgress", "InProgress", "Completed")) == 2.0


def test_a_job_that_goes_on_is_answered_after_five_seconds():
    assert held(Looks("InProgress")) == 5.0


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped", None])
def test_what_is_at_rest_or_unknown_is_answered_at_once(status):
    assert held(Looks(status)) == 0.0


def test_other_operations_and_other_paces_are_answered_at_once():
    assert held(Looks("InProgress"), operation="ListTrainingJobs") == 0.0
    assert held(Looks("InProgress"), pace=Pace.real()) == 0.0


def test_a_server_that_closes_holds_nobody():
    closing = threading.Event()
    closing.set()
    assert held(Looks("InProgress"), closing=closing) == 1.0


def test_only_some_calls_are_held_so_that_threads_stay_free():
    places = [patience._PLACES.acquire(blocking=False) for _ in range(8)]
    try:
        assert places == [True] * 8
        assert held(Looks("InProgress")) == 0.0
    finally:
        for _ in places:
            patience._PLACES.release()
    assert held(Looks("InProgress", "Completed")) == 1.0


@pytest.mark.parametrize(
    ("agent", "rarely"),
    [
        ("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 m/b,B,Z cfg/retry-mode#legacy", True),
        ("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 m/Z,b cfg/retry-mode#legacy", False),
        ("Boto3/1.44.5 AWS-SageMaker-Python-SDK/2.257.7 Python/3.11.7", True),
        ("aws-cli/2.0", False),
    ],
)
def test_who_looks_rarely_is_read_from_the_user_agent(agent, rarely):
    assert patience.looks_rarely(agent) is rarely
