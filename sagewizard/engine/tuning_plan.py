"""What a tuning job comes to before it starts: how many jobs, how long, how much; and its name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard.engine.costs import TRAINING
from sagewizard.recipe.tuning import Tuning, tuning_of

if TYPE_CHECKING:
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.target import PriceList

# SageMaker allows a tuning job 32 characters, since the names of its training jobs begin with it.
LONGEST_NAME = 32
# A training job is billed from when its machine is ready, about a minute after its creation.
UNBILLED_START_MINUTES = 1.0


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """What a recipe's tuning takes on AWS, waiting times included; `usd` None when no price is known.

    `billed_minutes` are those of all its training jobs together, `hourly_usd` the price of one of them.
    """

    tuning: Tuning
    instance_type: str
    instance_count: int
    minutes: float
    billed_minutes: float
    hourly_usd: float | None
    usd: float | None
    price_source: str


def plan_of(recipe: Recipe, prices: PriceList, region: str) -> TuningPlan:
    """Return what the tuning of a recipe takes: its author's minutes for a job, times the jobs."""
    tuning = tuning_of(recipe)
    each = recipe.section("tune").minutes
    instance_type = str(recipe.value("tune.instance_type"))
    count = int(recipe.value("tune.instance_count") or 1)
    price = prices.hourly(region, instance_type, TRAINING)
    hourly = price.usd_per_hour * count if price else None
    billed = max(0.0, each - UNBILLED_START_MINUTES) * tuning.jobs
    return TuningPlan(
        tuning=tuning,
        instance_type=instance_type,
        instance_count=count,
        minutes=each * tuning.waves,
        billed_minutes=billed,
        hourly_usd=hourly,
        usd=None if hourly is None else hourly * billed / 60.0,
        price_source=price.source if price else "",
    )


def tuning_name(name: str) -> str:
    """Return the name of a run's tuning job: as it is when it is short enough, else shortened to a hash."""
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return f"sw-{digest}-tune"
