from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.sandbox.gateway.log_filter import parse

GROUP = "/aws/sagemaker/TrainingJobs"
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def logs(clients: Any) -> Any:
    return clients("logs")


@pytest.fixture
def stream(sandbox: Any) -> str:
    """A stream of ten lines, a second apart."""
    name = f"job-{next(_NUMBERS)}/algo-1-1700000000"
    writer = sandbox.services.logs.writer(GROUP, name)
    for number in range(10):
        writer.write(f"line {number}", 1_700_000_000_000 + 1000 * number)
    writer.close()
    return name


def texts(answer: Any) -> list[int]:
    return [int(event["message"].removeprefix("line ")) for event in answer["events"]]


def error(call: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    found = caught.value.response["Error"]
    return found["Code"], found["Message"]


def test_forward_tokens_go_through_and_stay_at_the_end(logs: Any, stream: str, sandbox: Any) -> None:
    ask = {"logGroupName": GROUP, "logStreamName": stream, "limit": 4}
    first = logs.get_log_events(**ask, startFromHead=True)
    second = logs.get_log_events(**ask, nextToken=first["nextForwardToken"])
    third = logs.get_log_events(**ask, nextToken=second["nextForwardToken"])
    assert [texts(first), texts(second), texts(third)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    end = logs.get_log_events(**ask, nextToken=third["nextForwardToken"])
    assert end["events"] == []
    assert end["nextForwardToken"] == third["nextForwardToken"]
    writer = sandbox.services.logs.writer(GROUP, stream)
    writer.write("line 10")
    assert texts(logs.get_log_events(**ask, nextToken=end["nextForwardToken"])) == [10]
    writer.close()


def test_backward_tokens_go_to_the_beginning_and_stay_there(logs: Any, stream: str) -> None:
    ask = {"logGroupName": GROUP, "logStreamName": stream, "limit": 4}
    last = logs.get_log_events(**ask)
    middle = logs.get_log_events(**ask, nextToken=last["nextBackwardToken"])
    first = logs.get_log_events(**ask, nextToken=middle["nextBackwardToken"])
    assert [texts(last), texts(middle), texts(first)] == [[6, 7, 8, 9], [2, 3, 4, 5], [0, 1]]
    before = logs.get_log_events(**ask, nextToken=first["nextBackwardToken"])
    assert before["events"] == []
    assert before["nextBackwardToken"] == first["nextBackwardToken"]
    assert texts(logs.get_log_events(**ask, nextToken=middle["nextForwardToken"])) == [6, 7, 8, 9]


def test_times_choose_events(logs: Any, stream: str) -> None:
    ask = {"logGroupName": GROUP, "logStreamName": stream, "startFromHead": True}
    found = logs.get_log_events(**ask, startTime=1_700_000_003_000, endTime=1_700_000_006_000)
    assert texts(found) == [3, 4, 5]


def test_an_answer_is_at_most_a_mebibyte(logs: Any, sandbox: Any) -> None:
    writer = sandbox.services.logs.writer(GROUP, "large/1")
    for number in range(8):
        writer.write(f"{number}" + "x" * 250_000)
    writer.close()
    ask = {"logGroupName": GROUP, "logStreamName": "large/1", "startFromHead": True}
    first = logs.get_log_events(**ask)
    assert [event["message"][0] for event in first["events"]] == ["0", "1", "2", "3"]
    rest = logs.get_log_events(**ask, nextToken=first["nextForwardToken"])
    assert [event["message"][0] for event in rest["events"]] == ["4", "5", "6", "7"]


def test_a_token_that_is_none_is_refused(logs: Any, stream: str) -> None:
    ask = {"logGroupName": GROUP, "logStreamName": stream}
    good = logs.get_log_events(**ask, limit=3, startFromHead=True)["nextForwardToken"]
    inside = f"f/{int(good[2:-2]) + 1:056d}/s"
    for token in ["nonsense", f"f/{10**30}/s", "f/" + "9" * 56 + "/s", inside, inside.replace("f", "b")]:
        refused = error(lambda token=token: logs.get_log_events(**ask, nextToken=token))
        assert refused == ("InvalidParameterException", "The specified nextToken is invalid.")


def test_what_is_not_there_has_cloudwatchs_own_words(logs: Any, stream: str) -> None:
    group = ("ResourceNotFoundException", "The specified log group does not exist.")
    missing = "/aws/sagemaker/Endpoints/none"
    assert error(lambda: logs.get_log_events(logGroupName=missing, logStreamName="s")) == group
    assert error(lambda: logs.describe_log_streams(logGroupName=missing)) == group
    assert error(lambda: logs.filter_log_events(logGroupName=missing)) == group
    assert error(lambda: logs.delete_log_group(logGroupName=missing)) == group
    stream_error = ("ResourceNotFoundException", "The specified log stream does not exist.")
    assert error(lambda: logs.get_log_events(logGroupName=GROUP, logStreamName="none")) == stream_error
    code, message = error(lambda: logs.put_subscription_filter(
        logGroupName=GROUP, filterName="f", filterPattern="", destinationArn="arn"))  # fmt: skip
    assert (code, "PutSubscriptionFilter" in message) == ("UnknownOperationException", True)


def test_streams_are_described_in_every_order(logs: Any, sandbox: Any) -> None:
    group = "/aws/sagemaker/TransformJobs"
    for name, at in [("b/1", 3000), ("a/1", 9000), ("c/1", 5000)]:
        writer = sandbox.services.logs.writer(group, name)
        writer.write("x", at)
        writer.close()

    def names(**options: Any) -> list[str]:
        streams = logs.describe_log_streams(logGroupName=group, **options)["logStreams"]
        return [entry["logStreamName"][0] for entry in streams]

    assert names() == ["a", "b", "c"]
    assert names(descending=True) == ["c", "b", "a"]
    assert names(orderBy="LastEventTime") == ["b", "c", "a"]
    assert names(orderBy="LastEventTime", descending=True, limit=1) == ["a"]
    assert names(logStreamNamePrefix="b/") == ["b"]
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group, PaginationConfig={"PageSize": 2}
    )
    assert [len(got["logStreams"]) for got in pages] == [2, 1]
    (entry,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="c")["logStreams"]
    assert (entry["firstEventTimestamp"], entry["lastEventTimestamp"]) == (5000, 5000)
    assert entry["arn"].endswith(f":log-group:{group}:log-stream:c/1")
    both = error(lambda: names(orderBy="LastEventTime", logStreamNamePrefix="a"))
    assert both == ("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
    assert error(lambda: names(limit=51))[0] == "InvalidParameterException"


def test_groups_of_both_kinds_are_described_as_one_list(logs: Any, sandbox: Any) -> None:
    sandbox.services.logs.create_group("/aws/sagemaker/Endpoints/e1")
    for name in ["/aaa", "/zzz"]:
        logs.create_log_group(logGroupName=name)
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 1})
    names = [group["logGroupName"] for got in pages for group in got["logGroups"]]
    assert names == sorted(names)
    assert {"/aaa", "/zzz", "/aws/sagemaker/Endpoints/e1"} <= set(names)
    own = logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/End")["logGroups"]
    assert [group["logGroupName"] for group in own] == ["/aws/sagemaker/Endpoints/e1"]


