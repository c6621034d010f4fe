"""docs/recipes.md: its recipes are valid and run, its tables are the options', and no key is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sagewizard.recipe import reference
from sagewizard.recipe.loading import load_text
from sagewizard.recipe.schema import AlgorithmSection, DatasetSection, RecipeFile, StepSection, StepTexts

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
RECIPES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_each_recipe_of_the_tutorial_is_valid(number):
    assert load_text(RECIPES[number], "wine.yaml").name == "wine"


def test_the_tables_are_the_options():
    assert reference.renewed(TEXT) == TEXT, "run `python -m sagewizard.recipe.reference`"


@pytest.mark.parametrize("model", [RecipeFile, DatasetSection, AlgorithmSection, StepSection, StepTexts])
def test_every_key_is_explained(model):
    words = set(re.findall(r"`(\w+)`", TEXT))
    assert set(model.model_fields) <= words


def test_the_fault_it_shows_is_the_one_that_is_found(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("wine.yaml").write_text(RECIPES[0])
    assert command("recipes", "validate", "wine.yaml").stdout.strip() in TEXT
    Path("wine.yaml").write_text(RECIPES[0].replace("  hyperparameters:", "  hyperparameter:"))
    shown = command("recipes", "validate", "wine.yaml", code=2).stderr.strip()
    assert [line.strip() for line in shown.splitlines()[:2]] == [
        line.strip() for line in TEXT[TEXT.index("× wine.yaml") :].splitlines()[:2]
    ]


def test_the_finished_recipe_runs_and_asks_its_questions(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("wine.yaml").write_text(RECIPES[-1])
    done = command("run", "wine.yaml", "--instructor")
    assert "A question: Which of the thirteen measures" in done.stderr
    assert done.stderr.index("A question:") < done.stderr.index("The answer: Proline")
    assert "For the instructor: Let the class" in done.stderr
    assert re.search(r"^actual class_2|^class_2", done.stdout, re.MULTILINE)
    quiet = command("run", "wine.yaml", "--until", "preview")
    assert "For the instructor" not in quiet.stderr
