"""Recipes as a person starts them: what stands on the terminal beside the metrics."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder():
    default = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
    folder = Path(os.environ.get("SAGEWIZARD_TEST_DATA", default)).resolve()
    if not (folder / "vertebral" / "vertebral_column_data.zip").is_file():
        pytest.skip(f"there is no vertebral data in {folder}; SAGEWIZARD_TEST_DATA names the folder")
    return folder


def test_the_vertebral_recipe_shows_its_threshold_beside_one_half(command, data_folder):
    done = command("run", "vertebral-xgboost", SAGEWIZARD_DATA=str(data_folder))
    assert "actual Abnormal" in done.stdout
    assert "The threshold 0.65 beside 0.5, for Abnormal:" in done.stdout
    assert re.search(r"^ +0\.65 +\d+ +\d+ +\d+ +\d+ ", done.stdout, re.MULTILINE)
    assert "batch-in.csv.out" in done.stderr
    assert "the endpoint and its configuration are deleted" in done.stderr
    assert "$0.24/h" in done.stdout


def test_a_regression_draws_its_residuals(command):
    done = command("run", "diabetes-linear-regression", "--quiet")
    for words in ("RMSE", "MAE", "R2", "Residuals: true minus predicted", "predicted"):
        assert words in done.stdout
    assert "Confusion matrix" not in done.stdout


def test_a_file_of_ones_own_is_a_relative_path_and_folds_are_shown(command, tmp_path, monkeypatch):
    lines = [f"{n % 11},{n % 3},{['no', 'yes'][n % 11 > 5]}" for n in range(120)]
    (tmp_path / "my.csv").write_text("size,kind,bought\n" + "\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    settings = ["--set", "dataset.path=my.csv", "--set", "train.folds=2", "--set", "train.num_round=5"]
    done = command("run", "own-csv", *settings)
    assert "The label is the column 'bought'" in done.stderr
    assert "Cross-validation, 2 stratified folds" in done.stdout
    assert "validation:error" in done.stdout
    assert f"--set dataset.path={tmp_path / 'my.csv'}" in done.stdout


def test_own_csv_without_a_file_or_with_a_wrong_one_is_one_error(command, tmp_path):
    done = command("run", "own-csv", code=2)
    assert "needs a file of yours" in done.stderr
    assert "--set dataset.path=my.csv" in done.stderr
    path = tmp_path / "bad.csv"
    path.write_text("a,y\n" + "".join(f"{'oops' if n == 4 else n},{n % 2}\n" for n in range(40)))
    done = command("run", "own-csv", "--set", f"dataset.path={path}", code=2)
    assert f"{path}, row 6, column a: 'oops' is not a number" in done.stderr
