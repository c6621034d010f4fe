"""The step tune against a target in memory: what it asks for, what it tells, and how it survives."""

from __future__ import annotations

import gc
import threading

import pytest
import yaml
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from sagewizard import events as ev
from sagewizard import tuning_events as tv
from sagewizard.engine import Engine, inventory, journal
from sagewizard.engine import state as states
from sagewizard.engine.ledger import Ledger
from sagewizard.engine.steps.tune import KIND
from sagewizard.engine.tuned import tuned
from sagewizard.engine.tuning_plan import LONGEST_NAME, tuning_name
from sagewizard.recipe import finding
from sagewizard.recipe.loading import load_text


def only(recipe, *steps):
    """The recipe with some of its steps: what a test does not look at would only take its time."""
    body = yaml.safe_load(recipe.raw)
    body["steps"] = [step for step in body["steps"] if step["step"] in steps]
    return load_text(yaml.safe_dump(body, sort_keys=False), recipe.source)


DIGITS = only(
    finding.load("digits-linear-learner"), "dataset", "prepare", "train", "tune", "deploy", "teardown"
)
TUNED = DIGITS.with_settings({"tune.enabled": "true"})
TUNED_ALWAYS = load_text(DIGITS.raw.decode().replace("enabled: false", "enabled: true"), DIGITS.source)
OBJECTIVE = "validation:binary_f_beta"


@pytest.fixture
def engine(target, settings, clock):
    return Engine(target, settings=settings, clock=clock)


def run(engine, recipe=TUNED, **options):
    return list(engine.run(recipe, **options))


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def sent(events, operation):
    return [call.request for call in of(events, ev.ApiCalled) if call.operation == operation]


def test_a_recipe_leaves_the_step_out_until_it_is_asked_for(engine, target):
    assert "tune" not in DIGITS.steps
    assert "tune" in DIGITS.all_steps
    events = run(engine, DIGITS)
    assert events[-1].complete
    assert not target.tunings
    assert "tune" not in events[0].steps


def test_the_request_is_what_the_recipe_says_and_fits_the_service(engine):
    (request,) = sent(run(engine), "CreateHyperParameterTuningJob")
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")
    shape = model.operation_model("CreateHyperParameterTuningJob").input_shape
    assert not ParamValidator().validate(request, shape).has_errors()
    config = request["HyperParameterTuningJobConfig"]
    assert config["Strategy"] == "Bayesian"
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Maximize", "MetricName": OBJECTIVE}
    assert config["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 2}
    assert config["RandomSeed"] == 1
    ranges = config["ParameterRanges"]
    assert [entry["Name"] for entry in ranges["ContinuousParameterRanges"]] == ["wd", "learning_rate"]
    assert [float(entry["MinValue"]) for entry in ranges["ContinuousParameterRanges"]] == [1e-7, 1e-5]
    assert ranges["IntegerParameterRanges"] == [
        {"Name": "mini_batch_size", "MinValue": "100", "MaxValue": "500", "ScalingType": "Auto"}
    ]
    assert ranges["CategoricalParameterRanges"] == []
    definition = request["TrainingJobDefinition"]
    # What is searched has no fixed value beside.
    assert "mini_batch_size" not in definition["StaticHyperParameters"]
    assert definition["StaticHyperParameters"]["epochs"] == "15"
    assert definition["ResourceConfig"]["InstanceType"] == "ml.m5.large"
    assert [channel["ChannelName"] for channel in definition["InputDataConfig"]] == ["train", "validation"]
    assert {"Key": "sagewizard:recipe", "Value": "digits-linear-learner"} in request["Tags"]


def test_everything_that_can_be_set_reaches_the_service(engine):
    recipe = TUNED.with_settings(
        {
            "tune.strategy": "Hyperband",
            "tune.max_epochs": "20",
            "tune.min_epochs": "2",
            "tune.target_value": "0.99",
            "tune.not_improving": "4",
            "tune.max_tuning_seconds": "7200",
            "tune.warm_start": "one-tuning, another",
            "tune.warm_start_type": "TransferLearning",
            "tune.wd": "fixed",
            "tune.learning_rate": "0.001..0.1 logarithmic",
            "tune.use_bias": "true, false",
        }
    )
    (request,) = sent(run(engine, recipe, until="tune"), "CreateHyperParameterTuningJob")
    config = request["HyperParameterTuningJobConfig"]
    band = config["StrategyConfig"]["HyperbandStrategyConfig"]
    assert band == {"MinResource": 2, "MaxResource": 20}
    assert config["TuningJobCompletionCriteria"] == {
        "TargetObjectiveMetricValue": 0.99,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 4},
    }
    assert config["ResourceLimits"]["MaxRuntimeInSeconds"] == 7200
    assert request["WarmStartConfig"]["WarmStartType"] == "TransferLearning"
    parents = request["WarmStartConfig"]["ParentHyperParameterTuningJobs"]
    assert [parent["HyperParameterTuningJobName"] for parent in parents] == ["one-tuning", "another"]
    (rate,) = config["ParameterRanges"]["ContinuousParameterRanges"]
    assert rate == {
        "Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic",
    }  # fmt: skip
    (bias,) = config["ParameterRanges"]["CategoricalParameterRanges"]
    assert bias == {"Name": "use_bias", "Values": ["true", "false"]}


