"""Inference pipelines: the way of a request through several containers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from sagewizard.sandbox.compute.pipeline import CONTAINER_HEADER, PipelineServer
from sagewizard.sandbox.compute.unixhttp import Reply

MODEL = {
    "ModelName": "m",
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r",
    "Containers": [{"Image": "first"}, {"Image": "second", "ContainerHostname": "named"}, {"Image": "third"}],
}


@dataclass
class Stage:
    """A container that puts its image's name behind the body."""

    image: str
    status: int = 200
    reason: str | None = None
    seen: list[Any] = field(default_factory=list)
    started: bool = False
    stopped: bool = False
    ping_failed: bool = False

    def start(self, cancel: threading.Event) -> str | None:
        self.started = True
        return self.reason

    def execution_parameters(self) -> bytes:
        return self.image.encode()

    def invoke(self, body: bytes, headers: Any, *, timeout: float | None = None) -> Reply:
        self.seen.append((body, dict(headers), timeout))
        return Reply(self.status, {"content-type": f"text/{self.image}"}, body + b"|" + self.image.encode())

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def stages():
    return {each["Image"]: Stage(each["Image"]) for each in MODEL["Containers"]}


@pytest.fixture
def pipeline(stages):
    made = []

    def make(name, model):
        made.append((name, model["ModelName"], len(model["Containers"])))
        return stages[model["Containers"][0]["Image"]]

    server = PipelineServer(MODEL, make)
    assert made == [("container-1", "m", 1), ("named", "m", 1), ("container-3", "m", 1)]
    return server


def test_the_answer_of_one_container_is_the_request_of_the_next(pipeline, stages):
    headers = {"Content-Type": "text/csv", "Accept": "application/json", "X-Custom": "kept"}
    reply = pipeline.invoke(b"in", headers, timeout=7.0)
    assert reply.body == b"in|first|second|third"
    assert reply.headers == {"content-type": "text/third", CONTAINER_HEADER: "container-3"}
    assert [stage.seen[0][1]["Content-Type"] for stage in stages.values()] == [
        "text/csv", "text/first", "text/second",
    ]  # fmt: skip
    assert [stage.seen[0][1]["Accept"] for stage in stages.values()] == ["*/*", "*/*", "application/json"]
    assert all(
        stage.seen[0][1]["X-Custom"] == "kept" and stage.seen[0][2] == 7.0 for stage in stages.values()
    )


def test_a_container_that_says_no_ends_the_way_and_is_named(pipeline, stages):
    stages["second"].status = 415
    reply = pipeline.invoke(b"in", {"Content-Type": "text/csv"})
    assert (reply.status, reply.headers[CONTAINER_HEADER]) == (415, "named")
    assert not stages["third"].seen


def test_a_container_that_does_not_come_up_takes_the_others_down(pipeline, stages):
    stages["second"].reason = "it did not answer"
    assert pipeline.start(threading.Event()) == "it did not answer"
    assert [stage.started for stage in stages.values()] == [True, True, False]
    assert all(stage.stopped for stage in stages.values())


def test_the_first_container_says_how_large_requests_may_be(pipeline):
    assert pipeline.start(threading.Event()) is None
    assert pipeline.execution_parameters() == b"first"
