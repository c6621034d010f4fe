"""The JSON schema of recipe files: what ships fits it, and what a form would refuse does not."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
import yaml

from sagewizard import cli
from sagewizard.recipe import finding, writing
from sagewizard.recipe.json_schema import recipe_schema

VALIDATOR = jsonschema.Draft202012Validator(recipe_schema())
DIGITS = yaml.safe_load(finding.shipped()["digits-linear-learner"].read_text(encoding="utf-8"))


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(recipe_schema())


@pytest.mark.parametrize("name", sorted(finding.shipped()))
def test_every_shipped_recipe_fits(name: str) -> None:
    document = yaml.safe_load(finding.shipped()[name].read_text(encoding="utf-8"))
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_the_template_fits() -> None:
    assert VALIDATOR.is_valid(yaml.safe_load(writing.template_text("mine")))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("algorithm", "hyperparameters", "epochs"), 0),
        (("algorithm", "hyperparameters", "epoch"), 5),
        (("algorithm", "version"), "9.9"),
        (("algorithm", "name"), "linear"),
        (("steps", 3, "options", "instance_type"), "m5.large"),
        (("steps", 3, "options", "strategy"), "MultiRecord"),
        (("steps", 3, "step"), "trian"),
        (("dataset", "split", "train"), 2),
        (("format_version",), 2),
        (("surprise",), 1),
    ],
)
def test_what_the_loader_refuses_does_not_fit(path: tuple[Any, ...], value: object) -> None:
    document = copy.deepcopy(DIGITS)
    place = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    assert not VALIDATOR.is_valid(document)


def test_options_bring_their_help_and_default() -> None:
    steps = recipe_schema()["$defs"]["StepSection"]["allOf"]
    train = next(rule for rule in steps if rule["if"]["properties"]["step"]["const"] == "train")
    volume = train["then"]["properties"]["options"]["properties"]["volume_gb"]
    assert volume["default"] == 10
    assert volume["description"]
    assert volume["maximum"] == 1024


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == recipe_schema()
