"""Recipe files: what is right loads, what is wrong is one error with file, line, column, key and a remedy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewizard.errors import RecipeError, UsageError
from sagewizard.recipe import finding
from sagewizard.recipe.loading import load_file, load_text

RECIPES = sorted(finding.shipped())


def shipped_text(name: str = "digits-linear-learner") -> str:
    return finding.shipped()[name].read_text(encoding="utf-8")


def changed(old: str, new: str) -> RecipeError:
    text = shipped_text()
    assert old in text
    with pytest.raises(RecipeError) as caught:
        load_text(text.replace(old, new, 1), "r.yaml")
    return caught.value


def line_of(old: str) -> int:
    return shipped_text()[: shipped_text().index(old)].count("\n") + 1


def test_the_two_recipes_ship():
    assert {"digits-linear-learner", "mnist-linear-learner"} <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_has_every_text_of_every_step(name):
    recipe = finding.load(name)
    assert recipe.name == name
    for step in recipe.steps:
        text = recipe.text(step)
        assert text.title
        assert text.what
        assert text.why
        assert text.expect
        assert text.cost


def test_the_mnist_recipe_is_the_tutorials_own():
    recipe = finding.load("mnist-linear-learner")
    assert recipe.effective_hyperparameters() == {
        "predictor_type": "binary_classifier",
        "feature_dim": "784",
        "mini_batch_size": "200",
    }
    assert recipe.value("dataset.positive_label") == "0"
    assert recipe.value("train.instance_type") == "ml.c4.xlarge"
    assert recipe.value("train.instance_count") == 1
    assert recipe.value("deploy.instance_type") == "ml.m4.xlarge"
    assert recipe.value("predict.requests") == 100
    assert recipe.steps == (
        "dataset",
        "preview",
        "prepare",
        "train",
        "deploy",
        "predict",
        "transform",
        "evaluate",
        "teardown",
    )


@pytest.mark.parametrize(
    ("old", "new", "words", "remedy", "key"),
    [
        (
            "    feature_dim: 64",
            "    feature_dimm: 64",
            "no key 'feature_dimm'",
            "feature_dim",
            "algorithm.hyperparameters.feature_dimm",
        ),
        ("    epochs: 15", "    epochs: 0", "out of range", "at least 1", "algorithm.hyperparameters.epochs"),
        ("    epochs: 15", "    loss: squared_loss", "loss", "", "algorithm.hyperparameters.loss"),
        ("level: beginner", "levl: beginner", "no key 'levl'", "level", "levl"),
        ("level: beginner", "level: begginer", "'begginer' is not known", "beginner", "level"),
        ("  - step: deploy", "  - step: deplyo", "'deplyo' is not known", "deploy", "steps[6].step"),
        (
            "      requests: 20",
            "      request: 20",
            "no key 'request'",
            "requests",
            "steps[7].options.request",
        ),
        ("      rows: 8", "      rows: 1000", "out of range", "from 1 to 200", "steps[2].options.rows"),
        ("      rows: 8", "      rows: many", "not a whole number", "from 1 to 200", "steps[2].options.rows"),
        (
            '        title: "Train"',
            '        titel: "Train"',
            "no key 'titel'",
            "title",
            "steps[4].text.en.titel",
        ),
        (
            "  name: linear-learner",
            "  name: linear-lerner",
            "no algorithm",
            "linear-learner",
            "algorithm.name",
        ),
        ("format_version: 1", "format_version: 2", "format version 2", "Update", "format_version"),
        ("    train: 0.6", "    train: 0.7", "add up to 1.1", "add up to 1", "dataset.split"),
        (
            "      instance_type: ml.m5.large",
            "      instance_type: big",
            "not a name such as",
            "ml.m5",
            "steps[4].options.instance_type",
        ),
    ],
)
def test_a_fault_is_one_error_with_its_place_and_remedy(old, new, words, remedy, key):
    error = changed(old, new)
    assert words in error.message
    assert remedy in error.remedy
    assert error.key == key
    assert error.file == "r.yaml"
    assert error.exit_code == 2
    if key != "dataset.split":
        assert error.line == line_of(old)
    assert error.column > 0


def test_a_missing_version_is_named():
    assert "format_version is missing" in changed("format_version: 1\n", "").message


def test_steps_out_of_order_are_refused():
    text = shipped_text()
    train, deploy = text.index("  - step: train"), text.index("  - step: deploy")
    predict = text.index("  - step: predict")
    swapped = text[:train] + text[deploy:predict] + text[train:deploy] + text[predict:]
    with pytest.raises(RecipeError, match="cannot come after"):
        load_text(swapped, "r.yaml")


def test_a_recipe_that_deploys_must_tear_down():
    text = shipped_text()
    with pytest.raises(RecipeError, match="teardown"):
        load_text(text[: text.index("  - step: teardown")], "r.yaml")


def test_a_text_without_english_is_refused():
    text = shipped_text().replace("title:\n  en:", "title:\n  fr:", 1)
    with pytest.raises(RecipeError, match="no English text"):
        load_text(text, "r.yaml")


def test_other_languages_are_taken_when_wanted(monkeypatch):
    text = shipped_text().replace("title:\n  en:", 'title:\n  fr: "Est-ce un zéro ?"\n  en:', 1)
    recipe = load_text(text, "r.yaml")
    monkeypatch.setenv("LANGUAGE", "fr:en")
    assert recipe.title == "Est-ce un zéro ?"
    monkeypatch.setenv("LANGUAGE", "de")
    assert recipe.title.startswith("Is it a zero?")


def test_several_faults_are_counted():
    text = shipped_text().replace("level:", "levl:", 1).replace("minutes: 3", "minuts: 3", 1)
    with pytest.raises(RecipeError) as caught:
        load_text(text, "r.yaml")
    assert "1 more fault" in caught.value.remedy


@pytest.mark.parametrize("name", [".", "nowhere.yaml"])
def test_what_cannot_be_read_is_refused(tmp_path, name):
    with pytest.raises(RecipeError) as caught:
        load_file(tmp_path / name)
    assert caught.value.remedy


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UsageError) as caught:
        finding.load("digit-linear-lerner")
    assert "digits-linear-learner" in caught.value.remedy


def test_a_path_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="no file"):
        finding.load("somewhere/else.yaml")


LINES = shipped_text().splitlines(keepends=True)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_mangled_recipe_loads_or_is_refused_with_its_place(data):
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "letters", "indent"])):
            case "drop":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "letters":
                lines[at] = lines[at].replace("e", data.draw(st.sampled_from(["", "E", "3", ": "])), 1)
            case "indent":
                lines[at] = " " + lines[at]
    try:
        load_text("".join(lines), "r.yaml")
    except RecipeError as error:
        assert error.file == "r.yaml"
        assert error.line > 0
        assert error.remedy


def test_a_step_carries_a_question_its_answer_and_a_note_for_the_instructor():
    text = finding.load("digits-linear-learner").text("train")
    assert "epochs" in text.question
    assert text.answer.startswith("No.")
    assert text.instructor


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_recipe_asks_the_class_can_be_set(name):
    recipe = finding.load(name)
    for step in recipe.all_steps:
        assert [option.name for option in recipe.asked(step)] == list(recipe.section(step).ask)


def test_a_question_without_its_answer_is_refused():
    start = shipped_text().index("        answer: |")
    end = shipped_text().index("        instructor:")
    error = changed(shipped_text()[start:end], "")
    assert "a question without its answer" in error.message
    assert error.key == "steps[2].text.en"


@pytest.mark.parametrize(
    ("asked", "words", "remedy"),
    [
        ("[epoch]", "There is no option 'epoch' to ask for", "Did you mean epochs?"),
        ("[qqqq]", "There is no option 'qqqq' to ask for", "instance_type"),
        ("[epochs, epochs]", "'epochs' is asked twice", "Leave one out."),
    ],
)
def test_asking_for_what_is_no_option_is_refused_with_its_place(asked, words, remedy):
    error = changed("ask: [epochs, mini_batch_size]", f"ask: {asked}")
    assert words in error.message
    assert remedy in error.remedy
    assert error.line == line_of("ask: [epochs, mini_batch_size]")
    assert error.column > 9
