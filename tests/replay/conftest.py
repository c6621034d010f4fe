"""What the tests of recorded runs share: a home with one finished run, and a clock that waiting moves.

The run is a shipped record, unpacked into a home, so that no target is needed; its identity is planted anew.
"""

from __future__ import annotations

import shutil

import pytest

from sagewizard.engine import recording
from sagewizard.settings import Settings

VERTEBRAL, MNIST = "vertebral-xgboost", "mnist-linear-learner"


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", data=None)


@pytest.fixture
def shipped():
    """The shipped records by name, as paths."""
    return recording.shipped()


@pytest.fixture
def own_run(settings, shipped):
    """A home with one run of its own: the vertebral tutorial, as if it had been made here. Its id."""
    with recording.open_file(shipped[VERTEBRAL]) as found:
        shutil.copytree(found.folder, settings.runs / found.run_id)
        return found.run_id


class StepClock:
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.moment = 1000.0
        self.waited: list[float] = []

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment

    def wait(self, cancel, seconds):
        if cancel.is_set():
            return True
        self.waited.append(seconds)
        self.moment += seconds
        return cancel.is_set()


@pytest.fixture
def step_clock():
    return StepClock()
