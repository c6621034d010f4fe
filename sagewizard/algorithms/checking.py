"""Checks a set of hyperparameters against an algorithm and says what is wrong in words for a person."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from sagewizard.algorithms.schema import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.algorithms.schema import Algorithm


def validate(
    algorithm: Algorithm, hyperparameters: Mapping[str, str], version: str | None = None
) -> list[Problem]:
    """List everything wrong with `hyperparameters`; an empty list means a job may be started with them.

    `version` is the image's; without one, whatever any version knows is right.

    Order: as written for names and values, then missing ones, then what does not go together. These are
    the words of recipes and forms; the container refuses the same things in sentences of its own.
    """
    problems: list[Problem] = []
    sound: dict[str, str] = {}
    known = [entry.name for entry in algorithm.hyperparameters if not entry.internal]
    for key, value in hyperparameters.items():
        entry = algorithm.hyperparameter(key)
        if entry is None and algorithm.script_mode:
            continue
        if entry is None:
            near = get_close_matches(key, known, n=1, cutoff=0.6)
            message = f"{algorithm.name} has no hyperparameter of this name"
            problems.append(Problem(key, message, nearest=near[0] if near else None, value=value))
            continue
        if version is not None and entry.versions and version not in entry.versions:
            message = (
                f"version {version} of {algorithm.name} does not know it "
                f"(known to {', '.join(entry.versions)})"
            )
            problems.append(Problem(key, message, value=value))
            continue
        fault = entry.fault(value)
        if fault is None:
            sound[key] = value
            continue
        options = [*entry.words, *entry.choices]
        near = get_close_matches(value, options, n=1, cutoff=0.6) if options else []
        problems.append(Problem(key, fault, entry.allowed, near[0] if near else None, value))
    problems += [
        Problem(entry.name, f"it is required: {entry.allowed}", entry.allowed)
        for entry in algorithm.hyperparameters
        if entry.required and entry.name not in hyperparameters
    ]
    for rule in algorithm.rules:
        problems += rule(sound)
    return problems
