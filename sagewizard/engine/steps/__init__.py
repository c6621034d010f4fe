"""The steps a recipe can take, by name: one module each, with a `run(context)` that is safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext
    from sagewizard.engine.steps.result import StepResult


@dataclass(frozen=True, slots=True)
class Step:
    """A step; `doing` completes "Could not ..." in an error."""

    name: str
    doing: str

    def run(self, context: RunContext) -> StepResult:
        """Do the step; its module is loaded now."""
        result: StepResult = import_module(f"{__name__}.{self.name}").run(context)
        return result


STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("dataset", "load the dataset"),
        Step("preview", "show the data"),
        Step("prepare", "upload the data"),
        Step("train", "train"),
        Step("tune", "tune the hyperparameters"),
        Step("deploy", "deploy the model"),
        Step("predict", "get predictions"),
        Step("transform", "run the batch transform"),
        Step("evaluate", "evaluate the model"),
        Step("teardown", "tear down"),
    )
}