def test_the_best_is_deployed_and_everything_goes_away(engine, target):
    events = run(engine)
    assert isinstance(events[-1], ev.RunFinished), events[-1]
    assert events[-1].alive == ()
    run_id = events[0].run_id
    best = f"sw-{run_id}-tune-006-0123abcd"  # the fake's objective is the learning rate, which rises
    (created,) = sent(events, "CreateModel")
    assert created["ModelName"] == f"sw-{run_id}-model-006-0123abcd"
    assert created["PrimaryContainer"]["ModelDataUrl"] == f"s3://bucket/{best}/output/model.tar.gz"
    assert not target.models


def test_a_lower_objective_is_better_when_the_metric_says_so(engine):
    recipe = TUNED.with_settings({"tune.objective_metric": "validation:objective_loss"})
    events = run(engine, recipe, until="tune")
    assert of(events, tv.TuningPlanned)[0].goal == "Minimize"
    assert of(events, tv.TuningChanged)[-1].best.endswith("-001-0123abcd")
    assert [event.best_objective for event in of(events, tv.TrialReported) if event.best][-1] == min(
        event.trial.objective for event in of(events, tv.TrialReported) if event.trial.objective is not None
    )


def test_the_plan_comes_before_anything_is_created(engine):
    events = run(engine, until="tune")
    (plan,) = of(events, tv.TuningPlanned)
    create = next(
        call for call in of(events, ev.ApiCalled) if call.operation == "CreateHyperParameterTuningJob"
    )
    assert plan.sequence < create.sequence
    assert (plan.jobs, plan.parallel, plan.strategy) == (6, 2, "Bayesian")
    # Six jobs of three minutes, two at a time, two minutes of each billed at the fake's $0.36 an hour.
    assert plan.minutes == 9
    assert plan.usd == pytest.approx(6 * 2 / 60 * 0.36)
    assert list(plan.ranges) == ["wd", "learning_rate", "mini_batch_size"]


def test_each_trial_is_told_as_it_changes_and_the_table_at_the_end(engine):
    events = run(engine, until="tune")
    told = of(events, tv.TrialReported)
    assert [event.trial.number for event in told if event.trial.over] == [1, 2, 3, 4, 5, 6]
    assert all(event.trial.objective is None for event in told if not event.trial.over)
    bests = [event.best_objective for event in told if event.best_objective is not None]
    assert bests == sorted(bests)
    changes = of(events, tv.TuningChanged)
    assert [event.status for event in changes] == ["InProgress", "Completed"]
    last = changes[-1]
    assert last.over
    assert len(last.trials) == 6
    assert list(last.trials[0].hyperparameters) == ["wd", "learning_rate", "mini_batch_size"]
    assert last.best == last.trials[-1].name
    assert last.best_objective == last.trials[-1].objective


