"""Owns the messages between server and warm parent: JSON behind a length, a file descriptor beside it."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

_HEADER = struct.Struct("<I")
LARGEST = 16 * 1024 * 1024


def send(channel: socket.socket, message: dict[str, Any], fd: int | None = None) -> None:
    """Send one message; `fd` is duplicated into the other process."""
    body = json.dumps(message).encode("utf-8")
    header = _HEADER.pack(len(body))
    sent = socket.send_fds(channel, [header], [fd] if fd is not None else [])
    channel.sendall(header[sent:] + body)


def receive(channel: socket.socket) -> tuple[dict[str, Any], int | None] | None:
    """Receive one message and the descriptor that came with it; None when the other end has closed."""
    try:
        header, fds, _, _ = socket.recv_fds(channel, _HEADER.size, 1)
    except ConnectionResetError:
        return None
    fd = fds[0] if fds else None
    try:
        rest = _exactly(channel, _HEADER.size - len(header)) if header else None
        size = _HEADER.unpack(header + rest)[0] if rest is not None else 0
        body = _exactly(channel, size) if 0 < size <= LARGEST else None
    except ConnectionResetError:
        body = None
    if body is None:
        if fd is not None:
            os.close(fd)
        return None
    return json.loads(body), fd


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        block = channel.recv(min(size - len(parts), 1 << 20))
        if not block:
            return None
        parts += block
    return bytes(parts)
