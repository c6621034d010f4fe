"""Owns the way from a step's name to its pane; a pane's module is loaded when it is first shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sagewizard.tui.panes.base import StepPane

PANES: Final = {
    "dataset": "dataset:DatasetPane",
    "preview": "preview:PreviewPane",
    "prepare": "prepare:PreparePane",
    "algorithm": "algorithm:AlgorithmPane",
    "train": "train:TrainPane",
    "tune": "tune:TunePane",
    "deploy": "deploy:DeployPane",
    "predict": "predict:PredictPane",
    "transform": "transform:TransformPane",
    "evaluate": "evaluate:EvaluatePane",
    "teardown": "teardown:TeardownPane",
}
"""`module:class` by step; `algorithm` is the form before `train`, a place in the rail and no step."""


def pane_class(step: str) -> type[StepPane]:
    """Return the pane of a step; the plain one for a step without a pane of its own."""
    module, _, name = PANES.get(step, "base:StepPane").partition(":")
    found: type[StepPane] = getattr(import_module(f"{__name__}.{module}"), name)
    return found


def places(steps: tuple[str, ...]) -> tuple[str, ...]:
    """Return the places of the rail: the steps, and the algorithm's form before train or tune."""
    first = next((step for step in steps if step in ("train", "tune")), None)
    if first is None:
        return steps
    index = steps.index(first)
    return (*steps[:index], "algorithm", *steps[index:])
