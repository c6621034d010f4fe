"""What a recipe costs on AWS: its author's minutes for each step, times the price of the instance at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard.engine.costs import HOSTING, TRAINING, TRANSFORM
from sagewizard.engine.tuning_plan import plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.recipe.recipe import Recipe
    from sagewizard.target import PriceList

# A training or transform job is billed from when its machine is ready, about a minute after its creation.
UNBILLED_START_MINUTES = 1.0
AFTER_DEPLOY = ("predict", "transform", "evaluate", "teardown")


@dataclass(frozen=True, slots=True)
class EstimateItem:
    """One line: what is used for how many billed minutes at what price; `usd` None when no price is known."""

    what: str
    instance_type: str
    instance_count: int
    minutes: float
    hourly_usd: float | None
    usd: float | None
    price_source: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """All lines, their sum in USD, and the minutes the whole recipe takes."""

    items: tuple[EstimateItem, ...]
    usd: float
    minutes: float

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the prices are from."""
        return tuple(dict.fromkeys(item.price_source for item in self.items if item.price_source))


def estimate(
    recipe: Recipe, prices: PriceList, region: str, *, steps: Sequence[str] | None = None
) -> Estimate:
    """Estimate one run of a recipe from beginning to end, or of some of its steps."""
    chosen = recipe.steps if steps is None else steps
    minutes: dict[str, float] = {step: recipe.step_minutes(step) for step in chosen}
    jobs = [("train", "training", TRAINING), ("transform", "batch transform", TRANSFORM)]
    wanted = [
        (what, step, component, max(0.0, minutes[step] - UNBILLED_START_MINUTES * _jobs(recipe, step)))
        for step, what, component in jobs
        if step in minutes
    ]
    if "deploy" in minutes:
        up = sum(minutes.get(step, 0.0) for step in AFTER_DEPLOY)
        wanted.insert(1, ("endpoint", "deploy", HOSTING, up))
    if "tune" in minutes:
        plan = plan_of(recipe, prices, region)
        wanted.insert(1 if "train" in minutes else 0, ("tuning", "tune", TRAINING, plan.billed_minutes))
    items = []
    for what, step, component, billed in wanted:
        instance_type = str(recipe.value(f"{step}.instance_type"))
        count = int(recipe.value(f"{step}.instance_count") or 1)
        price = prices.hourly(region, instance_type, component)
        hourly = price.usd_per_hour * count if price else None
        items.append(
            EstimateItem(
                what,
                instance_type,
                count,
                billed,
                hourly,
                None if hourly is None else hourly * billed / 60.0,
                price.source if price else "",
            )
        )
    return Estimate(tuple(items), sum(item.usd or 0.0 for item in items), sum(minutes.values()))


def _jobs(recipe: Recipe, step: str) -> int:
    """Return how many jobs a step runs one after the other: each fold of a cross-validation is one."""
    return 1 + recipe.folds if step == "train" else 1
