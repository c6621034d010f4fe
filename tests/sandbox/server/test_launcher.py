from __future__ import annotations

import http.server
import json
import os
import signal
import stat
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from sagewizard import __version__
from sagewizard.errors import SandboxError
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

BUCKET = "sagemaker-us-east-1-123456789012"


def pid_of(home: Any) -> int:
    found = launcher.status(home.settings)
    assert found is not None
    return int(found["pid"])


def until(condition: Any) -> None:
    """Wait for something that another process does."""
    waiting = threading.Event()
    for _ in range(3000):
        if condition():
            return
        waiting.wait(0.01)
    pytest.fail("it did not happen within 30 s")


def test_a_server_is_started_found_again_and_stopped(home: Any) -> None:
    assert launcher.status(home.settings) is None
    first = launcher.ensure(home.settings)
    assert launcher.ensure(home.settings) == first
    found = launcher.status(home.settings)
    assert found is not None
    assert (found["version"], found["url"], found["busy"]) == (__version__, first.url, [])
    assert (found["jobs"], found["endpoints"], found["buckets"]) == (0, 0, 1)
    assert first.url.startswith("http://127.0.0.1:")
    assert (first.region, first.account_id, first.bucket) == ("us-east-1", "123456789012", BUCKET)
    assert launcher.stop(home.settings) is True
    assert launcher.status(home.settings) is None
    assert launcher.stop(home.settings) is False
    assert not (home.settings.sandbox / "server.json").exists()
    assert "ended" in (home.settings.sandbox / "server.log").read_text()


def test_what_was_put_is_there_after_a_stop_and_the_key_stays(home: Any) -> None:
    clients = home.start()
    clients("s3").put_object(Bucket=BUCKET, Key="k", Body=b"kept")
    launcher.stop(home.settings)
    again = home.start()
    assert again.credentials == clients.credentials
    assert again("s3").get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"kept"


