"""The budget of a run: stops it before the bill would pass a sum, by projection and not after the fact.

Asked before each call to the target and before each thing that is made. Projected is what the bill would be
if the run were stopped now: what the meters show, the time that stopping takes of all that runs, and of what
was asked for but is not billed yet the shortest time that it will be. An endpoint that stays after the run
and deletes itself is reckoned until then. Assumes that the prices are right and that nothing takes longer to
stop than `STOP_SECONDS` says.
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
    from sagewizard.engine.ttl import Ttl

STOP_SECONDS: Final[Mapping[str, float]] = {TRAINING: 180.0, TRANSFORM: 180.0, HOSTING: 120.0}
"""From the call that ends it to the last billed second. A job has 120 s to end and uploads what it has for
up to 30 s more; an endpoint is deleted in a minute or two."""

SLACK_SECONDS: Final = 15.0
"""On top of the time between two looks: what a slow answer and its repetition take."""

SHORTEST_JOB_SECONDS: Final = 60
"""The least MaxRuntimeInSeconds that a job is given; a shorter one would end before it has its data."""

FIRES_LATE_SECONDS: Final = 60.0
"""EventBridge Scheduler calls within a minute of the time that it was given."""


class Budget:
    """Holds the meters of a run to a sum in USD; safe from any thread.

    `stays_seconds` is how long an endpoint goes on after its last use when nobody else ends it; None where
    the run deletes it.
    """

    def __init__(
        self, limit_usd: float, meter: CostMeter, *, poll_seconds: float, stays_seconds: float | None = None
    ) -> None:
        self.limit_usd = limit_usd
        self._stays = None if stays_seconds is None else stays_seconds + FIRES_LATE_SECONDS
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
        stop = STOP_SECONDS.get(component, max(STOP_SECONDS.values())) + self._slack
        return stop + self._stays if component == HOSTING and self._stays is not None else stop

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


def leaves_endpoint(steps: Sequence[str], *, until: str | None = None, keep: bool = False) -> bool:
    """Whether an endpoint stays after a run of these steps."""
    last = steps.index(until) if until in steps else len(steps) - 1
    taken = steps[: last + 1]
    return "deploy" in taken and (keep or "teardown" not in taken)


def check_budget(
    budget: float,
    steps: Sequence[str],
    *,
    until: str | None = None,
    keep: bool = False,
    ttl: Ttl | None = None,
) -> None:
    """Refuse a budget that cannot be held: of no amount, or of a run that leaves something without an end."""
    if not (math.isfinite(budget) and budget > 0):
        raise UsageError(f"A budget of {budget:g} USD is none.", remedy="Give an amount, as --budget 2.00.")
    if not leaves_endpoint(steps, until=until, keep=keep):
        return
    if ttl is None:
        raise UsageError(
            "The endpoint would stay after the run, and no budget can be held for what nobody watches.",
            remedy="Let it delete itself, as with --ttl 2h, or let the run go on to its teardown (without"
            " --keep, or with --until train), or leave out --budget.",
        )
    if ttl.otherwise == "continue":
        raise UsageError(
            "With --ttl-else continue the endpoint could stay without an end, and no budget be held.",
            remedy="Leave out --ttl-else continue, or --budget.",
        )


def _usd(value: float) -> str:
    return f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.4f}"
