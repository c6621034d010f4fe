"""No machines to be had, and what others do in the console, by plans of faults against the real sandbox."""

from __future__ import annotations

import pytest

from sagewizard import events as ev
from sagewizard.aws.prices import TablePrices
from sagewizard.engine import Engine, capacity
from sagewizard.engine.plan import plan_run
from sagewizard.engine.plan_instances import alternatives
from sagewizard.errors import JobFailedError
from sagewizard.recipe import finding
from sagewizard.render.plan import plan_lines
from sagewizard.sandbox import launcher

DIGITS = finding.load("digits-linear-learner").with_settings({"train.epochs": "2", "predict.requests": "0"})
NO_MACHINES = "CapacityError: Unable to provision requested ML compute capacity."


@pytest.fixture
def world(sandbox):
    """Run a recipe under a plan of faults, given without its first line; returns the events."""
    target, settings = sandbox
    engine = Engine(target, settings=settings)

    def run(faults, recipe=DIGITS, **options):
        launcher.set_faults(settings, f"format_version: 1\nfaults:\n{faults}".encode())
        try:
            return list(engine.run(recipe, **options))
        finally:
            launcher.set_faults(settings, None)

    run.engine = engine
    yield run
    launcher.set_faults(settings, None)


def warnings(events):
    return [event.message for event in events if isinstance(event, ev.Warned)]


def created(events, kind):
    return [
        event.name for event in events if isinstance(event, ev.ResourceCreated) and event.resource == kind
    ]


def requests(events, operation):
    return [e.request for e in events if isinstance(e, ev.ApiCalled) and e.operation == operation]


def test_without_capacity_a_run_stops_says_what_helps_and_goes_on_later(world):
    events = world("- {jobs: training, times: 1}\n", until="train")
    end = events[-1]
    assert isinstance(end, ev.RunFailed)
    assert "no machines to spare for train (ml.m5.large)" in end.message
    assert "--set train.on_capacity=next-type" in end.remedy
    done = list(world.engine.run(DIGITS, run_id=end.run_id, until="train"))
    assert isinstance(done[-1], ev.RunFinished)


def test_the_next_type_is_taken_for_the_job_and_for_the_endpoint(world):
    recipe = DIGITS.with_settings({"train.on_capacity": "next-type", "deploy.on_capacity": "next-type"})
    events = world(
        "- {jobs: [training, endpoint], instance_types: [ml.m5.large]}\n",
        recipe, until="predict", keep=True,
    )  # fmt: skip
    assert isinstance(events[-1], ev.RunFinished), events[-1]
    taken = alternatives(recipe, "train")[0]
    assert [r["ResourceConfig"]["InstanceType"] for r in requests(events, "CreateTrainingJob")] == [
        "ml.m5.large", taken,
    ]  # fmt: skip
    assert sum(f"taking {taken}" in message for message in warnings(events)) == 2
    # The endpoint that failed is gone, with its configuration.
    first, second = created(events, "endpoint")
    alive = {(entry.kind, entry.name) for entry in world.engine.ledger.alive(run_id=events[0].run_id)}
    assert ("endpoint", second) in alive
    assert not {name for _kind, name in alive} & {first, created(events, "endpoint-config")[0]}
    (meter,) = [item for item in events[-1].alive if item.kind == "endpoint"]
    price = TablePrices().hourly("us-east-1", taken, "Hosting")
    assert meter.hourly_usd == pytest.approx(price.usd_per_hour)
    rest = list(world.engine.run(recipe, run_id=events[0].run_id))
    assert isinstance(rest[-1], ev.RunFinished)
    assert rest[-1].alive == ()


def test_waiting_tries_again_under_a_new_name(world, monkeypatch):
    monkeypatch.setattr(capacity, "LOOKS_A_MINUTE", 0.1)
    events = world(
        "- {jobs: training, times: 2}\n", DIGITS.with_settings({"train.on_capacity": "wait"}), until="train"
    )
    assert isinstance(events[-1], ev.RunFinished), events[-1]
    names = created(events, "training-job")
    assert [name.partition("-train")[2] for name in names] == ["", "-c1", "-c2"]
    assert sum("trying again in" in message for message in warnings(events)) == 2
    trained = next(e for e in events if isinstance(e, ev.StepFinished) and e.step == "train")
    assert trained.outputs["job"] == names[-1]


def test_waiting_ends_and_other_failures_are_not_tried_again(fakes, settings, clock):
    target = fakes.FakeTarget(clock)
    target.fail_training = NO_MACHINES
    engine = Engine(target, settings=settings, clock=clock)
    waiting = DIGITS.with_settings({"train.on_capacity": "wait"})
    assert isinstance(list(engine.run(waiting, until="train"))[-1], ev.RunFailed)
    assert target.calls["CreateTrainingJob"] == 1 + len(capacity.WAITS)
    target.fail_training = "AlgorithmError: the label must be 0 or 1"
    before = target.calls["CreateTrainingJob"]
    end = list(engine.run(waiting, until="train"))[-1]
    assert "AlgorithmError" in end.message
    assert target.calls["CreateTrainingJob"] == before + 1


