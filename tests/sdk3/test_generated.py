"""Generated scripts for version 3 of the SDK do what the run did: the same calls, data and figures."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

from sagewizard import codegen, targets
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

CODEGEN = Path(__file__).resolve().parents[1] / "codegen"


def load(name):
    """Load a module of the other flavors' tests, which hold the engine's run and the comparison."""
    spec = importlib.util.spec_from_file_location(f"codegen_{name}", CODEGEN / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


common, generated = load("conftest"), load("test_generated")
# Spare capacity, so that it is tried without a run of its own.
MORE = {"iris-kmeans": {"train.spot": "true"}, "diabetes-linear-regression": {"train.spot": "true"}}
ORDINARY = {"digits-linear-learner", "iris-sklearn-script", "vertebral-xgboost"}
CASES = [
    *(
        pytest.param(
            name,
            changes | MORE.get(name, {}),
            id=name,
            marks=pytest.mark.thorough if name not in ORDINARY else (),
        )
        for name, changes in generated.RECIPES.items()
    ),
    *(pytest.param(*case, id=name, marks=pytest.mark.thorough) for name, case in generated.OPTIONS.items()),
]

# What version 3 of the SDK says otherwise than the engine; everything else is equal.
# "left out": members at their default that it does not send. "added": members that it sends by itself.
_CHANNELS = ["InputDataConfig.*.CompressionType", "InputDataConfig.*.RecordWrapperType"]
EXTRAS = {
    "CreateTrainingJob": {
        "left out": _CHANNELS,
        "added": ["InputDataConfig.*.InputMode", "OutputDataConfig.CompressionType"],
    },
    "CreateHyperParameterTuningJob": {
        "left out": [
            *(f"TrainingJobDefinition.{member}" for member in _CHANNELS),
        ],
        "added": ["TrainingJobDefinition.OutputDataConfig.CompressionType"],
    },
    "CreateTransformJob": {"left out": ["TransformInput.CompressionType"], "added": []},
}
# In script mode it starts the script by a driver of its own, in two channels, where the engine asks the image
# to do it; and it packs the script into the model's archive.
SCRIPT_MODE = {
    "CreateTrainingJob": {
        "left out": [
            f"HyperParameters.sagemaker_{name}"
            for name in ("container_log_level", "job_name", "program", "region", "submit_directory")
        ],
        "added": ["AlgorithmSpecification.ContainerArguments", "AlgorithmSpecification.ContainerEntrypoint"],
    },
    "CreateModel": {
        "left out": [
            "PrimaryContainer.Environment.SAGEMAKER_SUBMIT_DIRECTORY",
            "PrimaryContainer.ModelDataUrl",
        ],
        "added": ["PrimaryContainer.Environment.SAGEMAKER_SUBMIT_DIRECTORY", "PrimaryContainer.ModelDataUrl"],
    },
}
# The folder of its driver, the same for every script, which the job finds in the channel `sm_drivers`.
DRIVER_FILES = re.compile(r"^[^/]+/[^/]+/input/sm_drivers/")
MODEL_SOURCE = "sagemaker.amazonaws.com/model-source"  # a tag that it puts on endpoints
DRIVER = {"code", "sm_drivers"}


def alike(calls, short, side):
    """Return calls without the names that the SDK chooses, and without what it is known to say otherwise."""
    text = json.dumps(calls)
    text = re.sub(rf"{short}-\d{{14}}", "NAME-train", text)
    text = re.sub(r"(NAME-fold\d+)-\d{14}", r"\1", text)
    text = re.sub(r"NAME-tune-\d{3}-[0-9a-f]{8}", "NAME-tune-BEST", text)
    text = re.sub(r"NAME-model-\d{3}-[0-9a-f]{8}", "NAME-model", text)
    made = json.loads(text, parse_int=float)
    tables = [EXTRAS, SCRIPT_MODE] if "script" in short else [EXTRAS]
    for _service, operation, parameters in made:
        ranges = parameters.get("HyperParameterTuningJobConfig", {}).get("ParameterRanges", {})
        for kind in ("IntegerParameterRanges", "ContinuousParameterRanges"):
            for entry in ranges.get(kind, ()):  # 1e-6 and 1e-06 are the same
                entry |= {end: float(entry[end]) for end in ("MinValue", "MaxValue")}
        for kind in [kind for kind, entries in ranges.items() if not entries]:
            del ranges[kind]
        for table in tables:
            for path in table.get(operation, {}).get(side, ()):
                generated.without(parameters, path)
        parameters["Tags"] = [tag for tag in parameters.get("Tags", ()) if tag["Key"] != MODEL_SOURCE]
        if parameters.get("PrimaryContainer", {}).get("Environment") == {}:
            del parameters["PrimaryContainer"]["Environment"]
        if "InputDataConfig" in parameters and side == "added":
            kept = [each for each in parameters["InputDataConfig"] if each["ChannelName"] not in DRIVER]
            parameters["InputDataConfig"] = kept
        if parameters.get("EndpointConfigName") == "NAME-endpoint":  # one name for both
            parameters["EndpointConfigName"] = "NAME-config"
    return sorted(json.dumps(call, sort_keys=True) for call in made)


@pytest.fixture(scope="module")
def runs(sdk3_python, tmp_path_factory):
    home = tmp_path_factory.mktemp("sdk3-code")
    settings = Settings(home=home, data=common.DATA if common.DATA.is_dir() else None)
    yield common.Runs(settings, targets.open_target("sandbox", settings), tmp_path_factory)
    launcher.stop(settings, force=True)


def execute(runs, python, ran, folder):
    """Run the generated script as its reader would; return what it printed, its calls, its objects."""
    script, calls = folder / "script.py", folder / "calls.jsonl"
    text = codegen.generate(runs.settings, ran.state, flavor="sdk3")
    assert "import sagewizard" not in text
    script.write_text(text, encoding="utf-8")
    output = runs.start([python, str(CODEGEN / "recording.py"), str(calls), str(script)], folder)
    seen = [tuple(json.loads(line)) for line in calls.read_text(encoding="utf-8").splitlines()]
    named = next(call[2]["EndpointName"] for call in seen if call[1] == "CreateEndpoint")
    prefix = named.removesuffix("-endpoint")
    return output, seen, common.objects_of(runs.target, f"{prefix}/")


def as_uploaded(objects):
    """Return objects with the learner's script as the engine's archive has it, without the SDK's extras.

    The SDK uploads the script twice: as a file for the training job, in the channel `code`, and for the model
    in an archive together with what the job made of it, below `code/`.
    """
    kept, copies = {}, []
    for name, (content_type, body) in objects.items():
        _, found, file = name.partition("/input/code/")
        if found:
            copies.append({file: body})
        elif name.endswith("-model/model.tar.gz"):
            packed = common.unpacked(body)
            copies.append({key[5:]: value for key, value in packed.items() if key.startswith("code/")})
        elif not DRIVER_FILES.match(name):
            kept[name] = (content_type, body)
    if copies:
        assert copies == [copies[0]] * 2, "the job's script and the model's are to be the same"
        kept["sourcedir"] = copies[0]
    return kept


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_a_generated_script_does_what_the_run_did(name, changes, runs, sdk3_python, tmp_path):
    ran = runs.of(name, changes)
    output, calls, objects = execute(runs, sdk3_python, ran, tmp_path)
    found = generated.neutral(calls, common.numbers)
    wanted = generated.neutral(ran.calls, common.numbers)
    whole = codegen.plan_of(runs.settings, ran.state, flavor="sdk3")
    for step in dict.fromkeys(section.step for section in whole.sections if section.step):
        ast.parse(codegen.generate(runs.settings, ran.state, flavor="sdk3", step=step))
    short = ran.state.recipe
    assert alike(found, short, "added") == alike(wanted, short, "left out")
    assert as_uploaded(objects) == ran.objects
    printed = dict(re.findall(r"^(\w+) +(-?[\d.]+)$", output, re.MULTILINE))
    metrics = ran.state.outputs("evaluate")["metrics"]
    assert {key: printed.get(key) for key in metrics} == {
        key: f"{value:.4f}" for key, value in metrics.items()
    }
