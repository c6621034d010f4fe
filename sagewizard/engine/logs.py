"""Follows the log of a job: new lines of every stream, in order, each once, and the metrics in them.

DescribeLogStreams finds the streams of the job, GetLogEvents reads each from where it stopped, by the
stream's own forward token. A group or stream that is not there yet is no error: the service makes them
with the first line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sagewizard.engine.api import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = 10_000
# Followed in one look, so that a job with an endless log cannot keep the run from looking at its status.
MAX_PAGES = 20


class Caller(Protocol):
    """Calls the target, as `engine.api.Api` does."""

    def __call__(
        self, service: str, operation: str, *, show: bool = True, **parameters: Any
    ) -> dict[str, Any]:
        """Call an operation."""
        ...


@dataclass(frozen=True, slots=True)
class LogBatch:
    """New lines of one stream; timestamps in milliseconds since the epoch."""

    stream: str
    lines: tuple[str, ...]
    timestamps: tuple[int, ...]


class LogFollower:
    """Reads the streams of a group whose names begin with `prefix`; `tokens` can be kept and given back."""

    def __init__(self, call: Caller, group: str, prefix: str, tokens: dict[str, str] | None = None) -> None:
        self._call = call
        self._group = group
        self._prefix = prefix
        self.tokens: dict[str, str] = dict(tokens or {})

    def poll(self) -> list[LogBatch]:
        """Return what is new, stream by stream."""
        from botocore.exceptions import ClientError

        try:
            streams = self._streams()
        except ClientError as error:
            if is_missing(error):
                return []
            raise
        batches = []
        for stream in streams:
            batches += self._read(stream)
        return batches

    def _streams(self) -> list[str]:
        names: list[str] = []
        more: dict[str, str] = {}
        while True:
            answer = self._call(
                "logs", "DescribeLogStreams", show=False,
                logGroupName=self._group, logStreamNamePrefix=self._prefix, **more,
            )  # fmt: skip
            names += [stream["logStreamName"] for stream in answer.get("logStreams", [])]
            token = answer.get("nextToken")
            if not token or token == more.get("nextToken"):
                return names
            more = {"nextToken": token}

    def _read(self, stream: str) -> list[LogBatch]:
        batches = []
        for _page in range(MAX_PAGES):
            token = self.tokens.get(stream)
            answer = self._call(
                "logs", "GetLogEvents", show=token is None,
                logGroupName=self._group, logStreamName=stream, startFromHead=True, limit=PAGE,
                **({"nextToken": token} if token else {}),
            )  # fmt: skip
            events = answer.get("events", [])
            if events:
                batches.append(
                    LogBatch(
                        stream,
                        tuple(str(event["message"]).rstrip("\r\n") for event in events),
                        tuple(int(event["timestamp"]) for event in events),
                    )
                )
            forward = answer.get("nextForwardToken")
            if forward:
                self.tokens[stream] = forward
            # The end of a stream gives the token that was sent.
            if not forward or forward == token or not events:
                break
        return batches


class MetricPattern(Protocol):
    """A metric definition: a name and the expression that finds its value."""

    @property
    def name(self) -> str:
        """The metric's name."""
        ...

    @property
    def regex(self) -> str:
        """The expression; its first group is the value."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One value read from a line; epoch None when the line names none."""

    name: str
    value: float
    epoch: int | None
    timestamp: int


class MetricReader:
    """Reads metrics from log lines by the metric definitions that SageMaker itself uses."""

    # Linear Learner and K-Means write epoch=3, XGBoost begins the line with the round, [3].
    _EPOCH = re.compile(r"\bepoch=(\d+)|^\[(\d+)\]")

    def __init__(self, definitions: Iterable[MetricPattern]) -> None:
        self._patterns = [(entry.name, re.compile(entry.regex)) for entry in definitions]

    def read(self, batch: LogBatch) -> list[Reading]:
        """Return the readings of a batch in the order of its lines."""
        found = []
        for line, timestamp in zip(batch.lines, batch.timestamps, strict=True):
            for name, pattern in self._patterns:
                match = pattern.search(line)
                if match is None:
                    continue
                try:
                    value = float(match.group(1))
                except (ValueError, IndexError):
                    continue
                epoch = self._EPOCH.search(line)
                found.append(
                    Reading(name, value, int(epoch.group(epoch.lastindex or 1)) if epoch else None, timestamp)
                )
        return found
