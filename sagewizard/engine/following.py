"""Watches one job: tells each change of its status once, each log line once, each metric in the log once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.events import JobStatusChanged, LogLines, MetricReported

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext
    from sagewizard.engine.logs import LogFollower, MetricReader

# One event carries at most so many lines, so that a front end can draw between two.
LINES_PER_EVENT = 500
# CloudWatch shows the last lines a little after the job has ended.
LAST_LOOKS = 3


class JobWatch:
    """Turns looks at a job into events."""

    def __init__(
        self,
        context: RunContext,
        kind: str,
        name: str,
        follower: LogFollower | None = None,
        reader: MetricReader | None = None,
    ) -> None:
        self._context = context
        self._kind = kind
        self._name = name
        self._follower = follower
        self._reader = reader
        self._told: set[tuple[str, str, float]] = set()
        self._status = ""
        self._looks = 0

    @property
    def seen(self) -> bool:
        """Whether a look has found it."""
        return bool(self._status)

    def changes(self) -> bool:
        """Tell whether the next look is worth showing among the calls: the first one is."""
        self._looks += 1
        return self._looks == 1

    def training(self, answer: dict[str, Any]) -> None:
        """Tell the secondary statuses of a training job that have not been told yet."""
        status = answer["TrainingJobStatus"]
        transitions = answer.get("SecondaryStatusTransitions", [])
        for number, entry in enumerate(transitions):
            moment = entry["StartTime"].timestamp()
            key = (entry["Status"], entry.get("StatusMessage", ""), moment)
            if key in self._told:
                continue
            self._told.add(key)
            last = number == len(transitions) - 1
            self._context.emit(
                JobStatusChanged, resource=self._kind, name=self._name,
                status=status if last else "InProgress", secondary_status=entry["Status"],
                message=entry.get("StatusMessage", ""), changed_at=moment,
            )  # fmt: skip
        if not transitions:
            self.status(status, answer.get("FailureReason", ""))

    def status(self, status: str, message: str = "") -> None:
        """Tell a status when it is not the one told last."""
        if status == self._status:
            return
        self._status = status
        self._context.emit(
            JobStatusChanged, resource=self._kind, name=self._name, status=status, message=message
        )

    def log(self, *, last: bool = False) -> bool:
        """Tell new log lines and the metrics in them, and whether any came; `last` looks until none does."""
        if self._follower is None:
            return False
        came = False
        for _look in range(LAST_LOOKS if last else 1):
            batches = self._follower.poll()
            came = came or bool(batches)
            for batch in batches:
                for start in range(0, len(batch.lines), LINES_PER_EVENT):
                    self._context.emit(
                        LogLines, job=self._name, stream=batch.stream,
                        lines=batch.lines[start : start + LINES_PER_EVENT],
                        timestamps=batch.timestamps[start : start + LINES_PER_EVENT],
                    )  # fmt: skip
                for reading in self._reader.read(batch) if self._reader else ():
                    self._context.emit(
                        MetricReported, job=self._name, name=reading.name, value=reading.value,
                        epoch=reading.epoch, logged_at=reading.timestamp / 1000.0,
                    )  # fmt: skip
            if last and not batches:
                break
            if last and self._context.clock.wait(
                self._context.cancel, min(1.0, self._context.target.poll_seconds)
            ):
                break
        return came
