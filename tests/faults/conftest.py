"""What the tests of faults share: one sandbox a file and the driver of runs."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("SAGEWIZARD_TEST_DATA") or HERE.parents[1] / ".." / "shared" / "data").resolve()


def _module(name):
    spec = importlib.util.spec_from_file_location(f"faults_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


driver = _module("driver")


@pytest.fixture(scope="session")
def drive():
    """The module that runs a recipe under a plan."""
    return driver


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A home with a running sandbox."""
    settings = Settings(home=tmp_path_factory.mktemp("faults-home"), data=DATA if DATA.is_dir() else None)
    launcher.ensure(settings)
    yield driver.World(settings)
    launcher.stop(settings, force=True)


@pytest.fixture(scope="session")
def own_file(tmp_path_factory):
    """A file for the recipe that takes one's own."""
    path = tmp_path_factory.mktemp("own") / "my.csv"
    lines = [f"{n % 11},{n % 3},{['no', 'yes'][n % 11 > 5]}" for n in range(120)]
    path.write_text("size,kind,bought\n" + "\n".join(lines) + "\n")
    return path


def pytest_terminal_summary(terminalreporter):
    """Write how many kills there were, and what was left, where everybody sees it."""
    for reports in list(terminalreporter.stats.values()):
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "kills" and report.when == "call":
                    terminalreporter.write_line(value)
