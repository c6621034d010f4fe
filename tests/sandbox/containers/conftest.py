"""A container tree to run training jobs in, and a clock that stands still unless told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sagewizard.data import recordio
from sagewizard.sandbox.containers.contract import run_training
from sagewizard.sandbox.containers.linear_learner.train import train

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray


class StandingClock:
    """Moves on by a millisecond each time it is asked."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        self.time += 0.001
        return self.time

    def monotonic(self) -> float:
        return self.now()

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        self.time += seconds
        return cancel.is_set()


@dataclass
class Outcome:
    code: int
    log: str
    failure: str | None
    base: Path

    @property
    def model(self) -> bytes:
        return (self.base / "model" / "model_algo-1").read_bytes()

    def final(self, split: str) -> dict[str, float]:
        """The quality metrics of the end of the job, by name."""
        start = f"{split} "
        found = {}
        for line in self.log.splitlines():
            if "#quality_metric" in line and "epoch=" not in line:
                text = line.split("host=algo-1, ")[1]
                if text.startswith(start):
                    name, value = text[len(start) :].split("=")
                    found[name.split(" ")[0]] = float(value)
        return found


class Job:
    """Builds the tree of a training job and runs it."""

    def __init__(self, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.base, self.capsys = base, capsys
        self.channels: dict[str, dict[str, str]] = {}
        (base / "input" / "config").mkdir(parents=True)

    def add(self, name: str, content: bytes, content_type: str | None, file: str = "part-00000") -> None:
        path = self.base / "input" / "data" / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.channels[name] = {"TrainingInputMode": "File"}
        if content_type is not None:
            self.channels[name]["ContentType"] = content_type

    def records(
        self, name: str, features: NDArray[np.float32], labels: NDArray[np.float32], file: str = "data.rec"
    ) -> None:
        self.add(name, recordio.encode(features, labels), "application/x-recordio-protobuf", file)

    def run(self, hyperparameters: Mapping[str, object]) -> Outcome:
        config = self.base / "input" / "config"
        texts = {name: str(value) for name, value in hyperparameters.items()}
        (config / "hyperparameters.json").write_text(json.dumps(texts))
        (config / "inputdataconfig.json").write_text(json.dumps(self.channels))
        (config / "resourceconfig.json").write_text(
            json.dumps({"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"})
        )
        self.capsys.readouterr()
        code = run_training(train, {"SAGEMAKER_BASE_DIR": str(self.base)}, StandingClock())
        failure = self.base / "output" / "failure"
        return Outcome(
            code, self.capsys.readouterr().out, failure.read_text() if failure.exists() else None, self.base
        )


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Compute as the launcher's children do; a second BLAS thread spins on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def new_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], Job]:
    """Make jobs, each with a tree of its own."""
    made: list[Job] = []

    def make() -> Job:
        made.append(Job(tmp_path / f"job{len(made)}", capsys))
        return made[-1]

    return make


@pytest.fixture
def job(new_job: Callable[[], Job]) -> Job:
    """Make one job."""
    return new_job()


def _digits() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from sklearn.datasets import load_digits

    features, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(7).permutation(len(labels))
    return features[order].astype(np.float32), labels[order].astype(np.float32)


@pytest.fixture(scope="session")
def digits() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """1,797 digits of 8x8, shuffled, with their classes 0 to 9."""
    return _digits()
