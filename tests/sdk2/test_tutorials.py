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