def test_every_training_job_is_billed_once(engine):
    events = run(engine, until="tune")
    items = [item for item in of(events, ev.CostChanged)[-1].items if "-tune-" in item.name]
    assert len(items) == 6
    assert all(item.seconds == 100 and not item.running for item in items)
    (finished,) = [event for event in of(events, ev.StepFinished) if event.step == "tune"]
    assert finished.outputs["billable_seconds"] == 600


def test_a_trial_that_fails_counts_and_does_not_stop_the_rest(engine, target):
    target.failing_trials = frozenset({2, 6})
    events = run(engine, until="tune")
    assert isinstance(events[-1], ev.RunFinished)
    last = of(events, tv.TuningChanged)[-1]
    failed = [trial for trial in last.trials if trial.status == "Failed"]
    assert [trial.number for trial in failed] == [2, 6]
    assert failed[0].reason == "ClientError: job 2 met bad data."
    assert failed[0].objective is None
    assert last.best.endswith("-005-0123abcd")


def test_a_tuning_that_fails_gives_its_reason_and_tries_again_under_a_new_name(engine, target):
    target.tuning_fails, target.failing_trials = "All training jobs failed.", frozenset(range(1, 7))
    events = run(engine)
    end = events[-1]
    assert isinstance(end, ev.RunFailed)
    assert end.exit_code == 1
    assert "All training jobs failed." in end.message
    assert "job 6 met bad data" in end.message
    assert end.alive == ()
    target.tuning_fails, target.failing_trials = "", frozenset()
    again = run(engine, run_id=events[0].run_id)
    assert isinstance(again[-1], ev.RunFinished)
    assert sorted(target.tunings) == [f"sw-{events[0].run_id}-tune", f"sw-{events[0].run_id}-tune-2"]


def test_a_tuning_without_any_objective_says_what_the_jobs_said(engine, target):
    target.failing_trials = frozenset(range(1, 7))
    end = run(engine)[-1]
    assert isinstance(end, ev.RunFailed)
    assert OBJECTIVE in end.message
    assert "met bad data" in end.message
    assert "--from tune" in end.remedy


@pytest.fixture
def at_look(fakes, monkeypatch):
    """Do something just before the engine looks at the tuning job again: two of its training jobs run."""
    describe = fakes._Operations.DescribeHyperParameterTuningJob

    def arrange(action):
        looks = iter(range(1, 1000))

        def looked(t, HyperParameterTuningJobName):  # noqa: N803
            if next(looks) == 2:
                action()
            return describe(t, HyperParameterTuningJobName)

        monkeypatch.setattr(fakes._Operations, "DescribeHyperParameterTuningJob", looked)

    return arrange


@pytest.fixture
def cancelled(engine, at_look):
    """The events of a run that was cancelled in the middle of its tuning."""
    cancel = threading.Event()
    at_look(cancel.set)
    return run(engine, cancel=cancel)


def test_cancel_leaves_the_tuning_job_and_resume_adopts_it(engine, target, cancelled):
    events = cancelled
    end = events[-1]
    assert isinstance(end, ev.RunCancelled)
    assert end.resumable
    assert [(alive.kind, alive.name) for alive in end.alive] == [(KIND, f"sw-{events[0].run_id}-tune")]
    assert end.alive[0].hourly_usd == pytest.approx(0.72)  # two at a time
    again = run(engine, run_id=events[0].run_id)
    assert isinstance(again[-1], ev.RunFinished), again[-1]
    assert target.calls["CreateHyperParameterTuningJob"] == 2
    assert len(target.tunings) == 1
    (made,) = [event for event in of(again, ev.ResourceCreated) if event.resource == KIND]
    assert made.adopted
    assert not of(again, tv.TuningPlanned)
    assert len(of(again, tv.TuningChanged)[-1].trials) == 6
    assert sent(again, "CreateModel")[0]["ModelName"].endswith("-006-0123abcd")
    items = [item for item in of(again, ev.CostChanged)[-1].items if "-tune-" in item.name]
    assert len(items) == 6


