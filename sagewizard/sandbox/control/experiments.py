"""Experiments and their trials: Create, Describe, List, Update and Delete of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.protocol import ValidationException
from sagewizard.sandbox.control.resources import (
    EXPERIMENT,
    TRIAL,
    TRIAL_COMPONENT,
    AlreadyExists,
    Missing,
    Resource,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagewizard.sandbox.control.context import Control

OF_EXPERIMENT = "json_extract(body, '$.ExperimentName') = ?"
OF_TRIAL = "EXISTS (SELECT 1 FROM json_each(body, '$.trials') WHERE value = ?)"


def create(
    control: Control, region: str, kind: str, word: str, request: dict[str, Any], name: str
) -> Resource:
    """Store what Experiments tracks; a taken name is refused in the words that the SDK looks for."""
    tags = checks.tags(request.pop("Tags", None))
    try:
        return control.repository.create(region, kind, name, "", request, tags)
    except AlreadyExists as taken:
        raise ValidationException(
            f"{word} names must be unique within an AWS account and region. {word} with name"
            f" ({taken.resource.arn}) already exists."
        ) from None


def change(
    control: Control, region: str, kind: str, name: str, apply: Callable[[Resource], bool | None]
) -> Resource:
    """Change a resource, or raise the service's not-found error."""
    try:
        return control.repository.change(region, kind, name, apply)
    except Missing as missing:
        raise checks.not_found(kind, str(missing), name) from None


def delete(control: Control, region: str, kind: str, name: str) -> Resource:
    """Delete a resource, or raise the service's not-found error."""
    try:
        return control.repository.delete(region, kind, name)
    except Missing as missing:
        raise checks.not_found(kind, str(missing), name) from None


def described(resource: Resource, prefix: str, members: Sequence[str]) -> dict[str, Any]:
    """Return what all descriptions of tracked resources have, and these members where they are there."""
    known = {
        f"{prefix}Name": resource.name,
        f"{prefix}Arn": resource.arn,
        "DisplayName": resource.body.get("DisplayName") or resource.name,
        "CreationTime": resource.created,
        "LastModifiedTime": resource.modified,
    }
    return known | {member: resource.body[member] for member in members if member in resource.body}


def members_of(control: Control, region: str, kind: str, condition: str, name: str) -> list[Resource]:
    """Return the resources of a kind that belong to an experiment or a trial."""
    return control.repository.select(["region = ?", "kind = ?", condition], [region, kind, name])


def create_experiment(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Store an experiment."""
    made = create(control, region, EXPERIMENT, "Experiment", request, request["ExperimentName"])
    return {"ExperimentArn": made.arn}


def describe_experiment(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer an experiment."""
    found = checks.found(control, region, EXPERIMENT, request["ExperimentName"])
    return described(found, "Experiment", ("Description",))


def _experiment_summary(experiment: Resource) -> dict[str, Any]:
    return described(experiment, "Experiment", ())


def list_experiments(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of experiments."""
    rules = ListRules(EXPERIMENT, "ExperimentSummaries", _experiment_summary)
    return list_resources(control.repository, region, request, rules)


def update_experiment(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Change the display name or the description."""
    changed: dict[str, Any] = {
        member: request[member] for member in ("DisplayName", "Description") if member in request
    }
    name = request["ExperimentName"]
    found = change(control, region, EXPERIMENT, name, lambda each: each.body.update(changed))
    return {"ExperimentArn": found.arn}


def delete_experiment(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Delete an experiment that has no trials any more."""
    found = checks.found(control, region, EXPERIMENT, request["ExperimentName"])
    if members_of(control, region, TRIAL, OF_EXPERIMENT, found.name):
        raise ValidationException(f"Experiment '{found.arn}' cannot be deleted: delete its trials first.")
    return {"ExperimentArn": delete(control, region, EXPERIMENT, found.name).arn}


def create_trial(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Store a trial of an experiment that exists."""
    experiment = checks.found(control, region, EXPERIMENT, request["ExperimentName"])
    request["ExperimentName"] = experiment.name
    return {"TrialArn": create(control, region, TRIAL, "Trial", request, request["TrialName"]).arn}


def describe_trial(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer a trial."""
    found = checks.found(control, region, TRIAL, request["TrialName"])
    return described(found, "Trial", ("ExperimentName", "MetadataProperties"))


def _trial_summary(trial: Resource) -> dict[str, Any]:
    return described(trial, "Trial", ())


def list_trials(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of trials: all, those of an experiment, or those with a trial component."""
    more: list[tuple[str, Sequence[Any]]] = []
    if "ExperimentName" in request:
        experiment = checks.found(control, region, EXPERIMENT, request["ExperimentName"])
        more.append((OF_EXPERIMENT, [experiment.name]))
    if "TrialComponentName" in request:
        component = checks.found(control, region, TRIAL_COMPONENT, request["TrialComponentName"])
        names = component.body.get("trials", [])
        more.append((f"name IN ({', '.join('?' * len(names))})", names))
    rules = ListRules(TRIAL, "TrialSummaries", _trial_summary)
    return list_resources(control.repository, region, request, rules, more)


def update_trial(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Change the display name."""
    changed: dict[str, Any] = {member: request[member] for member in ("DisplayName",) if member in request}
    name = request["TrialName"]
    return {"TrialArn": change(control, region, TRIAL, name, lambda each: each.body.update(changed)).arn}


def delete_trial(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a trial that has no trial components any more."""
    found = checks.found(control, region, TRIAL, request["TrialName"])
    if members_of(control, region, TRIAL_COMPONENT, OF_TRIAL, found.name):
        raise ValidationException(
            f"Trial '{found.arn}' cannot be deleted: disassociate its trial components first."
        )
    return {"TrialArn": delete(control, region, TRIAL, found.name).arn}
