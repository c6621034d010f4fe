"""Events as JSON lines: what is written is what is read, and what is foreign is refused."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard import event_base as base
from sagewizard import events as ev
from sagewizard.events import EventError, from_json

KINDS = sorted(ev.KINDS.values(), key=lambda kind: kind.__name__)

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
for_any = {
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(-(2**53), 2**53),
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
}


def events_of(kind):
    st.register_type_strategy(dict, st.dictionaries(st.text(max_size=4), plain, max_size=2))
    return st.builds(
        kind, **{field.name: _of(base._hints(kind)[field.name]) for field in dataclasses.fields(kind)}
    )


def _of(hint):
    import types
    import typing

    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any:
        return plain
    if origin is types.UnionType:
        return st.none() | _of(next(arm for arm in arguments if arm is not type(None)))
    if origin is tuple:
        return st.lists(_of(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(for_any[str], _of(arguments[1]), max_size=2)
    if dataclasses.is_dataclass(hint):
        return st.builds(hint, **{f.name: _of(base._hints(hint)[f.name]) for f in dataclasses.fields(hint)})
    return st.booleans() if hint is bool else for_any[hint]


@given(st.data())
def test_every_event_comes_back_as_it_was(data):
    kind = data.draw(st.sampled_from(KINDS))
    event = data.draw(events_of(kind))
    line = event.to_json()
    assert b"\n" not in line
    assert json.loads(line)["kind"] == event.kind
    assert from_json(line) == event


def test_kinds_are_frozen_slotted_and_in_the_past_tense():
    for kind in KINDS:
        assert kind.__dataclass_params__.frozen
        assert "__dict__" not in dir(kind)
        assert kind.__name__ == "LogLines" or kind.__name__.endswith(("ed", "Made")), kind


def test_a_value_that_is_no_number_comes_back_as_one():
    event = ev.MetricReported(run_id="r", sequence=1, time=1.0, job="j", name="loss", value=math.nan)
    assert math.isnan(from_json(event.to_json()).value)


def test_an_unknown_kind_is_refused_or_left_out_as_asked():
    line = b'{"kind":"dream_dreamt","run_id":"r","sequence":1,"time":1.0}'
    with pytest.raises(EventError, match="dream_dreamt") as caught:
        from_json(line)
    assert "newer" in caught.value.remedy
    assert from_json(line, unknown="skip") is None


def test_an_unknown_field_of_a_known_kind_is_left_out():
    line = b'{"kind":"warned","run_id":"r","sequence":1,"time":1.0,"message":"m","colour":"red"}'
    assert from_json(line) == ev.Warned(run_id="r", sequence=1, time=1.0, message="m")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'{"kind":1}',
        b'{"kind":"warned"}',
        b'{"kind":"warned","run_id":"r","sequence":"x","time":1,"message":"m"}',
        b'{"kind":"warned","run_id":"r","sequence":true,"time":1,"message":"m"}',
        b'{"kind":"warned","run_id":"r","sequence":1,"time":"now","message":"m"}',
        b'{"kind":"log_lines","run_id":"r","sequence":1,"time":1,"job":"j","stream":"s","lines":"x","timestamps":[]}',
        b'{"kind":"step_started","run_id":"r","sequence":1,"time":1,"step":"s","number":1,"total":2,"text":[]}',
    ],
)
def test_what_is_no_event_is_refused(line):
    with pytest.raises(EventError):
        from_json(line)


@given(st.binary(max_size=80))
def test_any_bytes_are_an_event_or_refused(line):
    try:
        from_json(line, unknown="skip")
    except EventError as error:
        assert error.remedy