def test_a_resumed_run_with_other_ranges_is_told_to_tune_again(engine, cancelled):
    events = cancelled
    changed = TUNED.with_settings({"tune.wd": "0.001..0.1"})
    end = run(engine, changed, run_id=events[0].run_id)[-1]
    assert isinstance(end, ev.RunFailed)
    assert "other settings" in end.message
    again = run(engine, changed, run_id=events[0].run_id, from_step="tune")
    assert isinstance(again[-1], ev.RunFinished)
    assert again[-1].alive == ()


def test_stopping_the_tuning_job_keeps_what_is_done(engine, target, at_look):
    at_look(lambda: [job.update(status="Stopping") for job in target.tunings.values()])
    events = run(engine)
    assert isinstance(events[-1], ev.RunFinished), events[-1]
    last = of(events, tv.TuningChanged)[-1]
    assert last.status == "Stopped"
    assert len(last.trials) == 2
    assert any("stopped after" in event.message for event in of(events, ev.Warned))
    assert sent(events, "CreateModel")[0]["PrimaryContainer"]["ModelDataUrl"].split("/")[3] == last.best


def test_a_teardown_stops_the_tuning_job_and_the_run_goes_on_with_what_it_had(
    engine, target, settings, cancelled
):
    events = cancelled
    run_id = events[0].run_id
    ledger = Ledger(settings.ledger)
    entries = [entry for entry in ledger.alive(run_id=run_id) if entry.kind == KIND]
    outcome = inventory.delete(engine, entries, cancel=threading.Event())
    assert not outcome.failed, outcome
    assert outcome.deleted, (outcome, entries)
    assert target.calls["StopHyperParameterTuningJob"] == 1
    assert not [entry for entry in ledger.alive(run_id=run_id) if entry.kind == KIND]
    state = states.load(settings.runs / run_id)
    assert not [meter for meter in state.meters if meter["started"] and meter["ended"] is None]
    again = run(engine, run_id=run_id)
    assert isinstance(again[-1], ev.RunFinished), again[-1]
    assert len(target.tunings) == 1
    assert of(again, tv.TuningChanged)[-1].status == "Stopped"


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_around_the_create_call_leaves_one_tuning_job(engine, target, settings, fakes, moment):
    table = target.faults if moment == "before" else target.after
    table["CreateHyperParameterTuningJob"] = [fakes.Crash("the machine went away")]
    events = run(engine)
    assert not of(events, ev.ENDINGS)
    assert KIND in {entry.kind for entry in Ledger(settings.ledger).alive()}
    gc.collect()
    again = run(engine, run_id=events[0].run_id)
    assert isinstance(again[-1], ev.RunFinished)
    assert again[-1].alive == ()
    assert len(target.tunings) == 1


def test_a_refused_request_leaves_nothing_in_the_ledger(engine, target, settings, fakes):
    target.faults["CreateHyperParameterTuningJob"] = [
        fakes.client_error("ValidationException", "The ranges are no good.", "Create")
    ]
    end = run(engine)[-1]
    assert isinstance(end, ev.RunFailed)
    assert "The ranges are no good." in end.message
    assert KIND not in {entry.kind for entry in Ledger(settings.ledger).alive()}


def test_the_better_of_both_goes_on_when_that_is_asked_for(engine, target, fakes, monkeypatch):
    describe = fakes._Operations.DescribeTrainingJob

    def with_metrics(t, TrainingJobName):  # noqa: N803
        answer = describe(t, TrainingJobName)
        return {**answer, "FinalMetricDataList": [{"MetricName": OBJECTIVE, "Value": 2.0}]}

    monkeypatch.setattr(fakes._Operations, "DescribeTrainingJob", with_metrics)
    plain = run(engine)
    assert sent(plain, "CreateModel")[0]["ModelName"].endswith("-006-0123abcd")
    assert any("tune.model=better" in event.message for event in of(plain, ev.Warned))
    asked = run(engine, TUNED.with_settings({"tune.model": "better"}))
    run_id = asked[0].run_id
    assert sent(asked, "CreateModel")[0]["ModelName"] == f"sw-{run_id}-model"
    assert not of(asked, ev.RunFailed)


