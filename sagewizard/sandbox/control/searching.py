"""Search over what the sandbox has: training and tuning jobs, endpoints, and what Experiments tracks."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import endpoints, experiments, training_jobs, trial_components, tuning_jobs
from sagewizard.sandbox.control.listing import BAD_PAGE, fingerprint_of, read_token, write_token
from sagewizard.sandbox.control.protocol import ValidationException
from sagewizard.sandbox.control.resources import (
    ENDPOINT,
    EXPERIMENT,
    TRAINING_JOB,
    TRIAL,
    TRIAL_COMPONENT,
    TUNING_JOB,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewizard.sandbox.control.context import Control, Operation
    from sagewizard.sandbox.control.resources import Resource

# Resource of the request: (its kind, the member of a result, what describes it, the member with its name)
_RESOURCES: dict[str, tuple[str, str, Operation, str]] = {
    "TrainingJob": (TRAINING_JOB, "TrainingJob", training_jobs.describe_training_job, "TrainingJobName"),
    "HyperParameterTuningJob": (
        TUNING_JOB, "HyperParameterTuningJob", tuning_jobs.describe_tuning_job, "HyperParameterTuningJobName",
    ),
    "Endpoint": (ENDPOINT, "Endpoint", endpoints.describe_endpoint, "EndpointName"),
    "Experiment": (EXPERIMENT, "Experiment", experiments.describe_experiment, "ExperimentName"),
    "ExperimentTrial": (TRIAL, "Trial", experiments.describe_trial, "TrialName"),
    "ExperimentTrialComponent": (
        TRIAL_COMPONENT, "TrialComponent", trial_components.describe_trial_component, "TrialComponentName",
    ),
}  # fmt: skip
_STATISTICS = ("max", "min", "last", "count", "avg", "stddev")
_PAGE = 10


def search(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of the resources that the expression fits, the last changed first by default."""
    resource = request["Resource"]
    if resource not in _RESOURCES:
        raise ValidationException(
            f"The sandbox searches {', '.join(_RESOURCES)}; {resource} resources need AWS."
        )
    kind, member, describe, name = _RESOURCES[resource]
    found = []
    for each in control.repository.select(["region = ?", "kind = ?"], [region, kind]):
        record = describe(control, region, {name: each.name}) or {}
        record |= {"Tags": control.repository.tags(each.arn), **_parents(control, each)}
        if _fits(record, request.get("SearchExpression") or {}):
            found.append(record)
    by, descending = request.get("SortBy", "LastModifiedTime"), request.get("SortOrder") != "Ascending"
    found.sort(key=lambda record: _key(record, by), reverse=descending)
    fingerprint, start = fingerprint_of(region, request, kind), 0
    if request.get("NextToken"):
        value, _ = read_token(request["NextToken"], fingerprint)
        if not isinstance(value, int) or value < 0:
            raise ValidationException(BAD_PAGE)
        start = value
    end = start + request.get("MaxResults", _PAGE)
    output: dict[str, Any] = {
        "Results": [{member: record} for record in found[start:end]],
        "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
    }
    if end < len(found):
        output["NextToken"] = write_token(end, "", fingerprint)
    return output


def _parents(control: Control, component: Resource) -> dict[str, Any]:
    """Return the trials of a trial component, and their experiments; nothing for other resources."""
    if component.kind != TRIAL_COMPONENT:
        return {}
    parents = []
    for name in component.body.get("trials", []):
        trial = control.repository.find(component.region, TRIAL, name)
        if trial is not None:
            parents.append({"TrialName": name, "ExperimentName": trial.body["ExperimentName"]})
    return {"Parents": parents}


def _key(record: dict[str, Any], path: str) -> tuple[int, Any]:
    """Sort numbers before text, and what has no such property before both."""
    value = next(_values(record, path), None)
    if value is None:
        return 0, 0
    return (1, value) if isinstance(value, int | float) else (2, str(value))


def _fits(record: Any, expression: dict[str, Any]) -> bool:
    """Tell whether a record fits an expression: all of its parts, or with the operator Or any of them."""
    parts = [_compare(record, each) for each in expression.get("Filters", [])]
    for nested in expression.get("NestedFilters", []):
        path = nested["NestedPropertyName"]
        inner = [each | {"Name": each["Name"].removeprefix(f"{path}.")} for each in nested["Filters"]]
        elements = list(_values(record, path))
        parts.append(any(all(_compare(element, each) for each in inner) for element in elements))
    parts += [_fits(record, each) for each in expression.get("SubExpressions", [])]
    if not parts:
        return True
    return any(parts) if expression.get("Operator") == "Or" else all(parts)


def _compare(record: Any, wanted: dict[str, Any]) -> bool:
    values = list(_values(record, wanted["Name"]))
    operator, text = wanted.get("Operator", "Equals"), wanted.get("Value")
    if operator in ("Exists", "NotExists"):
        found = bool(values)
        return found if operator == "Exists" else not found
    if text is None:
        raise ValidationException(f"The filter on {wanted['Name']} must have a Value.")
    if operator == "NotEquals":
        return not any(_holds("Equals", value, text) for value in values)
    return any(_holds(operator, value, text) for value in values)


def _holds(operator: str, value: Any, text: str) -> bool:
    if operator == "In":
        return any(_holds("Equals", value, each.strip()) for each in text.split(","))
    if operator == "Contains":
        return text in str(value)
    wanted: Any = text
    if isinstance(value, bool):
        value, wanted = str(value).lower(), text.lower()
    elif isinstance(value, int | float):
        wanted = _number(text)
        if wanted is None:
            return False
    else:
        value = str(value)
    if operator == "Equals":
        return bool(value == wanted)
    compared = {
        "GreaterThan": value > wanted,
        "GreaterThanOrEqualTo": value >= wanted,
        "LessThan": value < wanted,
        "LessThanOrEqualTo": value <= wanted,
    }
    return bool(compared[operator])


def _number(text: str) -> float | None:
    """Read a number, or a time in ISO 8601 as epoch seconds; None for anything else."""
    with contextlib.suppress(ValueError):
        return float(text)
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text).timestamp()
    return None


def _values(record: Any, path: str) -> Iterator[Any]:
    """Yield what a property path leads to, in every element of the lists on its way."""
    if isinstance(record, list):
        for element in record:
            yield from _values(element, path)
        return
    if not isinstance(record, dict):
        return
    head, _, rest = path.partition(".")
    if head == "Tags" and rest:
        yield from (tag["Value"] for tag in record.get("Tags", []) if tag["Key"] == rest)
    elif head == "Metrics" and rest:
        yield from _metric(record, rest)
    elif path in record:  # the names of hyperparameters may have points
        value = record[path]
        if isinstance(value, dict) and len(value) == 1 and set(value) <= {"NumberValue", "StringValue"}:
            value = next(iter(value.values()))
        yield from value if isinstance(value, list) else [value]
    elif rest and head in record:
        yield from _values(record[head], rest)


def _metric(record: dict[str, Any], rest: str) -> Iterator[Any]:
    """Yield a metric: a training job's final value, a trial component's statistic, by default the last."""
    yield from (each["Value"] for each in record.get("FinalMetricDataList", []) if each["MetricName"] == rest)
    name, _, statistic = rest.rpartition(".")
    if statistic.lower() not in _STATISTICS:
        name, statistic = rest, "last"
    for each in record.get("Metrics", []):
        if each["MetricName"] == name:
            members = {key.lower(): value for key, value in each.items()}
            yield members[statistic.lower()]
