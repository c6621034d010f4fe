"""How tuning jobs run: parallelism, ends, stops, failures, warm start, several definitions, restarts."""

from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError

NAMES = {"HyperParameterTuningJobName": "tuning"}


def counters(answer):
    return {name: count for name, count in answer["TrainingJobStatusCounters"].items() if count}


def grid(**values):
    return {
        "Strategy": "Grid",
        "ParameterRanges": {
            "CategoricalParameterRanges": [{"Name": n, "Values": v} for n, v in values.items()]
        },
    }


def test_never_more_jobs_run_at_once_than_asked_for_and_as_many(tuning):
    tuning.release.clear()
    tuning.start(settings=tuning.settings(jobs=7, parallel=3))
    for _ in range(3):
        assert tuning.begun.acquire(timeout=120)
    assert not tuning.begun.acquire(timeout=0.2)
    assert counters(tuning.describe()) == {"InProgress": 3}
    assert tuning.describe()["ObjectiveStatusCounters"]["Pending"] == 3
    assert tuning.sandbox.app.busy()[-1] == "tuning job tuning"
    tuning.release.set()
    tuning.wait()
    assert tuning.most == 3 and len(tuning.seen) == 7
    assert tuning.sandbox.app.busy() == []


def test_a_bayesian_job_does_better_with_what_it_has_seen(tuning):
    tuning.score = lambda values: -abs(float(values["learning_rate"]) - 0.01) / 0.01
    answer = tuning.run(settings=tuning.settings(14, 1, Strategy="Bayesian"))
    found = answer["BestTrainingJob"]["TunedHyperParameters"]
    assert 0.003 < float(found["learning_rate"]) < 0.03


