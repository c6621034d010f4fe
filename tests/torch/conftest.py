"""Runs PyTorch scripts below `sandbox exec`, in a sandbox whose environment has torch."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
PYTHON = os.environ.get("SAGEWIZARD_TORCH_PYTHON") or (
    sys.executable if importlib.util.find_spec("torch") is not None else ""
)
SDK3_PYTHON = os.environ.get("SAGEWIZARD_SDK3_PYTHON", "")


def pytest_collection_modifyitems(items):
    """Mark everything in this folder that asks for torch; skip it where there is none."""
    absent = pytest.mark.skip(
        reason="no torch here, and SAGEWIZARD_TORCH_PYTHON names no Python with it; `make torch` makes one"
    )
    for item in items:
        if item.path.is_relative_to(HERE) and "run_script" in item.fixturenames:
            item.add_marker(pytest.mark.torch)
            if not PYTHON:
                item.add_marker(absent)


@pytest.fixture(scope="session")
def sagewizard(tmp_path_factory):
    """A command of `sagewizard` in the environment that has torch, in a home of its own."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "SAGEWIZARD_", "SAGEMAKER_"))}
    environ = kept | {
        "PYTHONPATH": str(PROJECT),
        "SAGEWIZARD_HOME": str(tmp_path_factory.mktemp("torch-home")),
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        "PYTHONWARNINGS": "ignore",
        "COLUMNS": "200",
    }

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PYTHON, "-m", "sagewizard", *arguments], env=environ, cwd=tmp_path_factory.mktemp("work"),
            timeout=280, check=False, capture_output=True, encoding="utf-8",
        )  # fmt: skip

    yield call
    call("sandbox", "stop", "--force")


@pytest.fixture(scope="session")
def run_script(sagewizard):
    """Run a script of this folder; return all that it wrote, and its last line on stdout read as JSON."""

    def run(name: str, python: str = PYTHON) -> tuple[str, object]:
        done = sagewizard("sandbox", "exec", "--", python, str(HERE / name))
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout + done.stderr, json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def sdk3_python():
    """The Python that has version 3 of the SDK."""
    if not SDK3_PYTHON:
        pytest.skip("SAGEWIZARD_SDK3_PYTHON names no Python with sagemaker 3; `make sdk3` makes one")
    return SDK3_PYTHON
