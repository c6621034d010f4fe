"""Follows a plan of faults: counts what matches, says what is to happen, and tells what has."""

from __future__ import annotations

import fnmatch
import random
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from sagewizard.sandbox.faults.plan import CAPACITY, CallFault, JobFault, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

_F = TypeVar("_F", CallFault, JobFault)


class Injector:
    """The faults in force; without a plan nothing happens. Safe for use from several threads.

    Chance is seeded by the plan, each fault with a generator of its own, so that the same calls in the same
    order are hit at every run.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.set(Plan())

    def set(self, plan: Plan) -> None:
        """Follow another plan from now on; all counts begin at 0."""
        with self._lock:
            self._plan = plan
            self._seen = [0] * len(plan.faults)
            self._hit = [0] * len(plan.faults)
            self._chance = [random.Random(f"{plan.seed}/{i}") for i in range(len(plan.faults))]  # noqa: S311
            self._calls = any(isinstance(fault, CallFault) for fault in plan.faults)

    @property
    def calls(self) -> bool:
        """Whether any fault is for calls, so that their operations have to be known."""
        return self._calls

    def call(self, operation: str) -> list[CallFault]:
        """Count a call of `service:Name` and return what happens to it, in the plan's order."""
        name = operation.partition(":")[2]
        return [
            fault
            for number, fault in self._listed(CallFault)
            if any(
                fnmatch.fnmatchcase(operation if ":" in pattern else name, pattern) for pattern in fault.calls
            )
            and self._strikes(number)
        ]

    def job(self, kind: str, instance_type: str) -> str:
        """Count a job (or an endpoint's variant) that is to start; return its failure reason, or ""."""
        for number, fault in self._listed(JobFault):
            fits = not fault.instance_types or instance_type in fault.instance_types
            if kind in fault.jobs and fits and self._strikes(number):
                return fault.fail or CAPACITY["endpoint" if kind == "endpoint" else "job"]
        return ""

    def quota(self, instance_type: str, component: str) -> int | None:
        """Return how many instances of a type a component may use; None when nothing limits it."""
        return self._plan.quotas.get(f"{instance_type} for {component} usage")

    def report(self) -> list[dict[str, Any]]:
        """Return for each fault what it is for, how many calls or jobs matched, and how many were hit."""
        with self._lock:
            return [
                {
                    "calls" if isinstance(fault, CallFault) else "jobs": list(
                        fault.calls if isinstance(fault, CallFault) else fault.jobs
                    ),
                    "matched": self._seen[number],
                    "hit": self._hit[number],
                }
                for number, fault in enumerate(self._plan.faults)
            ]

    def _listed(self, kind: type[_F]) -> Iterator[tuple[int, _F]]:
        for number, fault in enumerate(self._plan.faults):
            if isinstance(fault, kind):
                yield number, fault

    def _strikes(self, number: int) -> bool:
        with self._lock:
            when = self._plan.faults[number].when
            self._seen[number] += 1
            if self._seen[number] <= when.after or (
                when.times is not None and self._hit[number] >= when.times
            ):
                return False
            if self._chance[number].random() >= when.rate:
                return False
            self._hit[number] += 1
            return True
