from __future__ import annotations

import logging
import os
import stat
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from sagewizard.sandbox.server import Lease, _parse, load_credentials, write_private

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def monotonic(self) -> float:
        return self.time


class FakeSandbox:
    def __init__(self) -> None:
        self.clock = Clock()
        self.gateway = SimpleNamespace(active=0, last_request=1000.0)
        self.work: list[str] = []

    def busy(self) -> list[str]:
        return self.work


@pytest.fixture
def sandbox() -> Any:
    return FakeSandbox()


def test_a_server_is_idle_so_long_after_its_last_request(sandbox: Any) -> None:
    lease = Lease(sandbox, 100)
    sandbox.clock.time = 1099.0
    assert not lease.expired()
    sandbox.gateway.last_request = 1050.0
    sandbox.clock.time = 1149.0
    assert not lease.expired()
    sandbox.clock.time = 1150.0
    assert lease.expired()


def test_a_request_under_way_keeps_the_server(sandbox: Any) -> None:
    lease = Lease(sandbox, 100)
    sandbox.gateway.active = 1
    sandbox.clock.time = 5000.0
    assert not lease.expired()


def test_a_job_keeps_the_server_and_the_log_says_so_once(
    sandbox: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lease = Lease(sandbox, 100)
    sandbox.work = ["training job j"]
    with caplog.at_level(logging.INFO):
        for sandbox.clock.time in (1050.0, 1100.0, 2000.0, 3000.0):
            assert not lease.expired()
    assert caplog.text.count("still busy with training job j") == 1
    sandbox.work = []
    sandbox.clock.time = 3099.0
    assert not lease.expired()
    sandbox.clock.time = 3100.0
    assert lease.expired()


def test_the_idle_time_comes_from_the_option_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGEWIZARD_SANDBOX_IDLE", raising=False)
    assert _parse(["--folder", "f"]).idle == 7200
    monkeypatch.setenv("SAGEWIZARD_SANDBOX_IDLE", "60")
    assert _parse(["--folder", "f"]).idle == 60
    assert _parse(["--folder", "f", "--idle", "5"]).idle == 5
    for wrong in ("soon", "-1", "0", "nan", "inf"):
        monkeypatch.setenv("SAGEWIZARD_SANDBOX_IDLE", wrong)
        with pytest.raises(SystemExit):
            _parse(["--folder", "f"])


def test_credentials_are_made_once(tmp_path: Path) -> None:
    made = load_credentials(tmp_path)
    assert load_credentials(tmp_path) == made
    assert made.secret_key not in repr(made)
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600


def test_a_private_file_does_not_follow_a_link_laid_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("untouched")
    (tmp_path / "f.new").symlink_to(tmp_path / "target")
    write_private(tmp_path / "f", "secret")
    assert (tmp_path / "target").read_text() == "untouched"
    assert (tmp_path / "f").read_text() == "secret"


def test_the_log_rotates_and_takes_stdout_and_stderr_along(tmp_path: Path, python: str) -> None:
    program = (
        "import logging, os, sys, pathlib\n"
        "from sagewizard.sandbox.server import _Log\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "handler = _Log(folder / 'server.log', maxBytes=2000, backupCount=2)\n"
        "logging.basicConfig(handlers=[handler], level=logging.INFO)\n"
        "for number in range(100): logging.info('line %d %s', number, 'x' * 50)\n"
        "os.write(2, b'last words\\n')\n"
    )
    subprocess.run(
        [python, "-c", program, str(tmp_path)], check=True, timeout=60, env=os.environ | {"PYTHONUTF8": "1"}
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["server.log", "server.log.1", "server.log.2"]
    assert (tmp_path / "server.log").read_text().endswith("last words\n")
    assert stat.S_IMODE((tmp_path / "server.log").stat().st_mode) == 0o600
