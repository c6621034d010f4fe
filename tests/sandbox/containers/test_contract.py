"""The container tree: what a program is given, and how it fails."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from sagewizard.sandbox.containers.contract import (
    AlgorithmError,
    CustomerError,
    TrainingContainer,
    run_training,
    shown,
)
from sagewizard.sandbox.containers.joblog import JobLog


class Frozen:
    def now(self) -> float:
        return 1_606_244_035.211

    monotonic = now

    def wait(self, cancel: object, seconds: float) -> bool:
        return False


def tree(base: Path, **files: object) -> dict[str, str]:
    config = base / "input" / "config"
    config.mkdir(parents=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (config / f"{name}.json").write_text(text)
    return {"SAGEMAKER_BASE_DIR": str(base)}


def run(environ: dict[str, str]) -> tuple[int, list[TrainingContainer]]:
    seen: list[TrainingContainer] = []
    return run_training(seen.append, environ, Frozen()), seen


def test_the_program_sees_hyperparameters_channels_and_hosts(tmp_path: Path) -> None:
    environ = tree(
        tmp_path,
        hyperparameters={"epochs": "3"},
        inputdataconfig={"train": {"ContentType": "text/csv", "TrainingInputMode": "File"}, "test": {}},
        resourceconfig={"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]},
    )
    code, (container,) = run(environ)
    assert code == 0 and container.hyperparameters == {"epochs": "3"}
    assert container.channels["train"].content_type == "text/csv"
    assert container.channels["test"].content_type is None
    assert (container.current_host, container.hosts) == ("algo-2", ("algo-1", "algo-2"))
    assert not (tmp_path / "output" / "failure").exists()


def test_files_come_in_key_order_with_their_folders_and_without_markers(tmp_path: Path) -> None:
    environ = tree(tmp_path, inputdataconfig={"train": {}})
    folder = tmp_path / "input" / "data" / "train"
    for name in ("b/part-2", "a", "b/part-10", "Z"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    (folder / "empty").touch()
    _, (container,) = run(environ)
    names = [path.relative_to(folder).as_posix() for path in container.channels["train"].files()]
    assert names == ["Z", "a", "b/part-10", "b/part-2"]
    assert container.shown(folder / "a") == "/opt/ml/input/data/train/a"
    assert shown(tmp_path, Path("/etc/hosts")) == "/etc/hosts"


@pytest.mark.parametrize(
    ("error", "code", "failure", "logged"),
    [
        (CustomerError("bad data"), 2, "ClientError: bad data", "ERROR 0] Customer Error: bad data"),
        (AlgorithmError("bad key"), 1, "AlgorithmError: bad key", "ERROR 0] Algorithm Error: bad key"),
        (MemoryError(), 1, "AlgorithmError: The training job ran out of memory.", "ran out of memory"),
        (KeyError("x"), 1, "AlgorithmError: Internal Error: KeyError('x')", "Traceback"),
    ],
)
def test_a_failure_leaves_its_reason_and_an_exit_code(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    failure: str,
    logged: str,
) -> None:
    def program(container: TrainingContainer) -> None:
        raise error

    assert run_training(program, tree(tmp_path), Frozen()) == code
    assert (tmp_path / "output" / "failure").read_text().startswith(failure)
    assert logged in re.sub(r"(INFO|ERROR) \d+\]", r"\1 0]", capsys.readouterr().out)


@pytest.mark.parametrize("damage", ["{", "[]", '"x"'])
def test_a_damaged_configuration_file_fails_the_job(tmp_path: Path, damage: str) -> None:
    environ = tree(tmp_path, hyperparameters=damage)
    assert run(environ) == (1, [])
    assert "/opt/ml/input/config/hyperparameters.json" in (tmp_path / "output" / "failure").read_text()


def test_log_lines_have_the_prefixes_of_the_real_container() -> None:
    stream = io.StringIO()
    log = JobLog(Frozen(), stream)
    log.info("hello")
    log.pipeline("/opt/ml/input/data/train", 0, 0.041, 1, 56000)
    log.metrics(1.5, 2.5, {"Host": "algo-1"}, {"x": {"sum": 1.0, "count": 1, "min": 1.0, "max": 1.0}})
    first, second, third = stream.getvalue().splitlines()
    assert re.fullmatch(r"\[11/24/2020 18:53:55 INFO \d+\] hello", first)
    assert second == (
        '[2020-11-24 18:53:55.211] [tensorio] [info] epoch_stats={"data_pipeline": '
        '"/opt/ml/input/data/train", "epoch": 0, "duration": 41, "num_examples": 1, "num_bytes": 56000}'
    )
    assert third == (
        '#metrics {"StartTime": 1.5, "EndTime": 2.5, "Dimensions": {"Host": "algo-1"}, '
        '"Metrics": {"x": {"sum": 1.0, "count": 1, "min": 1.0, "max": 1.0}}}'
    )
