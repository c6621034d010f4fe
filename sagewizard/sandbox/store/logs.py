"""CloudWatch log streams on disk: one append-only file a stream, read by byte offset."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sagewizard.clock import Clock

FLUSH_SECONDS = 0.1
_FLUSH_BYTES = 64 << 10
_READ_BLOCK = 256 << 10
# CloudWatch takes events of at most 256 KiB, 26 bytes of them its own.
MAX_MESSAGE_BYTES = 262_144 - 26


class NoSuchGroup(LookupError):  # noqa: N818
    """The log group does not exist."""


class NoSuchStream(LookupError):  # noqa: N818
    """The log stream does not exist."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event: times in milliseconds since the epoch, `start` and `end` its place in the file in bytes."""

    timestamp: int
    ingestion: int
    message: str
    start: int
    end: int


@dataclass(slots=True)
class LogStream:
    """One stream; `created` is in milliseconds since the epoch, `header` is where the first event starts."""

    group: str
    name: str
    created: int
    path: Path
    header: int
    size: int
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    buffer: list[bytes] = field(default_factory=list, repr=False)
    buffered: int = 0
    descriptor: int = -1
    writers: int = 0
    deleted: bool = False
    first: int | None = None
    last: int | None = None
    last_ingestion: int | None = None


@dataclass(slots=True)
class LogGroup:
    """One group; `created` is in milliseconds since the epoch."""

    name: str
    created: int
    folder: Path
    streams: dict[str, LogStream] = field(default_factory=dict)


class LogWriter:
    """Appends events to one stream; several may write to the same one. Close it at the end."""

    def __init__(self, store: LogStore, stream: LogStream) -> None:
        self._store, self._stream = store, stream
        self._open = True

    def write(self, message: str, timestamp_ms: int | None = None) -> None:
        """Append one event; it is on disk within 0.1 s, and at once for whoever reads through the store.

        A message above CloudWatch's 256 KiB is cut there.
        """
        self._store.append(self._stream, message, timestamp_ms)

    def flush(self) -> None:
        """Put everything written so far on disk."""
        self._store.flush(self._stream)

    def close(self) -> None:
        """Put everything on disk and let go of the file; closing twice is no error."""
        if self._open:
            self._open = False
            self._store.release(self._stream)


