"""What a CreateHyperParameterTuningJob request must agree with beyond its shape, and what it leaves out.

The sentences about a missing metric and about too few combinations were read in public logs of real calls;
the others are the sandbox's own, in the service's manner.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks, training_jobs, tuning_autotune, tuning_definitions
from sagewizard.sandbox.control.protocol import ResourceLimitExceeded, ValidationException
from sagewizard.sandbox.control.tuning_children import OBJECTIVE
from sagewizard.sandbox.control.tuning_definitions import EPOCH_NAMES, TUNING_METRIC, Definition
from sagewizard.sandbox.tuning import Continuous, RangeProblem, SearchSpace

if TYPE_CHECKING:
    from sagewizard.algorithms import MetricDefinition
    from sagewizard.sandbox.control.context import Control

# Default quotas (developer guide, "Resource limits for automatic model tuning").
MAX_TUNABLE, MAX_HYPERPARAMETERS, MAX_METRICS = 30, 100, 20
MAX_PARALLEL, MAX_JOBS, MAX_RANDOM_JOBS = 10, 750, 10_000
MAX_RUNTIME = 30 * 86_400
MAX_EPOCHS = 20_000


def prepare(control: Control, region: str, request: dict[str, Any]) -> None:
    """Check a request and write into it what Describe shows beyond what was sent."""
    config = request["HyperParameterTuningJobConfig"]
    _check_form(request, config)
    single = "TrainingJobDefinition" in request
    all_ranges = [
        (config if single else item).setdefault("ParameterRanges" if single else "HyperParameterRanges", {})
        for item in ([request["TrainingJobDefinition"]] if single else request["TrainingJobDefinitions"])
    ]
    tuning_autotune.choose(request)
    config.setdefault("TrainingJobEarlyStoppingType", "Off")
    for ranges in all_ranges:
        tuning_definitions.spell_out_ranges(ranges)
    found = tuning_definitions.definitions(request)
    spaces = [_check_ranges(definition, config["Strategy"]) for definition in found]
    _check_limits(config, found, spaces)
    _check_strategy(config, found)
    for definition in found:
        _check_definition(control, region, definition)
        _check_names(definition)


def _check_form(request: dict[str, Any], config: dict[str, Any]) -> None:
    several = "TrainingJobDefinitions" in request
    if several == ("TrainingJobDefinition" in request):
        raise ValidationException("You must specify either TrainingJobDefinition or TrainingJobDefinitions.")
    if not several:
        if "HyperParameterTuningJobObjective" not in config:
            raise ValidationException(
                "HyperParameterTuningJobObjective must be specified in HyperParameterTuningJobConfig."
            )
        return
    if "HyperParameterTuningJobObjective" in config or "ParameterRanges" in config:
        raise ValidationException(
            "With TrainingJobDefinitions, each definition must have its own TuningObjective and"
            " HyperParameterRanges, and HyperParameterTuningJobConfig must have none."
        )
    names = [item.get("DefinitionName") for item in request["TrainingJobDefinitions"]]
    if None in names or len(set(names)) < len(names):
        raise ValidationException("Each of the TrainingJobDefinitions must have a DefinitionName of its own.")
    kinds = {(item.get("TuningObjective") or {}).get("Type") for item in request["TrainingJobDefinitions"]}
    if None in kinds or len(kinds) > 1:
        raise ValidationException(
            "Each of the TrainingJobDefinitions must have a TuningObjective, all of the same Type."
        )


def _check_ranges(definition: Definition, strategy: str) -> SearchSpace:
    try:
        space = SearchSpace.of_ranges(definition.ranges)
    except RangeProblem as problem:
        raise ValidationException(str(problem)) from None
    names = [parameter.name for parameter in space.parameters]
    if not names:
        raise ValidationException(
            "You must specify at least one hyperparameter range for a hyperparameter tuning job."
        )
    if len(names) > MAX_TUNABLE:
        raise ValidationException(
            f"The number of hyperparameters to tune, [{len(names)}], must be less than or equal to"
            f" [{MAX_TUNABLE}]."
        )
    static = definition.body.get("StaticHyperParameters") or {}
    both = [name for name in names if name in static]
    if both:
        raise ValidationException(
            f"The hyperparameters [{', '.join(both)}] have a range and a static value. Remove one of them."
        )
    total = len(names) + len([name for name in static if name != TUNING_METRIC])
    if total > MAX_HYPERPARAMETERS:
        raise ValidationException(
            f"The number of static and tunable hyperparameters, [{total}], must be less than or equal to"
            f" [{MAX_HYPERPARAMETERS}]."
        )
    if strategy == "Grid":
        numeric = [
            item["Name"]
            for member in ("ContinuousParameterRanges", "IntegerParameterRanges")
            for item in definition.ranges[member]
        ]
        if numeric:
            raise ValidationException(
                "Grid search supports only categorical hyperparameter ranges. Remove or change the ranges of"
                f" [{', '.join(numeric)}]."
            )
    return space


def _check_limits(config: dict[str, Any], found: list[Definition], spaces: list[SearchSpace]) -> None:
    limits, strategy = config["ResourceLimits"], config["Strategy"]
    combinations = math.fsum(space.size for space in spaces)
    if strategy == "Grid":
        asked = limits.setdefault("MaxNumberOfTrainingJobs", int(combinations))
        if asked != combinations:
            raise ValidationException(
                f"MaxNumberOfTrainingJobs, [{asked}], must be equal to the number of hyperparameter"
                f" combinations of a grid search, [{int(combinations)}], or be left out."
            )
    if "MaxNumberOfTrainingJobs" not in limits:
        raise ValidationException("MaxNumberOfTrainingJobs must be specified in ResourceLimits.")
    jobs, parallel = limits["MaxNumberOfTrainingJobs"], limits["MaxParallelTrainingJobs"]
    most = MAX_RANDOM_JOBS if strategy == "Random" else MAX_JOBS
    for name, asked, allowed in (
        ("Number of training jobs per hyperparameter tuning job", jobs, most),
        ("Number of parallel training jobs per hyperparameter tuning job", parallel, MAX_PARALLEL),
    ):
        if asked > allowed:
            raise ResourceLimitExceeded(
                f"The account-level service limit '{name}' is {allowed} Training Jobs, with current"
                f" utilization of 0 Training Jobs and a request delta of {asked} Training Jobs. Please"
                " contact AWS support to request an increase for this limit."
            )
    runtime = limits.get("MaxRuntimeInSeconds", 0)
    if runtime > MAX_RUNTIME:
        raise ValidationException(
            f"MaxRuntimeInSeconds, [{runtime}], must be less than or equal to [{MAX_RUNTIME}], 30 days."
        )
    if jobs > combinations:
        raise ValidationException(
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter"
            f" combinations for the provided ranges [{combinations}] must be equal or greater than the value"
            f" of MaxNumberOfJobs, [{jobs}]. Provide additional ranges."
        )


def _check_strategy(config: dict[str, Any], found: list[Definition]) -> None:
    if config["Strategy"] != "Hyperband":
        if "StrategyConfig" in config:
            raise ValidationException(
                f"StrategyConfig is only for the Hyperband strategy, and the strategy is"
                f" {config['Strategy']}."
            )
        return
    if config["TrainingJobEarlyStoppingType"] != "Off":
        raise ValidationException(
            "TrainingJobEarlyStoppingType must be Off when the strategy is Hyperband, which has an early"
            " stopping mechanism of its own."
        )
    for definition in found:
        hyperband_resources(config, definition)


def hyperband_resources(config: dict[str, Any], definition: Definition) -> tuple[int, int]:
    """Return the fewest and the most epochs of a Hyperband job; ValidationException when nothing says so."""
    given = (config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}
    lowest = given.get("MinResource", 1)
    highest = given.get("MaxResource")
    if highest is None:
        static = definition.body.get("StaticHyperParameters") or {}
        texts = [static[name] for name in EPOCH_NAMES if name in static]
        highest = next((int(text) for text in texts if text.isascii() and text.isdigit()), None)
    if highest is None:
        raise ValidationException(
            "MaxResource must be specified in HyperbandStrategyConfig, since it can't be inferred from the"
            f" static hyperparameters: none of [{', '.join(EPOCH_NAMES)}] is among them."
        )
    if highest > MAX_EPOCHS:
        raise ValidationException(f"MaxResource, [{highest}], must be less than or equal to [{MAX_EPOCHS}].")
    if lowest > highest:
        raise ValidationException(
            f"MinResource, [{lowest}], must be less than or equal to MaxResource, [{highest}]."
        )
    return lowest, highest


def _check_definition(control: Control, region: str, definition: Definition) -> None:
    body = definition.body
    if "ResourceConfig" in body and "HyperParameterTuningResourceConfig" in body:
        raise ValidationException(
            "You must specify either ResourceConfig or HyperParameterTuningResourceConfig, not both."
        )
    config = tuning_definitions.resource_config(body)
    if config is not None:
        body["ResourceConfig"] = config
    algorithm = body["AlgorithmSpecification"]
    sent = list(algorithm.get("MetricDefinitions") or [])
    if len(sent) > MAX_METRICS:
        raise ValidationException(
            f"The number of metric definitions, [{len(sent)}], must be less than or equal to [{MAX_METRICS}]."
        )
    prepared = tuning_definitions.training_request(definition, "tuning", {})
    checkpoints = body.get("CheckpointConfig")
    training_jobs.prepare(control, region, prepared)
    if checkpoints:
        prepared["CheckpointConfig"] = checkpoints
    _check_objective(definition, prepared["AlgorithmSpecification"])
    tuning_definitions.complete(definition, prepared)


def _check_objective(definition: Definition, algorithm: dict[str, Any]) -> None:
    """Check the objective against what the algorithm, or the request, says is in the log."""
    image, metric = algorithm["TrainingImage"], definition.metric
    known: tuple[MetricDefinition, ...] = checks.known_image(image).metric_definitions
    names = [item["Name"] for item in algorithm.get("MetricDefinitions") or [] if item["Name"] != OBJECTIVE]
    if not known:
        if metric not in names:
            raise ValidationException(
                "A metric is required for this hyperparameter tuning job objective. Provide a metric in the"
                " metric definitions."
            )
        return
    allowed = [item for item in known if item.tunable] or list(known)
    found = next((item for item in allowed if item.name == metric), None)
    if found is None:
        raise ValidationException(
            f"The objective metric for the hyperparameter tuning job, [{metric}], isn't valid for the"
            f" [{image}] algorithm. Choose a valid objective metric:"
            f" [{', '.join(item.name for item in allowed)}]."
        )
    kind = definition.objective["Type"]
    if found.goal is not None and found.goal.value != kind:
        raise ValidationException(
            f"The objective metric type, [{kind}], that you specified for objective metric, [{metric}], isn't"
            f" valid for the [{image}] algorithm. Choose a valid objective metric type."
        )


def _check_names(definition: Definition) -> None:
    """Refuse ranges for hyperparameters that a built-in algorithm does not have."""
    from sagewizard import algorithms

    image = str(definition.body["AlgorithmSpecification"]["TrainingImage"])
    found = algorithms.find_by_image(image)
    static = definition.body.get("StaticHyperParameters") or {}
    if found is None or "sagemaker_program" in static:
        return
    for parameter in SearchSpace.of_ranges(definition.ranges).parameters:
        entry = found[0].hyperparameter(parameter.name)
        if entry is None or (entry.choices and isinstance(parameter, Continuous)):
            tunable = [item.name for item in found[0].hyperparameters if item.tunable is not None]
            raise ValidationException(
                f"The hyperparameter [{parameter.name}] isn't tunable for the [{image}] algorithm. Choose"
                f" from: [{', '.join(tunable)}]."
            )
