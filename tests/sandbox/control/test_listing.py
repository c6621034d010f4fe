from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagewizard.clock import SystemClock
from sagewizard.sandbox.control.resources import MODEL

BAD_PAGE = 'Invalid pagination token because "{0}".'


class Ticking(SystemClock):
    """Each look is a second later, from a round start."""

    def __init__(self):
        self.time = 1_000_000.0

    def now(self):
        self.time += 1
        return self.time


@pytest.fixture
def many(make_sandbox, requests):
    sandbox = make_sandbox(clock=Ticking())
    sagemaker = sandbox.client()
    for number in range(23):
        sagemaker.create_model(**requests.model(f"model-{number * 7 % 23:02}"))
    return sagemaker


def pages(call, **query):
    while True:
        answer = call(**query)
        yield [item["ModelName"] for item in answer["Models"]]
        if "NextToken" not in answer:
            return
        query["NextToken"] = answer["NextToken"]


def test_without_a_size_a_page_has_ten_items_newest_first(many):
    shown = list(pages(many.list_models))
    assert [len(page) for page in shown] == [10, 10, 3]
    names = [name for page in shown for name in page]
    assert names == [f"model-{number * 7 % 23:02}" for number in reversed(range(23))]


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("sort", ["Name", "CreationTime"])
@pytest.mark.parametrize("size", [1, 7, 23, 100])
def test_pages_together_are_everything_once_in_order(many, order, sort, size):
    shown = list(pages(many.list_models, SortBy=sort, SortOrder=order, MaxResults=size))
    names = [name for page in shown for name in page]
    wanted = (
        [f"model-{n:02}" for n in range(23)]
        if sort == "Name"
        else [f"model-{n * 7 % 23:02}" for n in range(23)]
    )
    assert names == (wanted if order == "Ascending" else wanted[::-1])
    assert all(len(page) == size for page in shown[:-1])


def test_deleting_what_was_shown_neither_hides_nor_repeats_the_rest(many):
    seen, query = [], {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 5}
    while True:
        answer = many.list_models(**query)
        for item in answer["Models"]:
            seen.append(item["ModelName"])
            many.delete_model(ModelName=item["ModelName"])
        if "NextToken" not in answer:
            break
        query["NextToken"] = answer["NextToken"]
    assert seen == [f"model-{n:02}" for n in range(23)]


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "W10=", "WyJhIiwxXQ==", "WzEsMiwzXQ==", "é", "=" * 9])
def test_a_token_that_was_never_given_is_refused(many, token):
    with pytest.raises(ClientError) as caught:
        many.list_models(NextToken=token)
    assert caught.value.response["Error"] == {"Code": "ValidationException", "Message": BAD_PAGE}


def test_a_token_belongs_to_its_query(many):
    token = many.list_models(MaxResults=5)["NextToken"]
    assert len(many.list_models(MaxResults=3, NextToken=token)["Models"]) == 3
    with pytest.raises(ClientError) as caught:
        many.list_models(NextToken=token, NameContains="model")
    assert caught.value.response["Error"]["Message"] == BAD_PAGE
    with pytest.raises(ClientError):
        many.list_endpoints(NextToken=token)


def test_filters_by_name_and_time(many):
    assert {m["ModelName"] for m in many.list_models(NameContains="l-1", MaxResults=100)["Models"]} == {
        f"model-1{n}" for n in range(10)
    }
    first = min(m["CreationTime"] for m in many.list_models(MaxResults=100)["Models"])
    after = many.list_models(CreationTimeAfter=first, MaxResults=100)["Models"]
    before = many.list_models(CreationTimeBefore=first, MaxResults=100)["Models"]
    assert (len(after), len(before)) == (23, 0)


def test_jobs_are_listed_oldest_first_and_after_means_after(make_sandbox, requests):
    sandbox = make_sandbox(clock=Ticking())
    sagemaker = sandbox.client()
    for name in ("b", "a", "c"):
        sagemaker.create_training_job(**requests.training_job(name))
        sandbox.settle()
    jobs = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in jobs] == ["b", "a", "c"]
    first = jobs[0]["CreationTime"]
    later = sagemaker.list_training_jobs(CreationTimeAfter=first)["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in later] == ["a", "c"]
    modified = sagemaker.list_training_jobs(LastModifiedTimeBefore=jobs[2]["LastModifiedTime"])
    assert [job["TrainingJobName"] for job in modified["TrainingJobSummaries"]] == ["b", "a"]
    assert len(sagemaker.list_training_jobs(StatusEquals="Completed")["TrainingJobSummaries"]) == 3
    assert sagemaker.list_training_jobs(StatusEquals="Failed")["TrainingJobSummaries"] == []
    by_status = sagemaker.list_training_jobs(SortBy="Status", SortOrder="Descending", MaxResults=2)
    assert [job["TrainingJobName"] for job in by_status["TrainingJobSummaries"]] == ["c", "b"]
    assert sagemaker.list_training_jobs(WarmPoolStatusEquals="InUse")["TrainingJobSummaries"] == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    size=st.integers(1, 6),
    ascending=st.booleans(),
    statuses=st.lists(st.sampled_from("ABC"), min_size=1, max_size=15),
)
def test_any_sort_with_ties_pages_through_everything_once(sandbox, data, size, ascending, statuses):
    from sagewizard.sandbox.control.listing import ListRules, list_resources

    repository = sandbox.app._control.repository
    for resource in repository.select(["kind = ?"], [MODEL]):
        repository.delete(resource.region, MODEL, resource.name)
    for number, status in enumerate(statuses):
        repository.create("us-east-1", MODEL, f"m{number}", status, {})
    rules = ListRules(MODEL, "Models", lambda resource: {"name": resource.name, "status": resource.status})
    query = {
        "SortBy": data.draw(st.sampled_from(["Name", "CreationTime", "Status"])),
        "SortOrder": "Ascending" if ascending else "Descending",
        "MaxResults": size,
    }
    shown, token = [], None
    for _ in range(len(statuses) + 1):
        answer = list_resources(
            repository, "us-east-1", query | ({"NextToken": token} if token else {}), rules
        )
        shown += answer["Models"]
        token = answer.get("NextToken")
        if token is None:
            break
    assert sorted(item["name"] for item in shown) == sorted(f"m{n}" for n in range(len(statuses)))
    if query["SortBy"] == "Status":
        seen = [item["status"] for item in shown]
        assert seen == sorted(seen, reverse=not ascending)
