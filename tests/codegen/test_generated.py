"""Generated scripts do what the run did: the same calls, the same data, the same figures."""

from __future__ import annotations

import copy
import json
import re
import sys

import nbformat
import pytest

from sagewizard import codegen

RECIPES = {
    "abalone-xgboost": {},
    "breast-cancer-xgboost": {},
    "diabetes-linear-regression": {},
    "digits-kmeans": {},
    "digits-linear-learner": {},
    "iris-kmeans": {},
    "iris-sklearn-script": {},
    "mnist-linear-learner": {"train.epochs": "2", "predict.requests": "10"},
    "own-csv": {},
    "vertebral-xgboost": {},
}
OPTIONS = {
    "tuning": (
        "digits-linear-learner",
        {
            "tune.enabled": "true",
            "tune.jobs": "2",
            "tune.wd": "0.001..0.1 Logarithmic",
            "teardown.delete_data": "true",
        },
    ),
    "folds": ("breast-cancer-xgboost", {"train.folds": "2"}),
}
# Each kind of recipe is in the ordinary suite; `make thorough` runs the ones that are like another.
ALIKE = {
    "abalone-xgboost",
    "breast-cancer-xgboost",
    "diabetes-linear-regression",
    "digits-kmeans",
    "mnist-linear-learner",
    "own-csv",
}
EVERY = [
    *(
        pytest.param(name, changes, id=name, marks=pytest.mark.thorough if name in ALIKE else ())
        for name, changes in RECIPES.items()
    ),
    pytest.param(*OPTIONS["tuning"], id="tuning"),
    pytest.param(*OPTIONS["folds"], id="folds", marks=pytest.mark.thorough),
]
MAKING = ("Create", "Invoke", "Delete", "Stop", "Update")

# What version 2 of the SDK says otherwise than the engine; everything else is equal.
# "left out": members at their default that it does not send. "added": members that it sends by itself.
SDK2 = {
    "CreateTrainingJob": {
        "left out": ["InputDataConfig.*.CompressionType", "InputDataConfig.*.RecordWrapperType"],
        "added": ["DebugHookConfig", "ProfilerConfig"],
    },
    "CreateHyperParameterTuningJob": {
        "left out": [
            "TrainingJobDefinition.InputDataConfig.*.CompressionType",
            "TrainingJobDefinition.InputDataConfig.*.RecordWrapperType",
        ],
        "added": [],
    },
    "CreateTransformJob": {"left out": ["TransformInput.CompressionType"], "added": []},
}


def neutral(calls, numbers):
    """Return the calls that make or change something, names replaced, bodies of CSV as numbers."""
    text = json.dumps([call for call in calls if call[1].startswith(MAKING) and call[0] != "s3"])
    text = re.sub(r"sagewizard/\d{8}-\d{6}-[0-9a-f]{4}", "NAME", text)
    text = re.sub(r"(sw-)?\d{8}-\d{6}-[0-9a-f]{4}", "NAME", text)
    text = re.sub(r"tune-\d{8}-\d{6}", "NAME-tune", text)
    text = re.sub(r"[a-z][a-z0-9-]*-\d{8}-\d{6}", "NAME", text)
    text = text.replace("/source/NAME-train/source/", "/source/")
    text = re.sub(r"-\d{3}-[0-9a-f]{8}\b", "", text)  # the training job that a tuning job found best
    made = json.loads(text)
    for _service, operation, parameters in made:
        for tag in list(parameters.get("Tags", ())):
            # The engine's own bookkeeping: whose it is, and when it may be deleted.
            if tag["Key"] in ("sagewizard:owner", "sagewizard:expires"):
                parameters["Tags"].remove(tag)
        if operation == "InvokeEndpoint":
            parameters["Body"] = numbers(parameters["Body"])
        for variant in parameters.get("ProductionVariants", ()):
            variant["InitialVariantWeight"] = float(variant["InitialVariantWeight"])
    return made


def as_the_sdk(found, wanted):
    """Take out of two lists of calls what version 2 of the SDK says otherwise."""
    for _service, operation, parameters in wanted:
        for path in SDK2.get(operation, {}).get("left out", ()):
            without(parameters, path)
        # It gives the configuration the endpoint's name.
        if "EndpointConfigName" in parameters:
            parameters["EndpointConfigName"] = "NAME-endpoint"
    for _service, operation, parameters in found:
        for path in SDK2.get(operation, {}).get("added", ()):
            without(parameters, path)
        # An empty environment, and the machines of a tuning job under their newer name.
        if operation == "CreateModel" and not parameters["PrimaryContainer"]["Environment"]:
            del parameters["PrimaryContainer"]["Environment"]
        definition = parameters.get("TrainingJobDefinition", {})
        if "HyperParameterTuningResourceConfig" in definition:
            definition["ResourceConfig"] = definition.pop("HyperParameterTuningResourceConfig")


def without(value, path):
    """Take a member out of parameters; `*` stands for every entry of a list."""
    head, _, rest = path.partition(".")
    if head == "*":
        for entry in value:
            without(entry, rest)
    elif isinstance(value, dict) and head in value:
        if rest:
            without(value[head], rest)
        else:
            del value[head]


def comparable(calls):
    """Return calls in an order that does not depend on which of two deletions came first."""
    return sorted(json.dumps(call, sort_keys=True) for call in calls)


def test_every_shipped_recipe_is_generated_and_run():
    from sagewizard import gallery

    assert {card.name for card in gallery.cards()} == set(RECIPES)


@pytest.mark.parametrize(("name", "changes"), EVERY)
def test_a_generated_script_does_what_the_run_did(name, changes, runs, as_numbers):
    ran = runs.of(name, changes)
    expected = neutral(ran.calls, as_numbers)
    metrics = ran.state.outputs("evaluate")["metrics"]
    for flavor, done in runs.execute(name, changes).items():
        found, wanted = neutral(done.calls, as_numbers), copy.deepcopy(expected)
        if flavor == "sdk2":
            as_the_sdk(found, wanted)
        found, wanted = comparable(found), comparable(wanted)
        differing = {
            "only the script": [call for call in found if call not in wanted],
            "only the engine": [call for call in wanted if call not in found],
        }
        assert differing == {"only the script": [], "only the engine": []}, flavor
        assert found == wanted, flavor
        assert done.objects == ran.objects, flavor
        printed = dict(re.findall(r"^(\w+) +(-?[\d.]+)$", done.output, re.MULTILINE))
        assert {key: printed.get(key) for key in metrics} == {
            key: f"{value:.4f}" for key, value in metrics.items()
        }, flavor


@pytest.mark.slow
def test_a_notebook_runs_from_its_first_cell_to_its_last(runs, tmp_path):
    ran = runs.of("iris-kmeans", {})
    path = tmp_path / "iris.ipynb"
    path.write_text(codegen.generate(runs.settings, ran.state, notebook=True), encoding="utf-8")
    nbformat.validate(nbformat.read(path, as_version=4))
    runs.start(
        [
            sys.executable,
            "-m",
            "jupyter",
            "nbconvert",
            "--execute",
            "--inplace",
            "--to",
            "notebook",
            str(path),
        ],
        tmp_path,
    )
    done = nbformat.read(path, as_version=4)
    printed = "".join(output.get("text", "") for cell in done.cells for output in cell.get("outputs", ()))
    for name, value in ran.state.outputs("evaluate")["metrics"].items():
        assert re.search(rf"^{name} +{value:.4f}$", printed, re.MULTILINE), name
