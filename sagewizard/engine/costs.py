"""The cost meter: billed seconds times the price per hour, for each job and each endpoint of a run.

A training or transform job is billed from when its instances are ready until they are released, as its
answer says; an endpoint from InService until it is gone, used or not. Prices are those of the target's
price list, and each figure keeps its source. On a target that bills nothing the same figures are what AWS
would charge for the same seconds.
"""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.events import CostItem

if TYPE_CHECKING:
    from sagewizard.clock import Clock
    from sagewizard.target import Target

TRAINING, HOSTING, TRANSFORM = "Training", "Hosting", "BatchTransform"


@dataclass
class Meter:
    """One running or stopped meter; `started` and `ended` in seconds since the epoch."""

    kind: str
    name: str
    component: str
    instance_type: str
    instance_count: int
    hourly_usd: float | None
    price_source: str
    started: float | None = None
    ended: float | None = None
    billed_seconds: float | None = None

    def seconds(self, now: float) -> float:
        """Billed seconds of one instance: as the target counted them, else as measured here."""
        if self.billed_seconds is not None:
            return self.billed_seconds
        if self.started is None:
            return 0.0
        return max(0.0, (self.ended if self.ended is not None else now) - self.started)

    def item(self, now: float) -> CostItem:
        """Return the line of the bill."""
        seconds = self.seconds(now)
        return CostItem(
            kind=self.kind,
            name=self.name,
            component=self.component,
            instance_type=self.instance_type,
            instance_count=self.instance_count,
            seconds=round(seconds, 3),
            hourly_usd=self.hourly_usd,
            usd=None if self.hourly_usd is None else self.hourly_usd * seconds / 3600.0,
            price_source=self.price_source,
            running=self.started is not None and self.ended is None,
        )


class CostMeter:
    """All meters of one run; safe from any thread."""

    def __init__(self, target: Target, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._meters: dict[tuple[str, str], Meter] = {}
        self._lock = threading.Lock()

    def price(self, instance_type: str, component: str, count: int = 1) -> tuple[float | None, str]:
        """Price per hour of `count` instances in USD and its source; None where no price is known."""
        price = self._target.prices.hourly(self._target.region, instance_type, component)
        return (price.usd_per_hour * count, price.source) if price else (None, "")

    def start(
        self, kind: str, name: str, component: str, instance_type: str, count: int, at: float | None = None
    ) -> None:
        """Let the meter of a resource run from `at` (default: now); one that runs already keeps its start."""
        hourly, source = self.price(instance_type, component, count)
        with self._lock:
            meter = self._meters.setdefault(
                (kind, name), Meter(kind, name, component, instance_type, count, hourly, source)
            )
            if meter.started is None:
                meter.started = self._clock.now() if at is None else at

    def stop(
        self, kind: str, name: str, *, at: float | None = None, billed_seconds: float | None = None
    ) -> None:
        """Stop a meter; `billed_seconds` (of one instance) is what the target says, and is taken if given."""
        with self._lock:
            meter = self._meters.get((kind, name))
            if meter is None:
                return
            if meter.ended is None:
                meter.ended = self._clock.now() if at is None else at
            if billed_seconds is not None:
                meter.billed_seconds = float(billed_seconds)

    def items(self) -> tuple[CostItem, ...]:
        """Return the bill as it stands."""
        now = self._clock.now()
        with self._lock:
            return tuple(meter.item(now) for meter in self._meters.values())

    def total(self) -> float:
        """Everything so far in USD; what has no known price counts nothing."""
        return sum(item.usd or 0.0 for item in self.items())

    def hourly(self) -> float:
        """Return what goes on costing each hour in USD."""
        return sum(item.hourly_usd or 0.0 for item in self.items() if item.running)

    def dump(self) -> list[dict[str, Any]]:
        """Return the meters as JSON, for the state of the run."""
        with self._lock:
            return [dataclasses.asdict(meter) for meter in self._meters.values()]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        """Go on with the meters of an earlier process."""
        with self._lock:
            for entry in saved:
                meter = Meter(**entry)
                self._meters[(meter.kind, meter.name)] = meter