def test_groups_and_streams_of_ones_own_are_made_written_and_deleted(logs: Any) -> None:
    group = "/aws/sagemaker/Mine"
    logs.create_log_group(logGroupName=group)
    assert error(lambda: logs.create_log_group(logGroupName=group))[0] == "ResourceAlreadyExistsException"
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    events = [{"timestamp": 1000, "message": "a"}, {"timestamp": 2000, "message": "b"}]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    found = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True)["events"]
    assert [(event["timestamp"], event["message"]) for event in found] == [(1000, "a"), (2000, "b")]
    backwards = error(
        lambda: logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events[::-1])
    )
    assert backwards[0] == "InvalidParameterException"
    logs.delete_log_stream(logGroupName=group, logStreamName="s")
    assert logs.describe_log_streams(logGroupName=group)["logStreams"] == []
    logs.delete_log_group(logGroupName=group)
    assert error(lambda: logs.describe_log_streams(logGroupName=group))[0] == "ResourceNotFoundException"


def test_filtering_merges_streams_by_time_and_pages(logs: Any, sandbox: Any) -> None:
    group = "/aws/sagemaker/ProcessingJobs"
    for name, start in [("x/1", 0), ("y/1", 500)]:
        writer = sandbox.services.logs.writer(group, name)
        for number in range(5):
            writer.write(f"{name[0]}{number} {'error' if number % 2 else 'fine'}", 1000 * number + start)
        writer.close()
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, PaginationConfig={"PageSize": 3}
    )
    found = [event["message"].split()[0] for got in pages for event in got["events"]]
    assert found == ["x0", "y0", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"]

    def matching(**options: Any) -> list[str]:
        events = logs.filter_log_events(logGroupName=group, **options)["events"]
        return [event["message"].split()[0] for event in events]

    assert matching(filterPattern="error") == ["x1", "y1", "x3", "y3"]
    assert matching(filterPattern="error", logStreamNames=["y/1"]) == ["y1", "y3"]
    assert matching(logStreamNamePrefix="x", startTime=1000, endTime=3000) == ["x1", "x2"]
    assert error(lambda: matching(filterPattern="{ $.a = 1 }"))[0] == "InvalidParameterException"


@pytest.mark.parametrize(
    ("pattern", "message", "fits"),
    [
        ("", "anything", True),
        ("a b", "b then a", True),
        ("a b", "only a", False),
        ('"a b"', "an a b", True),
        ('"a b"', "a  b", False),
        ("?a ?b", "has b", True),
        ("?a ?b", "no", False),
        ("ERROR -retry", "ERROR once", True),
        ("ERROR -retry", "ERROR retry", False),
        ('"say \\"hi\\""', 'to say "hi"', True),
        ("Error", "error", False),
    ],
)
def test_filter_patterns(pattern: str, message: str, fits: bool) -> None:
    assert parse(pattern).matches(message) is fits


@given(st.text(max_size=30))
def test_any_filter_pattern_is_read_or_refused(text: str) -> None:
    try:
        parse(text).matches("message")
    except ValueError as refused:
        assert str(refused)
