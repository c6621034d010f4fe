"""Endpoints that delete themselves: when the schedule is made, put off, fired and removed, or cannot be."""

from __future__ import annotations

import datetime
import json
import threading

import pytest

from sagewizard import events as ev
from sagewizard.clock import SystemClock
from sagewizard.engine import Engine, inventory, ttl
from sagewizard.engine import state as states
from sagewizard.engine.interactive import Interactive
from sagewizard.engine.ttl import Ttl
from sagewizard.engine.waiting import wait_until
from sagewizard.errors import UsageError
from sagewizard.recipe import finding

DIGITS = finding.load("digits-linear-learner")


@pytest.fixture
def engine(target, settings, clock):
    return Engine(target, settings=settings, clock=clock)


def run(engine, **options):
    return list(engine.run(DIGITS, **options))


def due(schedule):
    text = schedule["ScheduleExpression"].removeprefix("at(").removesuffix(")")
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("90s", 90), ("2d", 172800), ("5min", 300)],
)
def test_a_length_of_time_is_read(text, seconds):
    assert ttl.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "soon", "0m", "1m2h"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(UsageError, match="no length of time"):
        ttl.parse(text)


def test_aws_takes_whole_minutes_and_the_sandbox_takes_seconds(fakes, settings, clock):
    ttl.check(20, simulated=True)
    engine = Engine(fakes.FakeTarget(clock, simulated=False), settings=settings, clock=clock)
    with pytest.raises(UsageError, match="too short"):
        run(engine, ttl=Ttl(20))
    with pytest.raises(UsageError, match="out of range"):
        run(engine, ttl=Ttl(90 * 86_400))


def test_the_schedule_stands_before_its_endpoint_and_calls_delete_endpoint(engine, target, settings):
    events = run(engine, ttl=Ttl(7200), until="deploy", keep=True)
    calls = [event.operation for event in events if isinstance(event, ev.ApiCalled)]
    assert calls.index("CreateSchedule") < calls.index("CreateEndpoint") < calls.index("UpdateSchedule")
    ((name, schedule),) = target.schedules.items()
    assert name in target.endpoints
    assert schedule["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
    assert json.loads(schedule["Target"]["Input"]) == {"EndpointName": name}
    assert schedule["Target"]["RoleArn"] == "arn:aws:iam::123456789012:role/SageWizardSchedulerRole"
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert due(schedule) == pytest.approx(engine.clock.now() + 7200, abs=2)
    kinds = [entry.kind for entry in engine.ledger.alive()]
    assert kinds.index("schedule") < kinds.index("endpoint")
    made = next(e for e in events if isinstance(e, ev.StepFinished) and e.step == "deploy")
    assert "deletes itself 2 h 00 min after its last use" in made.summary


def test_the_intent_is_in_the_ledger_before_the_call(engine, fakes, monkeypatch):
    original, seen = fakes._Operations.CreateSchedule, []

    def create(t, **p):
        seen.extend((e.name, e.created) for e in engine.ledger.alive() if e.kind == "schedule")
        return original(t, **p)

    monkeypatch.setattr(fakes._Operations, "CreateSchedule", create)
    run(engine, ttl=Ttl(7200), until="deploy", keep=True)
    assert [created for _name, created in seen] == [None]


def test_each_use_puts_the_end_off_but_not_more_than_once_a_minute(engine, target, clock):
    events = run(engine, ttl=Ttl(7200), until="deploy", keep=True)
    run_id = events[0].run_id
    updates = target.calls["UpdateSchedule"]
    clock.time += 3000
    run(engine, run_id=run_id, until="predict", keep=True)
    # Once when the run went on; its hundred requests came within a minute.
    assert target.calls["UpdateSchedule"] == updates + 1
    (schedule,) = target.schedules.values()
    assert due(schedule) == pytest.approx(clock.now() + 7200, abs=60)
    clock.time += 3000
    asked = Interactive(engine.settings, run_id, lambda: engine)
    asked.predict_row(1)
    asked.predict_row(2)
    assert target.calls["UpdateSchedule"] == updates + 2
    (schedule,) = target.schedules.values()
    assert due(schedule) == pytest.approx(clock.now() + 7200, abs=2)


def test_the_teardown_takes_the_schedule_with_it(engine, target):
    end = run(engine, ttl=Ttl(7200))[-1]
    assert isinstance(end, ev.RunFinished)
    assert target.schedules == {}
    assert end.alive == ()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "AccessDeniedException",
            "User: ada is not authorized to perform: scheduler:CreateSchedule on resource: x",
        ),
        (
            "ValidationException",
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        ),
    ],
)
def test_where_it_is_not_allowed_the_run_stops_before_the_endpoint(engine, target, fakes, code, message):
    target.faults["CreateSchedule"] = [fakes.client_error(code, message, "CreateSchedule")]
    end = run(engine, ttl=Ttl(7200))[-1]
    assert isinstance(end, ev.RunFailed)
    assert "would not delete itself, so it was not made" in end.message
    assert "--create-ttl-role" in end.remedy
    assert not target.endpoints
    assert not [entry for entry in engine.ledger.alive() if entry.kind in ("schedule", "endpoint")]