def test_a_shortage_is_told_from_other_errors(fakes):
    for code in ("CapacityError", "InsufficientCapacity"):
        assert capacity.is_shortage(fakes.client_error(code, "none left", "CreateEndpoint"))
    assert capacity.is_shortage(JobFailedError("InsufficientInstanceCapacity error", remedy=""))
    assert not capacity.is_shortage(fakes.client_error("ResourceLimitExceeded", "quota", "CreateEndpoint"))
    assert not capacity.is_shortage(ValueError("the capacity of a list"))


def test_the_plan_names_what_is_taken_instead_with_its_price():
    recipe = DIGITS.with_settings({"train.on_capacity": "next-type"})
    plan = plan_run(recipe, target="aws", simulated=False, region="us-east-1", prices=TablePrices())
    text = " ".join(" ".join(plan_lines(plan)).split())
    assert "Where AWS has no such machine to spare, train takes ml.m5.xlarge ($0.23/h), else" in text
    assert [one.step for one in plan.fallbacks] == ["train"]


def test_a_tuning_job_and_a_batch_transform_take_the_next_type_too(world):
    recipe = DIGITS.with_settings(
        {"tune.enabled": "true", "tune.strategy": "Random", "tune.jobs": "2", "tune.on_capacity": "next-type",
         "tune.instance_type": "ml.m5.xlarge", "transform.on_capacity": "next-type",
         "teardown.delete_logs": "true"}
    )  # fmt: skip
    plan = plan_run(recipe, target="aws", simulated=False, region="us-east-1", prices=TablePrices())
    assert [one.step for one in plan.fallbacks] == ["tune", "transform"]
    # Two jobs at a time are two machines.
    machine = TablePrices().hourly("us-east-1", alternatives(recipe, "tune")[0], "Training").usd_per_hour
    assert plan.fallbacks[0].types[0][1] == pytest.approx(2 * machine)
    events = world(
        "- {jobs: training, instance_types: [ml.m5.xlarge]}\n"
        "- {jobs: transform, instance_types: [ml.m5.large]}\n", recipe,
    )  # fmt: skip
    assert isinstance(events[-1], ev.RunFinished), events[-1]
    assert events[-1].alive == ()
    made = {
        "tune": ("tuning-job", "CreateHyperParameterTuningJob"),
        "transform": ("transform-job", "CreateTransformJob"),
    }
    for step, (kind, operation) in made.items():
        first, second = created(events, kind)
        assert first != second
        wanted, taken = str(recipe.value(f"{step}.instance_type")), alternatives(recipe, step)[0]
        asked = requests(events, operation)
        assert [wanted in str(request) for request in asked] == [True, False]
        assert taken in str(asked[1])
        assert any(f"no {wanted} to spare: taking {taken}" in message for message in warnings(events))
    # Of the failed jobs, too, no log is left where the recipe says so.
    done = next(e for e in events if isinstance(e, ev.StepFinished) and e.step == "teardown")
    assert f"; {len(done.outputs['logs'])} logs deleted" in done.summary
    logs = world.engine.target.client("logs")
    run_id = events[0].run_id
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert not [group for group in groups if run_id in group]
    for group in groups:
        found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"sw-{run_id}")
        assert found["logStreams"] == []
    assert any("Endpoints" in name for name in done.outputs["logs"])


def test_a_job_that_somebody_stops_is_told_and_trained_again(world):
    events = world("- {calls: DescribeTrainingJob, console: stop-job, times: 1}\n", until="train")
    end = events[-1]
    if isinstance(end, ev.RunFinished):
        pytest.skip("the job had ended before it could be stopped")
    assert "was stopped by somebody else" in end.message
    assert "Resume the run" in end.remedy
    done = list(world.engine.run(DIGITS, run_id=end.run_id, until="train"))
    assert isinstance(done[-1], ev.RunFinished)


def test_an_endpoint_that_somebody_deletes_while_it_answers_is_told_and_made_again(world):
    events = world("- {calls: InvokeEndpoint, console: delete-endpoint, times: 1}\n")
    end = events[-1]
    assert isinstance(end, ev.RunFailed)
    assert "somebody else has deleted it" in end.message
    assert "endpoint" not in {item.kind for item in end.alive}
    done = list(world.engine.run(DIGITS, run_id=end.run_id))
    assert isinstance(done[-1], ev.RunFinished)
    assert done[-1].alive == ()
