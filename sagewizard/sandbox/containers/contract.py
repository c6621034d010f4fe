"""The training half of the container contract: the /opt/ml tree, its configuration, how a job fails.

The tree stands where `SAGEMAKER_BASE_DIR` says; texts a person reads keep the real name, /opt/ml. Layout:

    input/config/hyperparameters.json    {name: value}, every value a string
    input/config/inputdataconfig.json    {channel: {ContentType, TrainingInputMode, ...}}
    input/config/resourceconfig.json     {current_host, hosts}
    input/data/<channel>/...             files, the S3 prefix cut off, folders kept
    model/                               what is left here becomes model.tar.gz
    output/failure                       why the job failed; readers take the first 1024 characters
"""

from __future__ import annotations

import json
import os
import signal
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.clock import SystemClock
from sagewizard.sandbox.containers.joblog import JobLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.clock import Clock

BASE_VARIABLE = "SAGEMAKER_BASE_DIR"
REAL_BASE = "/opt/ml"
_LARGEST_CONFIG = 16 << 20


class JobError(Exception):
    """A reason for the job to fail; `prefix` starts the failure text, `label` the line in the log."""

    prefix = "AlgorithmError"
    label = "Algorithm Error"
    exit_code = 1


class AlgorithmError(JobError):
    """Something the algorithm could not do."""


class CustomerError(JobError):
    """Something in the job's configuration or data that only its owner can put right."""

    prefix = "ClientError"
    label = "Customer Error"
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel as the job sees it: where its files are and how they are said to be written."""

    name: str
    path: Path
    content_type: str | None
    input_mode: str = "File"
    distribution: str = "FullyReplicated"

    def files(self) -> list[Path]:
        """List the files in the order of their keys, sub-folders included, without markers of size 0."""
        found = [
            Path(folder) / name
            for folder, _, names in os.walk(self.path)
            for name in names
            if (Path(folder) / name).is_file() and (Path(folder) / name).stat().st_size
        ]
        return sorted(found, key=lambda path: path.relative_to(self.path).as_posix().encode())


@dataclass(frozen=True, slots=True)
class TrainingContainer:
    """What a training program is given; `stopping` is set when SageMaker asks the job to end (SIGTERM)."""

    base: Path
    hyperparameters: Mapping[str, str]
    channels: Mapping[str, Channel]
    current_host: str
    hosts: tuple[str, ...]
    clock: Clock
    log: JobLog
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def model(self) -> Path:
        """The folder that becomes model.tar.gz."""
        return self.base / "model"

    def shown(self, path: Path) -> str:
        """Name a file of the tree as it is named in the real container."""
        return shown(self.base, path)


def shown(base: Path, path: Path) -> str:
    """Name a path below `base` with the real container's root in front."""
    return f"{REAL_BASE}/{path.relative_to(base).as_posix()}" if path.is_relative_to(base) else str(path)


def base_folder(environ: Mapping[str, str]) -> Path:
    """Find the tree: the folder in SAGEMAKER_BASE_DIR, /opt/ml without it."""
    return Path(environ.get(BASE_VARIABLE) or REAL_BASE)


def open_container(environ: Mapping[str, str], clock: Clock, log: JobLog) -> TrainingContainer:
    """Read the configuration files; AlgorithmError when one is damaged."""
    base = base_folder(environ)
    config = base / "input" / "config"
    hyperparameters = _read_object(config / "hyperparameters.json", base)
    inputs = _read_object(config / "inputdataconfig.json", base)
    resources = _read_object(config / "resourceconfig.json", base)
    channels = {
        name: Channel(
            name,
            base / "input" / "data" / name,
            _text_or_none(settings.get("ContentType")),
            str(settings.get("TrainingInputMode", "File")),
            str(settings.get("S3DistributionType", "FullyReplicated")),
        )
        for name, settings in inputs.items()
        if isinstance(settings, dict)
    }
    host = str(resources.get("current_host", "algo-1"))
    hosts = resources.get("hosts", [host])
    return TrainingContainer(
        base,
        {str(name): str(value) for name, value in hyperparameters.items()},
        channels,
        host,
        tuple(map(str, hosts)) if isinstance(hosts, list) else (host,),
        clock,
        log,
    )


def _text_or_none(value: object) -> str | None:
    return str(value) if value else None


def _read_object(path: Path, base: Path) -> dict[str, Any]:
    """Read a JSON object; a file that is not there is an empty one."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LARGEST_CONFIG))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise AlgorithmError(f"{shown(base, path)} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise AlgorithmError(f"{shown(base, path)} does not hold a JSON object")
    return content


def run_training(
    program: Callable[[TrainingContainer], None],
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    new_log: Callable[[Clock], JobLog] = JobLog,
) -> int:
    """Run a training program and return its exit code: 0 done, 2 the customer's error, 1 any other.

    `new_log` makes the log, for a container whose lines have another form.
    The reason of a failure goes to output/failure, prefix included ("ClientError: ..."), and to the log.
    """
    environ = os.environ if environ is None else environ
    clock = clock or SystemClock()
    log = new_log(clock)
    try:
        container = open_container(environ, clock, log)
        _listen_for_stop(container.stopping)
        program(container)
    except JobError as error:
        log.error(f"{error.label}: {error}")
        _write_failure(base_folder(environ), f"{error.prefix}: {error}")
        return error.exit_code
    except MemoryError:
        message = "The training job ran out of memory. Use a larger instance or less data."
        log.error(f"Algorithm Error: {message}")
        _write_failure(base_folder(environ), f"AlgorithmError: {message}")
        return 1
    except Exception as error:
        log.error(f"Internal Error: {error!r}\n{traceback.format_exc()}")
        _write_failure(base_folder(environ), f"AlgorithmError: Internal Error: {error!r}")
        return 1
    return 0


def _listen_for_stop(stopping: threading.Event) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())


def _write_failure(base: Path, text: str) -> None:
    folder = base / "output"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "failure").write_text(text, encoding="utf-8", errors="backslashreplace")