def test_or_goes_on_without_and_says_so(engine, target, fakes):
    refusal = fakes.client_error("AccessDeniedException", "not authorized", "CreateSchedule")
    target.faults["CreateSchedule"] = [refusal]
    events = run(engine, ttl=Ttl(7200, "continue"), until="deploy", keep=True)
    warned = [event.message for event in events if isinstance(event, ev.Warned)]
    assert sum("will not delete itself" in message for message in warned) == 1
    assert target.endpoints
    assert not [entry for entry in engine.ledger.alive() if entry.kind == "schedule"]


def test_an_endpoint_that_has_deleted_itself_is_told_apart_and_made_again(engine, target, clock):
    run_id = run(engine, ttl=Ttl(7200), until="deploy", keep=True)[0].run_id
    clock.time += 8000
    target.endpoints.clear()
    target.schedules.clear()
    end = run(engine, run_id=run_id)[-1]
    assert isinstance(end, ev.RunFailed)
    assert "has deleted itself, 2 h 00 min after its last use, as --ttl asked for" in end.message
    state = states.load(engine.settings.runs / run_id)
    (meter,) = [meter for meter in state.meters if meter["kind"] == "endpoint"]
    assert meter["ended"] == state.ttl_until[meter["name"]]
    assert isinstance(run(engine, run_id=run_id)[-1], ev.RunFinished)
    assert not target.endpoints
    assert not target.schedules


def test_an_endpoint_of_an_earlier_start_gets_its_schedule_when_the_run_goes_on(engine, target):
    run_id = run(engine, until="deploy", keep=True)[0].run_id
    assert not target.schedules
    run(engine, run_id=run_id, until="predict", keep=True, ttl=Ttl(3600))
    assert list(target.schedules) == list(target.endpoints)


def test_in_the_sandbox_an_endpoint_deletes_itself_and_the_ledger_agrees(sandbox, monkeypatch):
    target, settings = sandbox
    monkeypatch.setattr(inventory, "SETTLED_SECONDS", 0.0)
    engine = Engine(target, settings=settings)
    run_id = run(engine, until="deploy", keep=True, ttl=Ttl(3600))[0].run_id
    (name,) = [e.name for e in engine.ledger.alive(run_id=run_id) if e.kind == "endpoint"]
    scheduler = target.client("scheduler")
    schedule = scheduler.get_schedule(Name=name)
    assert due(schedule) == pytest.approx(SystemClock().now() + 3600, abs=60)
    past = {key: schedule[key] for key in ("Target", "FlexibleTimeWindow", "ActionAfterCompletion")}
    scheduler.update_schedule(Name=name, ScheduleExpression="at(2020-01-01T00:00:00)", **past)
    entries = engine.ledger.alive(run_id=run_id)

    def kinds():
        inventory.check(engine, entries)
        return {entry.kind for entry in engine.ledger.alive(run_id=run_id)}

    left = wait_until(
        kinds, lambda seen: not seen & {"endpoint", "schedule"}, clock=SystemClock(),
        cancel=threading.Event(), every=0.1, limit=60, what="the schedule", remedy="",
    )  # fmt: skip
    assert "model" in left
    assert isinstance(list(engine.run(DIGITS, run_id=run_id))[-1], ev.RunFailed)
    assert isinstance(list(engine.run(DIGITS, run_id=run_id))[-1], ev.RunFinished)
    assert scheduler.list_schedules()["Schedules"] == []
