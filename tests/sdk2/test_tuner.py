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
