"""Container processes: their output, their end, and that none outlives the server."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sagewizard.sandbox.compute.launcher import LaunchError, ProcessLauncher
from sagewizard.sandbox.compute.output import LONGEST_LINE, LineSplitter

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = str(Path(__file__).parent)
ENVIRON = {**os.environ, "PYTHONPATH": HERE, "AWS_SECRET_ACCESS_KEY": "the person's own", "HOME": "/root"}


class Lines:
    """Collects lines and lets a test wait for the n-th."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def first(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.lines) >= count, 60)
            return self.lines[:count]


@pytest.fixture(scope="module", params=["forked", "plain"])
def launcher(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProcessLauncher]:
    if request.param == "forked" and sys.platform != "linux":
        pytest.skip("forking a warm parent is for Linux")
    environ = {**ENVIRON, "SAGEWIZARD_SANDBOX_NO_FORK": "0" if request.param == "forked" else "1"}
    made = ProcessLauncher(tmp_path_factory.mktemp("launcher"), environ)
    made.warm()
    yield made
    made.close()


def run(launcher: ProcessLauncher, entry: str, cwd: Path, **env: str) -> tuple[int | None, list[str]]:
    lines = Lines()
    child = launcher.launch(f"compute_programs:{entry}", env=env, cwd=cwd, on_line=lines)
    return child.wait(60), lines.lines


