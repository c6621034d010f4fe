"""The budget of a run: stops it before the bill would pass a sum, by projection and not after the fact.

Asked before each call to the target and before each thing that is made. Projected is what the bill would be
if the run were stopped now: what the meters show, the time that stopping takes of all that runs, and of what
was asked for but is not billed yet the shortest time that it will be. Assumes that the prices are right and
that nothing takes longer to stop than `STOP_SECONDS` says.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

from sagewizard.engine.costs import HOSTING, TRAINING, TRANSFORM
from sagewizard.errors import BudgetReachedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagewizard.engine.costs import CostMeter

STOP_SECONDS: Final[Mapping[str, float]] = {TRAINING: 180.0, TRANSFORM: 180.0, HOSTING: 120.0}
"""From the call that ends it to the last billed second. A job has 120 s to end and uploads what it has for
up to 30 s more; an endpoint is deleted in a minute or two."""

SLACK_SECONDS: Final = 15.0
"""On top of the time between two looks: what a slow answer and its repetition take."""

SHORTEST_JOB_SECONDS: Final = 60
"""The least MaxRuntimeInSeconds that a job is given; a shorter one would end before it has its data."""


class Budget:
    """Holds the meters of a run to a sum in USD; safe from any thread."""

    def __init__(self, limit_usd: float, meter: CostMeter, *, poll_seconds: float) -> None:
        self.limit_usd = limit_usd
        self._meter = meter
        self._slack = poll_seconds + SLACK_SECONDS
        self._asked: dict[tuple[str, str], tuple[str, float]] = {}
        self._closed = False
        self._lock = threading.Lock()

    def projected(self) -> float:
        """Return the bill in USD if everything were stopped from now on."""
        return self._meter.total() + self._reserve()

    def check(self) -> None:
        """Raise BudgetReachedError when stopping later could pass the budget."""
        if self._closed or (projected := self.projected()) <= self.limit_usd:
            return
        raise self._reached("would be passed", projected)

    def commit(
        self, kind: str, name: str, component: str, hourly_usd: float | None, instance_type: str = ""
    ) -> None:
        """Take account of what is about to be made; BudgetReachedError when it cannot be paid any more.

        UsageError when no price is known for it: then no budget can be held.
        """
        if hourly_usd is None:
            raise UsageError(
                f"No price is known for {component} on {instance_type}, so the budget cannot be held.",
                remedy="Take another instance type, or run without --budget.",
            )
        with self._lock:
            self._asked[kind, name] = (component, hourly_usd)
        projected = self.projected()
        if projected > self.limit_usd:
            self.release(kind, name)
            raise self._reached(f"does not suffice for the {kind}", projected)

    def release(self, kind: str, name: str) -> None:
        """Forget what has ended; what has a meter of its own need not be told."""
        with self._lock:
            self._asked.pop((kind, name), None)

    def close(self) -> None:
        """Let every call through from now on: the teardown has to be done whatever it takes."""
        self._closed = True

    def longest_seconds(self, component: str, hourly_usd: float | None, wanted: int) -> int:
        """Return the MaxRuntimeInSeconds of a job that keeps the budget even if nobody stops it."""
        if not hourly_usd:
            return wanted
        left = self.limit_usd - self.projected() - hourly_usd * self._stopping(component) / 3600.0
        affordable = math.floor(left / hourly_usd * 3600.0)
        return min(wanted, max(SHORTEST_JOB_SECONDS, affordable))

    def _reached(self, words: str, projected: float) -> BudgetReachedError:
        return BudgetReachedError(
            f"The budget of {_usd(self.limit_usd)} {words}: {_usd(self._meter.total())} are spent, and by the"
            f" time everything has stopped it would be {_usd(projected)}.",
            remedy="Resume the run with a larger --budget to go on.",
        )

    def _stopping(self, component: str) -> float:
        return STOP_SECONDS.get(component, max(STOP_SECONDS.values())) + self._slack

    def _reserve(self) -> float:
        with self._lock:
            asked = dict(self._asked)
        reserve = 0.0
        for item in self._meter.items():
            begun = asked.get((item.kind, item.name))
            if begun is not None:
                # From here on its own meter speaks for it.
                asked.pop((item.kind, item.name))
                self.release(item.kind, item.name)
            within = any(kind == "tuning-job" and item.name.startswith(f"{name}-") for kind, name in asked)
            if item.running and not within:
                reserve += (item.hourly_usd or 0.0) * self._stopping(item.component) / 3600.0
        for component, hourly in asked.values():
            reserve += hourly * self._stopping(component) / 3600.0
        return reserve


def check_budget(
    budget: float, steps: Sequence[str], *, until: str | None = None, keep: bool = False
) -> None:
    """Refuse a budget that cannot be held: of no amount, or of a run that leaves something behind."""
    if not (math.isfinite(budget) and budget > 0):
        raise UsageError(f"A budget of {budget:g} USD is none.", remedy="Give an amount, as --budget 2.00.")
    last = steps.index(until) if until in steps else len(steps) - 1
    leaves = "deploy" in steps[: last + 1] and (keep or "teardown" not in steps[: last + 1])
    if leaves:
        raise UsageError(
            "The endpoint would stay after the run, and no budget can be held for what nobody watches.",
            remedy="Leave out --budget, or let the run go on to its teardown (without --keep, or with"
            " --until train).",
        )


def _usd(value: float) -> str:
    return f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.4f}"
