"""Recipes of one's own: what is written loads again with every value, and nothing is overwritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from sagewizard import cli
from sagewizard.errors import UsageError
from sagewizard.recipe import finding, writing
from sagewizard.recipe.loading import load_file, load_text

if TYPE_CHECKING:
    from pathlib import Path

    from sagewizard.recipe.recipe import Recipe

RECIPES = sorted(finding.shipped())
SETTINGS = {
    "dataset.seed": "3",
    "dataset.positive_label": "1",
    "train.epochs": "5",
    "train.l1": "0.01",
    "train.instance_type": "ml.m5.xlarge",
    "train.folds": "4",
    "tune.enabled": "true",
    "tune.wd": "0.0001..1 Logarithmic",
    "tune.learning_rate": "fixed",
    "evaluate.threshold": "0.3",
    "predict.delete_endpoint": "true",
}


def in_force(recipe: Recipe) -> dict[str, object]:
    found = {path: recipe.value(path) for path in recipe.options()}
    return {path: None if value == "fixed" else value for path, value in found.items()}


@pytest.mark.parametrize("name", RECIPES)
def test_a_written_recipe_is_the_same_but_for_its_name(name: str) -> None:
    recipe = finding.load(name)
    again = load_text(writing.recipe_text(recipe, "mine", title="Mine"), recipe.source)
    assert again.name == "mine"
    assert again.title == "Mine"
    assert in_force(again) == in_force(recipe)
    assert again.steps == recipe.steps
    assert [again.file_texts(step) for step in again.all_steps] == [
        recipe.file_texts(step) for step in recipe.all_steps
    ]
    assert again.file.algorithm == recipe.file.algorithm


def test_what_was_set_becomes_the_recipes_own() -> None:
    recipe = finding.load("digits-linear-learner").with_settings(SETTINGS)
    again = load_text(writing.recipe_text(recipe, "mine"), "mine.yaml")
    assert not again.settings
    assert in_force(again) == in_force(recipe)
    assert again.effective_hyperparameters() == recipe.effective_hyperparameters()
    assert "learning_rate" not in (again.section("tune").ranges or {})


def test_a_csv_of_ones_own_becomes_part_of_the_recipe(tmp_path: Path) -> None:
    csv = tmp_path / "people.csv"
    csv.write_text(
        "age,height,smoker\n"
        + "".join(f"{20 + i},{150 + i % 40},{'yes' if i % 3 else 'no'}\n" for i in range(60))
    )
    recipe = finding.load("own-csv").with_settings({"dataset.path": str(csv), "train.num_round": "7"})
    again = load_text(writing.recipe_text(recipe, "people"), str(tmp_path / "people.yaml"))
    assert again.file.dataset.path == str(csv)
    assert again.file.dataset.label_column == 3
    assert again.file.dataset.encode
    assert again.effective_hyperparameters() == recipe.effective_hyperparameters()


def test_the_template_loads_and_keeps_its_comments() -> None:
    text = writing.template_text("first-steps", title='The "first"')
    recipe = load_text(text, "first-steps.yaml")
    assert recipe.name == "first-steps"
    assert recipe.title == 'The "first"'
    assert "my-recipe" not in text
    assert text.count("#") > 10
    assert [option.path for option in recipe.asked("train")] == ["train.num_round", "train.max_depth"]


@pytest.mark.parametrize("name", ["Bad", "a_b", "-a", "a--b", "", "a" * 61, "../x", "a\n"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        writing.template_text(name)


def test_nothing_is_overwritten_and_a_refusal_writes_nothing(tmp_path: Path) -> None:
    script = tmp_path / "beside" / "train.py"
    script.parent.mkdir()
    script.write_text("print(1)\n")
    there = tmp_path / "new" / "train.py"
    there.parent.mkdir()
    there.write_text("print(2)\n")
    with pytest.raises(UsageError, match="already"):
        writing.write_new(tmp_path / "new" / "mine.yaml", "x", script=script)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["train.py"]
    assert there.read_text() == "print(2)\n"


def test_the_script_goes_beside_the_new_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    assert cli.main(["recipes", "new", "mine", "--template", "iris-sklearn-script", "-o", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    recipe = load_file(path)
    assert recipe.file.algorithm.script is not None
    assert (tmp_path / recipe.file.algorithm.script).is_file()
    assert cli.main(["recipes", "new", "mine", "--template", "iris-sklearn-script", "-o", str(path)]) == 2
    assert sorted(entry.suffix for entry in tmp_path.iterdir()) == [".py", ".yaml"]


def test_label_without_csv_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes", "new", "mine", "--label", "age"]) == 2
    assert "--csv" in capsys.readouterr().err


def test_texts_of_several_lines_are_written_as_blocks() -> None:
    text = writing.recipe_text(finding.load("digits-linear-learner"), "mine")
    assert "what: |" in text
    assert max(map(len, text.splitlines())) < 140
    assert yaml.safe_load(text)["format_version"] == 1
