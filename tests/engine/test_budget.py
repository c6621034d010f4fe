"""The budget of a run: it stops before the sum is passed, tears down, and says so, by a clock of ours."""

from __future__ import annotations

import threading

import pytest

from sagewizard import events as ev
from sagewizard.engine import Engine
from sagewizard.engine import state as states
from sagewizard.engine.budget import SHORTEST_JOB_SECONDS, Budget
from sagewizard.engine.costs import HOSTING, TRAINING, CostMeter
from sagewizard.engine.interactive import Interactive
from sagewizard.engine.ledger import Ledger
from sagewizard.engine.ttl import Ttl
from sagewizard.errors import BudgetReachedError, UsageError
from sagewizard.recipe import finding

DIGITS = finding.load("digits-linear-learner")
HOURLY = 0.36  # what the target in memory asks for everything


@pytest.fixture
def engine(target, settings, clock):
    return Engine(target, settings=settings, clock=clock)


@pytest.fixture
def bills(fakes, monkeypatch):
    """Let the target bill what the clock says, from the start of a job to its end 120 s after a stop."""
    plain = fakes._Operations.DescribeTrainingJob

    def describe(t, TrainingJobName):  # noqa: N803  as on the wire
        answer = plain(t, TrainingJobName)
        if "BillableTimeInSeconds" in answer:
            job = t.jobs[TrainingJobName]
            if job["stopped"]:
                job.setdefault("ended", t.clock.now() + 120.0)
            end = job.get("ended", t.clock.now())
            answer["BillableTimeInSeconds"] = int(end - job["start"].timestamp())
        return answer

    monkeypatch.setattr(fakes._Operations, "DescribeTrainingJob", describe)


def last(engine, **options):
    events = list(engine.run(DIGITS, **options))
    return events, events[-1]


def left(target):
    return {**target.models, **target.configs, **target.endpoints}


@pytest.mark.usefixtures("bills")
@pytest.mark.parametrize("budget", [0.03, 0.1])
def test_a_job_without_end_is_stopped_before_the_budget_is_passed(engine, target, settings, budget):
    target.looks_until_done = 10**9
    events, end = last(engine, budget=budget)
    assert isinstance(end, ev.RunFailed)
    assert (end.error, end.exit_code, end.resumable) == ("BudgetReachedError", 6, True)
    assert f"The budget of ${budget:.4f}".rstrip("0") in end.message or f"${budget:.2f}" in end.message
    assert "--budget" in end.remedy
    assert target.calls["StopTrainingJob"] == 1
    spent = states.load(settings.runs / end.run_id).usd
    assert 0 < spent <= budget
    # Not far too early either: what is left is no more than stopping may take.
    assert budget - spent <= HOURLY * (180 + 30) / 3600
    assert end.alive == ()
    assert not left(target)
    assert events


def test_an_endpoint_that_would_pass_the_budget_is_torn_down(engine, target, clock, settings, monkeypatch):
    answers = type(target).client

    def slow(self, service):
        if service == "sagemaker-runtime":
            clock.time += 20.0
        return answers(self, service)

    monkeypatch.setattr(type(target), "client", slow)
    _events, end = last(engine, budget=0.06)
    assert isinstance(end, ev.RunFailed)
    assert end.error == "BudgetReachedError"
    assert target.calls["CreateEndpoint"] == target.calls["DeleteEndpoint"] == 1
    assert not left(target)
    assert 0 < states.load(settings.runs / end.run_id).usd <= 0.06
    assert not [e for e in Ledger(settings.ledger).alive() if e.kind != "s3-prefix"]


def test_what_cannot_be_paid_is_not_made_and_not_written_down(engine, target, settings):
    _events, end = last(engine, budget=0.001)
    assert isinstance(end, ev.RunFailed)
    assert "does not suffice for the training-job" in end.message
    assert target.calls["CreateTrainingJob"] == 0
    assert {entry.kind for entry in Ledger(settings.ledger).of_run(end.run_id)} == {"s3-prefix"}


def test_a_larger_budget_goes_on_where_a_smaller_one_ended(engine, target):
    _events, end = last(engine, budget=0.001)
    _events, end = last(engine, run_id=end.run_id, budget=5.0)
    assert isinstance(end, ev.RunFinished)
    assert end.complete
    assert not left(target)


