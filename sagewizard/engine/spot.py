"""How long a training job may take, on demand or on spare capacity, and what the spare capacity saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sagewizard.engine.costs import TRAINING
from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext
    from sagewizard.recipe.recipe import Recipe

WRITES_CHECKPOINTS: Final = ("xgboost",)
"""The built-in algorithms that go on from a checkpoint; a script may write its own to /opt/ml/checkpoints."""

LONGEST_WITHOUT_CHECKPOINT: Final = 3600
"""SageMaker gives an algorithm that cannot go on no more seconds than this, waiting included."""

WAIT_SECONDS: Final = 3600
"""For spare capacity, on top of the job's own longest run."""


def check(recipe: Recipe) -> None:
    """Raise UsageError when a spot job could not be given the time that its step asks for."""
    for step in ("train", "tune"):
        if step not in recipe.steps or not recipe.value(f"{step}.spot"):
            continue
        longest = int(recipe.value(f"{step}.max_runtime_seconds") or 0)
        if not goes_on(recipe) and longest > LONGEST_WITHOUT_CHECKPOINT:
            raise UsageError(
                f"The algorithm {recipe.algorithm.name} writes no checkpoints, so SageMaker gives a spot job"
                f" of it {LONGEST_WITHOUT_CHECKPOINT:,} s at most, and {longest:,} s are asked for.",
                remedy=f"Set {step}.max_runtime_seconds={LONGEST_WITHOUT_CHECKPOINT}, or leave out spot.",
            )


def stopping(context: RunContext, name: str) -> dict[str, Any]:
    """Return the members of CreateTrainingJob that end the job `name` in any case.

    With a budget the longest run is what the budget can pay, so that it holds even when nobody is there to
    stop the job.
    """
    longest = context.number("max_runtime_seconds")
    if context.budget is not None:
        count = context.number("instance_count")
        if context.step == "tune":
            count *= context.number("parallel")
        hourly, _source = context.meter.price(context.text("instance_type"), TRAINING, count)
        longest = context.budget.longest_seconds(TRAINING, hourly, longest)
    if not context.recipe.value(f"{context.step}.spot"):
        return {"StoppingCondition": {"MaxRuntimeInSeconds": longest}}
    checkpoint = goes_on(context.recipe)
    wait = longest_wait(context.recipe, longest)
    return {
        "StoppingCondition": {"MaxRuntimeInSeconds": longest, "MaxWaitTimeInSeconds": wait},
        "EnableManagedSpotTraining": True,
        **({"CheckpointConfig": {"S3Uri": context.s3("checkpoints", name)}} if checkpoint else {}),
    }


def goes_on(recipe: Recipe) -> bool:
    """Whether a job of the recipe goes on from a checkpoint after it was interrupted."""
    return recipe.algorithm.script_mode or recipe.algorithm.name in WRITES_CHECKPOINTS


def longest_wait(recipe: Recipe, longest: int) -> int:
    """Return the seconds that a spot job may take with the wait for capacity; `longest` is its own run."""
    return longest + WAIT_SECONDS if goes_on(recipe) else LONGEST_WITHOUT_CHECKPOINT


def words(answer: dict[str, Any], *, simulated: bool) -> str:
    """Say what a spot job saved, to follow its billed seconds; "" without spot."""
    saved = savings(answer)
    if saved is None:
        return ""
    took = int(answer.get("TrainingTimeInSeconds") or 0)
    if simulated:
        return f" of {took} s; spot training saves on AWS only, up to 90 %"
    return f" of {took} s: spot training saved {saved:.0%}"


def savings(answer: dict[str, Any]) -> float | None:
    """Return the share that a spot job saved, by what its description says is billed; None without spot."""
    took = float(answer.get("TrainingTimeInSeconds") or 0.0)
    if not answer.get("EnableManagedSpotTraining") or took <= 0:
        return None
    return max(0.0, 1.0 - float(answer.get("BillableTimeInSeconds") or 0.0) / took)
