"""Spot training: what a job is asked for, what is refused before anything exists, what is told saved."""

from __future__ import annotations

import pytest

from sagewizard import events as ev
from sagewizard.engine import Engine
from sagewizard.engine.spot import savings
from sagewizard.recipe import finding

DIGITS = finding.load("digits-linear-learner")


@pytest.fixture
def engine(target, settings, clock):
    return Engine(target, settings=settings, clock=clock)


def run(engine, recipe, **options):
    return list(engine.run(recipe, **options))


def test_a_spot_job_waits_for_capacity_and_never_without_end(engine, target):
    recipe = DIGITS.with_settings({"train.spot": "true"})
    run(engine, recipe, until="train")
    (job,) = target.jobs.values()
    assert job["EnableManagedSpotTraining"] is True
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800, "MaxWaitTimeInSeconds": 3600}
    # Linear Learner would not read a checkpoint.
    assert "CheckpointConfig" not in job


def test_an_on_demand_job_has_none_of_it(engine, target):
    run(engine, DIGITS, until="train")
    (job,) = target.jobs.values()
    assert "EnableManagedSpotTraining" not in job
    assert "MaxWaitTimeInSeconds" not in job["StoppingCondition"]


def test_an_algorithm_that_writes_checkpoints_has_a_place_of_its_own_for_them(engine, target):
    recipe = finding.load("breast-cancer-xgboost").with_settings({"train.spot": "true"})
    events = run(engine, recipe, until="train")
    (name,) = target.jobs
    job = target.jobs[name]
    run_id = events[0].run_id
    assert job["CheckpointConfig"] == {"S3Uri": f"s3://bucket/sagewizard/{run_id}/checkpoints/{name}"}
    condition = job["StoppingCondition"]
    assert condition["MaxWaitTimeInSeconds"] == condition["MaxRuntimeInSeconds"] + 3600


def test_a_spot_job_that_could_not_have_its_time_is_refused_before_anything_exists(engine, target):
    recipe = DIGITS.with_settings({"train.spot": "true", "train.max_runtime_seconds": "7200"})
    end = run(engine, recipe)[-1]
    assert isinstance(end, ev.RunFailed)
    assert end.exit_code == 2
    assert "train.max_runtime_seconds=3600" in end.remedy
    assert not end.resumable
    assert not target.calls


def test_the_training_jobs_of_a_tuning_can_be_spot_jobs(engine, target):
    recipe = DIGITS.with_settings({"tune.enabled": "true", "tune.jobs": "2", "tune.spot": "true"})
    run(engine, recipe, until="tune")
    (tuning,) = target.tunings.values()
    assert tuning["TrainingJobDefinition"]["EnableManagedSpotTraining"] is True
    assert "MaxWaitTimeInSeconds" in tuning["TrainingJobDefinition"]["StoppingCondition"]
    training = next(job for name, job in target.jobs.items() if name.endswith("-train"))
    assert "EnableManagedSpotTraining" not in training


@pytest.mark.parametrize(
    ("simulated", "words"), [(False, "30 s billed of 100 s: spot training saved 70%"), (True, "on AWS only")]
)
def test_the_savings_are_shown_and_billed(fakes, clock, settings, monkeypatch, simulated, words):
    plain = fakes._Operations.DescribeTrainingJob

    def describe(t, TrainingJobName):  # noqa: N803  as on the wire
        answer = plain(t, TrainingJobName)
        answer["EnableManagedSpotTraining"] = True
        if "BillableTimeInSeconds" in answer:
            answer |= {"BillableTimeInSeconds": 30, "TrainingTimeInSeconds": 100}
        return answer

    monkeypatch.setattr(fakes._Operations, "DescribeTrainingJob", describe)
    target = fakes.FakeTarget(clock, simulated=simulated)
    engine = Engine(target, settings=settings, clock=clock)
    events = run(engine, DIGITS.with_settings({"train.spot": "true"}), until="train")
    (done,) = [e for e in events if isinstance(e, ev.StepFinished) and e.step == "train"]
    assert words in done.summary
    assert done.outputs["spot_savings"] == pytest.approx(0.7)
    assert events[-1].usd == pytest.approx(0.36 * 30 / 3600)


@pytest.mark.parametrize(
    ("answer", "saved"),
    [
        ({}, None),
        ({"TrainingTimeInSeconds": 100, "BillableTimeInSeconds": 30}, None),
        ({"EnableManagedSpotTraining": True}, None),
        ({"EnableManagedSpotTraining": True, "TrainingTimeInSeconds": 50, "BillableTimeInSeconds": 50}, 0.0),
        ({"EnableManagedSpotTraining": True, "TrainingTimeInSeconds": 50, "BillableTimeInSeconds": 60}, 0.0),
    ],
)
def test_savings_are_those_of_the_description(answer, saved):
    assert savings(answer) == saved
