"""What tuning jobs answer, and which requests they refuse."""

from __future__ import annotations

import json
import re

import pytest
from botocore.exceptions import ClientError

from sagewizard.sandbox.control.service_model import service_model

ROLE = "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
NAMES = {"HyperParameterTuningJobName": "tuning"}


def refusal(tuning, **options):
    with pytest.raises(ClientError) as caught:
        tuning.start(**options)
    assert tuning.seen == []
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def agrees(tuning):
    """Call an operation raw and compare what comes back with the members of the service's own output."""

    def compare(shape, value, path):
        if shape.type_name == "structure":
            assert set(value) <= set(shape.members), path
            assert set(shape.required_members) <= set(value), path
            for name, item in value.items():
                compare(shape.members[name], item, f"{path}.{name}")
        elif shape.type_name == "list":
            for item in value:
                compare(shape.member, item, path)
        elif shape.type_name == "map":
            assert all(isinstance(item, str) for item in value.values()), path
        elif shape.metadata.get("enum"):
            assert value in shape.metadata["enum"], path

    def call(operation, payload):
        answer = tuning.sandbox.call(
            "POST", "http://127.0.0.1/", {"X-Amz-Target": f"SageMaker.{operation}"}, json.dumps(payload)
        )
        assert answer.status_code == 200, answer.get_data()
        output = json.loads(answer.get_data() or b"{}")
        shape = service_model().operation_model(operation).output_shape
        if shape is not None:
            compare(shape, output, operation)
        return output

    return call


def test_every_answer_agrees_with_the_service_model(tuning, agrees):
    tuning.release.clear()
    output = agrees("CreateHyperParameterTuningJob", tuning.request())
    arn = "arn:aws:sagemaker:us-east-1:123456789012:hyper-parameter-tuning-job/tuning"
    assert output == {"HyperParameterTuningJobArn": arn}
    assert tuning.begun.acquire(timeout=120)
    agrees("DescribeHyperParameterTuningJob", NAMES)
    agrees("ListTrainingJobsForHyperParameterTuningJob", NAMES)
    tuning.release.set()
    tuning.wait()
    assert agrees("DescribeHyperParameterTuningJob", NAMES)["HyperParameterTuningJobStatus"] == "Completed"
    assert len(agrees("ListTrainingJobsForHyperParameterTuningJob", NAMES)["TrainingJobSummaries"]) == 4
    listed = agrees("ListHyperParameterTuningJobs", {})["HyperParameterTuningJobSummaries"]
    assert [item["HyperParameterTuningJobName"] for item in listed] == ["tuning"]
    child = listed_name = tuning.children()[0]["TrainingJobName"]
    assert agrees("DescribeTrainingJob", {"TrainingJobName": child})["TuningJobArn"] == arn
    assert agrees("DeleteHyperParameterTuningJob", NAMES) == {}
    assert tuning.sandbox.client().describe_training_job(TrainingJobName=listed_name)


