"""InvokeEndpointAsync: takes a request whose body lies in S3, answers at once, and puts the reply into S3."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.s3data import split_s3_uri
from sagewizard.sandbox.compute.serving import InvocationFailed, InvocationTimeout
from sagewizard.sandbox.control.fleet import FleetClosed
from sagewizard.sandbox.store.objects import NoSuchBucket, NoSuchKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.sandbox.control.compute import Reply
    from sagewizard.sandbox.services import Services
    from sagewizard.sandbox.store.database import Database

_log = logging.getLogger(__name__)
LARGEST_INPUT = 1 << 30  # "payloads up to 1 GB"
DEFAULT_TIMEOUT, LONGEST_TIMEOUT = 900.0, 3600.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was accepted; locations are S3 URIs, `failure` is None when nobody asked for one."""

    input: str
    headers: Mapping[str, str]
    output: str
    failure: str | None
    timeout: float


class Backlog:
    """The accepted requests of all endpoints, kept until they are answered: they outlive server and fleet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._taken: set[str] = set()
        self._lock = threading.Lock()
        database.script(
            "CREATE TABLE IF NOT EXISTS async_requests"
            " (number INTEGER PRIMARY KEY, endpoint TEXT, output TEXT, request TEXT)"
        )

    def add(self, endpoint: str, request: Request) -> None:
        """Keep a request of an endpoint, which is named by its ARN."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO async_requests (endpoint, output, request) VALUES (?, ?, ?)",
                (endpoint, request.output, json.dumps(asdict(request))),
            )

    def waiting(self, endpoint: str) -> list[Request]:
        """Return the requests that have no answer yet, in order."""
        rows = self._database.query(
            "SELECT request FROM async_requests WHERE endpoint = ? ORDER BY number", (endpoint,)
        )
        return [Request(**json.loads(row["request"])) for row in rows]

    def take(self, request: Request) -> bool:
        """Tell whether the caller is the one to answer: the queue before an update may be at it."""
        with self._lock:
            if request.output in self._taken:
                return False
            self._taken.add(request.output)
            return True

    def give_back(self, request: Request) -> None:
        """Leave a request for the next queue."""
        with self._lock:
            self._taken.discard(request.output)

    def done(self, request: Request) -> None:
        """Forget a request that has its answer."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM async_requests WHERE output = ?", (request.output,))
        self.give_back(request)

    def forget(self, endpoint: str) -> None:
        """Forget what waits for an endpoint that is deleted."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM async_requests WHERE endpoint = ?", (endpoint,))


class Queue:
    """The requests of one endpoint, in order, with as many at a time as its configuration allows.

    `answer(headers, body, timeout)` asks the endpoint. What a queue before this one left in the backlog is
    answered first.
    """

    def __init__(
        self,
        services: Services,
        config: Mapping[str, Any],
        answer: Callable[[Mapping[str, str], bytes, float], Reply],
        backlog: Backlog,
        endpoint: str,
    ) -> None:
        self._services, self._config, self._answer = services, config, answer
        self._backlog, self._endpoint = backlog, endpoint
        client = config.get("ClientConfig") or {}
        self._most = int(client.get("MaxConcurrentInvocationsPerInstance") or 1)
        self._lock = threading.Lock()
        self._waiting: deque[Request] = deque()
        self._running = 0
        self._closed = False
        for request in backlog.waiting(endpoint):
            self._enqueue(request)

    def accept(self, location: str, headers: Mapping[str, str], timeout: float) -> Request:
        """Queue a request and say where its reply, or what went wrong, will be."""
        name = str(uuid.uuid4())
        places = self._config["OutputConfig"]
        output, failure = places.get("S3OutputPath"), places.get("S3FailurePath")
        bucket, _ = split_s3_uri(location)
        base = output or f"s3://{bucket}/async-endpoint-outputs"
        request = Request(
            input=location,
            headers=headers,
            output=f"{base.rstrip('/')}/{name}.out",
            failure=f"{failure.rstrip('/')}/{name}-error.out" if failure else None,
            timeout=timeout,
        )
        self._backlog.add(self._endpoint, request)
        self._enqueue(request)
        return request

    def _enqueue(self, request: Request) -> None:
        with self._lock:
            self._waiting.append(request)
            if self._running < self._most and not self._closed:
                self._running += 1
                threading.Thread(target=self._work, name="async inference", daemon=True).start()

    def close(self) -> None:
        """Take nothing more from the queue; what waits stays in the backlog."""
        with self._lock:
            self._closed = True
            self._waiting.clear()

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._closed or not self._waiting:
                    self._running -= 1
                    return
                request = self._waiting.popleft()
            if not self._backlog.take(request):
                continue
            try:
                self._do(request)
            except FleetClosed:
                self._backlog.give_back(request)
                continue
            except Exception:
                _log.exception("asynchronous inference of %s", request.input)
            if not self._settle(request):
                return

    def _settle(self, request: Request) -> bool:
        """Forget a request; False when the server has ended meanwhile, and the next one answers it again."""
        try:
            self._backlog.done(request)
        except Exception:
            if not self._closed:
                raise
            return False
        return True

    def _do(self, request: Request) -> None:
        bucket, key = split_s3_uri(request.input)
        objects = self._services.objects
        try:
            info, file = objects.read(bucket, key)
            with file:
                body = file.read(LARGEST_INPUT + 1)
            if len(body) > LARGEST_INPUT:
                raise InvocationFailed(f"The input is larger than {LARGEST_INPUT} bytes.", 413)
            headers = {**request.headers}
            headers["Content-Type"] = headers.get("Content-Type") or info.content_type
            reply = self._answer(headers, body, request.timeout)
        except (NoSuchBucket, NoSuchKey):
            self._fail(request, f"Failed to download input from {request.input}: there is no such object.")
        except (InvocationTimeout, InvocationFailed) as error:
            if self._closed:
                # The container was ended under it: the next server, or the next fleet, answers.
                raise FleetClosed from error
            self._fail(request, str(error))
        else:
            if reply.status >= 400:
                text = reply.body.decode("utf-8", "replace")
                side = "client" if reply.status < 500 else "server"
                self._fail(
                    request, f'Received {side} error ({reply.status}) from primary with message "{text}".'
                )
                return
            kind = reply.headers.get("content-type") or "application/octet-stream"
            self._put(request.output, reply.body, kind)

    def _fail(self, request: Request, text: str) -> None:
        if request.failure is not None:
            self._put(request.failure, text.encode("utf-8", "replace"), "text/plain")

    def _put(self, uri: str, body: bytes, content_type: str) -> None:
        bucket, key = split_s3_uri(uri)
        self._services.objects.put(bucket, key, body, content_type=content_type)
