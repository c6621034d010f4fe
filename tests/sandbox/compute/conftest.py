"""A bundle of services on a folder of the test's own, a clock set by hand, and a launcher for all tests."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from sagewizard.sandbox.compute.launcher import ProcessLauncher
from sagewizard.sandbox.services import ACCOUNT_ID, BUCKET, REGION, Pace, Services
from sagewizard.sandbox.store.database import Database
from sagewizard.sandbox.store.logs import LogStore
from sagewizard.sandbox.store.metrics import MetricStore
from sagewizard.sandbox.store.objects import ObjectStore
from sagewizard.target import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = str(Path(__file__).parent)
ENVIRON = {**os.environ, "PYTHONPATH": HERE, "AWS_SECRET_ACCESS_KEY": "the person's own", "HOME": "/root"}
START = 1_700_000_000.0


class HandClock:
    """Time passes only when somebody waits; a wait takes no real time."""

    def __init__(self) -> None:
        self.time = START
        self.waits: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        if cancel.is_set():
            return True
        with self._lock:
            self.waits.append(seconds)
            self.time += seconds
        return cancel.is_set()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def services(tmp_path: Path, clock: HandClock) -> Iterator[Services]:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    database = Database(folder / "sandbox.db")
    logs = LogStore(folder / "logs", clock)
    made = Services(
        folder=folder,
        account_id=ACCOUNT_ID,
        region=REGION,
        credentials=Credentials("SANDBOXKEY", "sandbox-secret", "sandbox-token"),
        endpoint_url="http://127.0.0.1:4566",
        database=database,
        objects=ObjectStore(folder / "objects", database, clock),
        logs=logs,
        clock=clock,
        pace=Pace.instant(),
        metrics=MetricStore(database, clock),
    )
    made.objects.create_bucket(BUCKET, REGION)
    yield made
    logs.close()
    database.close()


@pytest.fixture(scope="session")
def session_launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLauncher]:
    made = ProcessLauncher(tmp_path_factory.mktemp("compute"), ENVIRON)
    made.warm()
    yield made
    made.close()


def _container(train: str = "", serve: str = "", *, script_mode: bool = False) -> SimpleNamespace:
    return SimpleNamespace(
        train=f"training_programs:{train}", serve=f"serving_programs:{serve}", script_mode=script_mode
    )


@pytest.fixture
def container() -> Callable[..., SimpleNamespace]:
    """Make what the registry would answer, with entries of the test programs."""
    return _container


@pytest.fixture
def messages(services: Services) -> Callable[..., dict[str, list[str]]]:
    """Read a log group: the messages of each stream."""

    def read(group: str, prefix: str = "") -> dict[str, list[str]]:
        return {
            stream.name: [event.message for event in services.logs.events(group, stream.name)]
            for stream in services.logs.streams(group, prefix)
        }

    return read
