"""The serving half of the container contract: HTTP/1.1 on a Unix socket around a model.

    GET  /ping                   200 when the model answers
    GET  /execution-parameters   how batch transform should call: concurrency, batch strategy, payload size
    POST /invocations            one request, one reply

Environment: SAGEWIZARD_BIND_UNIX (path of the socket), MAX_CONTENT_LENGTH (bytes, 6 MiB unless set),
SAGEMAKER_BATCH (set for batch transform), SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sagewizard.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import InputStream, StartResponse, WSGIEnvironment

    from sagewizard.clock import Clock

BIND_VARIABLE = "SAGEWIZARD_BIND_UNIX"
BATCH_VARIABLE = "SAGEMAKER_BATCH"
LENGTH_VARIABLE = "MAX_CONTENT_LENGTH"
ACCEPT_VARIABLE = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
DEFAULT_LENGTH = 6 << 20
THREADS = 4
_DRAINED = 128 << 20
_PEER = "169.254.255.130"  # the address from which SageMaker calls a container


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answers; a status from 400 on carries its text as body."""

    status: int
    content_type: str
    body: bytes


class ModelApplication(Protocol):
    """A loaded model that answers requests, from several threads at once."""

    def ping(self) -> bool:
        """Tell whether the model can answer."""
        ...

    def execution_parameters(self) -> Mapping[str, Any]:
        """Give MaxConcurrentTransforms, BatchStrategy and MaxPayloadInMB."""
        ...

    def invoke(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Answer a request; `accept` is "*/*" when the caller does not mind."""
        ...


def many_records_a_request(longest: int) -> dict[str, object]:
    """Return the answer to GET /execution-parameters: one request a core, many records in `longest` bytes."""
    return {
        "MaxConcurrentTransforms": os.cpu_count() or 1,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": longest >> 20,
    }


def error_reply(status: int, message: str) -> Reply:
    """Build a refusal as the real containers word it: the plain text, and nothing else."""
    return Reply(status, "text/plain; charset=utf-8", message.encode())


@dataclass(slots=True)
class Gateway:
    """The WSGI application around a model: routes, limits, and one log line a request."""

    application: ModelApplication
    max_content_length: int = DEFAULT_LENGTH
    default_accept: str = "*/*"
    clock: Clock = field(default_factory=SystemClock)
    write: Callable[[str], None] = lambda line: print(line, flush=True)  # noqa: T201 - the container's log

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one HTTP request."""
        reply = self._answer(environ)
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body
        headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(body)))]
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
        self._log(environ, reply.status, len(body))
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> Reply:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if path not in ("/ping", "/execution-parameters", "/invocations"):
            return error_reply(404, f"There is nothing at {path}.")
        wanted = ("POST",) if path == "/invocations" else ("GET", "HEAD")
        if method not in wanted:
            return error_reply(405, f"{path} takes {wanted[0]}, not {method}.")
        try:
            if path == "/ping":
                return Reply(200 if self.application.ping() else 503, "application/json", b"\n")
            if path == "/execution-parameters":
                parameters = json.dumps(self.application.execution_parameters()).encode()
                return Reply(200, "application/json", parameters)
            return self._invoke(environ)
        except Exception as error:
            self.write(f"[ERROR] {path}: {error!r}\n{traceback.format_exc()}")
            return error_reply(500, "Internal Server Error")

    def _invoke(self, environ: WSGIEnvironment) -> Reply:
        limit = self.max_content_length
        try:
            length = int(environ.get("CONTENT_LENGTH") or -1)
        except ValueError:
            return error_reply(400, "Content-Length is not a number.")
        too_long = error_reply(
            413, f"The request body is larger than {limit} bytes, the most this container takes."
        )
        if length > limit:
            _drain(environ["wsgi.input"], length)
            return too_long
        # Without a length the body comes in chunks; one byte beyond the limit is enough to refuse it.
        body = environ["wsgi.input"].read(limit + 1 if length < 0 else length)
        if len(body) > limit:
            return too_long
        accept = environ.get("HTTP_ACCEPT", "").strip()
        if accept in ("", "*/*"):
            accept = self.default_accept
        return self.application.invoke(body, environ.get("CONTENT_TYPE", ""), accept)

    def _log(self, environ: WSGIEnvironment, status: int, size: int) -> None:
        moment = datetime.fromtimestamp(self.clock.now(), UTC)
        request = f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')} HTTP/1.1"
        agent = environ.get("HTTP_USER_AGENT", "-")
        # The request line and the agent come from outside and must not start lines of their own.
        text = f'{_PEER} - - [{moment:%d/%b/%Y:%H:%M:%S +0000}] "{request}" {status} {size} "-" "{agent}"'
        self.write("".join(c if c.isprintable() else "?" for c in text))


def _drain(stream: InputStream, length: int) -> None:
    """Read a refused body, so that the caller gets the refusal and not a broken connection."""
    left = min(length, _DRAINED)
    while left > 0 and (block := stream.read(min(left, 1 << 20))):
        left -= len(block)


def serve(
    load: Callable[[], ModelApplication], environ: Mapping[str, str] | None = None, clock: Clock | None = None
) -> int:
    """Load a model and answer on the Unix socket until SIGTERM; returns the exit code.

    A model that cannot be loaded ends the program with code 1 and the reason in the log, so that /ping never
    passes, as in the real containers.
    """
    environ = os.environ if environ is None else environ
    path = environ.get(BIND_VARIABLE, "")
    if not path:
        sys.stdout.write(f"[ERROR] {BIND_VARIABLE} does not name a socket to listen on.\n")
        return 1
    try:
        limit = int(environ.get(LENGTH_VARIABLE) or DEFAULT_LENGTH)
        application = load()
    except Exception as error:
        sys.stdout.write(f"[ERROR] The model cannot be served: {error}\n{traceback.format_exc()}")
        sys.stdout.flush()
        return 1
    gateway = Gateway(application, limit, environ.get(ACCEPT_VARIABLE) or "*/*", clock or SystemClock())
    run_server(gateway, Path(path))
    return 0


def run_server(gateway: Gateway, path: Path) -> None:
    """Listen on a Unix socket until SIGTERM or SIGINT; requests under way are finished first."""
    from cheroot.wsgi import Server

    path.unlink(missing_ok=True)
    server = Server(str(path), gateway, numthreads=THREADS, request_queue_size=128, timeout=300)
    server.keep_alive_conn_limit = 64
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: stop.set())
    # cheroot gives the socket mode 0777; the mask keeps it to this user from its first moment.
    mask = os.umask(0o077)
    try:
        server.prepare()
    finally:
        os.umask(mask)
    path.chmod(0o600)
    thread = threading.Thread(target=server.serve, name="serve", daemon=True)
    thread.start()
    try:
        stop.wait()
    finally:
        server.stop()
        thread.join(10)
        path.unlink(missing_ok=True)
