"""The command that makes the environments of other tests: what it says and leaves when it cannot."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "environments.py"
_specification = importlib.util.spec_from_file_location("made_environments", SCRIPT)
environments = importlib.util.module_from_spec(_specification)
sys.modules["made_environments"] = environments  # dataclasses look there for what annotations mean
_specification.loader.exec_module(environments)


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True, encoding="utf-8", check=False, timeout=60,
    )  # fmt: skip


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    tmp_path.joinpath("mine.txt").write_text("mine", encoding="utf-8")
    done = asked("sdk3", str(tmp_path))
    assert done.returncode == 2
    assert "holds something else" in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_without_a_folder_it_says_how_it_is_used():
    done = asked("torch")
    assert done.returncode == 2
    assert done.stderr == environments.USAGE + "\n"


def test_what_pip_cannot_install_fails_and_leaves_nothing(tmp_path, capfd):
    wanted = environments.torch(str(tmp_path / "no-such-package.whl"))
    assert environments.make(wanted, tmp_path / "made") == 1
    assert "failed" in capfd.readouterr().out
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("same", [True, False])
def test_one_that_is_there_is_used_again_only_with_the_same_packages(tmp_path, monkeypatch, same):
    folder = tmp_path / "made"
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("", encoding="utf-8")
    wanted = environments.sdk3()
    there = wanted if same else dataclasses.replace(wanted, packages=("something",))
    folder.joinpath(there.mark).write_text(there.wanted, encoding="utf-8")
    built: list[Path] = []

    def create(place: Path, **options: object) -> None:
        built.append(place)
        raise subprocess.CalledProcessError(1, "venv")

    monkeypatch.setattr(environments.venv, "create", create)
    assert environments.make(wanted, folder) == (0 if same else 1)
    assert built == ([] if same else [folder])