def test_a_run_goes_on_with_the_budget_it_had(engine, settings):
    _events, end = last(engine, budget=0.001)
    assert states.load(settings.runs / end.run_id).budget == 0.001
    _events, end = last(engine, run_id=end.run_id)
    assert end.error == "BudgetReachedError"


def test_a_run_with_a_budget_that_fails_for_another_reason_leaves_nothing(engine, target, fakes):
    target.faults["CreateTransformJob"] = [fakes.client_error("ValidationException", "No.", "Create")]
    _events, end = last(engine, budget=5.0)
    assert isinstance(end, ev.RunFailed)
    assert end.error == "UsageError"
    assert target.calls["CreateEndpoint"] == 1
    assert not left(target)


def test_what_could_not_be_torn_down_keeps_its_price_and_exit_code_5(fakes, clock, settings, monkeypatch):
    target = fakes.FakeTarget(clock, simulated=False)
    refusal = fakes.client_error("AccessDeniedException", "Not authorised.", "DeleteEndpoint")
    target.faults["DeleteEndpoint"] = [refusal] * 9
    answers = type(target).client

    def slow(self, service):
        clock.time += 20.0 if service == "sagemaker-runtime" else 0.0
        return answers(self, service)

    monkeypatch.setattr(type(target), "client", slow)
    end = list(Engine(target, settings=settings, clock=clock).run(DIGITS, budget=0.06))[-1]
    assert (end.error, end.exit_code) == ("BudgetReachedError", 5)
    assert [(item.kind, item.hourly_usd) for item in end.alive] == [("endpoint", HOURLY)]


def test_the_job_itself_ends_within_the_budget_when_nobody_stops_it(engine, target):
    list(engine.run(DIGITS, budget=0.08, until="train"))
    job = next(iter(target.jobs.values()))
    seconds = job["StoppingCondition"]["MaxRuntimeInSeconds"]
    assert SHORTEST_JOB_SECONDS <= seconds < 1800
    assert (seconds + 180) * HOURLY / 3600 <= 0.08


def test_every_job_has_a_longest_run(engine, target):
    tuned = DIGITS.with_settings({"tune.enabled": "true", "train.folds": "2"})
    list(engine.run(tuned))
    for job in target.jobs.values():
        if "StoppingCondition" in job:
            assert job["StoppingCondition"]["MaxRuntimeInSeconds"] > 0
    (tuning,) = target.tunings.values()
    assert tuning["TrainingJobDefinition"]["StoppingCondition"]["MaxRuntimeInSeconds"] > 0
    assert len(target.jobs) >= 4


def test_a_transform_job_is_stopped_at_its_longest_run(engine, target, fakes, monkeypatch):
    stopped = []

    def describe(t, TransformJobName):  # noqa: N803
        job = t.transforms[TransformJobName]
        status = "Stopped" if stopped else "InProgress"
        return {**job, "TransformJobStatus": status, "TransformJobArn": "arn",
                "TransformStartTime": job["start"],
                **({"TransformEndTime": t.stamp()} if stopped else {})}  # fmt: skip

    def stop(t, TransformJobName):  # noqa: N803
        stopped.append(TransformJobName)
        return {}

    monkeypatch.setattr(fakes._Operations, "DescribeTransformJob", describe)
    monkeypatch.setattr(fakes._Operations, "StopTransformJob", stop, raising=False)
    recipe = DIGITS.with_settings({"transform.max_runtime_seconds": "60"})
    end = list(engine.run(recipe))[-1]
    assert (end.error, end.exit_code) == ("WaitTimeoutError", 4)
    assert "took longer than 60 seconds, and was stopped" in end.message
    assert len(stopped) == 1
    assert "transform-job" not in {item.kind for item in end.alive}


