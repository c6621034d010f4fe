"""A plan of faults: what it may say, where the finger points when it is wrong, and its counting."""

from __future__ import annotations

import pytest

from sagewizard.errors import FaultPlanError
from sagewizard.sandbox.faults.injector import Injector
from sagewizard.sandbox.faults.plan import CAPACITY, CallFault, JobFault, Plan, When, read

WHOLE = """\
format_version: 1
seed: 7
faults:
  - calls: CreateTrainingJob
    error: throttled
    times: 3
  - calls: ["s3:PutObject", "s3:UploadPart"]
    drop: after
    rate: 0.5
  - calls: "Describe*"
    latency: 0.25
  - calls: DescribeEndpoint
    console: delete-endpoint
    after: 2
  - jobs: [training, endpoint]
    instance_types: [ml.m5.large]
quotas:
  ml.m5.xlarge for training job usage: 0
"""


def test_a_whole_plan_is_read() -> None:
    plan = read(WHOLE, "plan.yaml")
    assert plan.seed == 7
    assert plan.faults[0] == CallFault(("CreateTrainingJob",), When(times=3), error="throttled")
    assert plan.faults[1].when.rate == 0.5
    assert plan.faults[4] == JobFault(("training", "endpoint"), instance_types=("ml.m5.large",))
    assert plan.quotas == {"ml.m5.xlarge for training job usage": 0}


@pytest.mark.parametrize(
    ("old", "new", "words", "line"),
    [
        ("format_version: 1", "format_version: 2", "begins with its format version", 1),
        ("seed: 7", "sed: 7", "There is no key 'sed'", 2),
        ("error: throttled", "error: throtled", "'throtled' is not known", 5),
        ("times: 3", "times: 0", "times is 0", 6),
        ("drop: after", "drop: soon", "'soon' is not known", 8),
        ("rate: 0.5", "rate: 1.5", "rate is 1.5", 9),
        ("rate: 0.5", "error: internal", "has one", 7),
        ("latency: 0.25", "latency: .nan", "latency is nan", 11),
        ("latency: 0.25", "after: 1", "does nothing", 10),
        ("console: delete-endpoint", "console: format-disk", "'format-disk' is not known", 13),
        ("jobs: [training, endpoint]", "jobs: [trainings]", "'trainings' is not known", 15),
        ("  - calls: CreateTrainingJob\n    error", "  - error", "neither which calls", 4),
        ("ml.m5.xlarge for training job usage: 0", "ml.m5.xlarge: 0", "is no quota", 18),
        ("usage: 0", "usage: -1", "is -1", 18),
    ],
)
def test_what_is_wrong_is_named_with_its_place(old: str, new: str, words: str, line: int) -> None:
    assert old in WHOLE
    with pytest.raises(FaultPlanError) as caught:
        read(WHOLE.replace(old, new, 1), "plan.yaml")
    assert words in caught.value.message
    assert caught.value.line == line
    assert caught.value.remedy


def hits(plan: Plan, operation: str, calls: int) -> list[bool]:
    injector = Injector()
    injector.set(plan)
    return [bool(injector.call(operation)) for _ in range(calls)]


def test_after_and_times_count_the_calls_that_match() -> None:
    plan = Plan((CallFault(("CreateModel",), When(after=1, times=2), error="internal"),))
    assert hits(plan, "sagemaker:CreateModel", 5) == [False, True, True, False, False]
    assert hits(plan, "sagemaker:CreateEndpoint", 3) == [False] * 3


def test_patterns_may_name_the_service() -> None:
    fault = CallFault(("s3:*", "Describe*"), error="internal")
    for operation, hit in (("s3:GetObject", True), ("sagemaker:DescribeEndpoint", True), ("sts:Get", False)):
        assert hits(Plan((fault,)), operation, 1) == [hit]


def test_chance_is_the_same_at_every_run_and_another_with_another_seed() -> None:
    fault = CallFault(("*",), When(rate=0.5), error="throttled")
    first = hits(Plan((fault,), seed=1), "s3:GetObject", 200)
    assert first == hits(Plan((fault,), seed=1), "s3:GetObject", 200)
    assert first != hits(Plan((fault,), seed=2), "s3:GetObject", 200)
    assert 60 < sum(first) < 140


def test_jobs_fail_with_their_reason_or_for_want_of_capacity() -> None:
    injector = Injector()
    injector.set(
        Plan(
            (
                JobFault(("training",), When(times=1), fail="AlgorithmError: no"),
                JobFault(("endpoint", "training")),
            )
        )
    )
    assert injector.job("training", "ml.m5.large") == "AlgorithmError: no"
    assert injector.job("training", "ml.m5.large") == CAPACITY["job"]
    assert injector.job("endpoint", "ml.m5.large") == CAPACITY["endpoint"]
    assert injector.job("transform", "ml.m5.large") == ""
    assert [entry["hit"] for entry in injector.report()] == [1, 2]


def test_without_a_plan_nothing_happens() -> None:
    injector = Injector()
    assert not injector.calls
    assert injector.call("s3:GetObject") == []
    assert injector.quota("ml.m5.large", "endpoint") is None