def test_describe_has_what_the_sdks_read(tuning):
    definition = tuning.definition()
    del definition["ResourceConfig"]
    definition["HyperParameterTuningResourceConfig"] = {
        "InstanceType": "ml.m5.large",
        "InstanceCount": 1,
        "VolumeSizeInGB": 30,
    }
    answer = tuning.run(definition=definition)
    body = answer["TrainingJobDefinition"]
    assert body["ResourceConfig"] == definition["HyperParameterTuningResourceConfig"]
    assert body["StaticHyperParameters"]["_tuning_objective_metric"] == "validation:binary_f_beta"
    assert body["OutputDataConfig"]["KmsKeyId"] == ""
    metrics = {item["Name"]: item["Regex"] for item in body["AlgorithmSpecification"]["MetricDefinitions"]}
    assert metrics["ObjectiveMetric"] == metrics["validation:binary_f_beta"]
    config = answer["HyperParameterTuningJobConfig"]
    assert config["TrainingJobEarlyStoppingType"] == "Off" and config["RandomSeed"] == 1
    assert set(config["ParameterRanges"]) == {
        "CategoricalParameterRanges",
        "ContinuousParameterRanges",
        "IntegerParameterRanges",
    }
    assert config["ParameterRanges"]["IntegerParameterRanges"][0]["ScalingType"] == "Auto"
    assert answer["HyperParameterTuningEndTime"] >= answer["CreationTime"]
    assert answer["ConsumedResources"]["RuntimeInSeconds"] >= 0
    assert answer["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] >= 0
    assert answer["TrainingJobStatusCounters"] == {
        "Completed": 4,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 0,
    }
    assert answer["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    best = answer["BestTrainingJob"]
    scores = [float(child["TunedHyperParameters"]["learning_rate"]) for child in tuning.children()]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {
        "MetricName": "validation:binary_f_beta",
        "Value": max(scores),
    }
    assert best["ObjectiveStatus"] == "Succeeded" and best["TuningJobName"] == "tuning"
    assert "OverallBestTrainingJob" not in answer


def test_children_are_ordinary_training_jobs_with_names_values_and_tags_of_their_own(tuning):
    tuning.run(Tags=[{"Key": "team", "Value": "blue"}])
    client = tuning.sandbox.client()
    listed = client.list_training_jobs()["TrainingJobSummaries"]
    names = sorted(item["TrainingJobName"] for item in listed)
    assert [re.sub("[0-9a-f]{8}$", "*", name) for name in names] == [f"tuning-00{n}-*" for n in (1, 2, 3, 4)]
    for child in tuning.children():
        job = client.describe_training_job(TrainingJobName=child["TrainingJobName"])
        values = job["HyperParameters"]
        assert values == child["TunedHyperParameters"] | {
            "predictor_type": "binary_classifier",
            "epochs": "9",
            "_tuning_objective_metric": "validation:binary_f_beta",
        }
        assert 100 <= int(values["mini_batch_size"]) <= 2000
        assert {m["MetricName"]: m["Value"] for m in job["FinalMetricDataList"]}["ObjectiveMetric"] == (
            pytest.approx(float(values["learning_rate"]), rel=1e-6)
        )
        tags = client.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
        assert tags == [{"Key": "team", "Value": "blue"}]


def test_the_same_seed_gives_the_same_names_and_values_again(tuning):
    tuning.run()
    first = [(c["TrainingJobName"], c["TunedHyperParameters"]) for c in tuning.children()]
    client = tuning.sandbox.client()
    client.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuning")
    for name, _ in first:
        client.delete_training_job(TrainingJobName=name)
    tuning.run()
    assert [(c["TrainingJobName"], c["TunedHyperParameters"]) for c in tuning.children()] == first


def test_a_deleted_tuning_job_leaves_its_children_and_its_name_can_be_used_again(tuning):
    tuning.run()
    old = {child["TrainingJobName"] for child in tuning.children()}
    tuning.sandbox.client().delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuning")
    answer = tuning.run()
    new = {child["TrainingJobName"] for child in tuning.children()}
    assert len(new) == 4 and not new & old
    assert answer["TrainingJobStatusCounters"]["Completed"] == 4


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("by", ["Name", "CreationTime", "Status", "FinalObjectiveMetricValue"])
def test_children_are_listed_in_any_order_a_page_at_a_time(tuning, by, order):
    tuning.fail = lambda number: "AlgorithmError: no" if number == 2 else None
    tuning.run(settings=tuning.settings(jobs=6))
    pages = tuning.sandbox.client().get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    found = [
        child
        for page in pages.paginate(**NAMES, SortBy=by, SortOrder=order, PaginationConfig={"PageSize": 2})
        for child in page["TrainingJobSummaries"]
    ]
    key = {
        "Name": lambda child: child["TrainingJobName"],
        "CreationTime": lambda child: child["CreationTime"],
        "Status": lambda child: child["TrainingJobStatus"],
        "FinalObjectiveMetricValue": lambda c: c["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
    }[by]
    keys = [key(child) for child in found]
    assert keys == sorted(keys, reverse=order == "Descending")
    assert len({child["TrainingJobName"] for child in found}) == len(found)
    assert len(found) == (5 if by == "FinalObjectiveMetricValue" else 6)


def test_children_are_filtered_by_status_and_a_foreign_page_token_is_refused(tuning):
    tuning.fail = lambda number: "AlgorithmError: no" if number == 2 else None
    tuning.run()
    failed = tuning.children(StatusEquals="Failed")
    assert [child["FailureReason"] for child in failed] == ["AlgorithmError: no"]
    assert failed[0]["ObjectiveStatus"] == "Failed"
    assert len(tuning.children(StatusEquals="Completed")) == 3
    client = tuning.sandbox.client()
    page = client.list_training_jobs_for_hyper_parameter_tuning_job(**NAMES, MaxResults=1)
    with pytest.raises(ClientError, match="Invalid pagination token"):
        client.list_training_jobs_for_hyper_parameter_tuning_job(
            **NAMES, NextToken=page["NextToken"], SortBy="Status"
        )


def test_tuning_jobs_are_listed_by_name_with_their_counters(tuning):
    for name in ("b", "c", "a"):
        tuning.run(name)
    client = tuning.sandbox.client()
    listed = client.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
    assert [item["HyperParameterTuningJobName"] for item in listed] == ["a", "b", "c"]
    assert listed[0]["TrainingJobStatusCounters"]["Completed"] == 4
    assert listed[0]["Strategy"] == "Random"
    newest = client.list_hyper_parameter_tuning_jobs(
        SortBy="CreationTime", SortOrder="Descending", MaxResults=2, StatusEquals="Completed"
    )
    names = [item["HyperParameterTuningJobName"] for item in newest["HyperParameterTuningJobSummaries"]]
    assert names == ["a", "c"]


@pytest.mark.parametrize("operation", ["describe", "stop", "delete"])
def test_a_tuning_job_that_is_not_there_is_not_found(tuning, operation):
    with pytest.raises(ClientError) as caught:
        getattr(tuning.sandbox.client(), f"{operation}_hyper_parameter_tuning_job")(**NAMES)
    error = caught.value.response["Error"]
    assert error["Code"] == "ResourceNotFound"
    assert error["Message"].startswith("Amazon SageMaker can't find a tuning job")


def test_a_taken_name_is_resource_in_use_and_a_running_job_cannot_be_deleted(tuning):
    tuning.release.clear()
    client = tuning.start()
    with pytest.raises(ClientError, match="with this name already exists") as caught:
        tuning.start("TUNING")
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match="is in status InProgress"):
        client.delete_hyper_parameter_tuning_job(**NAMES)
    tuning.release.set()
    tuning.wait()
    with pytest.raises(ClientError, match="is in status Completed"):
        client.stop_hyper_parameter_tuning_job(**NAMES)


def test_a_tuning_job_can_be_tagged(tuning):
    arn = tuning.run()["HyperParameterTuningJobArn"]
    client = tuning.sandbox.client()
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]


def rate(**changes):
    return {"Name": "learning_rate", "MinValue": "1e-5", "MaxValue": "1"} | changes


def only(*items, kind="Continuous"):
    return {"ParameterRanges": {f"{kind}ParameterRanges": list(items)}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ParameterRanges": {}}, "You must specify at least one hyperparameter range"),
        (
            only(rate(MinValue="1", MaxValue="0.1")),
            "The MinValue [1.0] of the hyperparameter [learning_rate]",
        ),
        (only(rate(MinValue="1", MaxValue="1")), "must be less than its MaxValue [1.0]"),
        (only(rate(MinValue="0", ScalingType="Logarithmic")), "needs values greater than 0"),
        (only(rate(MaxValue="2", ScalingType="ReverseLogarithmic")), "within 0 <= x < 1"),
        (
            only({"Name": "epochs", "MinValue": "1", "MaxValue": "5"}, kind="Integer"),
            "The hyperparameters [epochs] have a range and a static value",
        ),
        (
            only({"Name": "learning_rat", "MinValue": "1", "MaxValue": "5"}),
            "The hyperparameter [learning_rat] isn't tunable",
        ),
        (
            only({"Name": "use_bias", "Values": ["true", "false"]}, kind="Categorical"),
            "for the provided ranges [2.0] must be equal or greater than the value of MaxNumberOfJobs, [4].",
        ),
        ({"Strategy": "Grid"}, "Grid search supports only categorical hyperparameter ranges"),
        (
            {
                "Strategy": "Grid",
                **only({"Name": "use_bias", "Values": ["true", "false"]}, kind="Categorical"),
            },
            "MaxNumberOfTrainingJobs, [4], must be equal to the number of hyperparameter combinations",
        ),
        (
            {"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"},
            "TrainingJobEarlyStoppingType must be Off when the strategy is Hyperband",
        ),
        (
            {
                "Strategy": "Hyperband",
                "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 9, "MaxResource": 3}},
            },
            "MinResource, [9], must be less than or equal to MaxResource, [3]",
        ),
        (
            {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1}}},
            "only for the Hyperband strategy",
        ),
        ({"ResourceLimits": {"MaxParallelTrainingJobs": 2}}, "MaxNumberOfTrainingJobs must be specified"),
        (
            {
                "HyperParameterTuningJobObjective": {
                    "Type": "Maximize",
                    "MetricName": "validation:accuracy",
                }
            },
            "algorithm. Choose a valid objective metric: [validation:binary_classification_accuracy, ",
        ),
        (
            {
                "HyperParameterTuningJobObjective": {
                    "Type": "Minimize",
                    "MetricName": "validation:binary_f_beta",
                }
            },
            "[Minimize], that you specified for objective metric, [validation:binary_f_beta], isn't valid",
        ),
    ],
)
def test_a_request_that_cannot_work_is_refused_in_words(tuning, changes, said):
    code, text = refusal(tuning, settings=tuning.settings(**changes))
    assert code == "ValidationException" and said in text


