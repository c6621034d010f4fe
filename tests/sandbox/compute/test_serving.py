"""Model servers: start, health, requests, death and restart."""

from __future__ import annotations

import io
import itertools
import json
import os
import select
import signal
import stat
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sagewizard.clock import SystemClock
from sagewizard.sandbox.compute import serving
from sagewizard.sandbox.compute.serving import (
    ENDPOINT_LOG_GROUP,
    TIMEOUT_MESSAGE,
    InvocationFailed,
    InvocationTimeout,
    ModelServer,
    instance_id,
    socket_folder,
)
from sagewizard.sandbox.services import BUCKET, Services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sagewizard.sandbox.compute.launcher import ProcessLauncher


class Bench:
    def __init__(self, services: Services, launcher: ProcessLauncher, container: Callable[..., Any]) -> None:
        self.services, self.launcher, self.container = services, launcher, container
        self.servers: list[ModelServer] = []

    def server(self, entry: str, *, start_seconds: float = 20.0, **model: Any) -> ModelServer:
        server = ModelServer.of_endpoint(
            {"PrimaryContainer": {"Image": "test", **model}},
            services=self.services,
            launcher=self.launcher,
            endpoint="ep",
            variant="AllTraffic",
            start_seconds=start_seconds,
            resolve=lambda image: self.container(serve=entry),
        )
        self.servers.append(server)
        return server

    def started(self, entry: str, **model: Any) -> ModelServer:
        server = self.server(entry, **model)
        assert server.start(threading.Event()) is None
        return server


class RealWaits(SystemClock):
    """The machine's time for waiting on processes, with all backoffs cut to a moment."""

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        return cancel.wait(min(seconds, 0.01))


@pytest.fixture
def clock() -> RealWaits:
    return RealWaits()


@pytest.fixture
def bench(
    services: Services, session_launcher: ProcessLauncher, container: Callable[..., Any]
) -> Iterator[Bench]:
    made = Bench(services, session_launcher, container)
    yield made
    for server in made.servers:
        server.stop()
    assert list(session_launcher.jobs.iterdir()) == []


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def log(messages: Callable[..., dict[str, list[str]]]) -> list[str]:
    return [line for lines in messages(ENDPOINT_LOG_GROUP + "ep").values() for line in lines]


def test_a_server_answers_and_logs_into_its_stream(
    bench: Bench, messages: Callable[..., dict[str, list[str]]]
) -> None:
    server = bench.started("echo")
    assert server.ping()
    reply = server.invoke(b"1,2", {"Content-Type": "text/csv"})
    assert (reply.status, reply.headers["content-type"], reply.body) == (200, "text/csv", b"1,2")
    server.stop()
    assert not server.ping()
    ((stream, lines),) = messages(ENDPOINT_LOG_GROUP + "ep").items()
    assert lines == ["serving"]
    variant, _, instance = stream.partition("/")
    assert variant == "AllTraffic"
    assert len(instance) == 19
    assert set(instance[2:]) <= set("0123456789abcdef")


def test_the_container_gets_the_models_environment_and_its_files(bench: Bench) -> None:
    bench.services.objects.put(BUCKET, "m/model.tar.gz", archive(weights="w", **{"sub/more": "x"}))
    server = bench.started(
        "commands",
        ModelDataUrl=f"https://{BUCKET}.s3.us-east-1.amazonaws.com/m/model.tar.gz",
        Environment={"MINE": "1", "AWS_REGION": "mars"},
    )
    env = json.loads(server.invoke(b"env", {}).body)
    assert env["MINE"] == "1"
    assert env["AWS_REGION"] == env["SAGEMAKER_REGION"] == "us-east-1"
    assert env["AWS_SECRET_ACCESS_KEY"] == "sandbox-secret"
    assert json.loads(server.invoke(b"model", {}).body) == {"weights": "w", "sub/more": "x"}


