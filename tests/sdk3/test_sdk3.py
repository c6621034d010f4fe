"""Unchanged code for version 3 of the SageMaker SDK, run as its readers run it, below `sandbox exec`."""

from __future__ import annotations

import pytest

BUCKET = "sagemaker-us-east-1-123456789012"


@pytest.mark.slow
def test_the_resources_of_core_train_serve_transform_and_are_deleted(run_script):
    _, seen = run_script("core_resources.py")
    assert seen["role"] == "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
    assert seen["bucket"] == BUCKET
    assert seen["image"] == "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
    assert seen["status"] == ["Completed", "Completed"]
    assert "train:objective_loss" in seen["metrics"]
    assert "ClientError: The value of num_classes must be at least 3" in seen["failure"]
    assert seen["listed"] == ["v3-core-failed", "v3-core-job"]
    assert (seen["endpoint"], seen["variant"]) == ("InService", 1.0)
    answers = seen["answers"]
    assert len(answers["csv"]) == 3
    assert answers["csv"] == answers["json"]
    assert [{"score": float(s), "predicted_label": int(label)} for label, s in answers["to_csv"]] == answers[
        "csv"
    ]
    assert seen["wrong"] == "ModelError"
    assert (seen["transform"], seen["lines"]) == ("Completed", 50)
    assert seen["gone"].startswith("Could not find endpoint")
    assert seen["models"] == 0
    assert seen["run"] == ["Completed", ["kind", "later", "rate"]]
    assert seen["loss"] == [12, 1.0, 6.5]


def test_a_learners_own_script_trains_another_processes_and_an_inference_spec_serves(run_script):
    text, seen = run_script("script_mode.py")
    assert seen["status"] == "Completed"
    assert seen["printed"] == ["depth=3 accuracy=0.9733"] * 2, "each of two hosts trains"
    # What the script printed was streamed, and the lines of the SDK's own driver around it.
    assert "depth=3 accuracy=0.9733" in text
    assert "Training Container Execution Completed" in text
    assert "Failure Reason: AlgorithmError: " in seen["failure"]
    assert "returned non-zero exit status 1" in seen["failure"]
    assert seen["processing"] == "Completed"
    assert seen["arguments"] == ["--rows", "150"]
    assert seen["mean"] == 5
    assert "arguments ['--rows', '150']" in text
    assert seen["answer"] == {"doubled": [[2, 4], [6, 8]]}
    assert seen["streamed"] == {"doubled": [[10, 12]]}


def test_a_tuner_finds_the_best_job_and_its_analytics_are_a_data_frame(run_script):
    _, seen = run_script("tuner.py")
    assert seen["status"] == "Completed"
    assert (seen["counts"], seen["jobs"]) == (4, 4)
    assert seen["best"] == "Completed"
    assert seen["same"]
    assert seen["best_is_lowest"]
    assert seen["trials"]
    assert seen["all"]
    assert seen["tuned"] == ["alpha", "booster", "num_round"]
    assert seen["columns"] == [
        "FinalObjectiveValue", "TrainingElapsedTimeSeconds", "TrainingEndTime", "TrainingJobName",
        "TrainingJobStatus", "TrainingStartTime", "alpha", "booster", "num_round",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_handwritten_digit_tutorial(run_script):
    text, seen = run_script("tutorials/digits_linear_learner.py")
    accuracy, rows = seen
    assert rows == 360
    assert accuracy > 0.98
    assert "#train_score (algo-1)" in text
    assert "Completed" in text


def same_flow(run_script, argument, rows):
    _, seen = run_script("tutorials/vertebral_xgboost.py", argument)
    one, first, area, count = seen
    assert count == rows
    assert one == pytest.approx(first, abs=1e-6)
    assert area > 0.85


@pytest.mark.slow
def test_the_vertebral_column_tutorial(run_script, data_folder):
    archive = data_folder / "vertebral" / "vertebral_column_data.zip"
    if not archive.is_file():
        pytest.skip(f"no datasets in {data_folder}; set SAGEWIZARD_TEST_DATA")
    same_flow(run_script, str(archive), 31)


@pytest.mark.slow
def test_the_flow_of_the_vertebral_column_tutorial_over_bundled_data(run_script, data_folder):
    if (data_folder / "vertebral" / "vertebral_column_data.zip").is_file():
        pytest.skip("the tutorial itself has run")
    same_flow(run_script, "breast-cancer", 57)
