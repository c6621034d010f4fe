"""One-time schedules: what a client is answered, when they fire, also when a server is woken up late."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sagewizard.sandbox.schedules import BusyError, ExpressionError, Schedules, moment
from sagewizard.sandbox.store.database import Database

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

DELETE = "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
ROLE = "arn:aws:iam::123456789012:role/SageWizardSchedulerRole"
REGION = "us-east-1"


class HandClock:
    """Time that the test moves on."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        raise AssertionError("nobody waits here")


def at(seconds: float) -> str:
    return f"at({datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%dT%H:%M:%S})"


def body(expression: str, name: str = "one", **more: Any) -> dict[str, Any]:
    return {
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": DELETE, "RoleArn": ROLE, "Input": json.dumps({"EndpointName": name})},
        "ActionAfterCompletion": "DELETE",
        **more,
    }


class World:
    """Schedules on a disk of their own, and what they did."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = HandClock(), folder
        self.done: list[tuple[str, str, dict[str, Any]]] = []
        self.raises: list[Exception] = []
        self.open()

    def open(self) -> None:
        self.database = Database(self.folder / "state.db")
        self.schedules = Schedules(self.database, self.clock, self.perform)

    def perform(self, operation: str, region: str, given: dict[str, Any]) -> None:
        if self.raises:
            raise self.raises.pop(0)
        self.done.append((operation, region, given))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


def test_a_schedule_fires_once_when_its_time_has_come_and_is_gone(world: World) -> None:
    due = world.clock.time + 90
    assert world.schedules.put(REGION, "one", body(at(due)), new=True)
    assert not world.schedules.put(REGION, "one", body(at(due)), new=True)
    assert world.schedules.fire() == 90
    assert world.done == []
    world.clock.time = due
    assert world.schedules.fire() is None
    assert world.done == [("DeleteEndpoint", REGION, {"EndpointName": "one"})]
    assert world.schedules.find(REGION, "one") is None


def test_a_server_woken_up_late_fires_at_once(world: World) -> None:
    world.schedules.put(REGION, "one", body(at(world.clock.time + 60)), new=True)
    world.database.close()
    world.clock.time += 100_000
    world.open()
    world.schedules.fire()
    assert [given for _operation, _region, given in world.done] == [{"EndpointName": "one"}]


def test_an_update_puts_it_off_and_one_during_the_firing_is_not_lost(world: World) -> None:
    start = world.clock.time
    world.schedules.put(REGION, "one", body(at(start + 60)), new=True)
    world.schedules.put(REGION, "one", body(at(start + 300)), new=False)
    world.clock.time = start + 60
    assert world.schedules.fire() == 240
    assert world.done == []

    def renewed(*_call: object) -> None:
        world.schedules.put(REGION, "one", body(at(start + 900)), new=False)

    world.schedules._perform = renewed
    world.clock.time = start + 300
    assert world.schedules.fire() == 600
    assert world.schedules.find(REGION, "one") is not None
    assert not world.schedules.put(REGION, "two", body(at(start)), new=False)


def test_what_is_changing_is_tried_again_and_what_is_missing_is_not(world: World) -> None:
    due = world.clock.time = world.clock.time + 60
    world.schedules.put(REGION, "one", body(at(due)), new=True)
    world.raises = [BusyError("changing"), BusyError("changing")]
    assert world.schedules.fire() == 1
    world.clock.time += 1
    assert world.schedules.fire() == 2
    world.clock.time += 2
    assert world.schedules.fire() is None
    assert len(world.done) == 1
    world.schedules.put(REGION, "two", body(at(due)), new=True)
    world.raises = [LookupError("not there")]
    assert world.schedules.fire() is None
    assert world.schedules.find(REGION, "two") is None


def test_one_that_is_disabled_never_fires_and_one_that_is_kept_fires_once(world: World) -> None:
    now = world.clock.time
    world.schedules.put(REGION, "off", body(at(now), State="DISABLED"), new=True)
    world.schedules.put(REGION, "kept", body(at(now), ActionAfterCompletion="NONE"), new=True)
    assert world.schedules.fire() is None
    assert world.schedules.fire() is None
    assert len(world.done) == 1
    assert world.schedules.find(REGION, "kept") is not None
    assert world.schedules.pending() == []


def test_the_moment_is_in_the_zone_that_is_named() -> None:
    assert moment("at(2027-01-15T08:00:00)", "UTC") == 1_800_000_000.0
    assert moment("at(2027-01-15T09:00:00)", "Europe/Berlin") == 1_800_000_000.0
    for wrong in ("at(2027-13-15T08:00:00)", "at(tomorrow)", "rate(5 minutes)", "cron(0 8 * * ? *)"):
        with pytest.raises(ExpressionError):
            moment(wrong, "UTC")
    with pytest.raises(ExpressionError, match="Mars"):
        moment("at(2027-01-15T08:00:00)", "Mars/Olympus")


def test_the_five_operations_answer_as_the_service_does(clients: Any) -> None:
    scheduler = clients("scheduler", region="eu-west-1")
    expression = "at(2099-01-01T00:00:00)"
    made = scheduler.create_schedule(Name="sw-b", Description="of a test", **body(expression))
    assert made["ScheduleArn"] == "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/sw-b"
    scheduler.create_schedule(Name="sw-a", **body(expression))
    scheduler.create_schedule(Name="other", **body(expression))
    with pytest.raises(scheduler.exceptions.ConflictException, match=r"Schedule sw-a already exists\."):
        scheduler.create_schedule(Name="sw-a", **body(expression))
    scheduler.update_schedule(Name="sw-b", **body("at(2099-02-01T00:00:00)"))
    found = scheduler.get_schedule(Name="sw-b")
    assert found["ScheduleExpression"] == "at(2099-02-01T00:00:00)"
    assert found["Target"]["Input"] == '{"EndpointName": "one"}'
    # An update replaces the whole schedule, as the service's does.
    assert "Description" not in found
    first = scheduler.list_schedules(NamePrefix="sw-", MaxResults=1)
    assert [one["Name"] for one in first["Schedules"]] == ["sw-a"]
    rest = scheduler.list_schedules(NamePrefix="sw-", NextToken=first["NextToken"])
    assert [(one["Name"], one["Target"]["Arn"]) for one in rest["Schedules"]] == [("sw-b", DELETE)]
    assert "NextToken" not in rest
    assert clients("scheduler").list_schedules()["Schedules"] == []
    for name in ("sw-a", "sw-b", "other"):
        scheduler.delete_schedule(Name=name)
    for call in (scheduler.get_schedule, scheduler.delete_schedule):
        with pytest.raises(scheduler.exceptions.ResourceNotFoundException, match="sw-a does not exist"):
            call(Name="sw-a")
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        scheduler.update_schedule(Name="sw-a", **body(expression))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ScheduleExpression": "rate(1 hour)"}, "one-time"),
        ({"ScheduleExpression": "at(soon)"}, "Invalid Schedule Expression"),
        ({"Target": {"Arn": "arn:aws:lambda:us-east-1:1:function:x", "RoleArn": ROLE}}, "carries out"),
        ({"Target": {"Arn": DELETE, "RoleArn": "nobody"}}, "RoleArn"),
        ({"Target": {"Arn": DELETE, "RoleArn": ROLE, "Input": "[1]"}}, "Input"),
        ({"FlexibleTimeWindow": {"Mode": "SOMETIMES"}}, "FlexibleTimeWindow"),
    ],
)
def test_what_would_never_fire_is_refused_when_it_is_made(
    clients: Any, changes: dict[str, Any], words: str
) -> None:
    scheduler = clients("scheduler")
    with pytest.raises(ClientError, match=words) as caught:
        scheduler.create_schedule(Name="sw-x", **{**body("at(2099-01-01T00:00:00)"), **changes})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert scheduler.list_schedules()["Schedules"] == []
