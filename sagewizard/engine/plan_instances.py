"""Which instance type a step can have: what the type's component allows, what is retired, what the quota is.

A type that cannot be had is answered by a proposal, so that a tutorial of some years ago still runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from sagewizard.engine.costs import HOSTING, TRAINING, TRANSFORM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sagewizard.recipe.recipe import Recipe
    from sagewizard.target import QuotaList

COMPONENTS: Final[Mapping[str, str]] = {
    "train": TRAINING,
    "tune": TRAINING,
    "deploy": HOSTING,
    "transform": TRANSFORM,
}
"""The steps that take instances, and what SageMaker's price list calls their use."""

SHAPES: Final[Mapping[str, str]] = {
    "train": "TrainingInstanceType",
    "tune": "TrainingInstanceType",
    "deploy": "ProductionVariantInstanceType",
    "transform": "TransformInstanceType",
}
"""Where SageMaker's own model of its API lists the instance types of each step."""

RETIRED: Final[Mapping[str, str]] = {
    "ml.m4": "ml.m5",
    "ml.c4": "ml.m5",
    "ml.p2": "ml.g4dn",
}
"""Families of the tutorials that newer accounts and regions do not have, and what does the same work."""

MOST_ALTERNATIVES: Final = 3

_SIZES: Final = ("medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
_EVERYWHERE: Final = ("ml.m5.large", "ml.m5.xlarge", "ml.c5.xlarge", "ml.m5.2xlarge")
_USES: Final[Mapping[str, str]] = {
    "Training": "training job usage",
    "SpotTraining": "spot training job usage",
    "Hosting": "endpoint usage",
    "BatchTransform": "transform job usage",
    "Processing": "processing job usage",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A type that a step cannot have, why, and the one to take; `proposed` is "" when none would do."""

    step: str
    wanted: str
    proposed: str
    reason: str
    remedy: str
    retired: bool = False

    @property
    def path(self) -> str:
        """The option that it changes."""
        return f"{self.step}.instance_type"

    @property
    def setting(self) -> str:
        """What `--set` takes to accept it."""
        return f"{self.path}={self.proposed}"


def propose(recipe: Recipe, steps: Sequence[str], quotas: QuotaList | None = None) -> tuple[Proposal, ...]:
    """Return a proposal for each step whose instance type cannot be had; asks nobody but `quotas`."""
    found = []
    for step in steps:
        if step not in COMPONENTS:
            continue
        wanted = str(recipe.value(f"{step}.instance_type"))
        count = machines(recipe, step)
        use = use_of(recipe, step)
        reason = _obstacle(step, wanted, count, use, quotas)
        if reason is None:
            continue
        fitting = (c for c in _candidates(wanted) if _obstacle(step, c, count, use, quotas) is None)
        proposed = next(fitting, "")
        retired = wanted in allowed(step) and wanted.rpartition(".")[0] in RETIRED
        remedy = _remedy(step, wanted, proposed, use)
        found.append(Proposal(step, wanted, proposed, reason, remedy, retired))
    return tuple(found)


def alternatives(recipe: Recipe, step: str, quotas: QuotaList | None = None) -> tuple[str, ...]:
    """Return what a step may take when there is no machine of its own type to spare, the nearest first."""
    wanted, use = str(recipe.value(f"{step}.instance_type")), use_of(recipe, step)
    count = machines(recipe, step)
    fitting = [c for c in _candidates(wanted) if _obstacle(step, c, count, use, quotas) is None]
    return tuple(fitting[:MOST_ALTERNATIVES])


def machines(recipe: Recipe, step: str) -> int:
    """Return how many instances a step has at a time, those of jobs side by side together."""
    count = int(recipe.value(f"{step}.instance_count") or 1)
    return count * int(recipe.value("tune.parallel") or 1) if step == "tune" else count


def use_of(recipe: Recipe, step: str) -> str:
    """Return what a step's instances are used for, as quotas tell it apart."""
    component = COMPONENTS[step]
    return "SpotTraining" if component == TRAINING and recipe.value(f"{step}.spot") else component


def quota_name(instance_type: str, use: str) -> str:
    """Return the name of a quota as the Service Quotas console lists it."""
    return f"{instance_type} for {_USES[use]}"


@cache
def allowed(step: str) -> tuple[str, ...]:
    """Return the types that SageMaker's API takes for a step, as the installed botocore knows them."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")
    return tuple(model.shape_for(SHAPES[step]).enum)


def _obstacle(step: str, wanted: str, count: int, use: str, quotas: QuotaList | None) -> str | None:
    """Say why a type cannot be had, None when it can."""
    if wanted not in allowed(step):
        return f"SageMaker has no {wanted} for {COMPONENTS[step].lower().replace('batch', 'batch ')}"
    family = wanted.rpartition(".")[0]
    if family in RETIRED:
        return f"the {family} family is retired: new accounts and many regions do not have it"
    limit = quotas.limit(wanted, use) if quotas is not None else None
    if limit is not None and limit < count:
        return f"the account's quota '{quota_name(wanted, use)}' is {limit}, and {count} are needed"
    return None


def _candidates(wanted: str) -> Iterator[str]:
    """Yield types to take instead: the successor, the same family one size up, then what is everywhere."""
    family, _, size = wanted.rpartition(".")
    successor = RETIRED.get(family, family)
    larger = _SIZES[_SIZES.index(size) :] if size in _SIZES else ()
    seen = {wanted}
    for name in (*(f"{successor}.{step}" for step in larger[:2]), f"ml.m5.{size}", *_EVERYWHERE):
        if name not in seen:
            seen.add(name)
            yield name


def _remedy(step: str, wanted: str, proposed: str, use: str) -> str:
    request = f"ask for a higher '{quota_name(wanted, use)}' in the Service Quotas console (Amazon SageMaker)"
    if proposed:
        return f"Take {proposed}: --set {step}.instance_type={proposed}."
    return f"No other type fits either: {request}."
