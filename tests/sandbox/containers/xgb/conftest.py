"""A container tree for XGBoost jobs, the bundled data, and a clock that stands still."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sagewizard import algorithms
from sagewizard.sandbox.containers.xgb import serve, train

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


class StandingClock:
    """It is always 2026-11-21 02:00:00 UTC."""

    def now(self) -> float:
        return 1_795_226_400.0

    def monotonic(self) -> float:
        return 0.0

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        return cancel.is_set()


def as_csv(features: NDArray[Any], labels: NDArray[Any] | None = None) -> str:
    """Write rows as CSV, the label first."""
    rows = features if labels is None else np.column_stack([labels, features])
    return "".join(",".join(repr(float(value)) for value in row) + "\n" for row in rows)


@dataclass
class Outcome:
    code: int
    log: list[str]
    failure: str | None

    def metrics(self, name: str) -> list[float]:
        """The values of a metric, round by round."""
        found = []
        for line in self.log:
            for part in line.split("\t")[1:]:
                key, _, value = part.rpartition(":")
                if key == name:
                    found.append(float(value))
        return found


@dataclass
class XgboostJob:
    """Builds the tree of a job, runs it in this process, and serves what came of it."""

    base: Path
    capsys: pytest.CaptureFixture[str]
    version: str = "1.0-1"
    channels: dict[str, dict[str, str]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def add(
        self, channel: str, content: str | bytes, content_type: str | None = "text/csv", file: str = "part-0"
    ) -> None:
        path = self.base / "input" / "data" / channel / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.channels[channel] = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
        if content_type is not None:
            self.channels[channel]["ContentType"] = content_type

    @property
    def variables(self) -> dict[str, str]:
        return {
            "SAGEMAKER_BASE_DIR": str(self.base),
            "SAGEWIZARD_IMAGE": algorithms.image_uri("xgboost", "us-east-1", self.version),
            "SM_CURRENT_INSTANCE_TYPE": "ml.m4.xlarge",
            **self.environ,
        }

    def run(self, hyperparameters: Mapping[str, object], version: str | None = None) -> Outcome:
        self.version = version or self.version
        config = self.base / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        texts = {name: str(value) for name, value in hyperparameters.items()}
        (config / "hyperparameters.json").write_text(json.dumps(texts))
        (config / "inputdataconfig.json").write_text(json.dumps(self.channels))
        (config / "resourceconfig.json").write_text('{"current_host": "algo-1", "hosts": ["algo-1"]}')
        failure = self.base / "output" / "failure"
        failure.unlink(missing_ok=True)
        self.capsys.readouterr()
        code = train.run(self.variables, StandingClock())
        log = self.capsys.readouterr().out.splitlines()
        return Outcome(code, log, failure.read_text() if failure.exists() else None)

    def serve(self, **environ: str) -> serve.XgboostApplication:
        return serve.XgboostApplication({**self.variables, **environ})

    @property
    def model(self) -> Path:
        return self.base / "model" / "xgboost-model"


@pytest.fixture
def xgb_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> XgboostJob:
    """A job without channels."""
    return XgboostJob(tmp_path / "job", capsys)


@dataclass(frozen=True)
class Rows:
    """Features and labels of the three parts of a data set."""

    train: tuple[NDArray[Any], NDArray[Any]]
    validation: tuple[NDArray[Any], NDArray[Any]]
    test: tuple[NDArray[Any], NDArray[Any]]


@pytest.fixture(scope="session")
def cancer() -> Rows:
    """Breast cancer, 569x30, malignant or benign: 369 rows to train, 100 and 100 kept back."""
    from sklearn.datasets import load_breast_cancer

    features, labels = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(7).permutation(len(labels))
    features, labels = features[order], labels[order]
    return Rows(
        (features[:369], labels[:369]), (features[369:469], labels[369:469]), (features[469:], labels[469:])
    )


@pytest.fixture
def cancer_job(xgb_job: XgboostJob, cancer: Rows) -> XgboostJob:
    """A job on breast cancer with train and validation."""
    xgb_job.add("train", as_csv(*cancer.train))
    xgb_job.add("validation", as_csv(*cancer.validation))
    return xgb_job


@pytest.fixture
def small_job(xgb_job: XgboostJob) -> XgboostJob:
    """A job on eight rows of two features."""
    xgb_job.add("train", "".join(f"{i % 2},{i},{i * i % 5}\n" for i in range(8)))
    return xgb_job
