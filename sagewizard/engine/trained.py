"""Which model a run goes on with: the best of its tuning job, else that of its training job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewizard.engine.state import RunState
    from sagewizard.recipe.recipe import Recipe


def source(recipe: Recipe) -> str:
    """Return the step whose model is deployed: `tune` when the recipe takes it, else `train`."""
    return "tune" if "tune" in recipe.steps else "train"


def outputs(recipe: Recipe, state: RunState) -> dict[str, Any]:
    """Return job, model_artifact and image of the model to go on with; nothing before there is one."""
    return state.outputs(source(recipe))


def model_name(run_id: str, job: str) -> str:
    """Name the model of a training job: the same artifact is the same model, whichever step needs it first.

    A tuning job's best may be another run's, from which it went on; its model is this run's all the same.
    """
    own = f"sw-{run_id}-"
    if not job.startswith(own):
        return f"{own}model-{job[-12:].lstrip('-')}"
    part, _, rest = job.removeprefix(own).partition("-")
    return f"{own}model" + (f"-{rest}" if part in ("train", "tune") and rest else "")
