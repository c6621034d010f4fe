"""Unchanged code for version 2 of the SageMaker SDK, run as its readers run it, below `sandbox exec`."""

from __future__ import annotations

import pytest

BUCKET = "sagemaker-us-east-1-123456789012"


@pytest.fixture(scope="module")
def generic(run_script):
    return run_script("generic_estimator.py")


@pytest.mark.slow
def test_role_and_bucket_are_found(generic):
    seen = generic[1]
    assert seen["role"] == "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
    assert seen["bucket"] == BUCKET


@pytest.mark.slow
def test_fit_streams_the_log_and_says_how_long_it_took(generic):
    text, seen = generic
    for expected in (
        "Training - Training image download completed. Training in progress.",
        "Uploading - Uploading generated training model",
        "Completed - Training job completed",
        "#metrics {",
        "Training seconds: ",
        "Billable seconds: ",
    ):
        assert expected in text
    assert seen["artifact"].startswith(f"s3://{BUCKET}/sdk2-generic/output/linear-learner-")


@pytest.mark.slow
def test_a_job_can_be_attached_and_its_metrics_are_a_data_frame(generic):
    seen = generic[1]
    assert seen["attached"] == "binary_classifier"
    assert seen["tags"] == [{"Key": "project", "Value": "sdk2"}]
    assert seen["columns"] == ["timestamp", "metric_name", "value"]
    assert seen["metrics"] == ["train:objective_loss", "validation:objective_loss"]


@pytest.mark.slow
def test_every_serializer_gets_the_same_answer(generic):
    answers = generic[1]["answers"]
    assert answers["csv"] == answers["json"] == answers["to_json_lines"]
    assert [
        {"score": float(score), "predicted_label": int(label)} for label, score in answers["to_csv"]
    ] == answers["csv"]
    assert len(answers["csv"]) == 3


@pytest.mark.slow
def test_the_transformer_predicts_every_row_and_everything_is_deleted(generic):
    text, seen = generic
    assert seen["accuracy"] > 0.9
    assert "MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD" in text
    assert (seen["endpoints"], seen["models"]) == (0, 0)


@pytest.mark.slow
def test_the_algorithm_class_with_record_sets(run_script):
    _, seen = run_script("algorithm_class.py")
    assert seen["channel"] == [1500, 64, "train"]
    assert seen["accuracy"] > 0.9
    assert seen["same"] is True
    assert seen["counts"] == [["AllTraffic", 2]]
    problems = seen["problems"]
    assert problems["predict"] == "ModelError"
    assert problems["fit"][0] == "Failed"
    assert "The label of a binary_classifier must be 0 or 1" in problems["fit"][1]
    assert problems["missing"] == "Endpoint no-such-endpoint of account 123456789012 not found."


@pytest.mark.slow
def test_serverless_asynchronous_and_captured_endpoints(run_script):
    _, seen = run_script("endpoint_kinds.py")
    assert len(seen["wanted"]["predictions"]) == 2
    assert seen["serverless"] == [{"MemorySizeInMB": 2048, "MaxConcurrency": 5}, False]
    assert seen["async"] == seen["wanted"]
    assert seen["failure"].startswith("Received client error (400) from primary with message")
    assert seen["accepted"] == ["mine", 202]
    assert "InvokeEndpointAsync" in seen["wrong way"]
    assert seen["capture"]["CaptureStatus"] == "Started"
    assert seen["invocations"] == 8
    # Half of eight requests, each with both sides as text.
    assert len(seen["captured"]) == 4
    for each in seen["captured"]:
        assert each["eventVersion"] == "0"
        assert set(each["eventMetadata"]) == {"eventId", "inferenceTime"}
        sides = each["captureData"]
        assert (sides["endpointInput"]["encoding"], sides["endpointInput"]["mode"]) == ("CSV", "INPUT")
        assert (sides["endpointOutput"]["encoding"], sides["endpointOutput"]["mode"]) == ("JSON", "OUTPUT")
        assert sides["endpointInput"]["data"].count(",") == 3


@pytest.mark.slow
def test_scripts_of_both_frameworks_and_a_pipeline_of_two_containers(run_script):
    _, seen = run_script("frameworks.py")
    # Preprocessing keeps every row: the label, two numbers, three kinds.
    assert seen["prepared"] == [400, 5]
    assert seen["definitions"] == ["validation:rmse"]
    assert 0 < seen["metrics"]["validation:rmse"] < 0.4
    assert seen["attached"] == ["abalone_boost.py", "30", "1.7-1"]
    assert seen["script"] == pytest.approx(seen["true"], abs=1)
    assert seen["from model"] == seen["script"] and all(seen["sums"])
    # Raw rows through both containers, in real time and in a batch.
    assert seen["pipeline"] == seen["batch"] == pytest.approx(seen["true"], abs=1)
    assert seen["kinds"][0] == 2 and 0 < seen["kinds"][1] < 15