class LogStore:
    """Log groups and streams in a folder, so that they outlive the server.

    Names come from outside, so a file's name is a hash and its first line holds the real one. Each event is
    a line `<timestamp> <ingestion> <message as a JSON string>`. A last line without its newline is what
    `kill -9` cut off: it is ignored when reading and cut away before writing.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._groups: dict[str, LogGroup] = {}
        self._dirty: dict[int, LogStream] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._flusher: threading.Thread | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._load()

    # Groups and streams

    def create_group(self, group: str) -> bool:
        """Make a group; False when it was there."""
        with self._lock:
            return self._ensure_group(group)[1]

    def create_stream(self, group: str, stream: str) -> bool:
        """Make an empty stream; False when it was there. Raises NoSuchGroup."""
        with self._lock:
            return self._ensure_stream(self._group(group), stream)[1]

    def writer(self, group: str, stream: str) -> LogWriter:
        """Open a stream for appending; group and stream are made where they are missing."""
        with self._lock:
            found, _ = self._ensure_stream(self._ensure_group(group)[0], stream)
        self._find_times(found)
        with self._lock, found.lock:
            found.writers += 1
        return LogWriter(self, found)

    def groups(self, prefix: str = "") -> list[LogGroup]:
        """Return the groups whose name starts with `prefix`, by name."""
        with self._lock:
            return sorted((g for n, g in self._groups.items() if n.startswith(prefix)), key=lambda g: g.name)

    def streams(self, group: str, prefix: str = "") -> list[LogStream]:
        """Return the streams of a group whose name starts with `prefix`, by name; raises NoSuchGroup."""
        with self._lock:
            streams = self._group(group).streams
            found = sorted((s for n, s in streams.items() if n.startswith(prefix)), key=lambda s: s.name)
        for stream in found:
            self._find_times(stream)
        return found

    def stream(self, group: str, stream: str) -> LogStream:
        """Look one stream up; raises NoSuchGroup or NoSuchStream."""
        with self._lock:
            try:
                return self._group(group).streams[stream]
            except KeyError:
                raise NoSuchStream(stream) from None

    def delete_stream(self, group: str, stream: str) -> None:
        """Delete a stream and its events; raises NoSuchGroup or NoSuchStream."""
        with self._lock:
            streams = self._group(group).streams
            if stream not in streams:
                raise NoSuchStream(stream)
            self._remove(streams.pop(stream))

    def delete_group(self, group: str) -> None:
        """Delete a group with all of its streams; raises NoSuchGroup."""
        with self._lock:
            found = self._group(group)
            # The name goes first: a folder without it is no group, so a crash half-way leaves none.
            (found.folder / "group.json").unlink(missing_ok=True)
            del self._groups[group]
            for stream in found.streams.values():
                self._remove(stream)
            shutil.rmtree(found.folder, ignore_errors=True)

    # Events

    def append(self, stream: LogStream, message: str, timestamp_ms: int | None = None) -> None:
        """Buffer one event of a stream; the flusher thread or a reader puts it on disk."""
        now = int(self._clock.now() * 1000)
        timestamp = now if timestamp_ms is None else timestamp_ms
        encoded = message.encode("utf-8", "replace")
        if len(encoded) > MAX_MESSAGE_BYTES:
            message = encoded[:MAX_MESSAGE_BYTES].decode("utf-8", "ignore")
        line = b"%d %d %s\n" % (timestamp, now, json.dumps(message).encode("ascii"))
        with stream.lock:
            if stream.deleted:  # CloudWatch drops such events, too.
                return
            stream.buffer.append(line)
            stream.buffered += len(line)
            stream.first = timestamp if stream.first is None else min(stream.first, timestamp)
            stream.last = timestamp if stream.last is None else max(stream.last, timestamp)
            stream.last_ingestion = now
            if stream.buffered >= _FLUSH_BYTES:
                self._flush_locked(stream)
                return
            waiting = stream.buffered > len(line)
        if not waiting:
            self._dirty[id(stream)] = stream
            self._start_flusher()
            self._wake.set()

    def flush(self, stream: LogStream) -> None:
        """Put a stream's buffered events on disk."""
        with stream.lock:
            self._flush_locked(stream)

    def release(self, stream: LogStream) -> None:
        """Give up one writer of a stream; the last one closes its file."""
        with stream.lock:
            self._flush_locked(stream)
            stream.writers -= 1
            if stream.writers <= 0 and stream.descriptor >= 0:
                os.close(stream.descriptor)
                stream.descriptor = -1

    def events(self, group: str, stream: str, offset: int = 0) -> Iterator[LogEvent]:
        """Yield the events from a byte offset (an event's `start` or `end`, or 0) on, in the order written.

        Raises NoSuchGroup or NoSuchStream at the first step, and ValueError for an offset inside an event.
        """
        yield from self.read(self.stream(group, stream), offset)

    def read(self, stream: LogStream, offset: int = 0, end: int | None = None) -> Iterator[LogEvent]:
        """Yield the events of a stream between two byte offsets, those in the buffer included."""
        self.flush(stream)
        offset = max(offset, stream.header)
        stop = stream.size if end is None else min(end, stream.size)
        try:
            file = stream.path.open("rb", buffering=0)
        except FileNotFoundError:
            return
        with file:
            if offset > stream.header:
                file.seek(offset - 1)
                if file.read(1) != b"\n":
                    raise ValueError(f"no event starts at byte {offset}")
            file.seek(offset)
            rest = b""
            while offset + len(rest) < stop and (block := file.read(_READ_BLOCK)):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    if offset >= stop:
                        return
                    following = offset + len(line) + 1
                    timestamp, ingestion, message = line.split(b" ", 2)
                    yield LogEvent(int(timestamp), int(ingestion), json.loads(message), offset, following)
                    offset = following

    def read_backwards(self, stream: LogStream, end: int | None = None) -> Iterator[LogEvent]:
        """Yield the events before a byte offset (the end of the file by default), the last one first."""
        self.flush(stream)
        position = stream.size if end is None else min(end, stream.size)
        try:
            file = stream.path.open("rb", buffering=0)
        except FileNotFoundError:
            return
        with file:
            if end is not None and position > stream.header:
                file.seek(position - 1)
                if file.read(1) != b"\n":
                    raise ValueError(f"no event ends at byte {end}")
            pending = b""  # The bytes from `position` on that are not yielded yet.
            while position > stream.header:
                start = max(stream.header, position - _READ_BLOCK)
                file.seek(start)
                pending = file.read(position - start) + pending
                position = start
                lines = pending.split(b"\n")[:-1]
                first = 0 if position == stream.header else 1
                place = position + len(pending)
                for line in reversed(lines[first:]):
                    begin = place - len(line) - 1
                    timestamp, ingestion, message = line.split(b" ", 2)
                    yield LogEvent(int(timestamp), int(ingestion), json.loads(message), begin, place)
                    place = begin
                pending = pending[: place - position]

    def close(self) -> None:
        """Put everything on disk and end the flusher."""
        self._closing.set()
        self._wake.set()
        if self._flusher is not None:
            self._flusher.join()
        with self._lock:
            for group in self._groups.values():
                for stream in group.streams.values():
                    with stream.lock:
                        self._flush_locked(stream)
                        if stream.descriptor >= 0:
                            os.close(stream.descriptor)
                            stream.descriptor = -1

    # Inside

    def _group(self, group: str) -> LogGroup:
        try:
            return self._groups[group]
        except KeyError:
            raise NoSuchGroup(group) from None

    def _ensure_group(self, name: str) -> tuple[LogGroup, bool]:
        if name in self._groups:
            return self._groups[name], False
        group = LogGroup(name, int(self._clock.now() * 1000), self._folder / _hashed(name))
        group.folder.mkdir(exist_ok=True, mode=0o700)
        _write_whole(group.folder / "group.json", {"group": name, "created": group.created})
        self._groups[name] = group
        return group, True

    def _ensure_stream(self, group: LogGroup, name: str) -> tuple[LogStream, bool]:
        if name in group.streams:
            return group.streams[name], False
        path = group.folder / f"{_hashed(name)}.log"
        created = int(self._clock.now() * 1000)
        header = _write_whole(path, {"stream": name, "created": created})
        group.streams[name] = LogStream(group.name, name, created, path, header, header)
        return group.streams[name], True

    def _load(self) -> None:
        for folder in self._folder.iterdir():
            marker = folder / "group.json"
            if not marker.exists():
                shutil.rmtree(folder, ignore_errors=True)
                continue
            head = json.loads(marker.read_bytes())
            group = LogGroup(head["group"], head["created"], marker.parent)
            self._groups[group.name] = group
            for path in marker.parent.glob("*.log"):
                with path.open("rb") as file:
                    line = file.readline()
                head = json.loads(line)
                size = _whole_size(path, len(line))
                group.streams[head["stream"]] = LogStream(
                    group.name, head["stream"], head["created"], path, len(line), size
                )

    def _flush_locked(self, stream: LogStream) -> None:
        if not stream.buffer:
            return
        if stream.descriptor < 0:
            stream.descriptor = os.open(stream.path, os.O_RDWR | os.O_APPEND)
            os.ftruncate(stream.descriptor, stream.size)
        data = memoryview(b"".join(stream.buffer))
        size = len(data)
        while data:
            data = data[os.write(stream.descriptor, data) :]
        stream.size += size
        stream.buffer.clear()
        stream.buffered = 0
        if stream.writers <= 0:
            os.close(stream.descriptor)
            stream.descriptor = -1

    def _find_times(self, stream: LogStream) -> None:
        """Read the first and last times of a stream that an earlier server wrote; append() keeps them up."""
        if stream.last is not None or stream.size == stream.header:
            return
        first = next(iter(self.read(stream)), None)
        last = next(iter(self.read_backwards(stream)), None)
        if first is not None and last is not None:
            stream.first, stream.last = first.timestamp, last.timestamp
            stream.last_ingestion = last.ingestion

    def _remove(self, stream: LogStream) -> None:
        with stream.lock:
            stream.deleted = True
            stream.buffer.clear()
            stream.buffered = 0
            if stream.descriptor >= 0:
                os.close(stream.descriptor)
                stream.descriptor = -1
            stream.path.unlink(missing_ok=True)

    def _start_flusher(self) -> None:
        if self._flusher is None and not self._closing.is_set():
            with self._lock:
                if self._flusher is None:
                    self._flusher = threading.Thread(target=self._flush_loop, name="log-flusher", daemon=True)
                    self._flusher.start()

    def _flush_loop(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._wake.clear()
            self._closing.wait(FLUSH_SECONDS)
            for identity in list(self._dirty):
                self.flush(self._dirty.pop(identity))


def _hashed(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _write_whole(path: Path, head: dict[str, object]) -> int:
    """Write a file of one JSON line under a temporary name and rename it; returns its size in bytes."""
    line = json.dumps(head).encode("ascii") + b"\n"
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(line)
    temporary.replace(path)
    return len(line)


def _whole_size(path: Path, header: int) -> int:
    """Return the size of a file up to and with its last newline, never less than its header."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        while position > header:
            start = max(header, position - _READ_BLOCK)
            file.seek(start)
            found = file.read(position - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            position = start
    return header
