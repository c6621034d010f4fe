"""The plan of a run before anything exists: what will be made, where, for how long, at what price.

Every front door shows the same plan. It is reckoned from the recipe, a price list and, where there are
any, the account's quotas; nothing is created, and the target need not be up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.engine.estimate import EstimateItem, estimate
from sagewizard.engine.plan_instances import COMPONENTS, Proposal, alternatives, machines, propose
from sagewizard.engine.ttl import REMEDY, of_recipe
from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.engine.ttl import Ttl
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.target import PriceList, QuotaList

_WORK = {"training": "train", "tuning": "tune", "endpoint": "deploy", "batch transform": "transform"}


@dataclass(frozen=True, slots=True)
class PlannedResource:
    """One thing that a step will make; minutes and USD are None for what is not billed by the hour.

    `usd` is for the minutes that the recipe's author expects, `most_usd` for the longest run that SageMaker
    allows the job. `stays` says that it is still there after the run.
    """

    step: str
    what: str
    count: int
    instance_type: str = ""
    instance_count: int = 0
    minutes: float | None = None
    hourly_usd: float | None = None
    usd: float | None = None
    most_usd: float | None = None
    price_source: str = ""
    spot: bool = False
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Fallback:
    """What a step may take where there is no machine of its own type to spare, each with its USD per hour."""

    step: str
    types: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """All that a run will make, in the order of its steps, and what it comes to in USD and minutes.

    `proposals` are instance types that cannot be had and what to take instead; the figures are those of the
    types as asked for until `accepted` has taken them over. `sources` says of when and whom the prices are.
    `ttl_problem` says why an endpoint that is to delete itself could not. `tail_usd`, part of `usd`, is what
    one that stays after the run comes to until it deletes itself.
    """

    recipe: str
    title: str
    target: str
    simulated: bool
    region: str
    account: str
    bucket: str
    steps: tuple[str, ...]
    resources: tuple[PlannedResource, ...]
    minutes: float
    usd: float
    unpriced: tuple[str, ...]
    sources: tuple[str, ...]
    proposals: tuple[Proposal, ...]
    budget: float | None = None
    ttl: Ttl | None = None
    ttl_problem: str = ""
    fallbacks: tuple[Fallback, ...] = ()
    tail_usd: float = 0.0

    @property
    def hourly_after(self) -> float:
        """What goes on costing each hour after the run, in USD."""
        return sum(item.hourly_usd or 0.0 for item in self.resources if item.stays)

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        from dataclasses import asdict

        found = asdict(self)
        found["hourly_after"] = self.hourly_after
        for entry, proposal in zip(found["proposals"], self.proposals, strict=True):
            entry["setting"] = proposal.setting if proposal.proposed else None
        return found


def plan_run(
    recipe: Recipe,
    *,
    target: str,
    simulated: bool,
    region: str,
    prices: PriceList,
    account: str = "",
    bucket: str = "",
    quotas: QuotaList | None = None,
    from_step: str | None = None,
    until: str | None = None,
    done: Sequence[str] = (),
    keep: bool = False,
    budget: float | None = None,
    ttl_problem: str = "",
) -> RunPlan:
    """Return the plan of a run, or of what is left of one when some steps are `done`.

    The arguments are those of `Engine.run` and of a `Target`; nothing is created and no job is asked for.
    """
    first = recipe.steps.index(from_step) if from_step in recipe.steps else 0
    last = recipe.steps.index(until) if until in recipe.steps else len(recipe.steps) - 1
    again = set(recipe.steps[first:]) if from_step else set()
    steps = tuple(
        step
        for step in recipe.steps[first : last + 1]
        if (step not in done or step in again) and not (keep and step == "teardown")
    )
    ttl = of_recipe(recipe)
    found = estimate(recipe, prices, region, steps=steps)
    gone = "teardown" in steps
    resources: list[PlannedResource] = []
    if "prepare" in steps:
        resources.append(PlannedResource("prepare", "data in S3", 1, stays=not _deletes_data(recipe)))
    for item in found.items:
        step = _WORK[item.what]
        if step == "deploy":
            resources.append(PlannedResource("deploy", "model", 1, stays=not gone))
            resources.append(PlannedResource("deploy", "endpoint config", 1, stays=not gone))
            if ttl is not None and not (ttl_problem and ttl.otherwise == "continue"):
                resources.append(PlannedResource("deploy", "schedule", 1, stays=not gone))
        elif step == "transform" and "deploy" not in recipe.steps:
            resources.append(PlannedResource("transform", "model", 1, stays=not gone))
        resources.append(_billed(recipe, step, item, stays=step == "deploy" and not gone))
    ends = ttl is not None and not ttl_problem
    hourly = sum(item.hourly_usd or 0.0 for item in resources if item.stays)
    tail = hourly * ttl.seconds / 3600.0 if ttl is not None and ends else 0.0
    return RunPlan(
        recipe=recipe.name,
        title=recipe.title,
        target=target,
        simulated=simulated,
        region=region,
        account=account,
        bucket=bucket,
        steps=steps,
        resources=tuple(resources),
        minutes=found.minutes,
        usd=found.usd + tail,
        tail_usd=tail,
        unpriced=tuple(dict.fromkeys(item.instance_type for item in found.items if item.usd is None)),
        sources=found.sources,
        proposals=propose(recipe, steps, quotas),
        budget=budget,
        ttl=ttl if "deploy" in steps else None,
        ttl_problem=ttl_problem,
        fallbacks=_fallbacks(recipe, steps, prices, region, quotas),
    )


def accepted(recipe: Recipe, plan: RunPlan) -> Recipe:
    """Return the recipe with the proposals of its plan; UsageError when there is no type to propose."""
    for proposal in plan.proposals:
        if not proposal.proposed:
            raise UsageError(
                f"{proposal.path}: {proposal.reason}.", remedy=proposal.remedy, where=f"--set {proposal.path}"
            )
    return recipe.with_settings({proposal.path: proposal.proposed for proposal in plan.proposals})


def refuse_proposals(plan: RunPlan) -> None:
    """Raise UsageError with the exact settings when a plan has types that cannot be had."""
    if plan.proposals:
        reasons = "; ".join(f"{p.path}: {p.reason}" for p in plan.proposals)
        settings = " ".join(f"--set {p.setting}" for p in plan.proposals if p.proposed)
        missing = [p.remedy for p in plan.proposals if not p.proposed]
        raise UsageError(
            f"Not every instance type can be had. {reasons}.",
            remedy=" ".join([f"Take others: {settings}" if settings else "", *missing]).strip(),
        )


def refuse_without_ttl(plan: RunPlan) -> None:
    """Raise UsageError when an endpoint is to delete itself, cannot, and the run is to stop then."""
    if plan.ttl is not None and plan.ttl_problem and plan.ttl.otherwise == "stop":
        raise UsageError(f"The endpoint could not delete itself: {plan.ttl_problem}.", remedy=REMEDY)


def check_affordable(plan: RunPlan) -> None:
    """Raise UsageError when a plan's budget cannot be held or does not suffice."""
    if plan.budget is None:
        return
    if plan.unpriced:
        raise UsageError(
            f"No price is known for {', '.join(plan.unpriced)}, so the budget cannot be held.",
            remedy="Take another instance type, or run without --budget.",
        )
    if plan.usd > plan.budget:
        raise UsageError(
            f"The plan comes to about ${plan.usd:.2f}, more than the budget of ${plan.budget:.2f}.",
            remedy="Give a larger --budget, or leave out a step with --until.",
        )


