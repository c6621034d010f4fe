"""Warm start: what a tuning job takes over from the tuning jobs named as its parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks, tuning_children
from sagewizard.sandbox.control.protocol import ValidationException
from sagewizard.sandbox.control.resources import TUNING_JOB, Resource
from sagewizard.sandbox.control.tuning_definitions import RANGE_LISTS, TUNING_METRIC, Definition, definitions
from sagewizard.sandbox.tuning import Trial

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control
    from sagewizard.sandbox.tuning import Goal

IDENTICAL = "IdenticalDataAndAlgorithm"
_TERMINAL = ("Completed", "Failed", "Stopped")


def parent_names(request: dict[str, Any]) -> list[str]:
    """Return the names of the parents, [] without a warm start."""
    parents = (request.get("WarmStartConfig") or {}).get("ParentHyperParameterTuningJobs") or []
    return [item["HyperParameterTuningJobName"] for item in parents if "HyperParameterTuningJobName" in item]


def same_data(request: dict[str, Any]) -> bool:
    """Tell whether the parents' results were measured on the same data with the same algorithm."""
    kind = (request.get("WarmStartConfig") or {}).get("WarmStartType", IDENTICAL)
    return bool(kind == IDENTICAL)


def check(control: Control, region: str, request: dict[str, Any]) -> None:
    """Check that the parents have ended and fit: same objective, same number of hyperparameters.

    With IdenticalDataAndAlgorithm also the same image and the same input. Of several definitions those of
    the same name are compared, and take over from each other.
    """
    if "WarmStartConfig" not in request:
        return
    found = definitions(request)
    names = parent_names(request)
    if not names or len({name.lower() for name in names}) < len(names):
        raise ValidationException("WarmStartConfig must name each parent hyperparameter tuning job once.")
    for name in names:
        parent = checks.found(control, region, TUNING_JOB, name)
        if parent.status not in _TERMINAL:
            raise ValidationException(
                f"The parent hyperparameter tuning job [{name}] is in status {parent.status}. A parent must"
                " be Completed, Stopped or Failed."
            )
        theirs = definitions(parent.body["request"])
        pairs = [(own, other) for own in found for other in theirs if own.name == other.name]
        if not pairs:
            raise ValidationException(
                f"None of the training job definitions of the parent hyperparameter tuning job [{name}],"
                f" [{', '.join(other.name or 'unnamed' for other in theirs)}], is among those of this one,"
                f" [{', '.join(own.name or 'unnamed' for own in found)}]."
            )
        for own, other in pairs:
            _compare(own, other, name, identical=same_data(request))


def _compare(own: Definition, other: Definition, name: str, *, identical: bool) -> None:
    if own.objective != other.objective:
        raise ValidationException(
            f"The objective metric [{own.metric}] must be the same as that of the parent hyperparameter"
            f" tuning job [{name}], [{other.metric}]."
        )
    if _count(own) != _count(other):
        raise ValidationException(
            f"The total number of static and tunable hyperparameters, [{_count(own)}], must be the same as"
            f" that of the parent hyperparameter tuning job [{name}], [{_count(other)}]."
        )
    if not identical:
        return
    for what, mine, theirs in (
        ("training image", _image(own), _image(other)),
        ("input data", _inputs(own), _inputs(other)),
    ):
        if mine != theirs:
            raise ValidationException(
                f"With {IDENTICAL}, the {what} must be the same as that of the parent hyperparameter tuning"
                f" job [{name}]. Use TransferLearning for another one."
            )


def _count(definition: Definition) -> int:
    static = [name for name in definition.body.get("StaticHyperParameters") or {} if name != TUNING_METRIC]
    return len(static) + sum(len(definition.ranges.get(member) or []) for member in RANGE_LISTS)


def _image(definition: Definition) -> str:
    return str(definition.body["AlgorithmSpecification"]["TrainingImage"])


def _inputs(definition: Definition) -> list[tuple[str, str]]:
    return sorted(
        (channel["ChannelName"], str(channel["DataSource"]["S3DataSource"]["S3Uri"]).rstrip("/"))
        for channel in definition.body.get("InputDataConfig") or []
    )


def parent_trials(control: Control, tuning: Resource) -> list[list[Trial]]:
    """Return what the parents found out, for each definition of a tuning job.

    Static hyperparameters of a parent count as values as well.
    """
    own = [definition.name for definition in definitions(tuning.body["request"])]
    trials: list[list[Trial]] = [[] for _ in own]
    for parent in _parents(control, tuning):
        theirs = definitions(parent.body["request"])
        for job in tuning_children.stored_children(control.repository, parent):
            definition = theirs[job.body["tuning"]["definition"]]
            objective = tuning_children.objective_of(job)
            if objective is None or definition.name not in own:
                continue
            static = definition.body.get("StaticHyperParameters") or {}
            values = {**static, **job.body["tuning"]["values"]}
            trials[own.index(definition.name)].append(Trial(values, objective, source=parent.arn))
    return trials


def overall_best(
    control: Control, tuning: Resource, best: Resource | None, goal: Goal
) -> dict[str, Any] | None:
    """Return the best job of a tuning job and its parents, where they can be compared; else None."""
    request = tuning.body["request"]
    if "WarmStartConfig" not in request or not same_data(request):
        return None
    candidates = [] if best is None else [(tuning, best)]
    for parent in _parents(control, tuning):
        found = tuning_children.best(tuning_children.stored_children(control.repository, parent), goal)
        if found is not None:
            candidates.append((parent, found))
    leader = tuning_children.best([job for _, job in candidates], goal)
    return next((tuning_children.summary(owner, job) for owner, job in candidates if job is leader), None)


def _parents(control: Control, tuning: Resource) -> list[Resource]:
    found = [
        control.repository.find(tuning.region, TUNING_JOB, name)
        for name in parent_names(tuning.body["request"])
    ]
    return [parent for parent in found if parent is not None]
