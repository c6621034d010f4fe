"""The client, and the server, killed in the middle of runs: what they had made is found and deleted."""

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
RECIPES = ("digits-linear-learner", "diabetes-linear-regression", "iris-kmeans")


@pytest.fixture
def home(tmp_path):
    settings = Settings(home=tmp_path / "home", data=None)
    launcher.ensure(settings)
    yield tmp_path
    launcher.stop(settings, force=True)


def kill(home, kills, seed, record_property):
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEWIZARD_"))
    }
    environ |= {
        "SAGEWIZARD_HOME": str(home / "home"),
        "KILLING_LOG": str(home / "clients.log"),
        "KILLING_LEFT": str(home / "left.json"),
        "PYTHONPATH": str(HERE.parents[1]),
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "killing.py"), str(kills), str(seed), *RECIPES],
        env=environ, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    log = home / "clients.log"
    tail = log.read_text(errors="replace")[-3000:] if log.exists() else ""
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{tail}"
    found = json.loads(done.stdout)
    record_property(
        "kills",
        f"{found['kills']} kills of the client ({found['creating']} around a creating call), "
        f"{found['teardowns']} times `teardown --all`, {found['resumed']} runs resumed, "
        f"{len(found['left'])} left",
    )
    assert found["left"] == [], f"{found['left']}\n{tail}"
    assert found["kills"] == kills
    assert found["creating"] > kills / 4
    return found


@pytest.mark.slow
def test_a_client_that_is_killed_40_times_leaves_nothing_that_a_teardown_does_not_find(home, record_property):
    kill(home, 40, 1, record_property)


@pytest.mark.faults
@pytest.mark.timeout(1500)
def test_a_client_that_is_killed_200_times_leaves_nothing_that_a_teardown_does_not_find(
    home, record_property
):
    kill(home, 200, 2, record_property)
