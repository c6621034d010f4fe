"""The HTTP server under the gateway: cheroot, with files sent by the kernel and bodies never held whole."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote_to_bytes

from cheroot.server import KnownLengthRFile
from cheroot.wsgi import Gateway_10, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 1 << 20
# A thread waits while a model answers (60 s at most), so there are more of them than cores.
_THREADS = 32
_KEPT_CONNECTIONS = 256
_LOG = logging.getLogger(__name__)


class FileBody:
    """A reply's body that is a piece of a file; the server hands it to the kernel (sendfile)."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self.file, self.start, self.size = file, start, size

    def __iter__(self) -> Iterator[bytes]:
        self.file.seek(self.start)
        left = self.size
        while left and (block := self.file.read(min(left, _BLOCK))):
            left -= len(block)
            yield block

    def close(self) -> None:
        """Close the file; the server calls it when the reply is out or the client has gone."""
        self.file.close()


class _SocketBody:
    """A request's body of known length, read from the socket straight into blocks.

    Cheroot's own reader is Python's `_pyio`, which takes three times as long for an upload. `remaining` is
    what cheroot looks at to know whether the connection can be used again.
    """

    def __init__(self, reader: Any, connection: socket.socket, size: int) -> None:
        self._reader, self._socket, self.remaining = reader, connection, size
        self._rest = b""

    def read(self, size: int | None = None) -> bytes:
        """Return `size` bytes, or all that are left; less at the end, or when the client goes away."""
        wanted = self.remaining if size is None or size < 0 else min(size, self.remaining)
        parts: list[bytes] = []
        while wanted:
            block = self._some(wanted)
            if not block:
                self.remaining = 0
                break
            parts.append(block)
            wanted -= len(block)
            self.remaining -= len(block)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readline(self, size: int = -1) -> bytes:
        """Return bytes up to and with the next newline, at most `size`."""
        limit = self.remaining if size < 0 else min(size, self.remaining)
        parts: list[bytes] = []
        while limit:
            block = self._some(min(limit, 4096))
            if not block:
                self.remaining = 0
                break
            end = block.find(b"\n") + 1
            if end:
                self._rest = block[end:] + self._rest
                block = block[:end]
            parts.append(block)
            limit -= len(block)
            self.remaining -= len(block)
            if end:
                break
        return b"".join(parts)

    def _some(self, most: int) -> bytes:
        if self._rest:
            block, self._rest = self._rest[:most], self._rest[most:]
            return block
        if self._reader.has_data():
            buffered: bytes = self._reader.read1(most)
            return buffered
        return self._socket.recv(most)


class _Gateway(Gateway_10):
    """Translate between cheroot and WSGI, with what AWS's protocols need beyond WSGI.

    `sagewizard.headers` has the headers under their own lower-case names, because WSGI cannot tell
    `x-amz-meta-a_b` from `x-amz-meta-a-b`. `REQUEST_URI` is what was sent; PATH_INFO is decoded whole.
    """

    def get_environ(self) -> Any:
        base: Any = super()
        environ: dict[str, Any] = base.get_environ()
        if isinstance(self.req.rfile, KnownLengthRFile):
            connection = self.req.conn
            body = _SocketBody(connection.rfile, connection.socket, self.req.rfile.remaining)
            self.req.rfile = environ["wsgi.input"] = body
        environ["sagewizard.headers"] = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in self.req.inheaders.items()
        }
        path = environ["REQUEST_URI"].partition("?")[0]
        environ["PATH_INFO"] = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
        environ["wsgi.file_wrapper"] = FileBody
        environ["sagewizard.drop"] = self._drop
        return environ

    def _drop(self) -> None:
        """End the connection as a failing network does: whatever is written from now on reaches nobody."""
        self.req.close_connection = True
        with contextlib.suppress(OSError):
            self.req.conn.socket.shutdown(socket.SHUT_RDWR)

    def respond(self) -> None:
        response = self.req.server.wsgi_app(self.env, self.start_response)
        try:
            # Refused before its body was read: read on in blocks, or the next request on this connection
            # would start in the middle of that body (cheroot itself would read it into memory at once).
            while self.req.rfile.read(_BLOCK):
                pass
            if isinstance(response, FileBody):
                self._send_file(response)
            else:
                for chunk in filter(None, response):
                    self.write(chunk)
        finally:
            if hasattr(response, "close"):
                response.close()
        self.req.ensure_headers_sent()

    def _send_file(self, body: FileBody) -> None:
        self.req.ensure_headers_sent()
        if self.req.method == b"HEAD" or not body.size:
            return
        sent = self.req.conn.socket.sendfile(body.file, body.start, body.size)
        if sent != body.size:
            raise OSError(f"only {sent} of {body.size} bytes could be read from {body.file.name}")


class HttpServer(Server):
    """A threaded HTTP/1.1 server on 127.0.0.1; `prepare()` binds and fills in `port`, `serve()` blocks."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(
            ("127.0.0.1", port),
            wsgi_app=None,
            numthreads=_THREADS,
            server_name="SageWizard",
            request_queue_size=128,
            timeout=75,
            shutdown_timeout=5,
        )
        self.gateway = _Gateway
        self.nodelay = True
        self.keep_alive_conn_limit = _KEPT_CONNECTIONS
        self.max_request_header_size = 64 << 10

    @property
    def port(self) -> int:
        """The port in use; known after `prepare()`."""
        return int(self.bind_addr[1])

    def stop(self) -> None:
        """End the server and its threads.

        Cheroot looks every half second whether it shall end; a connection wakes it at once.
        """
        stopper = threading.Thread(target=super().stop, name="http-stop")
        stopper.start()
        while stopper.is_alive():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
            stopper.join(0.01)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Put what cheroot has to say into the server's log."""
        error = sys.exc_info()[1]
        if isinstance(error, (ConnectionError, socket.timeout)):
            return  # A client that went away is no event.
        _LOG.log(level, "%s", msg, exc_info=traceback)
