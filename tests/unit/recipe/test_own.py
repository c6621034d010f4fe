from __future__ import annotations

import pytest

from sagewizard.engine.looking import look_at_csv
from sagewizard.errors import DataError, RecipeError, UsageError
from sagewizard.recipe import finding, loading, own
from sagewizard.recipe.tasks import BINARY, CLUSTERING, MULTICLASS, REGRESSION

OWN = finding.load("own-csv")
SCRIPT = finding.load("iris-sklearn-script")
TASKS = (BINARY, MULTICLASS, REGRESSION, CLUSTERING)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my.csv"
    lines = [f"{number},{number % 7},{'ab'[number % 2]}" for number in range(60)]
    path.write_text("x,z,result\n" + "\n".join(lines) + "\n")
    return path


def test_a_file_becomes_a_whole_recipe_and_says_how(file):
    recipe = OWN.with_settings({"dataset.path": str(file)})
    assert recipe.task == "binary_classifier"
    assert recipe.algorithm.name == "xgboost"
    assert recipe.effective_hyperparameters()["objective"] == "binary:logistic"
    assert recipe.value("dataset.positive_label") == "a"
    assert any("'result'" in note for note in recipe.notes)
    assert recipe.settings == {"dataset.path": str(file)}


def test_more_settings_go_on_from_the_file(file):
    recipe = OWN.with_settings({"dataset.path": str(file), "train.num_round": "7"})
    assert recipe.effective_hyperparameters()["num_round"] == "7"
    again = recipe.with_settings({"dataset.seed": "3"})
    assert again.settings == {"dataset.path": str(file), "train.num_round": "7", "dataset.seed": 3}
    assert again.effective_hyperparameters()["num_round"] == "7"
    # What the other algorithm does not know cannot be carried over silently.
    with pytest.raises(UsageError, match="nothing to set at"):
        again.with_settings({"dataset.algorithm": "linear-learner"})


def test_a_resumed_run_gets_the_same_recipe_from_its_settings(file):
    recipe = OWN.with_settings({"dataset.path": str(file), "dataset.label": "z", "train.eta": "0.1"})
    again = loading.load_text(OWN.raw, OWN.source).with_settings(recipe.settings)
    assert again.settings == recipe.settings
    assert again.task == recipe.task == "multiclass_classifier"
    assert again.effective_hyperparameters() == recipe.effective_hyperparameters()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dataset.path": "/nowhere/my.csv"}, "cannot be read"),
        ({"dataset.label": "nosuch"}, "no column 'nosuch'"),
        ({"dataset.task": "clusters"}, "not auto, binary_classifier"),
        ({"dataset.pth": "x.csv"}, "nothing to set"),
        ({"dataset.task": "regressor"}, "holds text"),
    ],
)
def test_what_cannot_be_is_one_error_with_a_remedy(file, settings, words):
    with pytest.raises(UsageError) as caught:
        OWN.with_settings({"dataset.path": str(file), **settings})
    assert words in caught.value.message
    assert caught.value.remedy


def test_a_file_of_one_column_is_refused(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("a\n1\n2\n")
    with pytest.raises((UsageError, DataError), match="one column"):
        OWN.with_settings({"dataset.path": str(path)})


def test_the_key_stands_once_in_a_refused_setting():
    with pytest.raises(UsageError) as caught:
        finding.load("digits-linear-learner").with_settings({"train.epochs": "-3"})
    assert str(caught.value).count("train.epochs") == 1


def test_a_script_recipe_takes_its_own_hyperparameters_only():
    changed = SCRIPT.with_settings({"train.trees": "5"})
    assert changed.effective_hyperparameters() == {"trees": "5", "max-depth": "3"}
    with pytest.raises(UsageError, match="nothing to set"):
        SCRIPT.with_settings({"train.depth": "5"})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  script: iris_train.py\n", "", "does not say which"),
        ("  script: iris_train.py\n", "  script: ../x.py\n", "script"),
        ("    trees: 50\n", "    sagemaker_program: x.py\n", "set by the run itself"),
        ("accuracy=([0-9.]+)'\n    validation", "accuracy=[0-9.]+'\n    validation", "0 groups"),
        ("accuracy=([0-9.]+)'\n    validation", "accuracy=([0-9.+'\n    validation", "no regular expression"),
        ("  version: 1.2-1\n", "  version: 9.9-1\n", "no version 9.9-1"),
    ],
)
def test_a_fault_in_a_script_recipe_is_one_error_with_its_line(old, new, words):
    text = SCRIPT.raw.decode()
    assert old in text
    with pytest.raises(RecipeError) as caught:
        loading.load_text(text.replace(old, new), SCRIPT.source)
    assert words in caught.value.message
    assert caught.value.line > 1


def test_a_script_key_has_no_meaning_for_a_built_in_algorithm():
    text = OWN.raw.decode().replace("  name: xgboost\n", "  name: xgboost\n  script: x.py\n")
    with pytest.raises(RecipeError, match="runs no script"):
        loading.load_text(text, "own.yaml")


def test_folds_multiply_the_minutes_of_training():
    recipe = finding.load("vertebral-xgboost")
    folded = recipe.with_settings({"train.folds": "5"})
    assert folded.folds == 5
    assert folded.estimated_minutes() == recipe.estimated_minutes() + 5 * recipe.section("train").minutes
    with pytest.raises(UsageError, match="out of range"):
        recipe.with_settings({"train.folds": "1"})


def test_every_shipped_recipe_loads_and_has_a_task():
    for path in finding.shipped().values():
        recipe = finding.load(path)
        assert recipe.task in TASKS, recipe.name


@pytest.mark.parametrize(
    ("before", "algorithm"),
    [
        ("digits-linear-learner", "linear-learner"),
        ("vertebral-xgboost", "xgboost"),
        ("iris-kmeans", "xgboost"),
    ],
)
def test_a_file_takes_the_place_of_a_recipes_data_and_keeps_its_algorithm_where_it_can(
    file, before, algorithm
):
    recipe = own.in_place_of(finding.load(before), str(file), "result", positive_label="b")
    assert (recipe.name, recipe.algorithm.name, recipe.task) == ("own-csv", algorithm, BINARY)
    assert recipe.value("dataset.positive_label") == "b"
    # What is set says all of it: the shell's command and a resumed run come to the same.
    assert OWN.with_settings(recipe.settings).file == recipe.file
    other = own.in_place_of(recipe, str(file), "z")
    assert (other.task, other.value("dataset.label")) == (MULTICLASS, "z")
    assert other.value("dataset.positive_label") is None


def test_the_columns_of_a_file_are_told_and_which_of_them_are_a_yes_or_no(file):
    found = look_at_csv(str(file))
    assert found.columns[found.guess] == "result"
    assert found.answers == ((), (), ("a", "b"))


def test_two_fractions_are_numbers_to_predict_and_no_yes_or_no(tmp_path):
    path = tmp_path / "fractions.csv"
    path.write_text("x,half,bought\n" + "".join(f"{n},{n % 2 / 2},{n % 2}\n" for n in range(30)))
    assert look_at_csv(str(path)).answers == ((), (), ("0", "1"))