def test_ranges_beyond_the_recommendation_are_named_and_done(engine):
    events = run(engine, TUNED.with_settings({"tune.mini_batch_size": "10..500"}), until="tune")
    (warning,) = [event.message for event in of(events, ev.Warned) if "recommends" in event.message]
    assert "mini_batch_size" in warning
    assert "100 to 5000" in warning
    assert events[-1].exit_code == 0


def test_a_batch_larger_than_the_data_is_found_before_anything_is_there(engine, target, settings):
    end = run(engine, TUNED.with_settings({"tune.mini_batch_size": "100..5000"}))[-1]
    assert isinstance(end, ev.RunFailed)
    assert "fewer than one mini-batch of 5000" in end.message
    assert end.exit_code == 2
    assert not target.calls["UploadFile"]
    assert not states.all_runs(settings.runs)


def test_the_proof_of_a_teardown_knows_tuning_jobs(engine):
    run_id = run(engine, until="tune")[0].run_id
    (proof,) = inventory.prove(engine, [(KIND, f"sw-{run_id}-tune")])
    assert proof.gone
    assert proof.answer == "Completed"


def test_a_recipe_can_tune_without_training_first(engine, target):
    recipe = load_text(only(TUNED_ALWAYS, "dataset", "prepare", "tune", "deploy", "teardown").raw, "r.yaml")
    assert "train" not in recipe.steps
    assert recipe.with_settings({"train.epochs": "3"}).effective_hyperparameters()["epochs"] == "3"
    events = run(engine, recipe)
    assert isinstance(events[-1], ev.RunFinished), events[-1]
    assert len(sent(events, "CreateModel")) == 1


def test_what_is_kept_of_a_tuning_is_read_from_the_state_or_the_journal(engine, settings, cancelled):
    events = cancelled
    state = states.load(settings.runs / events[0].run_id)
    half = tuned(settings, state)
    assert half is not None
    assert not half.finished
    assert half.job == f"sw-{state.run_id}-tune"
    assert {trial.name for trial in half.trials} == {
        event.trial.name for event in of(events, tv.TrialReported)
    }
    run(engine, run_id=state.run_id)
    state = states.load(settings.runs / state.run_id)
    whole = tuned(settings, state)
    assert whole is not None
    assert whole.finished
    assert len(whole.trials) == 6
    assert whole.best == whole.trials[-1].name
    assert [event.sequence for event in journal.read(settings.runs / state.run_id / journal.NAME)]


def test_a_run_without_tuning_has_none(engine, settings):
    events = run(engine, DIGITS)
    assert tuned(settings, states.load(settings.runs / events[0].run_id)) is None


def test_steps_added_later_stand_in_the_order_of_the_recipe(engine, settings):
    run_id = run(engine, DIGITS)[0].run_id
    again = run(engine, TUNED, run_id=run_id, from_step="tune")
    assert isinstance(again[-1], ev.RunFinished), again[-1]
    assert tuple(states.load(settings.runs / run_id).steps) == TUNED.steps


@pytest.mark.parametrize("run_id", ["20261121-013055-a3f9", "a" * 40, "abc"])
@pytest.mark.parametrize("attempt", ["", "-2", "-99"])
def test_the_name_of_a_tuning_job_is_never_too_long(run_id, attempt):
    name = tuning_name(f"sw-{run_id}-tune{attempt}")
    assert len(name) <= LONGEST_NAME
    assert name == tuning_name(f"sw-{run_id}-tune{attempt}")
    assert name != tuning_name(f"sw-{run_id}-tune-3")
