"""InvokeEndpointAsync: takes a request whose body lies in S3, answers at once, and puts the reply into S3."""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.serving import InvocationFailed, InvocationTimeout
from sagewizard.sandbox.control.context import split_s3_uri
from sagewizard.sandbox.control.fleet import FleetClosed
from sagewizard.sandbox.store.objects import NoSuchBucket, NoSuchKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.sandbox.control.compute import Reply
    from sagewizard.sandbox.services import Services

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


class Queue:
    """The requests of one endpoint, in order, with as many at a time as its configuration allows.

    `answer(headers, body, timeout)` asks the endpoint. Requests that wait when the server ends are lost.
    """

    def __init__(
        self,
        services: Services,
        config: Mapping[str, Any],
        answer: Callable[[Mapping[str, str], bytes, float], Reply],
    ) -> None:
        self._services, self._config, self._answer = services, config, answer
        client = config.get("ClientConfig") or {}
        self._most = int(client.get("MaxConcurrentInvocationsPerInstance") or 1)
        self._lock = threading.Lock()
        self._waiting: deque[Request] = deque()
        self._running = 0
        self._closed = False

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
        with self._lock:
            self._waiting.append(request)
            if self._running < self._most and not self._closed:
                self._running += 1
                threading.Thread(target=self._work, name="async inference", daemon=True).start()
        return request

    def close(self) -> None:
        """Take nothing more from the queue."""
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
            try:
                self._do(request)
            except Exception:
                _log.exception("asynchronous inference of %s", request.input)

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
        except (InvocationTimeout, InvocationFailed, FleetClosed) as error:
            self._fail(request, str(error) or "The endpoint was deleted before it answered.")
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
