"""Runs scripts written for version 2 of the SageMaker SDK below `sandbox exec`, in a home of their own."""

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
EXEC = [sys.executable, "-m", "sagewizard", "sandbox", "exec", "--"]
DATA = Path(os.environ.get("SAGEWIZARD_TEST_DATA") or PROJECT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def sdk_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("sdk2-home")
    yield home
    launcher.stop(Settings(home=home, data=None), force=True)


@pytest.fixture(scope="session")
def run_script(sdk_home, tmp_path_factory):
    """Run a script below this folder; return what it printed, and its last line read as JSON."""

    def run(name: str, *arguments: str) -> tuple[str, object]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "SAGEWIZARD_", "SAGEMAKER_"))
        }
        environ = kept | {
            "PYTHONPATH": str(PROJECT),
            "SAGEWIZARD_HOME": str(sdk_home),
            "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
            "PYTHONWARNINGS": "ignore",
            "COLUMNS": "200",
        }
        if DATA.is_dir():
            environ["SAGEWIZARD_DATA"] = str(DATA)
        done = subprocess.run(
            [*EXEC, sys.executable, str(HERE / name), *arguments],
            env=environ, cwd=tmp_path_factory.mktemp("work"), timeout=280, check=False,
            capture_output=True, encoding="utf-8",
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout, json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def data_folder():
    """The folder of real datasets; skips where there is none."""
    if not (DATA / "mnist" / "mnist.pkl.gz").is_file():
        pytest.skip(f"no datasets in {DATA}; set SAGEWIZARD_TEST_DATA")
    return DATA


@pytest.fixture(scope="session")
def real_data():
    """Where the real datasets are, if they are."""
    return DATA