@pytest.mark.parametrize(
    ("jobs", "parallel", "strategy", "fits"),
    [
        (751, 2, "Bayesian", False),
        (10_001, 2, "Random", False),
        (4, 11, "Random", False),
        (750, 10, "Random", True),
    ],
)
def test_more_jobs_than_the_quota_are_refused(tuning, jobs, parallel, strategy, fits):
    if fits:
        tuning.release.clear()
        client = tuning.start(settings=tuning.settings(jobs, parallel, Strategy=strategy))
        client.stop_hyper_parameter_tuning_job(**NAMES)
        tuning.wait()
        return
    code, text = refusal(tuning, settings=tuning.settings(jobs, parallel, Strategy=strategy))
    assert code == "ResourceLimitExceeded" and "The account-level service limit" in text


def test_more_ranges_than_allowed_are_refused(tuning):
    numbers = [{"Name": f"a{n}", "MinValue": "0", "MaxValue": "9"} for n in range(20)]
    wholes = [{"Name": f"b{n}", "MinValue": "0", "MaxValue": "9"} for n in range(11)]
    both = {"ContinuousParameterRanges": numbers, "IntegerParameterRanges": wholes}
    _, text = refusal(tuning, settings=tuning.settings(ParameterRanges=both))
    assert "The number of hyperparameters to tune, [31], must be less than or equal to [30]" in text