def test_an_uncompressed_model_is_read_from_its_prefix(bench: Bench) -> None:
    bench.services.objects.put(BUCKET, "m/model/a", b"1")
    bench.services.objects.put(BUCKET, "m/model/sub/b", b"2")
    source = {"S3Uri": f"s3://{BUCKET}/m/model/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    server = bench.started("commands", ModelDataSource={"S3DataSource": source})
    assert json.loads(server.invoke(b"model", {}).body) == {"a": "1", "sub/b": "2"}


def test_the_socket_is_in_a_folder_nobody_else_can_enter(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = bench.started("commands")
    path = json.loads(server.invoke(b"env", {}).body)["SAGEWIZARD_BIND_UNIX"]
    assert len(path) < 100
    folder = Path(path).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    server.stop()
    assert not folder.exists()
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    short = socket_folder()
    assert len(str(short)) < 60
    short.rmdir()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, 'Failed to download model data for container "container_1" from URL: "s3://'),
        (b"no archive", 'Failed to extract model data archive for container "container_1" from URL "s3://'),
        ("../escaped", "would be written outside"),
        ("/tmp/escaped", "would be written outside"),
    ],
)
def test_a_model_that_cannot_be_unpacked_fails_with_the_services_words(
    bench: Bench, content: bytes | str | None, expected: str
) -> None:
    if content is not None:
        data = archive(**{content: "x"}) if isinstance(content, str) else content
        bench.services.objects.put(BUCKET, "m.tar.gz", data)
    server = bench.server("echo", ModelDataUrl=f"s3://{BUCKET}/m.tar.gz")
    reason = server.start(threading.Event())
    assert reason is not None
    assert expected in reason


def test_a_container_that_never_gets_healthy_fails_the_ping_check(bench: Bench) -> None:
    reason = bench.server("sick", start_seconds=0.3).start(threading.Event())
    assert reason == (
        "The primary container for production variant AllTraffic did not pass the ping health check."
        " Please check CloudWatch logs for this endpoint."
    )


def test_a_container_that_installs_what_it_needs_is_given_the_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = bench.server("echo", start_seconds=60.0)
    launch = server._launch

    def launch_and_install() -> bool:
        done = launch()
        assert server._folder is not None
        mark = server._folder / serving.INSTALLING
        mark.parent.mkdir()
        mark.touch()
        return done

    hurrying = itertools.count(0.0, 20.0)  # after three looks a minute is over
    monkeypatch.setattr(bench.services.clock, "monotonic", lambda: next(hurrying))
    monkeypatch.setattr(server, "_launch", launch_and_install)
    monkeypatch.setattr(serving, "LONGEST_START", 1e9)
    assert server.start(threading.Event()) is None


def test_a_container_that_ends_is_tried_three_times_and_logged(
    bench: Bench, messages: Callable[..., dict[str, list[str]]]
) -> None:
    reason = bench.server("crashes").start(threading.Event())
    assert "did not pass the ping health check" in (reason or "")
    assert (
        log(messages)
        == [
            "no model here",
            "Sandbox: the container ended with exit code 4 before it answered /ping.",
        ]
        * 3
    )


