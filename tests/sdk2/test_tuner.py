"""HyperparameterTuner of version 2 of the SageMaker SDK, unchanged, below `sandbox exec`."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_the_tuner_fits_reports_attaches_and_starts_warm(run_script):
    _, seen = run_script("hyperparameter_tuner.py")
    assert seen.pop("columns") == [
        "FinalObjectiveValue",
        "TrainingElapsedTimeSeconds",
        "TrainingEndTime",
        "TrainingJobName",
        "TrainingJobStatus",
        "TrainingStartTime",
        "alpha",
        "eta",
        "num_round",
    ]
    assert seen == {
        "status": "Completed",
        "jobs": 6,
        "best_is_first": True,
        "elapsed": True,
        "attached": "validation:logloss",
        "ranges": ["alpha", "eta", "num_round"],
        "metric": "validation:logloss",
        "tuned": ["alpha", "eta", "num_round"],
        "warm": "IdenticalDataAndAlgorithm",
        "overall": True,
    }


@pytest.mark.slow
def test_two_tuning_jobs_in_one_minute_and_what_a_notebook_does_next(run_script, data_folder):
    _, seen = run_script("two_strategies.py")
    assert seen["rows"] == 4177
    assert seen["different"] and all(1.9 < value < 2.6 for value in seen["rmse"])
    assert seen["rules"] == ["Error"]
    assert seen["even"] == {"Variant1": 5, "Variant2": 5}
    assert seen["target"] == ["Variant1", "Variant2"]
    assert seen["uneven"] == {"Variant1": 2, "Variant2": 8}
    assert abs(seen["rings"][0] - seen["rings"][1]) < 8
    assert len(seen["absent"]) == 3
    assert all(answer == ["NotImplementedException", True] for answer in seen["absent"].values())
