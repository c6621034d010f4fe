"""The queue of an asynchronous endpoint: its order, its limit, and what is left for the next one."""

from __future__ import annotations

import threading

import pytest

from sagewizard.sandbox.control.async_inference import Backlog, Queue
from sagewizard.sandbox.control.fleet import FleetClosed
from tests.sandbox.control.conftest import BUCKET, Reply

ENDPOINT = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"
CONFIG = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/out"}}


class Model:
    """Answers in capitals when it may; counts how many requests it has at the same time."""

    def __init__(self):
        self.may_answer, self.lock = threading.Event(), threading.Lock()
        self.seen, self.busy, self.most = [], 0, 0
        self.arrived = threading.Semaphore(0)

    def __call__(self, headers, body, timeout):
        with self.lock:
            self.seen.append(body)
            self.busy += 1
            self.most = max(self.most, self.busy)
        self.arrived.release()
        self.may_answer.wait(10)
        with self.lock:
            self.busy -= 1
        return Reply(200, {"content-type": "text/plain"}, body.upper())


@pytest.fixture
def services(sandbox):
    for number in range(4):
        sandbox.services.objects.put(BUCKET, f"in/{number}", f"body {number}".encode())
    return sandbox.services


def location(number):
    return f"s3://{BUCKET}/in/{number}"


def read(services, request, waiting=threading.Event()):  # noqa: B008 - never set, it only waits
    key = request.output.removeprefix(f"s3://{BUCKET}/")
    for _ in range(500):
        if services.objects.head(BUCKET, key) is not None:
            with services.objects.read(BUCKET, key)[1] as file:
                return file.read()
        waiting.wait(0.02)
    raise AssertionError(f"no {key}")


def settle(backlog, waiting=threading.Event()):  # noqa: B008 - never set, it only waits
    """Wait until everything that was accepted has its answer."""
    for _ in range(500):
        if not backlog.waiting(ENDPOINT):
            return
        waiting.wait(0.02)
    raise AssertionError(backlog.waiting(ENDPOINT))


@pytest.mark.parametrize("most", [1, 2])
def test_as_many_requests_at_a_time_as_the_configuration_says_and_in_order(services, most):
    model, backlog = Model(), Backlog(services.database)
    config = CONFIG | {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": most}}
    queue = Queue(services, config, model, backlog, ENDPOINT)
    requests = [queue.accept(location(number), {}, 60.0) for number in range(4)]
    for _ in range(most):
        assert model.arrived.acquire(timeout=120)
    model.may_answer.set()
    assert [read(services, each) for each in requests] == [b"BODY 0", b"BODY 1", b"BODY 2", b"BODY 3"]
    settle(backlog)
    assert model.most == most
    assert most > 1 or model.seen == [b"body 0", b"body 1", b"body 2", b"body 3"]


def test_what_waits_when_a_server_ends_is_answered_by_the_next_one(services):
    model = Model()
    queue = Queue(services, CONFIG, model, Backlog(services.database), ENDPOINT)
    requests = [queue.accept(location(number), {}, 60.0) for number in range(3)]
    assert model.arrived.acquire(timeout=120)
    # As after a kill: the first one is under way and gets no answer, the others have not begun.
    queue.close()
    after = Model()
    after.may_answer.set()
    backlog = Backlog(services.database)
    Queue(services, CONFIG, after, backlog, ENDPOINT)
    assert [read(services, each) for each in requests] == [b"BODY 0", b"BODY 1", b"BODY 2"]
    assert after.seen == [b"body 0", b"body 1", b"body 2"]
    assert Backlog(services.database).waiting("arn:another") == []
    settle(backlog)
    model.may_answer.set()
    assert read(services, requests[0]) == b"BODY 0"


def test_a_new_fleet_takes_over_and_no_request_is_answered_twice(services):
    model, backlog = Model(), Backlog(services.database)
    queue = Queue(services, CONFIG, model, backlog, ENDPOINT)
    requests = [queue.accept(location(number), {}, 60.0) for number in range(3)]
    assert model.arrived.acquire(timeout=120)
    after = Model()
    after.may_answer.set()
    Queue(services, CONFIG, after, backlog, ENDPOINT)
    assert [read(services, each) for each in requests[1:]] == [b"BODY 1", b"BODY 2"]
    queue.close()
    model.may_answer.set()
    assert read(services, requests[0]) == b"BODY 0"
    settle(backlog)
    assert (model.seen, after.seen) == ([b"body 0"], [b"body 1", b"body 2"])


def test_a_request_cut_off_by_the_end_of_its_fleet_waits_for_the_next(services):
    asked = threading.Event()

    def closed(headers, body, timeout):
        asked.set()
        raise FleetClosed

    backlog = Backlog(services.database)
    queue = Queue(services, CONFIG, closed, backlog, ENDPOINT)
    request = queue.accept(location(0), {}, 60.0)
    assert asked.wait(120)
    queue.close()
    assert backlog.waiting(ENDPOINT) == [request]
    backlog.forget(ENDPOINT)
    assert backlog.waiting(ENDPOINT) == []
