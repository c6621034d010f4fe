"""Runs scripts written for version 3 of the SageMaker SDK below `sandbox exec`, in a home of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
DATA = Path(os.environ.get("SAGEWIZARD_TEST_DATA") or PROJECT.parent / "shared" / "data")
PYTHON = os.environ.get("SAGEWIZARD_SDK3_PYTHON", "")


def pytest_collection_modifyitems(items):
    """Mark everything in this folder that asks for a script to be run; skip it where nothing can run it."""
    absent = pytest.mark.skip(
        reason="SAGEWIZARD_SDK3_PYTHON names no Python with sagemaker 3; `make sdk3` makes one"
    )
    for item in items:
        if item.path.is_relative_to(HERE) and "sdk3_python" in item.fixturenames:
            item.add_marker(pytest.mark.sdk3)
            if not PYTHON:
                item.add_marker(absent)


@pytest.fixture(scope="session")
def sdk3_python():
    """The Python that has version 3 of the SDK."""
    return PYTHON


@pytest.fixture(scope="session")
def data_folder():
    """Where the real datasets are, if they are."""
    return DATA


@pytest.fixture(scope="module")
def sdk3_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("sdk3-home")
    yield home
    launcher.stop(Settings(home=home, data=None), force=True)


@pytest.fixture(scope="module")
def run_script(sdk3_python, sdk3_home, tmp_path_factory):
    """Run a script of this folder; return all that it wrote, and its last line on stdout read as JSON."""

    def run(name: str, *arguments: str) -> tuple[str, object]:
        kept = {
            n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "SAGEWIZARD_", "SAGEMAKER_"))
        }
        environ = kept | {
            "PYTHONPATH": str(PROJECT),
            "SAGEWIZARD_HOME": str(sdk3_home),
            "PYTHONWARNINGS": "ignore",
            "COLUMNS": "200",
        }
        command = [sys.executable, "-m", "sagewizard", "sandbox", "exec", "--", sdk3_python, str(HERE / name)]
        done = subprocess.run(
            [*command, *arguments], env=environ, cwd=tmp_path_factory.mktemp("work"), timeout=280,
            check=False, capture_output=True, encoding="utf-8",
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout + done.stderr, json.loads(done.stdout.splitlines()[-1])

    return run
