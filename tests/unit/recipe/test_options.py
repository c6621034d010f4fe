"""Options: one definition, checked the same way wherever a value comes from."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard import algorithms
from sagewizard.errors import UsageError
from sagewizard.recipe import finding, options

DIGITS = finding.load("digits-linear-learner")
MNIST = finding.load("mnist-linear-learner")


def test_settings_change_the_value_and_leave_the_recipe_as_it_was():
    changed = DIGITS.with_settings(
        {"train.epochs": "3", "predict.requests": 5, "dataset.stratified": "false"}
    )
    assert changed.effective_hyperparameters()["epochs"] == "3"
    assert changed.value("predict.requests") == 5
    assert changed.value("dataset.stratified") is False
    assert DIGITS.effective_hyperparameters()["epochs"] == "15"
    again = changed.with_settings({"train.epochs": "4"})
    assert again.value("train.epochs") == "4"
    assert again.value("predict.requests") == 5


@pytest.mark.parametrize(
    ("path", "value", "words", "remedy"),
    [
        ("train.epoch", "5", "nothing to set", "train.epochs"),
        ("epochs", "5", "nothing to set", "train.epochs"),
        ("training.epochs", "5", "nothing to set", "train.epochs"),
        ("x.y", "5", "nothing to set", "sections"),
        ("train.epochs", "0", "out of range", "at least 1"),
        ("train.epochs", "many", "not a whole number", "at least 1"),
        ("train.epochs", "", "not a whole number", "at least 1"),
        ("train.loss", "squared_loss", "", ""),
        ("train.momentum", "1", "out of range", "below 1"),
        ("predict.requests", "-1", "out of range", "from 0"),
        ("evaluate.source", "both", "not auto, endpoint or transform", "auto"),
        ("deploy.instance_type", "large", "not a name such as", "ml.m5.large"),
        ("dataset.train", "0.9", "add up to 1.3", "add up to 1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_its_remedy(path, value, words, remedy):
    with pytest.raises(UsageError) as caught:
        DIGITS.with_settings({path: value})
    assert words in caught.value.message
    assert remedy in caught.value.remedy
    assert "--set" in caught.value.where


def test_a_dataset_with_its_own_division_has_no_shares_to_set():
    with pytest.raises(UsageError):
        MNIST.with_settings({"dataset.seed": "3"})


@pytest.mark.parametrize("name", [n for n in algorithms.names() if not algorithms.get(n).script_mode])
def test_every_hyperparameter_of_the_catalogue_is_an_option(name):
    algorithm = algorithms.get(name)
    found = {option.name for option in options.hyperparameter_options(algorithm)}
    assert found == {entry.name for entry in algorithm.hyperparameters if not entry.internal}


def test_a_script_has_the_hyperparameters_that_its_recipe_names_as_text():
    found = options.hyperparameter_options(algorithms.get("sklearn"), ["depth", "alpha"])
    assert [option.path for option in found] == ["train.depth", "train.alpha"]
    assert found[0].parse("5") == "5"


def test_a_version_of_an_image_leaves_out_what_it_does_not_know():
    xgboost = algorithms.get("xgboost")
    first = {option.name for option in options.hyperparameter_options(xgboost, version="1.0-1")}
    later = {option.name for option in options.hyperparameter_options(xgboost, version="1.7-1")}
    assert "silent" in first
    assert "silent" not in later


def test_no_option_of_a_step_hides_a_hyperparameter():
    for name in algorithms.names():
        taken = {option.name for option in options.step_options("train")}
        assert not taken & {entry.name for entry in algorithms.get(name).hyperparameters}


@pytest.mark.parametrize("option", DIGITS.options().values(), ids=lambda option: option.path)
def test_every_option_has_a_default_that_it_accepts_and_a_schema(option):
    assert option.definition.help
    if option.default is not None:
        assert option.fault(option.default) is None
        assert option.parse(option.default) == option.default
    schema = json.loads(json.dumps(option.json_schema()))
    assert "type" in schema or "anyOf" in schema


@given(st.sampled_from(sorted(DIGITS.options())), st.text(max_size=12))
def test_any_text_is_taken_or_refused_with_a_sentence(path, text):
    option = DIGITS.options()[path]
    fault = option.fault(text)
    if fault is None:
        option.parse(text)
    else:
        assert fault
        with pytest.raises(UsageError):
            DIGITS.with_settings({path: text})


@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_a_list_is_no_value(value):
    assert "does not fit" in (DIGITS.options()["train.epochs"].fault(value) or "")
