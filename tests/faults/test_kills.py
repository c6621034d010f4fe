"""The client, and the server, killed in the middle of runs: what they had made is found and deleted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sagewizard import events as ev
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
def test_a_client_that_is_killed_20_times_leaves_nothing_that_a_teardown_does_not_find(home, record_property):
    kill(home, 20, 1, record_property)


@pytest.mark.faults
@pytest.mark.timeout(1500)
def test_a_client_that_is_killed_200_times_leaves_nothing_that_a_teardown_does_not_find(
    home, record_property
):
    kill(home, 200, 2, record_property)


def _training(event):
    return isinstance(event, ev.JobStatusChanged) and event.resource == "training-job"


def _made(kind):
    return lambda event: isinstance(event, ev.ResourceCreated) and event.resource == kind


MOMENTS = {
    "a training job begins": _training,
    "an endpoint was asked for": _made("endpoint"),
    "a transform job was asked for": _made("transform-job"),
    "the first resource is deleted": lambda event: isinstance(event, ev.ResourceDeleted),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_server_that_is_killed_in_a_run_agrees_with_the_ledger_and_the_run_goes_on(world, drive, moment):
    engine, recipe = world.engine(), world.recipe("iris-kmeans")
    waiting, end = True, None
    for event in engine.run(recipe):
        if waiting and MOMENTS[moment](event):
            waiting = False
            os.kill(launcher.status(world.settings)["pid"], signal.SIGKILL)
        end = event
    assert not waiting
    if isinstance(end, ev.RunFailed):
        drive.check_end(end, drive.FAILED, "[Cc]o(uld not connect|nnection)")
        assert any(way in end.remedy for way in ("resume the run", "sagewizard teardown")), end.remedy
    engine = world.engine()
    drive.check_agreement(engine, end.run_id)
    for _again in range(3):
        if isinstance(end, ev.RunFinished):
            break
        # A job that ran in the server that was killed has failed, which the first try finds.
        end = list(engine.run(recipe, run_id=end.run_id))[-1]
    assert isinstance(end, ev.RunFinished), end
    drive.tear_down(engine, end.run_id)