def test_a_long_name_and_a_parallelism_of_zero_are_refused_by_the_service_model(tuning):
    client = tuning.sandbox.client(validate=False)
    request = tuning.request("n" * 33, settings=tuning.settings(parallel=0))
    with pytest.raises(ClientError) as caught:
        client.create_hyper_parameter_tuning_job(**request)
    text = caught.value.response["Error"]["Message"]
    assert text.startswith("3 validation errors detected: ")
    assert "'hyperParameterTuningJobName' failed to satisfy constraint: Member must have length less" in text
    assert "maxParallelTrainingJobs' failed to satisfy constraint: Member must have value greater" in text


def test_what_is_wrong_with_the_training_jobs_is_said_when_the_tuning_job_is_made(tuning, requests):
    missing = tuning.definition(InputDataConfig=[requests.channel(uri="s3://bucket/nothing")])
    assert refusal(tuning, definition=missing)[1].startswith("No S3 objects found under S3 URL")
    image = {
        "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1",
        "TrainingInputMode": "File",
    }
    own = refusal(tuning, definition=tuning.definition(AlgorithmSpecification=image))
    assert own[1].startswith("Requested image 123456789012.dkr.ecr")
    given = tuning.definition()
    given["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "a", "Regex": "b"}]
    assert "can't override the metric definitions" in refusal(tuning, definition=given)[1]


def test_a_request_has_one_definition_or_several_and_not_both(tuning):
    request = tuning.request()
    del request["TrainingJobDefinition"]
    client = tuning.sandbox.client()
    with pytest.raises(ClientError, match="either TrainingJobDefinition or TrainingJobDefinitions"):
        client.create_hyper_parameter_tuning_job(**request)
    request["TrainingJobDefinitions"] = [tuning.definition()]
    with pytest.raises(ClientError, match="each definition must have its own TuningObjective"):
        client.create_hyper_parameter_tuning_job(**request)


def autotuned(tuning, **changes):
    """Run a tuning job whose open members Autotune chooses, and describe it."""
    settings = tuning.settings(ResourceLimits={"MaxParallelTrainingJobs": 4})
    del settings["ParameterRanges"]
    settings |= changes
    return tuning.run(settings=settings, Autotune={"Mode": "Enabled"})


def test_autotune_chooses_ranges_limits_and_ends_where_nothing_is_said_of_them(tuning):
    found = autotuned(tuning)
    config = found["HyperParameterTuningJobConfig"]
    chosen = {
        item["Name"]: (item["MinValue"], item["MaxValue"], item["ScalingType"])
        for member in ("ContinuousParameterRanges", "IntegerParameterRanges")
        for item in config["ParameterRanges"][member]
    }
    assert chosen["learning_rate"] == ("1e-05", "1.0", "Logarithmic")
    assert chosen["mini_batch_size"] == ("100", "5000", "Linear")
    assert {"wd", "l1"} < set(chosen)
    assert config["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 20
    assert config["TrainingJobEarlyStoppingType"] == "Auto"
    assert config["TuningJobCompletionCriteria"] == {
        "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}
    }
    assert found["Autotune"] == {"Mode": "Enabled"}


def test_an_example_value_narrows_a_range_and_stays_where_nothing_can_be_tuned(tuning):
    hints = {"wd": "0.001", "loss": "logistic", "mini_batch_size": "auto", "learning_rate": "1e9"}
    auto = [{"Name": name, "ValueHint": hint} for name, hint in hints.items()]
    found = autotuned(tuning, ParameterRanges={"AutoParameters": auto})
    ranges = found["HyperParameterTuningJobConfig"]["ParameterRanges"]
    chosen = {
        item["Name"]: (float(item["MinValue"]), float(item["MaxValue"]))
        for member in ("ContinuousParameterRanges", "IntegerParameterRanges")
        for item in ranges[member]
    }
    assert chosen == {"wd": (0.0001, 0.01), "mini_batch_size": (100, 5000), "learning_rate": (1e-5, 1)}
    assert found["TrainingJobDefinition"]["StaticHyperParameters"]["loss"] == "logistic"


def test_without_autotune_its_parameters_are_refused(tuning):
    auto = [{"Name": "wd", "ValueHint": "0.1"}]
    settings = tuning.settings(ParameterRanges={"AutoParameters": auto})
    code, message = refusal(tuning, settings=settings)
    assert code == "ValidationException"
    assert message.startswith("AutoParameters are for Autotune.")