def test_only_the_owner_can_read_what_the_server_keeps(home: Any) -> None:
    home.start()("s3").put_object(Bucket=BUCKET, Key="k", Body=b"1")
    folder = home.settings.sandbox
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("server.json", "credentials.json", "server.log", "server.lock", "state.db"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    keys = json.loads((folder / "credentials.json").read_text())
    assert len(keys["access_key"]) == 20
    assert len(keys["secret_key"]) == 40
    assert keys["secret_key"] not in (folder / "server.json").read_text()


def test_many_commands_at_the_same_time_start_one_server(home: Any, python: str) -> None:
    program = (
        "import pathlib, sys\n"
        "from sagewizard.sandbox import launcher\n"
        "from sagewizard.settings import Settings\n"
        "settings = Settings(home=pathlib.Path(sys.argv[1]), data=None)\n"
        "sys.stdin.readline()\n"
        "address = launcher.ensure(settings)\n"
        "print(address.url, launcher.status(settings)['pid'])\n"
    )
    commands = [
        subprocess.Popen(
            [python, "-c", program, str(home.settings.home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for command in commands:
        assert command.stdin is not None
        command.stdin.write("go\n")
        command.stdin.flush()
    answers = [command.communicate(timeout=120) for command in commands]
    assert [command.returncode for command in commands] == [0] * 6, answers
    assert len({out for out, _ in answers}) == 1
    assert (home.settings.sandbox / "server.log").read_text().count("starting, version") == 1


def test_two_homes_have_two_servers(home: Any, tmp_path: Path) -> None:
    other = Settings(home=tmp_path / "other", data=None)
    try:
        first, second = launcher.ensure(home.settings), launcher.ensure(other)
        assert first.url != second.url
        assert first.credentials != second.credentials
    finally:
        launcher.stop(other)


def test_an_address_that_nobody_answers_is_replaced(home: Any) -> None:
    home.start()
    pid = pid_of(home)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert (home.settings.sandbox / "server.json").exists()
    assert launcher.status(home.settings) is None
    home.start()
    assert pid_of(home) != pid


def test_another_program_on_the_old_port_is_not_taken_for_the_server(home: Any) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"instance": "other", "version": "0.1.0", "pid": 1, "busy": []}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    home.start()
    launcher.stop(home.settings)
    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        stale = {"url": f"http://127.0.0.1:{server.server_port}", "instance": "mine", "pid": os.getpid()}
        (home.settings.sandbox / "server.json").write_text(json.dumps(stale))
        assert launcher.status(home.settings) is None
        assert home.start().url != stale["url"]
        server.shutdown()
        thread.join()


def test_a_reused_process_id_is_not_signalled(home: Any) -> None:
    home.start()
    pid = pid_of(home)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    for name in ("server.lock", "server.json"):
        path = home.settings.sandbox / name
        path.write_text(path.read_text().replace(str(pid), str(os.getpid())))
    assert launcher.stop(home.settings, force=True) is False


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"url": "http://127.0.0.1:1", "instance": "x"}', '{"url": 3}']
)
def test_a_damaged_address_file_is_no_obstacle(home: Any, content: str) -> None:
    home.settings.sandbox.mkdir(parents=True)
    (home.settings.sandbox / "server.json").write_text(content)
    assert launcher.status(home.settings) is None


def test_an_address_elsewhere_is_never_asked(home: Any) -> None:
    home.start()
    path = home.settings.sandbox / "server.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"url": fields["url"].replace("127.0.0.1", "127.0.0.2")}))
    assert launcher.status(home.settings) is None
    path.write_text(json.dumps(fields))


def test_a_server_of_another_version_is_replaced(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home.start()
    pid = pid_of(home)
    monkeypatch.setattr(launcher, "__version__", "99.0")
    launcher.ensure(home.settings)
    assert pid_of(home) != pid


def pretend_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = launcher._ask
    monkeypatch.setattr(launcher, "_ask", lambda *args: {**ask(*args), "busy": ["training job j"]})


def test_a_busy_server_of_another_version_is_left_alone(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home.start()
    pid = pid_of(home)
    monkeypatch.setattr(launcher, "__version__", "99.0")
    pretend_busy(monkeypatch)
    with pytest.raises(
        SandboxError, match=f"version {__version__} is running and busy with training job j"
    ) as caught:
        launcher.ensure(home.settings)
    assert "stop --force" in caught.value.remedy
    assert pid_of(home) == pid


def test_a_busy_server_is_stopped_by_force_only(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home.start()
    pretend_busy(monkeypatch)
    with pytest.raises(SandboxError, match="busy with training job j"):
        launcher.stop(home.settings)
    assert launcher.status(home.settings) is not None
    assert launcher.stop(home.settings, force=True) is True


def test_a_server_that_cannot_start_says_why(home: Any) -> None:
    home.settings.sandbox.mkdir(parents=True)
    (home.settings.sandbox / "state.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(SandboxError, match="file is not a database") as caught:
        launcher.ensure(home.settings)
    assert "ended while it was starting" in str(caught.value)
    assert "server.log" in caught.value.remedy
    assert not launcher._locked(home.settings)


def test_a_server_that_does_not_come_up_in_time_is_ended(home: Any) -> None:
    with pytest.raises(SandboxError, match="did not come up within 0 s"):
        launcher.ensure(home.settings, timeout=0.001)
    assert not launcher._locked(home.settings)
    home.start()


def test_a_home_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxError, match="cannot keep its files") as caught:
        launcher.ensure(Settings(home=tmp_path / "file" / "home", data=None))
    assert "SAGEWIZARD_HOME" in caught.value.remedy


def test_reset_leaves_nothing_and_gives_a_new_key(home: Any) -> None:
    clients = home.start()
    clients("s3").put_object(Bucket=BUCKET, Key="k", Body=b"1")
    assert launcher.reset(home.settings) is True
    assert not home.settings.sandbox.exists()
    assert launcher.reset(home.settings) is False
    again = home.start()
    assert again.credentials != clients.credentials
    assert again("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_the_persons_aws_settings_do_not_reach_the_server(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the real account")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    environment = launcher._environment()
    assert not [name for name in environment if name.startswith(("AWS_", "MOTO_"))]
    assert home.start()("sts").get_caller_identity()["Account"] == "123456789012"


def test_an_idle_server_ends_by_itself(home: Any) -> None:
    home.start(idle=0.3)
    until(lambda: not launcher._locked(home.settings))
    assert "idle for 0 s: ending" in (home.settings.sandbox / "server.log").read_text()
    assert not (home.settings.sandbox / "server.json").exists()


def test_a_termination_signal_ends_the_server_well(home: Any) -> None:
    home.start()
    pid = pid_of(home)
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not (home.settings.sandbox / "server.json").exists()
    assert "told to stop" in (home.settings.sandbox / "server.log").read_text()


def test_a_second_server_on_the_same_folder_gives_way(home: Any, python: str) -> None:
    home.start()
    command = [python, "-m", "sagewizard.sandbox.server", "--folder", str(home.settings.sandbox)]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
    assert ended.returncode == 75
    assert "another server" in ended.stderr
    assert launcher.status(home.settings) is not None


def test_the_launcher_imports_nothing_heavy(python: str) -> None:
    program = (
        "import sys; import sagewizard.sandbox.launcher; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'boto3', 'botocore', 'numpy', 'pandas', 'werkzeug', 'cheroot', 'moto', 'sqlite3', 'pydantic'}))"
    )
    ended = subprocess.run([python, "-c", program], capture_output=True, timeout=60, check=True, text=True)
    assert ended.stdout.strip() == "[]"
