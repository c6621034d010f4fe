"""What the engine's tests share: a target in memory for faults, and one real sandbox for everything else."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from sagewizard.settings import Settings


@pytest.fixture(scope="session")
def fakes():
    """The module of the target in memory."""
    spec = importlib.util.spec_from_file_location("engine_fakes", Path(__file__).with_name("fakes.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clock(fakes):
    return fakes.FakeClock()


@pytest.fixture
def target(fakes, clock):
    return fakes.FakeTarget(clock)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", data=None)


@pytest.fixture(scope="session")
def data_folder():
    """The folder of real datasets, or a skip that says what is missing."""
    default = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
    folder = Path(os.environ.get("SAGEWIZARD_TEST_DATA", default)).resolve()
    if not (folder / "mnist" / "mnist.pkl.gz").is_file():
        pytest.skip(f"there is no MNIST in {folder}; SAGEWIZARD_TEST_DATA names the folder")
    return folder


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    """One sandbox server for the session, as (target, settings)."""
    from sagewizard.sandbox import launcher
    from sagewizard.targets import open_target

    settings = Settings(home=tmp_path_factory.mktemp("engine-home"), data=None)
    yield open_target("sandbox", settings), settings
    launcher.stop(settings, force=True)
