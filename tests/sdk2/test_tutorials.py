"""The classic tutorials as plain SDK 2 scripts, with their real data."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_the_handwritten_digit_tutorial(run_script, data_folder):
    text, seen = run_script("tutorials/mnist_linear_learner.py")
    accuracy, rows = seen
    assert rows == 10_000
    assert accuracy > 0.98
    assert "Completed - Training job completed" in text


def same_flow(run_script, argument, rows):
    text, seen = run_script("tutorials/vertebral_xgboost.py", argument)
    one, first, area, count = seen
    assert count == rows
    assert one == pytest.approx(first, abs=1e-6)
    assert area > 0.85
    assert "Completed - Training job completed" in text


@pytest.mark.slow
def test_the_vertebral_column_tutorial(run_script, data_folder):
    same_flow(run_script, str(data_folder / "vertebral" / "vertebral_column_data.zip"), 31)


@pytest.mark.slow
def test_the_flow_of_the_vertebral_column_tutorial_over_bundled_data(run_script, real_data):
    if (real_data / "vertebral" / "vertebral_column_data.zip").is_file():
        pytest.skip("the tutorial itself has run")
    same_flow(run_script, "breast-cancer", 57)
