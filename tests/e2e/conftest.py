"""What the end-to-end tests share: the command as a person starts it, over one home with one sandbox."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
_specification = importlib.util.spec_from_file_location("e2e_warm", Path(__file__).with_name("warm.py"))
warming = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(warming)


@dataclass
class Command:
    """Starts `sagewizard` in a process of its own: a fork of a warm one when it runs to its end."""

    home: Path
    extra: dict[str, str]
    warm: warming.Warm | None = None

    def environ(self, **more: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SAGEWIZARD_", "AWS_"))
            and name not in ("NO_COLOR", "LANGUAGE", "COLUMNS")
        }
        path = os.pathsep.join([str(PROJECT), *filter(None, [kept.get("PYTHONPATH", "")])])
        return {
            **kept,
            "PYTHONPATH": path,
            "SAGEWIZARD_HOME": str(self.home),
            "LANG": "C.UTF-8",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_CONFIG_FILE": os.devnull,
            **self.extra,
            **more,
        }

    def arguments(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "sagewizard", *arguments]

    def __call__(self, *arguments: str, code: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
        if self.warm is not None and all(name.startswith("SAGEWIZARD_") for name in env):
            done = self.warm.run(arguments, self.environ(**env), Path.cwd(), timeout=240)
        else:
            done = subprocess.run(
                self.arguments(*arguments),
                env=self.environ(**env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=240,
                check=False,
                encoding="utf-8",
                errors="replace",
            )
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str) -> object:
        return json.loads(self(*arguments, "--json").stdout)

    def events(self, *arguments: str, code: int = 0) -> list[dict]:
        return [json.loads(line) for line in self(*arguments, "--json", code=code).stdout.splitlines()]

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.arguments(*arguments),
            env=self.environ(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory):
    """A home whose sandbox runs for the whole session."""
    from sagewizard.sandbox import launcher
    from sagewizard.settings import Settings

    home = tmp_path_factory.mktemp("e2e-home")
    yield home
    launcher.stop(Settings(home=home, data=None), force=True)


@pytest.fixture(scope="session")
def warm():
    """A process that has the imports done; None where forking is not safe."""
    if sys.platform != "linux":
        yield None
        return
    with warming.Warm() as made:
        yield made


@pytest.fixture
def command(shared_home, warm):
    return Command(shared_home, {}, warm)


@pytest.fixture
def fresh(tmp_path, warm):
    """The command over a home that does not exist yet; a sandbox it starts is stopped afterwards."""
    from sagewizard.sandbox import launcher
    from sagewizard.settings import Settings

    home = tmp_path / "home"
    yield Command(home, {}, warm)
    if home.exists():
        launcher.stop(Settings(home=home, data=None), force=True)
