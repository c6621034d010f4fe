"""Tiny serving containers on the standard library's HTTP server."""

from __future__ import annotations

import json
import os
import signal
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    parameters: ClassVar[dict[str, object] | None] = None

    def answer(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/execution-parameters" and self.parameters is not None:
            self.answer(200, json.dumps(self.parameters).encode())
        else:
            self.answer(200 if self.path == "/ping" else 404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.invoke(body)

    def invoke(self, body: bytes) -> None:
        self.answer(200, body, self.headers.get("Content-Type", ""))

    def log_message(self, *args: object) -> None:
        pass

    def address_string(self) -> str:
        return "-"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about a client that hung up: on a busy machine a ping may."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def run(handler: type[Handler]) -> int:
    print("serving")
    Server(os.environ["SAGEWIZARD_BIND_UNIX"], handler).serve_forever()
    return 0


def echo() -> int:
    return run(Handler)


class Commands(Handler):
    """Does as the body says."""

    def invoke(self, body: bytes) -> None:
        word, _, rest = body.decode().partition(" ")
        if word == "die":
            os._exit(7)
        elif word == "hang":
            threading.Event().wait()
        elif word == "drop":
            self.close_connection = True
        elif word == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
            self.close_connection = True
        elif word == "garbage":
            self.wfile.write(b"this is not http\r\n\r\n")
            self.close_connection = True
        elif word == "status":
            self.answer(int(rest), b"the container's own words")
        elif word == "pid":
            self.answer(200, str(os.getpid()).encode())
        elif word == "env":
            self.answer(200, json.dumps(dict(os.environ)).encode())
        elif word == "close":
            self.close_connection = True
            self.answer(200, b"closing")
        elif word == "model":
            base = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"
            files = {str(p.relative_to(base)): p.read_text() for p in base.rglob("*") if p.is_file()}
            self.answer(200, json.dumps(files).encode())
        else:
            self.answer(200, body)


def commands() -> int:
    return run(Commands)


class EarlyRefusal(Handler):
    def do_POST(self) -> None:
        self.close_connection = True
        self.answer(413, b"too large")


def refuses_early() -> int:
    return run(EarlyRefusal)


class Sick(Handler):
    def do_GET(self) -> None:
        self.answer(500, b"")


def sick() -> int:
    return run(Sick)


def crashes() -> int:
    print("no model here")
    return 4


def crashes_twice() -> int:
    marks = Path(os.environ["MARKS"])
    number = len(list(marks.iterdir()))
    (marks / str(number)).touch()
    return 4 if number < 2 else run(Handler)


def tidy() -> int:
    def stop(number: int, frame: object) -> None:
        os.write(1, b"bye\n")  # print is not re-entrant
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    return run(Handler)


class Rows(Handler):
    """A model for batch transform: each line's numbers are summed."""

    parameters: ClassVar = {
        "MaxConcurrentTransforms": 3,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 2,
    }

    def invoke(self, body: bytes) -> None:
        kind = self.headers.get("Content-Type", "")
        print(f"request bytes={len(body)} accept={self.headers.get('Accept')} type={kind}")
        if b"bad" in body:
            self.answer(400, b"unable to parse\nthis row")
        elif b"broken" in body:
            self.answer(500, b"internal")
        elif b"fewer" in body:
            self.answer(200, b"1\n")
        elif kind == "application/json":
            features = json.loads(body)
            values = features.get("features", []) if isinstance(features, dict) else features
            self.answer(200, json.dumps({"sum": sum(values)}).encode(), kind)
        elif kind == "application/jsonlines":
            lines = [json.loads(line) for line in body.splitlines()]
            sums = [sum(v["features"] if isinstance(v, dict) else v) for v in lines]
            self.answer(200, "".join(json.dumps({"sum": s}) + "\n" for s in sums).encode(), kind)
        elif kind == "text/csv":
            sums = [sum(map(float, line.split(b","))) for line in body.splitlines() if line]
            self.answer(200, "".join(f"{s:g}\n" for s in sums).encode(), kind)
        else:
            self.answer(200, body, kind)


def rows() -> int:
    return run(Rows)


class Bare(Rows):
    parameters: ClassVar = None


def bare() -> int:
    return run(Bare)
