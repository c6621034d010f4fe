"""Threads that run jobs: one a job, a limited number at work at a time, the others waiting in order."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Key = tuple[str, str, str]  # region, kind, name


@dataclass(eq=False, slots=True)
class Job:
    """A job that waits or runs; `stop` asks it to end, the flags say who asked."""

    key: Key
    stop: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    turn: threading.Event = field(default_factory=threading.Event)
    stopped_by_user: bool = False
    out_of_time: bool = False
    thread: threading.Thread | None = None


class JobQueue:
    """Starts jobs in the order they came, `slots` at a time.

    A training job holds its data once and one core; more of them than cores only makes all of them late.
    """

    def __init__(self, slots: int) -> None:
        self.slots = max(1, slots)
        self._lock = threading.Lock()
        self._jobs: dict[Key, Job] = {}
        self._waiting: deque[Job] = deque()
        self._running = 0
        self.closing = False

    def submit(self, key: Key, waits: Callable[[Job], None], work: Callable[[Job], None]) -> Job:
        """Run `work` in a thread of its own once a slot is free; `waits` is called first when none is.

        `work` is called also for a job that was stopped while it waited, and must look at `job.stop`.
        """
        job = Job(key)
        with self._lock:
            self._jobs[key] = job
            free = self._running < self.slots and not self._waiting
            if free:
                self._running += 1
                job.turn.set()
            else:
                self._waiting.append(job)
            job.thread = threading.Thread(
                target=self._run, args=(job, waits, work), name=f"{key[1]} {key[2]}", daemon=True
            )
            job.thread.start()
        return job

    def _run(self, job: Job, waits: Callable[[Job], None], work: Callable[[Job], None]) -> None:
        try:
            if not job.turn.is_set():
                waits(job)
                job.turn.wait()
            work(job)
        finally:
            job.done.set()
            with self._lock:
                # A job that was stopped while it waited was never counted as running.
                if job in self._waiting:
                    self._waiting.remove(job)
                else:
                    self._running -= 1
                    self._admit()
                if self._jobs.get(job.key) is job:
                    del self._jobs[job.key]

    def _admit(self) -> None:
        while self._waiting and self._running < self.slots:
            self._running += 1
            self._waiting.popleft().turn.set()

    def stop(self, key: Key) -> bool:
        """Ask a job to end because a person said so; False when there is no such job at work."""
        with self._lock:
            job = self._jobs.get(key)
        if job is None:
            return False
        job.stopped_by_user = True
        job.stop.set()
        job.turn.set()
        return True

    def current(self) -> list[Key]:
        """Return the jobs that wait or run, in the order they came."""
        with self._lock:
            return list(self._jobs)

    def close(self, end_processes: Callable[[], None], patience: float = 5.0) -> None:
        """Ask every job to end, end the processes, and wait until the threads have written how it went."""
        self.closing = True
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.stop.set()
            job.turn.set()
        for job in jobs:
            job.done.wait(patience)
        end_processes()
        for job in jobs:
            if job.thread is not None:
                job.thread.join(patience)
