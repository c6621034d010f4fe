"""Experiments, trials, trial components with their metrics, artifacts, and Search over them."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

NOBODY = "arn:aws:sagemaker:us-east-1:123456789012:artifact/nobody"


@pytest.fixture
def tracked(sandbox):
    """An experiment with a trial and a component in it, as a run of the SDK makes them."""
    client = sandbox.client()
    client.create_experiment(ExperimentName="Digits", Tags=[{"Key": "team", "Value": "blue"}])
    client.create_trial(TrialName="first", ExperimentName="digits")
    client.create_trial_component(TrialComponentName="run-1", DisplayName="One")
    client.associate_trial_component(TrialName="first", TrialComponentName="run-1")
    return client


def put(sandbox, name, *values):
    data = [{"MetricName": "loss", "Timestamp": 1_700_000_000 + n, "Value": v} for n, v in enumerate(values)]
    return sandbox.client("sagemaker-metrics").batch_put_metrics(TrialComponentName=name, MetricData=data)


def found(client, *filters, resource="ExperimentTrialComponent", **more):
    names = ("Name", "Operator", "Value")
    expression = {"Filters": [dict(zip(names, each, strict=False)) for each in filters]}
    answer = client.search(Resource=resource, SearchExpression=expression, **more)
    member = {"ExperimentTrialComponent": "TrialComponent", "ExperimentTrial": "Trial"}.get(
        resource, resource
    )
    return [each[member] for each in answer["Results"]]


def test_a_run_keeps_its_parameters_artifacts_and_metrics(sandbox, tracked, check_output):
    parameters = {"rate": {"NumberValue": 0.1}, "kind": {"StringValue": "linear"}, "old": {"NumberValue": 1}}
    tracked.update_trial_component(
        TrialComponentName="run-1", Parameters=parameters, Status={"PrimaryStatus": "InProgress"}
    )
    tracked.update_trial_component(
        TrialComponentName="run-1",
        Parameters={"rate": {"NumberValue": 0.2}},
        ParametersToRemove=["old"],
        OutputArtifacts={"plot": {"Value": "s3://bucket/plot.png", "MediaType": "image/png"}},
    )
    put(sandbox, "run-1", 4.0, 1.0)
    assert "Errors" not in put(sandbox, "run-1", 1.0)
    shown = tracked.describe_trial_component(TrialComponentName="run-1")
    assert shown["Parameters"] == {"rate": {"NumberValue": 0.2}, "kind": {"StringValue": "linear"}}
    assert shown["OutputArtifacts"]["plot"]["Value"] == "s3://bucket/plot.png"
    (loss,) = shown["Metrics"]
    assert [loss[each] for each in ("Min", "Max", "Last", "Count", "Avg")] == [1, 4, 1, 3, 2]
    assert loss["StdDev"] == pytest.approx(2**0.5)
    check_output("DescribeTrialComponent", {"TrialComponentName": "run-1"})
    assert put(sandbox, "nobody", 1.0)["Errors"] == [{"Code": "VALIDATION_ERROR", "MetricIndex": 0}]


def test_lists_go_down_from_an_experiment_and_up_from_a_component(tracked, check_output):
    tracked.create_experiment(ExperimentName="other")
    tracked.create_trial(TrialName="second", ExperimentName="other")
    tracked.create_trial_component(TrialComponentName="alone")

    def names(operation, member, key, **query):
        return sorted(each[key] for each in getattr(tracked, operation)(**query)[f"{member}Summaries"])

    assert names("list_experiments", "Experiment", "ExperimentName") == ["Digits", "other"]
    assert names("list_trials", "Trial", "TrialName", ExperimentName="Digits") == ["first"]
    assert names("list_trials", "Trial", "TrialName", TrialComponentName="run-1") == ["first"]
    assert names("list_trials", "Trial", "TrialName", TrialComponentName="alone") == []
    listed = ("list_trial_components", "TrialComponent", "TrialComponentName")
    assert names(*listed) == ["alone", "run-1"]
    assert names(*listed, TrialName="first") == names(*listed, ExperimentName="Digits") == ["run-1"]
    assert names(*listed, ExperimentName="other") == []
    for operation in ("ListExperiments", "ListTrials", "ListTrialComponents"):
        check_output(operation, {})
    check_output("DescribeExperiment", {"ExperimentName": "Digits"})
    check_output("DescribeTrial", {"TrialName": "first"})


def test_taken_names_and_missing_ones_are_refused_in_the_words_that_the_sdk_reads(tracked):
    for create, names in (
        ("create_experiment", {"ExperimentName": "digits"}),
        ("create_trial", {"TrialName": "first", "ExperimentName": "Digits"}),
        ("create_trial_component", {"TrialComponentName": "run-1"}),
    ):
        with pytest.raises(ClientError, match="already exists") as refused:
            getattr(tracked, create)(**names)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    for operation, names in (
        ("describe_experiment", {"ExperimentName": "nobody"}),
        ("create_trial", {"TrialName": "new", "ExperimentName": "nobody"}),
        ("update_trial_component", {"TrialComponentName": "nobody"}),
        ("delete_trial", {"TrialName": "nobody"}),
        ("add_association", {"SourceArn": NOBODY, "DestinationArn": NOBODY}),
    ):
        with pytest.raises(ClientError, match="does not exist") as refused:
            getattr(tracked, operation)(**names)
        assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


def test_what_belongs_together_is_deleted_from_the_bottom_up(tracked):
    steps = [
        ("delete_experiment", {"ExperimentName": "Digits"}),
        ("delete_trial", {"TrialName": "first"}),
        ("delete_trial_component", {"TrialComponentName": "run-1"}),
    ]
    for operation, names in steps:
        with pytest.raises(ClientError, match="cannot be deleted"):
            getattr(tracked, operation)(**names)
    tracked.disassociate_trial_component(TrialName="first", TrialComponentName="run-1")
    for operation, names in reversed(steps):
        getattr(tracked, operation)(**names)
    assert tracked.list_experiments()["ExperimentSummaries"] == []


def test_search_finds_by_parent_parameter_metric_tag_and_job(sandbox, tracked, requests):
    tracked.create_trial_component(
        TrialComponentName="run-2", Parameters={"rate": {"NumberValue": 3}, "a.b": {"StringValue": "x"}}
    )
    put(sandbox, "run-1", 0.5)
    client, key = tracked, "TrialComponentName"
    (inside,) = found(client, ("Parents.TrialName", "Equals", "first"))
    assert inside["Parents"] == [{"TrialName": "first", "ExperimentName": "Digits"}]
    assert found(client, ("Parents.ExperimentName", "Equals", "Digits"), (key, "Equals", "run-2")) == []
    assert [each[key] for each in found(client, ("Parameters.rate", "GreaterThan", "2.5"))] == ["run-2"]
    assert [each[key] for each in found(client, ("Parameters.a.b", "Contains", "x"))] == ["run-2"]
    assert [each[key] for each in found(client, ("Metrics.loss.max", "LessThan", "1"))] == ["run-1"]
    assert [each[key] for each in found(client, ("Metrics.loss", "NotExists"))] == ["run-2"]
    assert len(found(client, (key, "In", "run-1, run-2"), ("CreationTime", "GreaterThan", "2020-01-01"))) == 2
    (tagged,) = found(client, ("Tags.team", "Equals", "blue"), resource="Experiment")
    assert tagged["ExperimentName"] == "Digits"
    either = {"Operator": "Or", "Filters": [{"Name": key, "Operator": "Equals", "Value": "run-1"}]}
    both = either | {"SubExpressions": [{"Filters": [{"Name": key, "Operator": "Contains", "Value": "-2"}]}]}
    query = {"Resource": "ExperimentTrialComponent", "SearchExpression": both, "MaxResults": 1}
    first = client.search(**query, SortBy=key, SortOrder="Ascending")
    second = client.search(**query, SortBy=key, SortOrder="Ascending", NextToken=first["NextToken"])
    names = [page["Results"][0]["TrialComponent"][key] for page in (first, second)]
    assert (names, "NextToken" in second, first["TotalHits"]["Value"]) == (["run-1", "run-2"], False, 2)
    client.create_training_job(**requests.training_job(TrainingJobName="job"))
    sandbox.settle()
    nested = {
        "NestedPropertyName": "InputDataConfig",
        "Filters": [{"Name": "InputDataConfig.ChannelName", "Operator": "Equals", "Value": "train"}],
    }
    answer = client.search(Resource="TrainingJob", SearchExpression={"NestedFilters": [nested]})
    assert [each["TrainingJob"]["TrainingJobName"] for each in answer["Results"]] == ["job"]
    with pytest.raises(ClientError, match="need AWS"):
        client.search(Resource="Pipeline")


def test_a_job_of_an_experiment_is_a_component_of_its_trial(sandbox, tracked, requests, check_output):
    config = {"ExperimentName": "Digits", "TrialName": "first", "TrialComponentDisplayName": "Training"}
    for name, given in (
        ("Job", config),
        ("other", {"TrialName": "nobody"}),
        ("run", config | {"RunName": "r"}),
    ):
        tracked.create_training_job(**requests.training_job(TrainingJobName=name, ExperimentConfig=given))
    sandbox.settle()
    job = tracked.describe_training_job(TrainingJobName="Job")
    listed = tracked.list_trial_components(SourceArn=job["TrainingJobArn"])["TrialComponentSummaries"]
    assert [each["TrialComponentName"] for each in listed] == ["Job-aws-training-job"]
    shown = tracked.describe_trial_component(TrialComponentName="Job-aws-training-job")
    assert (shown["Status"], shown["DisplayName"]) == ({"PrimaryStatus": "Completed"}, "Training")
    assert shown["Source"] == {"SourceArn": job["TrainingJobArn"], "SourceType": "SageMakerTrainingJob"}
    assert shown["Parameters"]["SageMaker.InstanceCount"] == {"NumberValue": 1.0}
    assert (
        shown["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"]
        == (job["ModelArtifacts"]["S3ModelArtifacts"])
    )
    assert shown["EndTime"] == job["TrainingEndTime"]
    assert [each["MetricName"] for each in shown["Metrics"]] == ["train:progress"]
    check_output("DescribeTrialComponent", {"TrialComponentName": "Job-aws-training-job"})
    assert len(tracked.list_trial_components()["TrialComponentSummaries"]) == 2


def test_files_of_a_run_are_artifacts_with_associations(tracked, check_output):
    run = tracked.describe_trial_component(TrialComponentName="run-1")["TrialComponentArn"]
    source = {"SourceUri": "s3://bucket/a.txt", "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "x"}]}
    made = tracked.create_artifact(ArtifactName="a", Source=source, ArtifactType="text/plain")["ArtifactArn"]
    with pytest.raises(ClientError, match="already exists"):
        tracked.create_artifact(ArtifactName="a", Source=source, ArtifactType="text/plain")
    edge = {"SourceArn": made, "DestinationArn": run}
    tracked.add_association(**edge, AssociationType="ContributedTo")
    with pytest.raises(ClientError, match="already exists"):
        tracked.add_association(**edge)
    listed = check_output("ListAssociations", {"DestinationArn": run})["AssociationSummaries"]
    assert [(each["SourceName"], each["AssociationType"]) for each in listed] == [("a", "ContributedTo")]
    assert (
        check_output("DescribeArtifact", {"ArtifactArn": made})["Source"]["SourceUri"] == "s3://bucket/a.txt"
    )
    assert len(check_output("ListArtifacts", {"SourceUri": "s3://bucket/a.txt"})["ArtifactSummaries"]) == 1
    tracked.delete_association(**edge)
    tracked.delete_artifact(ArtifactArn=made)
    assert tracked.list_associations()["AssociationSummaries"] == []
    assert tracked.list_artifacts()["ArtifactSummaries"] == []


@pytest.mark.parametrize("body", [{}, {"TrialComponentName": "run-1", "MetricData": []}, {"MetricData": 1}])
def test_metrics_that_are_none_are_refused(sandbox, body):
    answer = sandbox.call("PUT", "http://127.0.0.1/BatchPutMetrics", {}, json.dumps(body))
    assert answer.status_code == 400


def test_transform_and_processing_jobs_are_components_too_with_what_they_were_given(
    sandbox, tracked, requests, check_output
):
    from sagewizard.sandbox.control.trial_components import _given

    config = {"ExperimentName": "Digits", "TrialName": "first"}
    tracked.create_model(**requests.model())
    tracked.create_transform_job(**requests.transform_job(ExperimentConfig=config))
    sandbox.settle()
    shown = check_output("DescribeTrialComponent", {"TrialComponentName": "transform-1-aws-transform-job"})
    assert (shown["DisplayName"], shown["Status"]) == ("Transform", {"PrimaryStatus": "Completed"})
    assert shown["Source"]["SourceType"] == "SageMakerTransformJob"
    assert shown["Parameters"]["SageMaker.InstanceType"] == {"StringValue": "ml.m4.xlarge"}
    given = _given(
        {
            "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}},
            "AppSpecification": {"ImageUri": "image"},
            "ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": "s3://bucket/in"}}],
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": "s3://bucket/out"}}]
            },
        }
    )
    assert given["Parameters"]["SageMaker.InstanceCount"] == {"NumberValue": 2.0}
    assert given["InputArtifacts"]["in"] == {"Value": "s3://bucket/in"}
    assert given["OutputArtifacts"] == {"out": {"Value": "s3://bucket/out"}}
