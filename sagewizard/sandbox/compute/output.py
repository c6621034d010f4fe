"""Owns what a child prints: from the bytes of its pipe to whole lines, none lost, none endless."""

from __future__ import annotations

import contextlib
import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# CloudWatch counts 26 bytes a log event on top of its text, and takes 256 KiB.
LONGEST_LINE = 256 * 1024 - 26
_BLOCK = 64 * 1024
# All that a dead process can have left in a Linux pipe; more than that comes from somebody who still writes.
_LARGEST_PIPE = 1024 * 1024


class LineSplitter:
    """Cuts a stream of bytes into lines of text, without their line ends.

    A line longer than `LONGEST_LINE` bytes is cut between two characters; invalid UTF-8 becomes U+FFFD.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.on_line = on_line
        self._rest = bytearray()

    def feed(self, block: bytes) -> None:
        """Take the next bytes and hand over every line that is whole."""
        *lines, tail = block.split(b"\n")
        for line in lines:
            if self._rest:
                self._rest += line
                line = bytes(self._rest)
                self._rest.clear()
            self._emit(line)
        self._rest += tail
        while len(self._rest) > LONGEST_LINE:
            cut = _between_characters(self._rest, LONGEST_LINE)
            self._hand_over(bytes(self._rest[:cut]))
            del self._rest[:cut]

    def finish(self) -> None:
        """Hand over what is left when no more bytes come."""
        if self._rest:
            line = bytes(self._rest)
            self._rest.clear()
            self._emit(line)

    def _emit(self, line: bytes) -> None:
        if line.endswith(b"\r"):
            line = line[:-1]
        while len(line) > LONGEST_LINE:
            cut = _between_characters(line, LONGEST_LINE)
            self._hand_over(line[:cut])
            line = line[cut:]
        self._hand_over(line)

    def _hand_over(self, line: bytes) -> None:
        self.on_line(line.decode("utf-8", errors="replace"))


def _between_characters(data: bytes | bytearray, limit: int) -> int:
    """Find the largest cut of at most `limit` bytes that does not fall inside a UTF-8 character."""
    for cut in range(limit, limit - 4, -1):
        if data[cut] & 0xC0 != 0x80:
            return cut
    return limit


def pump(output: int, ended: int, splitter: LineSplitter) -> None:
    """Read `output` to its end, or, when `ended` becomes readable, to the end of what is already in it.

    `ended` becomes readable when the child has exited: whoever else still holds the pipe is not waited for.
    """
    os.set_blocking(output, False)
    poll = select.poll()
    poll.register(output, select.POLLIN)
    poll.register(ended, select.POLLIN)
    while True:
        exited = any(fd == ended for fd, _ in poll.poll())
        if not exited:
            if not _read(output, splitter):
                break
            continue
        drained = 0
        while drained < _LARGEST_PIPE and (count := _read(output, splitter)) > 0:
            drained += count
        break
    splitter.finish()


def _read(output: int, splitter: LineSplitter) -> int:
    """Read one block; the number of bytes, 0 at the end, -1 when nothing is there now."""
    try:
        block = os.read(output, _BLOCK)
    except BlockingIOError:
        return -1
    except OSError:
        return 0
    splitter.feed(block)
    return len(block)


def close_quietly(*fds: int) -> None:
    """Close descriptors, whatever state they are in."""
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