def test_a_container_may_end_before_it_gets_up(bench: Bench, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    server = bench.started("crashes_twice", Environment={"MARKS": str(marks)})
    assert server.ping()


def test_a_cancelled_start_leaves_nothing(bench: Bench) -> None:
    cancel = threading.Event()
    cancel.set()
    server = bench.server("sick")
    assert server.start(cancel) is not None
    assert server.pid is None


def test_a_server_stopped_while_it_starts_comes_to_rest(bench: Bench) -> None:
    server = bench.server("sick", start_seconds=60)
    reasons: list[str | None] = []
    starting = threading.Thread(target=lambda: reasons.append(server.start(threading.Event())))
    starting.start()
    while server.pid is None and starting.is_alive():
        starting.join(0.001)
    server.stop()
    starting.join(30)
    assert not starting.is_alive()
    assert reasons == ["The start was cancelled."]
    assert server.pid is None


def test_models_the_sandbox_cannot_serve_are_refused(bench: Bench) -> None:
    server = ModelServer.of_endpoint(
        {"Containers": [{"Image": "a"}, {"Image": "b"}]},
        services=bench.services,
        launcher=bench.launcher,
        endpoint="ep",
        variant="v",
    )
    assert "2 containers" in (server.start(threading.Event()) or "")
    assert "multi-model" in (bench.server("echo", Mode="MultiModel").start(threading.Event()) or "")

    def resolve(image: str) -> Any:
        raise LookupError("There is no such image here.")

    server = bench.server("echo")
    server._resolve = resolve
    assert server.start(threading.Event()) == "There is no such image here."


def test_the_containers_errors_are_passed_on(bench: Bench) -> None:
    server = bench.started("commands")
    for status in (204, 400, 415, 500):
        reply = server.invoke(f"status {status}".encode(), {})
        assert reply.status == status


def test_an_early_refusal_of_a_large_body_arrives(bench: Bench) -> None:
    server = bench.started("refuses_early")
    for _ in range(3):
        reply = server.invoke(bytes(8 << 20), {})
        assert (reply.status, reply.body) == (413, b"too large")


def test_an_invocation_that_takes_too_long_ends_with_the_services_words(bench: Bench) -> None:
    server = bench.started("commands")
    with pytest.raises(InvocationTimeout) as caught:
        server.invoke(b"hang", {}, timeout=0.1)
    assert str(caught.value) == TIMEOUT_MESSAGE
    assert server.invoke(b"still here", {}).body == b"still here"


@pytest.mark.parametrize("word", [b"drop", b"half", b"garbage"])
def test_a_reply_that_is_none_is_an_error_and_the_next_request_works(bench: Bench, word: bytes) -> None:
    server = bench.started("commands")
    for _ in range(2):
        with pytest.raises(InvocationFailed) as caught:
            server.invoke(word, {})
        assert caught.value.status == 500
        assert server.invoke(b"hello", {}).body == b"hello"


def test_a_closed_idle_connection_is_replaced_silently(bench: Bench) -> None:
    server = bench.started("commands")
    assert server._pool is not None
    for _ in range(5):
        assert server.invoke(b"close", {}).body == b"closing"
        (idle,) = server._pool._idle
        assert select.select([idle.sock], [], [], 60)[0]  # the container has closed it
    server.invoke(b"one", {})
    (idle,) = server._pool._idle
    idle.sock.shutdown(2)
    assert server.invoke(b"two", {}).body == b"two"


def test_connections_are_reused_and_many_threads_get_their_own_answers(bench: Bench) -> None:
    server = bench.started("echo")
    wrong: list[str] = []

    def ask(number: int) -> None:
        for turn in range(30):
            body = f"{number}-{turn}".encode()
            if server.invoke(body, {}).body != body:
                wrong.append(body.decode())

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert server._pool is not None
    assert 1 <= len(server._pool._idle) <= 8


@pytest.mark.parametrize("how", ["itself", "killed"])
def test_a_process_that_dies_is_started_again_and_the_event_logged(
    bench: Bench, messages: Callable[..., dict[str, list[str]]], how: str
) -> None:
    server = bench.started("commands")
    first = int(server.invoke(b"pid", {}).body)
    assert server.pid == first
    if how == "itself":
        with pytest.raises(InvocationFailed):
            server.invoke(b"die", {})
    else:
        os.kill(first, signal.SIGKILL)
    restarted = threading.Event()
    for _ in range(2000):
        try:
            second = int(server.invoke(b"pid", {}).body)
            break
        except InvocationFailed as error:
            assert error.status in (500, 503)
            restarted.wait(0.01)
    assert second != first
    server.stop()
    code = 7 if how == "itself" else 137
    seen = log(messages)
    assert seen[:2] == [
        "serving",
        f"Sandbox: the container ended with exit code {code}; it is started again in 0.5 s.",
    ]
    # What the container prints and what it answers come by two ways.
    assert sorted(seen[2:]) == ["Sandbox: the container answers /ping again.", "serving"]


def test_requests_during_a_restart_fail_at_once(bench: Bench) -> None:
    server = bench.started("commands")
    pool, server._pool = server._pool, None  # the state between a death and the next ping
    with pytest.raises(InvocationFailed) as caught:
        server.invoke(b"x", {})
    assert caught.value.status == 503
    server._pool = pool


def test_stop_lets_the_container_end_by_itself_and_may_be_called_twice(
    bench: Bench, messages: Callable[..., dict[str, list[str]]]
) -> None:
    server = bench.started("tidy")
    pid = server.pid
    assert pid
    server.stop()
    server.stop()
    assert log(messages) == ["serving", "bye"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_instance_id_looks_like_one() -> None:
    assert instance_id("a", "b") == instance_id("a", "b") != instance_id("ab", "")
    assert len(instance_id("x")) == 19
