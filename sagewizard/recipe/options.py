"""The one definition of everything that can be set in a run: path, type, default, range and help.

A path is `section.name`: `dataset.seed`, `train.epochs`, `deploy.instance_type`. Sections are the step
names and `dataset`; the algorithm's hyperparameters are options of `train`, taken from the catalogue. The
command line (`--set`), forms, prompts, recipe files and the JSON schema all read these definitions.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from sagewizard.algorithms import Hyperparameter, Kind
from sagewizard.errors import UsageError
from sagewizard.recipe.option import Option, Value, as_text
from sagewizard.recipe.step_options import OWN_DATA, POSITIVE_LABEL, STEP_NAMES, STEP_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sagewizard.algorithms import Algorithm

__all__ = [
    "OWN_DATA",
    "POSITIVE_LABEL",
    "STEP_NAMES",
    "STEP_OPTIONS",
    "Option",
    "Value",
    "all_options",
    "as_text",
    "hyperparameter_options",
    "parse_assignments",
    "step_options",
]


def step_options(step: str) -> tuple[Option, ...]:
    """Return the options that a step of this name has, without the algorithm's hyperparameters."""
    if step == "tune":
        from sagewizard.recipe.tune_options import TUNE_OPTIONS

        return TUNE_OPTIONS
    return STEP_OPTIONS[step]


def hyperparameter_options(
    algorithm: Algorithm, given: Iterable[str] = (), version: str | None = None
) -> tuple[Option, ...]:
    """Return the algorithm's hyperparameters as options of `train`; with a version, those that it knows.

    A script reads what it likes: its hyperparameters are the ones that its recipe has `given`.
    """
    if algorithm.script_mode:
        return tuple(
            Option(
                "train", Hyperparameter(name, Kind.TEXT, name, f"Reaches the script as --{name}."),
                hyperparameter=True,
            )
            for name in given
        )  # fmt: skip
    return tuple(
        Option("train", entry, hyperparameter=True)
        for entry in algorithm.hyperparameters
        if not entry.internal and (version is None or not entry.versions or version in entry.versions)
    )


def all_options(algorithm: Algorithm, steps: tuple[str, ...]) -> dict[str, Option]:
    """Return every option of a recipe by its path, in the order of its steps."""
    found: dict[str, Option] = {}
    for step in steps:
        options = list(step_options(step))
        options += [POSITIVE_LABEL] if step == "dataset" else []
        options += hyperparameter_options(algorithm) if step == "train" else []
        found.update({option.path: option for option in options})
    return found


def parse_assignments(options: Mapping[str, Option], assignments: Mapping[str, object]) -> dict[str, Value]:
    """Check settings such as `{"train.epochs": "5"}` and give each its type.

    Raises UsageError with the nearest path for an unknown one, and with the range for a value outside it.
    """
    parsed: dict[str, Value] = {}
    for path, value in assignments.items():
        option = options.get(path) or options.get(path.replace("-", "_"))
        if option is None:
            raise UsageError(
                f"There is nothing to set at {path!r}.", where=f"--set {path}", remedy=_nearest(path, options)
            )
        fault = option.fault(value)
        if fault is not None:
            # The place names the key already.
            raise UsageError(f"{fault}.", where=f"--set {option.path}", remedy=f"Write {option.allowed}.")
        parsed[option.path] = option.parse(value)
    return parsed


def _nearest(path: str, options: Mapping[str, Option]) -> str:
    near = get_close_matches(path, options, n=3, cutoff=0.6)
    if not near and "." not in path:
        near = [known for known in options if known.endswith(f".{path}")]
    if near:
        return f"Did you mean {' or '.join(near)}?"
    section = path.split(".")[0]
    known = [option.path for option in options.values() if option.section == section][:8]
    if known:
        return f"In this section there are, among others: {', '.join(known)}."
    sections = ", ".join(dict.fromkeys(option.section for option in options.values()))
    return f"Paths look like train.epochs; the sections are {sections}."
