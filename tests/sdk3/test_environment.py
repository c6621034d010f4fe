"""The command that makes the environment: what it says and leaves when it cannot."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("environment.py")


@pytest.fixture
def environment():
    """The script as a module; it is no part of a package."""
    spec = importlib.util.spec_from_file_location("sdk3_environment", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True, encoding="utf-8", check=False, timeout=60,
    )  # fmt: skip


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    tmp_path.joinpath("mine.txt").write_text("mine", encoding="utf-8")
    done = asked(str(tmp_path))
    assert done.returncode == 2
    assert "holds something else" in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_without_a_folder_it_says_how_it_is_used():
    done = asked()
    assert done.returncode == 2
    assert done.stderr == "usage: python tests/sdk3/environment.py FOLDER\n"


def test_what_pip_cannot_install_fails_and_leaves_nothing(environment, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(environment, "PACKAGES", (str(tmp_path / "no-such-package.whl"),))
    assert environment.make(tmp_path / "made") == 1
    assert "failed" in capfd.readouterr().out
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("wanted", ["same", "other"])
def test_one_that_is_there_is_used_again_only_with_the_same_packages(
    environment, tmp_path, monkeypatch, wanted
):
    folder = tmp_path / "made"
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("", encoding="utf-8")
    packages = environment.PACKAGES if wanted == "same" else ("something",)
    folder.joinpath(environment.MARK).write_text("\n".join(packages) + "\n", encoding="utf-8")
    built: list[Path] = []

    def create(place: Path, **options: object) -> None:
        built.append(place)
        raise subprocess.CalledProcessError(1, "venv")

    monkeypatch.setattr(environment.venv, "create", create)
    assert environment.make(folder) == (0 if wanted == "same" else 1)
    assert built == ([] if wanted == "same" else [folder])
