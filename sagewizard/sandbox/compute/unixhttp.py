"""Owns HTTP to a container over its Unix socket: kept-alive connections, deadlines, and when to try again."""

from __future__ import annotations

import http.client
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST_REPLY = 256 << 20
_BLOCK = 1 << 20
_IDLE = 16
_WITHOUT_BODY = (204, 304)


class NoAnswer(Exception):  # noqa: N818 - a state that callers tell apart
    """The container closed the connection, or could not be reached."""


class TimedOut(NoAnswer):
    """The container did not answer in time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a container answered; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path
        self.used = False

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._path)
        except BaseException:
            self.sock.close()
            self.sock = None
            raise

    def stale(self) -> bool:
        """Tell whether the other end has closed: an idle connection with something to read is no use."""
        if self.sock is None:
            return True
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))


class Pool:
    """Requests over one Unix socket from any number of threads; up to 16 connections are kept open."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._closed = False

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float,
    ) -> Reply:
        """Send a request and read the whole reply within `timeout` seconds; raises NoAnswer or TimedOut.

        Sent again, once, only when a kept-alive connection turned out to be closed before the container could
        have read the request.
        """
        deadline = time.monotonic() + timeout
        connection = self._take()
        try:
            try:
                reply = self._exchange(connection, method, path, body, headers or {}, deadline)
            except (BrokenPipeError, ConnectionResetError) as error:
                # Sending failed, or the peer closed with our bytes unread: nothing was processed.
                if not connection.used:
                    raise NoAnswer(str(error)) from error
                connection.close()
                connection = _Connection(self._path)
                reply = self._exchange(connection, method, path, body, headers or {}, deadline)
        except NoAnswer:
            connection.close()
            raise
        except TimeoutError as error:
            connection.close()
            raise TimedOut(f"no answer in {timeout:g} seconds") from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise NoAnswer(str(error) or type(error).__name__) from error
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return reply

    def close(self) -> None:
        """Close what is idle; what is in use closes when its reply is there."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> _Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return _Connection(self._path)
            if not connection.stale():
                return connection
            connection.close()

    def _give_back(self, connection: _Connection) -> None:
        connection.used = True
        if connection.sock is not None:
            with self._lock:
                if not self._closed and len(self._idle) < _IDLE:
                    self._idle.append(connection)
                    return
        connection.close()

    def _exchange(
        self,
        connection: _Connection,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Reply:
        _allow(connection, deadline)
        refused: OSError | None = None
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body or method == "POST":
            connection.putheader("Content-Length", str(len(body)))
        try:
            connection.endheaders(body or None)
        except BrokenPipeError as error:
            refused = error  # a server may answer early, e.g. 413, and close without reading the body
            if connection.sock is None:
                raise
        _allow(connection, deadline)
        try:
            response = connection.getresponse()
        except http.client.RemoteDisconnected:
            if refused is not None:
                raise refused from None
            # All of the request was read and no reply came: it may have been processed.
            raise NoAnswer("the container closed the connection without a reply") from None
        parts, size = [], 0
        while True:
            _allow(connection, deadline)
            try:
                block = response.read(_BLOCK)
            except ConnectionError as error:
                raise NoAnswer("the container broke off its reply") from error
            if not block:
                if response.length:
                    raise NoAnswer(
                        f"the container broke off its reply, {response.length:,} bytes before its end"
                    )
                break
            parts.append(block)
            size += len(block)
            if size > _LARGEST_REPLY:
                raise http.client.HTTPException(f"the reply is larger than {_LARGEST_REPLY:,} bytes")
        if refused is not None or response.status in _WITHOUT_BODY:
            # A container that sends a body all the same would leave it for the next reply to begin with.
            connection.close()
        return Reply(
            response.status, {name.lower(): value for name, value in response.getheaders()}, b"".join(parts)
        )


def _allow(connection: _Connection, deadline: float) -> None:
    """Give the next socket operation what is left of the time."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.timeout = left
    if connection.sock is not None:
        connection.sock.settimeout(left)
