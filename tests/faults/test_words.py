"""What a person reads of a fault: the lines of a run on a terminal, and the plan in the documentation."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from sagewizard import boto_errors
from sagewizard import events as ev
from sagewizard.cli.live import LiveView
from sagewizard.cli.terminal import console
from sagewizard.errors import CredentialsError
from sagewizard.outcome_events import Noted
from sagewizard.sandbox import launcher
from sagewizard.sandbox.faults import plan as plans

DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"
THROTTLED = b"format_version: 1\nfaults: [{calls: '%s', error: %s, times: 4}]\n"


@pytest.mark.parametrize(
    ("call", "fault", "words"),
    [
        (b"CreateModel", b"throttled", "The sandbox asks to slow down; trying again in {} s."),
        (
            b"CreateModel", b"unavailable",
            "The sandbox has a problem of its own (ServiceUnavailableException); trying again in {} s.",
        ),
    ],
)  # fmt: skip
def test_a_call_that_waits_says_why_at_first_and_when_it_lasts(world, drive, call, fault, words):
    engine = world.engine()
    launcher.set_faults(world.settings, THROTTLED % (call, fault))
    try:
        events = list(engine.run(world.recipe("iris-kmeans"), until="deploy"))
    finally:
        world.follow(None)
    assert isinstance(events[-1], ev.RunFinished)
    told = [event.message for event in events if isinstance(event, Noted) and "again in" in event.message]
    assert told == [words.format(seconds) for seconds in (1, 4, 8)]
    out = io.StringIO()
    view = LiveView(console(out), quiet=False)
    for event in events:
        view.show(event)
    view.close()
    assert f"    {told[1]}\n" in out.getvalue()
    drive.tear_down(engine, events[-1].run_id)


def test_expired_keys_say_how_to_sign_in_again_and_how_to_go_on(world, drive):
    engine = world.engine()
    world.follow("token-expires-while-training")
    try:
        end = list(engine.run(world.recipe("iris-kmeans")))[-1]
    finally:
        world.follow(None)
    assert end.error == CredentialsError.__name__
    assert "`aws sso login`" in end.remedy
    assert "`sagewizard runs resume" in end.remedy
    assert end.resumable
    drive.tear_down(engine, end.run_id)


def test_the_way_back_names_the_profile():
    from botocore.exceptions import ClientError

    raised = ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "CreateModel")
    said = boto_errors.translate(raised, doing="deploy the model", profile="class")
    assert "`aws sso login --profile class`" in said.remedy


def test_the_plan_in_the_documentation_is_one_and_shows_every_kind():
    text = DOCS.read_text(encoding="utf-8")
    section = text[text.index("## Faults on request") :]
    (example,) = re.findall(r"```yaml\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    plan = plans.read(example, "docs/sandbox.md")
    calls = [fault for fault in plan.faults if isinstance(fault, plans.CallFault)]
    jobs = [fault for fault in plan.faults if isinstance(fault, plans.JobFault)]
    assert {fault.error for fault in calls} >= {"throttled", "unavailable", "expired-token", "denied"}
    assert {fault.drop for fault in calls} >= set(plans.DROPS)
    assert {fault.console for fault in calls} >= set(plans.CONSOLE)
    assert any(fault.latency for fault in calls)
    assert any(fault.fail for fault in jobs)
    assert any(not fault.fail for fault in jobs)
    assert plan.quotas
    count = len(list((Path(__file__).parent / "plans").glob("*.yaml")))
    assert f"has {count} plans" in section
