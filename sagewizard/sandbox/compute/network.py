"""Owns the addresses of jobs' hosts: each name leads to a loopback address of its own on this machine."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sagewizard.sandbox.containers.script.names import Names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BITS = 3  # of an address's last byte, for the host within a job: 8 hosts
_JOBS = 1 << (8 - _BITS)
_FIRST_PORT = 7777  # MASTER_PORT of the PyTorch images
_LAST_PORT = 8999
_taken: set[int] = set()
_lock = threading.Lock()


@contextlib.contextmanager
def network(hosts: Sequence[str], endpoint_url: str) -> Iterator[Names]:
    """Give each host an address, and the job a port, for as long as the context is open.

    An address is 127, the two bytes of the sandbox's own port, and a byte for job and host: neither the jobs
    of a sandbox nor two sandboxes meet. Where the system has 127.0.0.1 only, all names lead there.
    """
    with _lock:
        slot = next((number for number in range(_JOBS) if number not in _taken), 0)
        _taken.add(slot)
    try:
        high, low = divmod((urlsplit(endpoint_url).port or 1) & 0xFFFF, 256)
        first = slot << _BITS
        found = [f"127.{high}.{low}.{first + number % (1 << _BITS)}" for number in range(len(hosts))]
        if not all(_is_here(address) for address in found):
            found = ["127.0.0.1"] * len(hosts)
        yield Names(dict(zip(hosts, found, strict=True)), port=_free_port(_FIRST_PORT + slot))
    finally:
        with _lock:
            _taken.discard(slot)


def _is_here(address: str) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True


def _free_port(first: int) -> int:
    """Return the first port that nobody listens on, `first` if nothing is free."""
    for port in range(first, _LAST_PORT):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("", port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                break
            return port
    return first
