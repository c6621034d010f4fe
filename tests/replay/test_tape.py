"""A tape plays a run's events in their order and at their pace, from any step, and stops when told to."""

from __future__ import annotations

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard import events as ev
from sagewizard.engine import journal, recording
from sagewizard.engine.replay import LONGEST_PAUSE, Tape, parse_speed, play
from sagewizard.errors import UsageError

TEXT = ev.StepText(title="", what="", why="", expect="", cost="")


def note(time, kind="cost", step="train"):
    base = {"run_id": "r", "sequence": 1, "time": time}
    if kind == "start":
        return ev.StepStarted(**base, step=step, number=1, total=2, text=TEXT, options={}, attempt=1)
    if kind == "end":
        return ev.StepFinished(**base, step=step, seconds=1.0, summary="", outputs={})
    return ev.Warned(**base, message="", step=step)


@pytest.fixture
def events(shipped):
    with recording.open_file(shipped["vertebral-xgboost"]) as found:
        return found.events


def test_what_is_played_are_the_journals_events_in_their_order(events, step_clock, own_run, settings):
    played = list(play(Tape(events), clock=step_clock, cancel=threading.Event()))
    assert played == list(journal.read(settings.runs / own_run / "journal.jsonl"))


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0])
def test_it_takes_as_long_as_the_run_did_through_the_speed(events, step_clock, speed):
    tape = Tape(events, speed=speed)
    list(play(tape, clock=step_clock, cancel=threading.Event()))
    assert sum(step_clock.waited) == pytest.approx(tape.seconds / speed, rel=1e-3)
    assert tape.seconds == pytest.approx(events[-1].time - events[0].time, rel=0.05)


def test_at_the_highest_speed_it_never_waits(events, step_clock):
    assert len(list(play(Tape(events, speed=math.inf), clock=step_clock, cancel=threading.Event()))) == len(
        events
    )
    assert step_clock.waited == []


def test_a_pause_of_the_person_before_a_step_is_cut_and_one_inside_it_is_not():
    tape = Tape(
        [note(0.0, "start"), note(50.0), note(50.0, "end"), note(9000.0, "start", "deploy"), note(9001.0)]
    )
    assert tape.seconds == 50.0 + LONGEST_PAUSE + 1.0


@given(
    gaps=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=30),
    ticks=st.lists(st.floats(0, 5, allow_nan=False), max_size=60),
    speed=st.sampled_from([0.1, 1.0, 3.0, 1000.0]),
)
def test_however_time_passes_every_event_comes_once_and_none_too_early(gaps, ticks, speed):
    moments = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    events = [note(moment) for moment in moments]
    tape, passed, seen = Tape(events, speed=speed), 0.0, []
    for tick in ticks:
        passed += tick * speed
        due = tape.advance(tick)
        assert all(event.time - moments[0] <= passed + 1e-3 for event in due)
        seen += due
    tape.speed = math.inf
    assert seen + tape.advance(0.0) == events
    assert tape.over


def test_it_stops_at_the_end_of_each_step_when_asked(events, step_clock):
    at, seen = [], []
    stream = play(
        Tape(events), clock=step_clock, cancel=threading.Event(), at_step_end=lambda: at.append(len(seen))
    )
    seen.extend(stream)
    ends = [n for n, event in enumerate(events, start=1) if isinstance(event, ev.StepFinished)]
    assert at == ends
    assert seen == list(events)


def test_seeking_gives_what_came_before_and_goes_on_with_the_step(events):
    tape = Tape(events)
    before = tape.seek("deploy")
    (first,) = tape.advance(0.0)[:1]
    assert isinstance(first, ev.StepStarted)
    assert first.step == "deploy"
    assert (*before, first) == events[: len(before) + 1]


def test_seeking_a_step_that_is_not_there_names_the_nearest(events):
    with pytest.raises(UsageError, match="no step 'deplyo'") as raised:
        Tape(events).seek("deplyo")
    assert "deploy?" in raised.value.remedy


def test_it_ends_at_once_when_cancelled(events, step_clock):
    cancel, seen = threading.Event(), []
    for event in play(Tape(events), clock=step_clock, cancel=cancel):
        seen.append(event)
        if len(seen) == 5:
            cancel.set()
    assert len(seen) == 5


def test_the_moment_shown_is_that_of_the_recorded_run(events):
    tape = Tape(events)
    assert tape.now == events[0].time
    tape.advance(tape.seconds + 1)
    assert tape.now == events[-1].time


@pytest.mark.parametrize(
    ("text", "speed"), [("10", 10.0), ("0.5", 0.5), ("2x", 2.0), ("max", math.inf), ("MAX", math.inf)]
)
def test_speeds_are_read(text, speed):
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf", "", "1e9"])
def test_what_is_no_speed_is_refused(text):
    with pytest.raises(UsageError, match="is no speed"):
        parse_speed(text)