def test_grid_makes_every_combination_once_without_being_told_how_many(tuning):
    settings = tuning.settings(**grid(use_bias=["true", "false"], optimizer=["sgd", "adam", "rmsprop"]))
    del settings["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    tuning.score = lambda values: float(values["optimizer"] == "adam")
    answer = tuning.run(settings=settings)
    assert answer["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 6
    tried = {tuple(sorted(child["TunedHyperParameters"].items())) for child in tuning.children()}
    assert len(tried) == 6 and answer["HyperParameterTuningJobStatus"] == "Completed"
    assert answer["BestTrainingJob"]["TunedHyperParameters"]["optimizer"] == "adam"


def test_stop_ends_the_children_that_run_and_keeps_what_is_done(tuning):
    gate = threading.Event()
    plain = tuning.score

    def score(values):
        if len(tuning.seen) > 2:
            gate.set()
            tuning.release.clear()
        return plain(values)

    tuning.score = score
    client = tuning.start(settings=tuning.settings(jobs=50, parallel=1))
    assert gate.wait(120)
    client.stop_hyper_parameter_tuning_job(**NAMES)
    assert tuning.describe()["HyperParameterTuningJobStatus"] in ("Stopping", "Stopped")
    tuning.wait()
    answer = tuning.describe()
    assert answer["HyperParameterTuningJobStatus"] == "Stopped" and "FailureReason" not in answer
    assert counters(answer) == {"Completed": 2, "Stopped": 1}
    assert answer["BestTrainingJob"]["TrainingJobStatus"] in ("Completed", "Stopped")
    assert len(tuning.seen) == 3


def test_a_child_that_fails_counts_and_does_not_stop_the_rest(tuning):
    tuning.fail = lambda number: "AlgorithmError: no" if number in (1, 3) else None
    answer = tuning.run(settings=tuning.settings(jobs=6, parallel=1))
    assert answer["HyperParameterTuningJobStatus"] == "Completed"
    assert counters(answer) == {"Completed": 4, "NonRetryableError": 2}
    assert answer["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 2}


def test_when_all_of_few_jobs_fail_the_tuning_job_fails_with_the_services_reason(tuning):
    tuning.fail = lambda number: "AlgorithmError: no"
    answer = tuning.run()
    assert answer["HyperParameterTuningJobStatus"] == "Failed"
    assert answer["FailureReason"] == (
        "All training jobs failed. Please take a look at the training jobs failures to get more details."
    )
    assert counters(answer) == {"NonRetryableError": 4}


def test_after_five_jobs_without_success_no_more_are_started(tuning):
    tuning.fail = lambda number: "AlgorithmError: no"
    answer = tuning.run(settings=tuning.settings(jobs=40, parallel=1))
    assert answer["HyperParameterTuningJobStatus"] == "Failed"
    assert answer["FailureReason"].startswith("No training job succeeded after 5 attempts. For additional")
    assert len(tuning.seen) == 5


def test_a_success_among_the_jobs_that_still_run_saves_a_tuning_job_from_failing(tuning):
    sixth = threading.Event()

    def fail(number):
        if number == 1:
            assert sixth.wait(120)
            return None
        if number == 6:
            sixth.set()
        return "AlgorithmError: no" if number <= 6 else None

    tuning.fail = fail
    answer = tuning.run(settings=tuning.settings(jobs=9, parallel=2))
    assert answer["HyperParameterTuningJobStatus"] == "Completed", answer["FailureReason"]
    assert counters(answer) == {"Completed": 4, "NonRetryableError": 5}


def test_jobs_without_the_objective_in_their_log_end_the_tuning_job_in_words(tuning):
    tuning.score = lambda values: None
    answer = tuning.run(settings=tuning.settings(jobs=9, parallel=1))
    assert answer["FailureReason"].startswith("No objective metrics found after running 5 training jobs.")
    assert answer["ObjectiveStatusCounters"]["Failed"] == 5 and counters(answer) == {"Completed": 5}
    assert "BestTrainingJob" not in answer


def test_the_job_is_complete_once_its_target_is_reached(tuning):
    tuning.score = lambda values: float(len(tuning.seen))
    criteria = {"TargetObjectiveMetricValue": 3.0}
    answer = tuning.run(settings=tuning.settings(30, 1, TuningJobCompletionCriteria=criteria))
    assert answer["HyperParameterTuningJobStatus"] == "Completed" and len(tuning.seen) == 3


def test_the_job_is_complete_when_nothing_improves_for_as_long_as_asked(tuning):
    tuning.score = lambda values: 1.0 + 0.001 * len(tuning.seen)
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 4}}
    answer = tuning.run(settings=tuning.settings(30, 1, TuningJobCompletionCriteria=criteria))
    assert answer["HyperParameterTuningJobStatus"] == "Completed" and len(tuning.seen) == 5
    assert answer["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] == 4


@pytest.mark.parametrize(("switch", "jobs"), [("Enabled", 15), ("Disabled", 18)])
def test_convergence_is_noted_and_ends_the_job_only_where_asked(tuning, switch, jobs):
    tuning.score = lambda values: float(min(len(tuning.seen), 5))
    criteria = {"ConvergenceDetected": {"CompleteOnConvergence": switch}}
    answer = tuning.run(settings=tuning.settings(18, 1, TuningJobCompletionCriteria=criteria))
    assert len(tuning.seen) == jobs
    assert "ConvergenceDetectedTime" in answer["TuningJobCompletionDetails"]


class Hours:
    """A clock on which waiting for the tuner's limit takes no time, and everything else is real."""

    def __init__(self):
        from sagewizard.clock import SystemClock

        self.real, self.ahead = SystemClock(), 0.0

    def now(self):
        return self.real.now() + self.ahead

    def monotonic(self):
        return self.real.monotonic() + self.ahead

    def wait(self, cancel, seconds):
        if 60 < seconds <= 120 and not cancel.wait(0.2):  # the tuner looks at its limit
            self.ahead += seconds
            return False
        return cancel.wait(seconds)


def test_the_job_ends_when_its_time_is_up_and_stops_what_runs(make_sandbox, tuning, requests):
    tuning = type(tuning)(make_sandbox(clock=Hours()), requests)
    tuning.release.clear()
    limits = {"MaxNumberOfTrainingJobs": 9, "MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120}
    answer = tuning.run(settings=tuning.settings(ResourceLimits=limits))
    assert answer["HyperParameterTuningJobStatus"] == "Completed"
    assert counters(answer) == {"Stopped": 1}
    assert answer["ConsumedResources"]["RuntimeInSeconds"] >= 119


def test_several_definitions_take_turns_and_the_best_is_of_all(tuning):
    def definition(name, **changes):
        return tuning.definition(
            DefinitionName=name,
            TuningObjective={"Type": "Maximize", "MetricName": "validation:binary_f_beta"},
            HyperParameterRanges={
                "ContinuousParameterRanges": [{"Name": "wd", "MinValue": "0.1", "MaxValue": "1"}]
            },
            **changes,
        )

    settings = tuning.settings(jobs=6)
    for member in ("HyperParameterTuningJobObjective", "ParameterRanges"):
        del settings[member]
    static = {"predictor_type": "binary_classifier", "epochs": "3"}
    request = tuning.request(settings=settings)
    del request["TrainingJobDefinition"]
    request["TrainingJobDefinitions"] = [
        definition("one"),
        definition("two", StaticHyperParameters=static),
    ]
    tuning.score = lambda values: float(values["epochs"]) + float(values["wd"])
    client = tuning.sandbox.client()
    client.create_hyper_parameter_tuning_job(**request)
    tuning.wait()
    answer = tuning.describe()
    names = [child["TrainingJobDefinitionName"] for child in tuning.children()]
    assert names == ["one", "two"] * 3
    best = answer["BestTrainingJob"]
    assert best["TrainingJobDefinitionName"] == "one"
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Type"] == "Maximize"
    for item in answer["TrainingJobDefinitions"]:
        assert item["StaticHyperParameters"]["_tuning_objective_metric"] == "validation:binary_f_beta"
        assert item["HyperParameterRanges"]["CategoricalParameterRanges"] == []


def test_early_stopping_ends_jobs_worse_than_the_median_and_they_keep_their_objective(tuning):
    tuning.curve = lambda number, values: [1.0] * 5 if number <= 3 else [0.1] * 500
    answer = tuning.run(settings=tuning.settings(5, 1, TrainingJobEarlyStoppingType="Auto"))
    assert counters(answer) == {"Completed": 3, "Stopped": 2}
    stopped = tuning.children(StatusEquals="Stopped")
    assert [child["ObjectiveStatus"] for child in stopped] == ["Succeeded"] * 2
    assert {c["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for c in stopped} == {0.1}
    assert answer["ObjectiveStatusCounters"]["Succeeded"] == 5
    assert answer["HyperParameterTuningJobStatus"] == "Completed"


def test_hyperband_ends_most_jobs_at_their_first_rungs_and_lets_good_ones_run(tuning):
    def curve(number, values):
        level = float(values["learning_rate"])
        return [level + 0.001 * epoch for epoch in range(9)]

    tuning.curve = curve
    settings = tuning.settings(
        12,
        1,
        Strategy="Hyperband",
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}},
    )
    answer = tuning.run(settings=settings)
    found = counters(answer)
    assert found["Stopped"] >= 4 and found["Stopped"] + found["Completed"] == 12
    scores = [child["TunedHyperParameters"]["learning_rate"] for child in tuning.children()]
    best = answer["BestTrainingJob"]
    assert best["TrainingJobStatus"] == "Completed"
    assert float(best["TunedHyperParameters"]["learning_rate"]) >= sorted(map(float, scores))[-3]


def test_hyperband_takes_its_most_epochs_from_the_static_hyperparameters_or_refuses(tuning):
    tuning.run(settings=tuning.settings(2, 1, Strategy="Hyperband"))
    assert tuning.describe()["HyperParameterTuningJobStatus"] == "Completed"
    bare = tuning.definition(StaticHyperParameters={"predictor_type": "binary_classifier"})
    with pytest.raises(ClientError, match="MaxResource must be specified"):
        tuning.start("other", settings=tuning.settings(Strategy="Hyperband"), definition=bare)


def warm(kind, *parents):
    names = [{"HyperParameterTuningJobName": name} for name in parents]
    return {"ParentHyperParameterTuningJobs": names, "WarmStartType": kind}


def test_a_warm_start_goes_on_from_what_its_parents_found(tuning):
    tuning.score = lambda values: -abs(float(values["learning_rate"]) - 0.01) / 0.01
    tuning.run("parent", settings=tuning.settings(14, 1, Strategy="Bayesian"))
    parent = tuning.describe("parent")["BestTrainingJob"]
    settings = tuning.settings(3, 1, Strategy="Bayesian", RandomSeed=9)
    answer = tuning.run(settings=settings, WarmStartConfig=warm("IdenticalDataAndAlgorithm", "parent"))
    first = tuning.children()[0]["TunedHyperParameters"]
    assert 0.003 < float(first["learning_rate"]) < 0.03
    value = "FinalHyperParameterTuningJobObjectiveMetric"
    best = max((parent, answer["BestTrainingJob"]), key=lambda job: job[value]["Value"])
    assert answer["OverallBestTrainingJob"]["TrainingJobName"] == best["TrainingJobName"]
    assert answer["WarmStartConfig"]["WarmStartType"] == "IdenticalDataAndAlgorithm"


def test_transfer_learning_takes_other_data_and_names_no_overall_best(tuning, requests):
    tuning.run("parent")
    tuning.sandbox.services.objects.put("bucket", "other/part", b"1,2\n")
    other = tuning.definition(InputDataConfig=[requests.channel(uri="s3://bucket/other")])
    with pytest.raises(ClientError, match="the input data must be the same"):
        tuning.start(definition=other, WarmStartConfig=warm("IdenticalDataAndAlgorithm", "parent"))
    settings = tuning.settings(Strategy="Bayesian")
    answer = tuning.run(
        definition=other, settings=settings, WarmStartConfig=warm("TransferLearning", "parent")
    )
    assert answer["HyperParameterTuningJobStatus"] == "Completed"
    assert "OverallBestTrainingJob" not in answer


def test_parents_that_do_not_fit_are_refused(tuning):
    with pytest.raises(ClientError, match="can't find a tuning job"):
        tuning.start(WarmStartConfig=warm("TransferLearning", "nobody"))
    tuning.release.clear()
    client = tuning.start("parent")
    with pytest.raises(ClientError, match=r"is in status InProgress\. A parent must be"):
        tuning.start(WarmStartConfig=warm("TransferLearning", "parent"))
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="parent")
    tuning.wait()
    objective = {"Type": "Minimize", "MetricName": "validation:objective_loss"}
    with pytest.raises(ClientError, match="must be the same as that of the parent"):
        tuning.start(
            settings=tuning.settings(HyperParameterTuningJobObjective=objective),
            WarmStartConfig=warm("TransferLearning", "parent"),
        )
    more = tuning.definition()
    more["StaticHyperParameters"] |= {"wd": "0.1"}
    with pytest.raises(ClientError, match="total number of static and tunable hyperparameters"):
        tuning.start(definition=more, WarmStartConfig=warm("TransferLearning", "parent"))


def test_a_closed_server_keeps_the_job_in_progress_and_the_next_one_ends_it(tuning):
    def score(values):
        if len(tuning.seen) >= 3:
            tuning.release.clear()
        return float(values["learning_rate"])

    tuning.score = score
    tuning.start(settings=tuning.settings(6, 1))
    for _ in range(3):
        assert tuning.begun.acquire(timeout=120)
    tuning.sandbox.app.close()
    tuning.release.set()
    assert tuning.describe()["HyperParameterTuningJobStatus"] == "InProgress"
    assert counters(tuning.describe()) == {"Completed": 2, "RetryableError": 1}
    again = tuning.sandbox.restart()
    tuning.sandbox = again
    again.compute.train = tuning.train
    tuning.score = lambda values: float(values["learning_rate"])
    again.app.recover()
    tuning.wait()
    answer = tuning.describe()
    assert answer["HyperParameterTuningJobStatus"] == "Completed"
    assert counters(answer) == {"Completed": 6, "RetryableError": 1}
    children = tuning.children()
    assert [child["TrainingJobName"][:10] for child in children] == [f"tuning-00{n}" for n in range(1, 8)]
    assert children[2]["TunedHyperParameters"] == children[3]["TunedHyperParameters"]
    assert len({str(child["TunedHyperParameters"]) for child in children}) == 6
    again.app.close()
