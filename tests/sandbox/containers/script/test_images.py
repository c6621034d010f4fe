"""Which image URIs are framework images, and what is said of one that cannot run here."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from sagewizard import algorithms
from sagewizard.algorithms.framework_accounts import DEEP_LEARNING_ACCOUNTS, FRAMEWORK_ACCOUNTS
from sagewizard.sandbox.containers.registry import resolve
from sagewizard.sandbox.containers.script import images

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn"
TORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch"


@pytest.mark.parametrize("version", ["0.20.0", "0.23-1", "1.0-1", "1.2-1", "1.4-2"])
def test_every_scikit_learn_image_runs_scripts(version):
    assert algorithms.image_uri("sklearn", "us-east-1", version) == f"{SKLEARN}:{version}-cpu-py3"
    container = resolve(f"{SKLEARN}:{version}-cpu-py3")
    assert (container.name, container.version, container.script_mode) == ("sklearn", version, True)
    assert container.metric_definitions == ()


@pytest.mark.parametrize(
    "uri",
    [
        f"{TORCH}-training:2.0.0-cpu-py310",
        f"{TORCH}-inference:2.6.0-gpu-py312",
        f"{TORCH}-training:2.8.0-gpu-py312-cu129-ubuntu22.04-sagemaker",
    ],
)
def test_a_pytorch_image_runs_scripts_and_the_log_says_where_torch_is_missing(uri):
    framework = images.recognise(uri)
    assert framework is not None and framework.name == "pytorch"
    assert bool(framework.settings) is (framework.version == "2.0.0"), "whole models were read before 2.6"
    assert resolve(uri).script_mode
    note = images.note(framework)
    if importlib.util.find_spec("torch") is None:
        assert f"PyTorch {framework.version}, which is not installed here" in note
        assert "pip install torch" in note
    else:
        assert f"installed torch {framework.installed}" in note


@pytest.mark.parametrize(
    "uri",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
        f"{SKLEARN}:1.2-1-gpu-py3",
        f"{SKLEARN}:latest",
        f"{SKLEARN}-x:1.2-1-cpu-py3",
        "nonsense",
    ],
)
def test_any_other_image_is_none_of_them(uri):
    assert images.recognise(uri) is None
    with pytest.raises(LookupError, match="sagemaker-scikit-learn"):
        resolve(uri)


def test_the_accounts_are_those_of_the_sdk():
    found = importlib.util.find_spec("sagemaker")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the SageMaker SDK is not installed")
    folder = Path(next(iter(found.submodule_search_locations))) / "image_uri_config"
    described = json.loads((folder / "sklearn.json").read_text())["training"]["versions"]
    assert all(item["registries"] == FRAMEWORK_ACCOUNTS for item in described.values())
    assert set(described) == set(algorithms.get("sklearn").image.tags)
    torch = json.loads((folder / "pytorch.json").read_text())
    for scope in ("training", "inference"):
        for item in torch[scope]["versions"].values():
            if item["repository"] in images.REPOSITORIES:
                assert item["registries"].items() <= DEEP_LEARNING_ACCOUNTS.items()


def test_any_hyperparameter_is_the_scripts_own():
    assert algorithms.validate("sklearn", {"max_leaf_nodes": "30", "sagemaker_program": "train.py"}) == []
