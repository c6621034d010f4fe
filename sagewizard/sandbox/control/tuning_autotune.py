"""Autotune: what a tuning job leaves open and the service chooses, ranges first of all.

AWS names the members that Autotune may choose (API reference) and does not publish how. Here the ranges are
those that the algorithm's own documentation recommends for tuning. An example value (ValueHint) narrows a
range of positive numbers to a tenth of it up to ten times as much, and is all there is to go by for a script.
What cannot be tuned keeps its example value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control.protocol import ValidationException
from sagewizard.sandbox.control.tuning_definitions import EPOCH_NAMES, RANGE_LISTS, definitions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.algorithms import Hyperparameter
    from sagewizard.sandbox.control.tuning_definitions import Definition

JOBS = 20
_AROUND = 10.0  # a hint is tried down to this part and up to this many times
_INTEGERS, _CONTINUOUS, _CATEGORICAL = RANGE_LISTS


def choose(request: dict[str, Any]) -> None:
    """Write into a request what Autotune chooses; without it, refuse what only Autotune could choose."""
    config = request["HyperParameterTuningJobConfig"]
    found = definitions(request)
    if (request.get("Autotune") or {}).get("Mode") != "Enabled":
        if any(definition.ranges.get("AutoParameters") for definition in found):
            raise ValidationException(
                "AutoParameters are for Autotune. Set Autotune.Mode to Enabled, or give the parameters their"
                " ranges."
            )
        return
    for definition in found:
        _choose_ranges(definition, config["Strategy"])
    if config["Strategy"] != "Grid":  # whose number of jobs follows from its ranges
        config["ResourceLimits"].setdefault("MaxNumberOfTrainingJobs", _jobs(found))
    if config["Strategy"] != "Hyperband":
        config.setdefault("TrainingJobEarlyStoppingType", "Auto")
    config.setdefault(
        "TuningJobCompletionCriteria", {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
    )


def _jobs(found: list[Definition]) -> int:
    from sagewizard.sandbox.tuning import RangeProblem, SearchSpace

    try:
        combinations = math.fsum(SearchSpace.of_ranges(definition.ranges).size for definition in found)
    except RangeProblem:
        return JOBS  # the check of the ranges says what is wrong
    return int(max(1.0, min(JOBS, combinations)))


def _choose_ranges(definition: Definition, strategy: str) -> None:
    ranges = definition.ranges
    hints: dict[str, str] = {item["Name"]: item["ValueHint"] for item in ranges.get("AutoParameters") or []}
    given = {item["Name"] for member in RANGE_LISTS for item in ranges.get(member) or []}
    static = definition.body.setdefault("StaticHyperParameters", {})
    known = _tunable(definition, {**hints, **static})
    wanted: dict[str, str | None] = dict(hints)
    if not hints and not given:  # nothing is said of any: all that can be
        wanted = dict.fromkeys(known or {})
    for name, hint in wanted.items():
        if name in given or name in static:
            continue
        chosen = None
        held = name.startswith("sagemaker_") or (strategy == "Hyperband" and name in EPOCH_NAMES)
        if known is None and not held:
            chosen = _around(name, hint)
        elif known is not None and name in known and not held:
            chosen = _recommended(known[name], hint)
        if chosen is None or (strategy == "Grid" and chosen[0] != _CATEGORICAL):
            if hint is not None:
                static[name] = hint
            continue
        ranges.setdefault(chosen[0], []).append(chosen[1])


def _tunable(definition: Definition, values: Mapping[str, str]) -> dict[str, Hyperparameter] | None:
    """Return what may be tuned of a built-in algorithm with these values; None for a script."""
    from sagewizard import algorithms

    found = algorithms.find_by_image(str(definition.body["AlgorithmSpecification"].get("TrainingImage", "")))
    if found is None or "sagemaker_program" in values:
        return None
    algorithm, version = found
    defaults = {entry.name: entry.default for entry in algorithm.hyperparameters}
    return {
        entry.name: entry
        for entry in algorithm.hyperparameters
        if entry.tunable is not None
        and not entry.internal
        and (not entry.versions or version in entry.versions)
        and all(values.get(name, defaults.get(name)) in allowed for name, allowed in entry.only_when)
    }


def _recommended(entry: Hyperparameter, hint: str | None) -> tuple[str, dict[str, Any]]:
    """Return the kind of range that the catalogue recommends, and the range itself, narrowed by a hint."""
    from sagewizard.algorithms import Kind

    recommended = entry.tunable
    if recommended is None or recommended.low is None or recommended.high is None:
        values = recommended.values if recommended is not None else ()
        return _CATEGORICAL, {"Name": entry.name, "Values": list(values)}
    low, high = _narrowed(recommended.low, recommended.high, _number(hint))
    scaling = str(recommended.scaling)
    if entry.kind is Kind.INTEGER:
        return _INTEGERS, _span(entry.name, str(round(low)), str(round(high)), scaling)
    return _CONTINUOUS, _span(entry.name, repr(low), repr(high), scaling)


def _narrowed(low: float, high: float, hint: float | None) -> tuple[float, float]:
    if hint is None or hint <= 0:
        return float(low), float(high)
    first, last = max(low, hint / _AROUND), min(high, hint * _AROUND)
    if last < 2 * first:  # a hint far outside is no guide
        return float(low), float(high)
    return float(first), float(last)


def _around(name: str, hint: str | None) -> tuple[str, dict[str, Any]] | None:
    """Return a range around the example value of a script's hyperparameter; None for what is no number."""
    value = _number(hint)
    if value is None or value <= 0 or hint is None:
        return None
    if hint.strip().isdigit():
        last = str(math.ceil(value * _AROUND))
        return _INTEGERS, _span(name, str(max(1, math.floor(value / _AROUND))), last, "Logarithmic")
    return _CONTINUOUS, _span(name, repr(value / _AROUND), repr(value * _AROUND), "Logarithmic")


def _span(name: str, low: str, high: str, scaling: str) -> dict[str, Any]:
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scaling}


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