def exited(pid: int) -> bool:
    """Wait for the end of a process that is not ours, without sleeping; True when it came within a minute."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 60)[0])
    finally:
        os.close(fd)


def test_both_streams_arrive_as_lines_and_the_exit_code_is_the_returned_number(
    launcher: ProcessLauncher, tmp_path: Path
) -> None:
    assert run(launcher, "hello", tmp_path) == (0, ["out line", "err line"])
    assert run(launcher, "three", tmp_path) == (3, [])


def test_an_exception_is_a_traceback_and_exit_code_one(launcher: ProcessLauncher, tmp_path: Path) -> None:
    code, lines = run(launcher, "raises", tmp_path)
    assert code == 1
    assert lines[0].startswith("Traceback")
    assert lines[-1] == "ValueError: the learner's mistake"


def test_sys_exit_with_a_text_prints_it(launcher: ProcessLauncher, tmp_path: Path) -> None:
    assert run(launcher, "leaves_with_text", tmp_path) == (1, ["a reason"])


def test_a_signal_counts_as_128_and_its_number(launcher: ProcessLauncher, tmp_path: Path) -> None:
    code, _ = run(launcher, "segfault", tmp_path)
    assert code == 128 + signal.SIGSEGV


def test_a_pipe_that_nobody_reads_is_an_error_and_not_the_end(
    launcher: ProcessLauncher, tmp_path: Path
) -> None:
    assert run(launcher, "writes_to_nobody", tmp_path) == (0, ["nobody reads"])


@pytest.mark.parametrize("entry", ["no_such_function", "none"])
def test_an_entry_that_does_not_exist_fails_with_its_name(
    launcher: ProcessLauncher, tmp_path: Path, entry: str
) -> None:
    code, lines = run(launcher, entry, tmp_path)
    assert code == 1
    assert entry in lines[-1]


def test_a_child_sees_its_own_environment_and_nothing_of_the_persons_account(
    launcher: ProcessLauncher, tmp_path: Path
) -> None:
    code, lines = run(launcher, "environment", tmp_path, TRAINING_JOB_NAME="job")
    assert code == 0
    assert "TRAINING_JOB_NAME=job" in lines
    assert "TZ=UTC" in lines
    assert f"HOME={tmp_path}" in lines
    assert f"cwd {tmp_path}" in lines
    assert "group True" in lines
    assert not [line for line in lines if line.startswith("AWS_") or "the person's own" in line]


def test_no_line_is_lost_and_the_last_needs_no_end(launcher: ProcessLauncher, tmp_path: Path) -> None:
    code, lines = run(launcher, "many_lines", tmp_path, LINES="20000")
    assert code == 0
    assert lines == [*(f"line {number}" for number in range(20000)), "the last, without an end"]


def test_a_very_long_line_is_split_between_characters(launcher: ProcessLauncher, tmp_path: Path) -> None:
    _, lines = run(launcher, "long_line", tmp_path)
    assert lines[-1] == "short"
    assert "".join(lines[:-1]) == "é" * 200_000
    assert len(lines) == 3
    assert all(len(line.encode()) <= LONGEST_LINE for line in lines)


def test_bytes_that_are_no_utf8_are_replaced(launcher: ProcessLauncher, tmp_path: Path) -> None:
    assert run(launcher, "bad_bytes", tmp_path) == (0, ["caf� �", "next"])


def test_children_compute_with_one_blas_thread_and_forked_ones_have_the_imports_done(
    launcher: ProcessLauncher, tmp_path: Path
) -> None:
    _, lines = run(launcher, "modules", tmp_path)
    assert lines == [f"{launcher.forks} 1"]


def test_two_unseeded_children_draw_different_numbers(launcher: ProcessLauncher, tmp_path: Path) -> None:
    assert run(launcher, "drawn", tmp_path)[1] != run(launcher, "drawn", tmp_path)[1]


def test_terminate_lets_the_program_tidy_up(launcher: ProcessLauncher, tmp_path: Path) -> None:
    lines = Lines()
    child = launcher.launch("compute_programs:tidy_on_term", env={}, cwd=tmp_path, on_line=lines)
    lines.first(1)
    assert child.wait(0) is None
    assert child.alive
    child.terminate(60)
    assert (child.exit_code, lines.lines, child.alive) == (0, ["waiting", "tidying"], False)


def test_terminate_kills_what_ignores_it(launcher: ProcessLauncher, tmp_path: Path) -> None:
    lines = Lines()
    child = launcher.launch("compute_programs:ignores_term", env={}, cwd=tmp_path, on_line=lines)
    lines.first(1)
    child.terminate(0.05)
    assert child.wait(0) == 128 + signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="needs pidfd")
def test_terminate_ends_the_whole_group(launcher: ProcessLauncher, tmp_path: Path) -> None:
    lines = Lines()
    child = launcher.launch("compute_programs:waits_with_grandchild", env={}, cwd=tmp_path, on_line=lines)
    grandchild = int(lines.first(1)[0])
    child.terminate(60)
    assert child.wait(0) == 128 + signal.SIGTERM
    assert exited(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="needs pidfd")
def test_a_grandchild_that_keeps_the_pipe_open_does_not_hold_the_job(
    launcher: ProcessLauncher, tmp_path: Path
) -> None:
    lines = Lines()
    child = launcher.launch(
        "compute_programs:leaves_grandchild_in_own_session", env={}, cwd=tmp_path, on_line=lines
    )
    assert child.wait(60) == 0
    os.kill(int(lines.lines[0]), signal.SIGKILL)


def test_a_reader_that_raises_does_not_stop_the_child(launcher: ProcessLauncher, tmp_path: Path) -> None:
    def broken(line: str) -> None:
        raise OSError("disk full")

    child = launcher.launch(
        "compute_programs:many_lines", env={"LINES": "50000"}, cwd=tmp_path, on_line=broken
    )
    assert child.wait(60) == 0
    assert str(child.output_error) == "disk full"


def test_descriptors_are_given_back(launcher: ProcessLauncher, tmp_path: Path) -> None:
    run(launcher, "three", tmp_path)
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(5):
        run(launcher, "three", tmp_path)
    assert len(list(Path("/dev/fd").iterdir())) <= before


def test_a_closed_launcher_has_ended_its_children_and_launches_no_more(tmp_path: Path) -> None:
    for plain in ("0", "1"):
        launcher = ProcessLauncher(tmp_path, {**ENVIRON, "SAGEWIZARD_SANDBOX_NO_FORK": plain})
        lines = Lines()
        child = launcher.launch("compute_programs:ignores_term", env={}, cwd=tmp_path, on_line=lines)
        lines.first(1)
        launcher.close()
        assert child.wait(60) == 128 + signal.SIGKILL
        with pytest.raises(LaunchError):
            launcher.launch("compute_programs:three", env={}, cwd=tmp_path, on_line=lines)


@pytest.mark.skipif(sys.platform != "linux", reason="forking a warm parent is for Linux")
def test_when_the_warm_parent_is_killed_its_children_die_and_the_next_launch_gets_a_new_one(
    tmp_path: Path,
) -> None:
    launcher = ProcessLauncher(tmp_path, ENVIRON)
    lines = Lines()
    child = launcher.launch("compute_programs:waits_with_grandchild", env={}, cwd=tmp_path, on_line=lines)
    grandchild = int(lines.first(1)[0])
    assert launcher._parent is not None
    os.kill(launcher._parent.pid, signal.SIGKILL)
    assert child.wait(60) == 128 + signal.SIGKILL
    assert child.lost
    assert exited(child.pid)
    assert exited(grandchild)
    assert run(launcher, "three", tmp_path)[0] == 3
    assert launcher.forks
    launcher.close()


@pytest.mark.skipif(sys.platform != "linux", reason="forking a warm parent is for Linux")
def test_a_warm_parent_that_cannot_start_gives_way_to_plain_processes(tmp_path: Path) -> None:
    launcher = ProcessLauncher(tmp_path, ENVIRON)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "numpy.py").write_text("import os; os._exit(9)")
    launcher.base_env["PYTHONPATH"] = f"{tmp_path / 'broken'}{os.pathsep}{launcher.base_env['PYTHONPATH']}"
    assert run(launcher, "three", tmp_path)[0] == 3
    assert not launcher.forks
    launcher.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs pidfd")
@pytest.mark.parametrize("plain", ["0", "1"])
def test_nothing_outlives_a_server_that_is_killed(tmp_path: Path, plain: str) -> None:
    environ = {
        **ENVIRON,
        "PYTHONPATH": os.pathsep.join([HERE, str(Path(HERE).parents[2])]),
        "FOLDER": str(tmp_path),
        "SAGEWIZARD_SANDBOX_NO_FORK": plain,
    }
    with subprocess.Popen(
        [sys.executable, str(Path(HERE) / "compute_programs.py"), "server_with_children"],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        _, child, grandchild = map(int, server.stdout.readline().split())
        server.kill()
        server.wait()
    assert exited(child)
    assert exited(grandchild)


def test_leftover_job_folders_of_an_earlier_server_are_removed(tmp_path: Path) -> None:
    (tmp_path / "jobs" / "old" / "input").mkdir(parents=True)
    (tmp_path / "jobs" / "old" / "input" / "data").write_text("x")
    (tmp_path / "kept").write_text("x")
    sockets, other = tmp_path / "sagewizard-abc", tmp_path / "other"
    for number, folder in enumerate((sockets, other)):
        folder.mkdir()
        (folder / "s1").touch()
        (tmp_path / "jobs" / f"model-{number}").mkdir()
        (tmp_path / "jobs" / f"model-{number}" / "sockets").symlink_to(folder)
    launcher = ProcessLauncher(tmp_path, ENVIRON)
    assert list(launcher.jobs.iterdir()) == []
    assert (tmp_path / "kept").exists()
    assert not sockets.exists()
    assert (other / "s1").exists()
    launcher.close()


def test_lines_do_not_depend_on_how_the_bytes_arrive() -> None:
    data = "eins\nzwei — drei\r\n\nvier".encode()
    for size in range(1, len(data) + 1):
        seen: list[str] = []
        splitter = LineSplitter(seen.append)
        for start in range(0, len(data), size):
            splitter.feed(data[start : start + size])
        splitter.finish()
        assert seen == ["eins", "zwei — drei", "", "vier"]