def _fallbacks(
    recipe: Recipe, steps: Sequence[str], prices: PriceList, region: str, quotas: QuotaList | None
) -> tuple[Fallback, ...]:
    found = []
    for step in COMPONENTS:
        if step not in steps or recipe.value(f"{step}.on_capacity") != "next-type":
            continue
        count = machines(recipe, step)
        types = []
        for name in alternatives(recipe, step, quotas):
            price = prices.hourly(region, name, COMPONENTS[step])
            types.append((name, None if price is None else price.usd_per_hour * count))
        found.append(Fallback(step, tuple(types)))
    return tuple(found)


def _billed(recipe: Recipe, step: str, item: EstimateItem, *, stays: bool) -> PlannedResource:
    jobs = 1
    most = None
    if step in ("train", "tune", "transform"):
        jobs = 1 + recipe.folds if step == "train" else 1
        if step == "tune":
            from sagewizard.recipe.tuning import tuning_of

            jobs = tuning_of(recipe).jobs
        seconds = int(recipe.value(f"{step}.max_runtime_seconds") or 0)
        most = None if item.hourly_usd is None else item.hourly_usd * seconds / 3600.0 * jobs
    words = {"train": "training job", "tune": "training job", "deploy": "endpoint"}
    return PlannedResource(
        step=step,
        what=words.get(step, "transform job"),
        count=jobs,
        instance_type=item.instance_type,
        instance_count=item.instance_count,
        minutes=item.minutes,
        hourly_usd=item.hourly_usd,
        usd=item.usd,
        most_usd=most,
        price_source=item.price_source,
        spot=COMPONENTS[step] == "Training" and bool(recipe.value(f"{step}.spot")),
        stays=stays,
    )


def _deletes_data(recipe: Recipe) -> bool:
    return "teardown" in recipe.steps and bool(recipe.value("teardown.delete_data"))