@pytest.mark.parametrize(("simulated", "kind", "code"), [
    (False, "endpoint", 5), (False, "model", 130), (True, "endpoint", 130),
])  # fmt: skip
def test_ctrl_c_is_5_where_something_goes_on_costing_money_and_130_elsewhere(
    fakes, clock, settings, simulated, kind, code
):
    engine = Engine(fakes.FakeTarget(clock, simulated=simulated), settings=settings, clock=clock)
    cancel, end = threading.Event(), None
    for event in engine.run(DIGITS, cancel=cancel):
        if isinstance(event, ev.ResourceCreated) and event.resource == kind:
            cancel.set()
        end = event
    assert isinstance(end, ev.RunCancelled)
    assert end.exit_code == code


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"budget": 0.0}, "is none"),
        ({"budget": -1.0}, "is none"),
        ({"budget": float("nan")}, "is none"),
        ({"budget": 1.0, "keep": True}, "would stay"),
        ({"budget": 1.0, "until": "predict"}, "would stay"),
        ({"budget": 1.0, "keep": True, "ttl": Ttl(3600, "continue")}, "without an end"),
    ],
)
def test_a_budget_that_cannot_be_held_is_refused_at_once(engine, target, options, words):
    with pytest.raises(UsageError, match=words):
        engine.run(DIGITS, **options)
    assert not target.calls


@pytest.mark.parametrize("budget", [0.37, 0.6])
def test_an_endpoint_that_deletes_itself_may_stay_where_its_whole_time_is_paid(
    engine, target, clock, settings, budget
):
    # An hour of it and the minutes that its end may take, beside what the training job costs.
    end = last(engine, budget=budget, keep=True, ttl=Ttl(3600))[1]
    if budget < 0.4:
        assert (end.error, end.exit_code) == ("BudgetReachedError", 6)
        assert "does not suffice for the endpoint" in end.message or "would be passed" in end.message
        assert not left(target)
        return
    assert isinstance(end, ev.RunFinished), end
    assert target.endpoints
    assert states.load(settings.runs / end.run_id).leaves_endpoint
    # Each use puts its end off, and is refused when the budget does not suffice for that.
    asked = Interactive(settings, end.run_id, lambda: engine)
    asked.predict_row(1)
    clock.time += 2400
    with pytest.raises(BudgetReachedError):
        asked.predict_row(1)


def test_without_a_price_no_budget_is_held(target, clock):
    class NoPrices:
        def hourly(self, region, instance_type, component):
            return None

    target.prices = NoPrices()
    budget = Budget(1.0, CostMeter(target, clock), poll_seconds=1.0)
    with pytest.raises(UsageError, match="No price is known"):
        budget.commit("training-job", "t", TRAINING, None, "ml.unknown.large")


def test_the_projection_counts_what_runs_what_was_asked_for_and_nothing_twice(target, clock):
    meter = CostMeter(target, clock)
    budget = Budget(10.0, meter, poll_seconds=5.0)
    assert budget.projected() == 0
    budget.commit("training-job", "t", TRAINING, HOURLY)
    asked = HOURLY * (180 + 20) / 3600
    assert budget.projected() == pytest.approx(asked)
    meter.start("training-job", "t", TRAINING, "ml.m5.large", 1)
    assert budget.projected() == pytest.approx(asked)
    clock.time += 3600
    assert budget.projected() == pytest.approx(HOURLY + asked)
    meter.stop("training-job", "t")
    assert budget.projected() == pytest.approx(HOURLY)
    budget.commit("tuning-job", "sw-tune", TRAINING, 2 * HOURLY)
    meter.start("training-job", "sw-tune-001-abc", TRAINING, "ml.m5.large", 1)
    assert budget.projected() == pytest.approx(HOURLY + 2 * asked)
    meter.start("endpoint", "e", HOSTING, "ml.m5.large", 1)
    assert budget.projected() == pytest.approx(HOURLY + 2 * asked + HOURLY * (120 + 20) / 3600)
    budget.limit_usd = 0.01
    with pytest.raises(BudgetReachedError):
        budget.check()
    budget.close()
    budget.check()


def test_a_tuning_ends_within_the_budget_when_nobody_stops_it(engine, target):
    recipe = DIGITS.with_settings({"tune.enabled": "true"})
    list(engine.run(recipe, budget=0.5, until="tune"))
    (tuning,) = target.tunings.values()
    limits = tuning["HyperParameterTuningJobConfig"]["ResourceLimits"]
    rate = HOURLY * limits["MaxParallelTrainingJobs"]
    assert limits["MaxRuntimeInSeconds"] >= 120
    assert (limits["MaxRuntimeInSeconds"] + 180) * rate / 3600 <= 0.5
