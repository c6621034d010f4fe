"""Jobs that `@remote` of SDK 3 starts get the core of that SDK, which is not beside version 2."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from sagewizard.sandbox.containers.script import environment, images, packages, remote_function, train

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


def of_version(folder, number):
    """Leave what @remote of a version of the SDK sends in its own channel."""
    channel = folder / "input" / "data" / "sagemaker_remote_function_bootstrap"
    channel.mkdir(parents=True)
    module = "sagemaker.core.remote_function" if number == 3 else "sagemaker.remote_function"
    channel.joinpath("job_driver.sh").write_text(f"python -m {module}.invoke_function\n", encoding="ascii")


@pytest.mark.parametrize(
    ("sent", "installed", "lacking"), [(3, "1.0.77", True), (3, "2.27.0", False), (2, "1.0.77", False)]
)
def test_only_a_function_of_version_3_lacks_its_core(tmp_path, monkeypatch, sent, installed, lacking):
    assert not remote_function.lacks_core(tmp_path)
    of_version(tmp_path, sent)
    monkeypatch.setattr(remote_function, "version", lambda name: installed)
    assert remote_function.lacks_core(tmp_path) == lacking


def test_what_is_lacking_is_installed_before_the_jobs_entry_point_runs(tmp_path, monkeypatch):
    of_version(tmp_path, 3)
    programs = tmp_path / ".environment" / "bin"
    programs.mkdir(parents=True)
    seen = []
    monkeypatch.setattr(remote_function, "version", lambda name: "1.0.77")
    monkeypatch.setattr(packages, "create", lambda base, framework, with_pip: programs)
    monkeypatch.setattr(packages, "install", lambda world, where, asked, env: seen.append(asked.read_text()))
    monkeypatch.setattr(environment, "variables", lambda *given: {})
    monkeypatch.setattr(train, "run", lambda command, env, work: seen.append(command) or train.Ended(0, ""))
    monkeypatch.setattr(train, "_environment", lambda *given: {})
    world = SimpleNamespace(command=lambda command, folder: command)
    lines = []
    container = SimpleNamespace(base=tmp_path, log=SimpleNamespace(line=lines.append))
    environ = {train.ENTRY_VARIABLE: json.dumps(["/bin/bash", "job_driver.sh"])}
    train._run_entry_point(container, world, images.recognise(IMAGE), environ)
    assert seen == ["sagemaker-core>=2,<3\n", ["/bin/bash", "job_driver.sh"]]
    assert lines == [remote_function.NOTE]
