"""One sandbox for all of the tests; each recipe is run once by the engine and once by each script."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from botocore.client import BaseClient

from sagewizard import codegen, targets
from sagewizard import events as ev
from sagewizard.engine import Engine
from sagewizard.engine import state as states
from sagewizard.recipe import finding
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
DATA = Path(os.environ.get("SAGEWIZARD_TEST_DATA") or PROJECT.parent / "shared" / "data")
OFFERED = ("boto3", "sdk2")

_specification = importlib.util.spec_from_file_location("recording", HERE / "recording.py")
recording = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(recording)

OWN = """\
id,town,rooms,size,sold
{rows}
"""

NEEDS_DATA = {"abalone-xgboost", "mnist-linear-learner", "vertebral-xgboost"}


@dataclasses.dataclass
class Ran:
    """A run by the engine: its state, the calls it made, and the objects that it left."""

    state: states.RunState
    calls: list
    objects: dict


@dataclasses.dataclass
class Executed:
    """A generated script after it was run: its text, what it printed, its calls, the objects it left."""

    text: str
    output: str
    calls: list
    objects: dict


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    home = tmp_path_factory.mktemp("code-home")
    made = Settings(home=home, data=DATA if DATA.is_dir() else None)
    yield made
    launcher.stop(made, force=True)


@pytest.fixture(scope="session")
def target(settings):
    return targets.open_target("sandbox", settings)


def own_csv(folder):
    """Write a table with a text column, an identity, missing numbers and a label of two texts."""
    generator = np.random.default_rng(5)
    rows = []
    for number in range(160):
        rooms, size = int(generator.integers(1, 7)), generator.normal(80, 20)
        town = ["Lyon", "Nice", "Paris"][int(generator.integers(0, 3))]
        sold = "yes" if rooms + size / 40 + generator.normal(0, 1) > 5.5 else "no"
        rows.append(f"{number},{town},{'' if number % 17 == 3 else rooms},{size:.2f},{sold}")
    path = folder / "own.csv"
    path.write_text(OWN.format(rows="\n".join(rows)), encoding="utf-8")
    return path


def objects_of(target, prefix):
    """Return what lies under a prefix of the bucket: content by key, numbers where it is CSV."""
    s3 = target.client("s3")
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=target.bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            key = entry["Key"]
            name = key.removeprefix(prefix)
            if name.startswith(("output/", "transform/")):
                continue  # what the jobs wrote: the metrics compare it
            answer = s3.get_object(Bucket=target.bucket, Key=key)
            body = answer["Body"].read()
            if name.endswith("sourcedir.tar.gz"):  # the SDK has a folder of its own for it
                found["sourcedir"] = unpacked(body)
                continue
            found[name] = (answer["ContentType"], numbers(body) if name.endswith(".csv") else body)
    return found


def unpacked(body):
    """Return the files in an archive; its own bytes hold the time at which it was made."""
    with tarfile.open(fileobj=io.BytesIO(body)) as files:
        return {entry.name: files.extractfile(entry).read() for entry in files if entry.isfile()}


def numbers(body):
    """Return CSV as numbers, so that 1e-05 and 0.00001 are the same."""
    text = body.decode() if isinstance(body, bytes) else body
    return np.array(text.replace("\n", ",").strip(",").split(","), np.float32).tolist()


@pytest.fixture(scope="session")
def as_numbers():
    return numbers


@pytest.fixture(scope="session")
def runs(settings, target, tmp_path_factory):
    """Run a recipe once with the engine, and each script that was asked for once, two at a time."""
    return Runs(settings, target, tmp_path_factory)


class Runs:
    def __init__(self, settings, target, folders):
        self.settings, self.target, self.folders = settings, target, folders
        self.done = {}

    def of(self, name, changes=None):
        """Return a run of a recipe by the engine."""
        if name in NEEDS_DATA and self.settings.data is None:
            pytest.skip(f"no datasets in {DATA}; set SAGEWIZARD_TEST_DATA")
        key = (name, tuple(sorted((changes or {}).items())))
        if key not in self.done:
            self.done[key] = self._run(name, dict(changes or {}))
        return self.done[key]

    def _run(self, name, changes):
        if name == "own-csv":
            changes["dataset.path"] = str(own_csv(self.folders.mktemp("own")))
        recipe = finding.load(name).with_settings(changes)
        calls = []
        undo = recording.record(BaseClient, calls)
        try:
            seen = list(Engine(self.target, settings=self.settings).run(recipe))
        finally:
            undo()
        assert isinstance(seen[-1], ev.RunFinished), getattr(seen[-1], "message", seen[-1])
        state = states.load(self.settings.runs / seen[0].run_id)
        objects = objects_of(self.target, f"sagewizard/{state.run_id}/")
        return Ran(state, [tuple(call) for call in calls], objects)

    def execute(self, name, changes=None, flavors=OFFERED):
        """Return the executed scripts of a run by flavor; they run side by side."""
        ran = self.of(name, changes)
        with ThreadPoolExecutor(len(flavors)) as pool:
            made = list(pool.map(lambda flavor: self._execute(name, ran, flavor), flavors))
        return dict(zip(flavors, made, strict=True))

    def _execute(self, name, ran, flavor):
        text = codegen.generate(self.settings, ran.state, flavor=flavor)
        folder = self.folders.mktemp(f"{name}-{flavor}")
        script, calls = folder / "script.py", folder / "calls.jsonl"
        script.write_text(text, encoding="utf-8")
        output = self.start([sys.executable, str(HERE / "recording.py"), str(calls), str(script)], folder)
        seen = [tuple(json.loads(line)) for line in calls.read_text(encoding="utf-8").splitlines()]
        own = next(
            call[2]["TrainingJobName"].rpartition("-")[0]
            for call in seen
            if call[1] == "CreateTrainingJob" and call[2]["TrainingJobName"].endswith("-train")
        )
        return Executed(text, output, seen, objects_of(self.target, f"{own}/"))

    def start(self, command, folder):
        """Run a program below `sandbox exec` in a folder of its own; return what it printed."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "SAGEWIZARD_", "SAGEMAKER_"))
        }
        environ = kept | {
            "PYTHONPATH": str(PROJECT), "SAGEWIZARD_HOME": str(self.settings.home),
            "SAGEMAKER_SUPPRESS_V2_WARNING": "1", "PYTHONWARNINGS": "ignore",
        }  # fmt: skip
        if self.settings.data is not None:
            environ["SAGEWIZARD_DATA"] = str(self.settings.data)
        done = subprocess.run(
            [sys.executable, "-m", "sagewizard", "sandbox", "exec", "--", *command],
            env=environ, cwd=folder, timeout=240, check=False, capture_output=True, encoding="utf-8",
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout
