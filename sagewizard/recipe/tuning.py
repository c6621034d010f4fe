"""A recipe's tuning as a whole: what it searches, how, and whether that can be before anything is created."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.errors import UsageError
from sagewizard.recipe.ranges import FIXED, Range, advice_of, named, range_options, read
from sagewizard.recipe.ranges import as_request as ranges_as_request
from sagewizard.recipe.tune_options import BETTER, MOST_JOBS, MOST_RANDOM_JOBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sagewizard.algorithms import Algorithm
    from sagewizard.recipe.options import Option, Value
    from sagewizard.recipe.recipe import Recipe

MOST_RANGES, MOST_HYPERPARAMETERS = 30, 100
# From these SageMaker takes the most epochs of a Hyperband tuning when it is not told.
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")


class TuningFault(ValueError):  # noqa: N818 (a fault of the recipe, told as an error by whoever asks)
    """What keeps a tuning from being started; `key` is the option or hyperparameter that is to blame."""

    def __init__(self, key: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.key, self.message, self.remedy = key, message, remedy


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a tuning job is asked for; `jobs` is the most there will be, `goal` Maximize or Minimize.

    `static` are the hyperparameters that every job has. Seconds, epochs and the rest are None when the recipe
    leaves them to SageMaker.
    """

    strategy: str
    objective: str
    goal: str
    jobs: int
    parallel: int
    ranges: tuple[Range, ...]
    static: dict[str, str]
    early_stopping: str
    seed: int
    better: bool
    parents: tuple[str, ...]
    warm_start_type: str
    min_epochs: int | None
    max_epochs: int | None
    target_value: float | None
    not_improving: int | None
    max_seconds: int | None

    @property
    def waves(self) -> int:
        """How many jobs one after the other it comes to."""
        return -(-self.jobs // self.parallel)


def tuning_of(recipe: Recipe) -> Tuning:
    """Return the tuning of a recipe whose values are right one by one. Raises TuningFault."""
    value = recipe.value
    strategy = str(value("tune.strategy"))
    ranges = _ranges(recipe)
    objective, goal = _objective(recipe)
    static = {
        name: text
        for name, text in recipe.effective_hyperparameters().items()
        if name not in {entry.name for entry in ranges}
    }
    if len(static) + len(ranges) > MOST_HYPERPARAMETERS:
        raise TuningFault(
            "", f"{len(static) + len(ranges)} hyperparameters are more than SageMaker takes",
            f"Leave some out: {MOST_HYPERPARAMETERS} is the most.",
        )  # fmt: skip
    jobs = _jobs(recipe, strategy, ranges)
    early = str(value("tune.early_stopping"))
    _strategy(recipe, strategy, early, static)
    parents = tuple(name.strip() for name in str(value("tune.warm_start") or "").split(",") if name.strip())
    return Tuning(
        strategy=strategy,
        objective=objective,
        goal=goal,
        jobs=jobs,
        # More at a time than there are is no mistake of anybody's: it just means all at once.
        parallel=min(_whole(value("tune.parallel")) or 1, jobs),
        ranges=ranges,
        static=static,
        early_stopping=early,
        seed=_whole(value("tune.seed")) or 0,
        better=value("tune.model") == BETTER,
        parents=parents,
        warm_start_type=str(value("tune.warm_start_type")),
        min_epochs=_whole(value("tune.min_epochs")),
        max_epochs=_whole(value("tune.max_epochs")),
        target_value=None if value("tune.target_value") is None else float(value("tune.target_value") or 0),
        not_improving=_whole(value("tune.not_improving")),
        max_seconds=_whole(value("tune.max_tuning_seconds")),
    )


def check(recipe: Recipe, where: str = "") -> None:
    """Raise a UsageError with the fault's path when the recipe's tuning cannot be started."""
    try:
        tuning_of(recipe)
    except TuningFault as fault:
        raise UsageError(
            f"{fault.key}: {fault.message}." if fault.key else f"{fault.message}.",
            where=where or f"--set tune.{fault.key}".rstrip("."), remedy=fault.remedy,
        ) from fault  # fmt: skip


def advice(recipe: Recipe) -> list[str]:
    """Return what should be known of a tuning that can be started all the same."""
    found = [
        advice_of(entry, recipe.algorithm.hyperparameter(entry.name)) for entry in tuning_of(recipe).ranges
    ]
    return [text for text in found if text]


def largest(recipe: Recipe, name: str) -> int | None:
    """Return the highest whole number that the recipe's tuning may choose for a hyperparameter."""
    if "tune" not in recipe.steps:
        return None
    found = next((entry for entry in tuning_of(recipe).ranges if entry.name == name), None)
    numbers = [found.high] if found and not found.values else found.values if found else ()
    return max((int(float(text)) for text in numbers), default=None)


def refuse_unknown(algorithm: Algorithm, options: Mapping[str, Option], paths: Iterable[str]) -> None:
    """Tell a hyperparameter that cannot be tuned from a misspelt path. Raises UsageError."""
    for path in paths:
        section, _, name = path.partition(".")
        if section == "tune" and path not in options and algorithm.hyperparameter(name) is not None:
            raise UsageError(
                f"{name} of {algorithm.name} cannot be tuned.", where=f"--set {path}",
                remedy=f"These can: {tunable_names(algorithm)}.",
            )  # fmt: skip


def tunable_names(algorithm: Algorithm) -> str:
    """Return the names of the hyperparameters that can be tuned, for a sentence."""
    return ", ".join(option.name for option in range_options(algorithm))


def range_names(recipe: Recipe) -> tuple[str, ...]:
    """Return whose ranges a recipe can have: those of its file, then the algorithm's other tunable ones."""
    listed = [name for step in recipe.file.steps for name in step.ranges or {}]
    listed += [option.name for option in range_options(recipe.algorithm) if option.name not in listed]
    return tuple(listed)


def _ranges(recipe: Recipe) -> tuple[Range, ...]:
    found: list[Range] = []
    for name in range_names(recipe):
        text = recipe.value(f"tune.{name}")
        option = named(recipe.algorithm, name)
        if text is None or text == FIXED or option is None:
            continue
        found.append(read(name, str(text), option.definition))
    if not found:
        raise TuningFault(
            "", "there is nothing to tune: no hyperparameter has a range",
            f"Give one of these a range: {tunable_names(recipe.algorithm)}.",
        )  # fmt: skip
    if len(found) > MOST_RANGES:
        raise TuningFault(
            found[MOST_RANGES].name, f"{len(found)} ranges are more than SageMaker takes",
            f"Keep {MOST_RANGES} of them, and let the others be fixed.",
        )  # fmt: skip
    return tuple(found)


def _objective(recipe: Recipe) -> tuple[str, str]:
    algorithm = recipe.algorithm
    name, wanted = recipe.value("tune.objective_metric"), str(recipe.value("tune.objective_type"))
    goals = {metric.name: metric.goal.value if metric.goal else "" for metric in algorithm.objectives}
    if algorithm.script_mode:  # what a script reports stands in the recipe
        goals |= dict.fromkeys(recipe.file.algorithm.metrics, "")
    listed = ", ".join(goals)
    if name is None or name not in goals:
        fault = "a tuning job needs one to aim at" if name is None else f"{name} is no metric to aim at"
        raise TuningFault(
            "objective_metric", fault,
            f"{algorithm.title} reports {listed}." if listed
            else "Name what the script prints, and how it is found, under metrics of the algorithm.",
        )  # fmt: skip
    goal = goals[str(name)]
    if not goal and wanted == "auto":
        raise TuningFault(
            "objective_type", f"whether a higher {name} is better is not known", "Write Maximize or Minimize."
        )
    if goal and wanted not in ("auto", goal):
        direction = "higher" if goal == "Maximize" else "lower"
        raise TuningFault(
            "objective_type", f"{name} is better the {direction} it is, so {wanted} would look for the worst",
            f"Write {goal}, or leave it at auto.",
        )  # fmt: skip
    return str(name), goal or wanted


def _jobs(recipe: Recipe, strategy: str, ranges: tuple[Range, ...]) -> int:
    given = "tune.jobs" in recipe.settings or "tune.jobs" in recipe.values
    jobs = _whole(recipe.value("tune.jobs")) or 1
    combinations = math.prod(entry.size for entry in ranges)
    if strategy == "Grid":
        numbers = [entry.name for entry in ranges if not entry.values]
        if numbers:
            raise TuningFault(
                numbers[0], "a grid is made of lists, and this is a range of numbers",
                "Write the values to try, such as 0.01, 0.1, 1, or take another strategy.",
            )  # fmt: skip
        if given and jobs != combinations:
            raise TuningFault(
                "jobs",
                f"a grid of these lists has {combinations:.0f} combinations, and {jobs} jobs are asked for",
                f"Write {combinations:.0f}, or leave it out.",
            )  # fmt: skip
        jobs = int(combinations)
    most = MOST_RANDOM_JOBS if strategy == "Random" else MOST_JOBS
    if jobs > most:
        raise TuningFault(
            "jobs", f"{jobs:,} training jobs are more than SageMaker allows with the strategy {strategy}",
            f"Ask for at most {most:,}.",
        )  # fmt: skip
    if jobs > combinations:
        raise TuningFault(
            "jobs",
            f"the ranges hold only {combinations:.0f} different combinations, and {jobs} jobs are asked for",
            f"Ask for at most {combinations:.0f}, or widen a range.",
        )  # fmt: skip
    return jobs


def _strategy(recipe: Recipe, strategy: str, early_stopping: str, static: Mapping[str, str]) -> None:
    if strategy != "Hyperband":
        for name in ("min_epochs", "max_epochs"):
            if recipe.value(f"tune.{name}") is not None:
                raise TuningFault(
                    name, f"it is for Hyperband, and the strategy is {strategy}", "Leave it out."
                )
        return
    if early_stopping != "Off":
        raise TuningFault("early_stopping", "Hyperband ends weak jobs in a way of its own", "Set it to Off.")
    most, least = _whole(recipe.value("tune.max_epochs")), _whole(recipe.value("tune.min_epochs"))
    if most is None:
        own = next((static[name] for name in EPOCHS if name in static), None)
        if own is None:
            raise TuningFault(
                "max_epochs", "Hyperband has to know the most epochs, and the recipe has no number of epochs",
                "Give max_epochs.",
            )  # fmt: skip
        most = int(own)
    if least is not None and least > most:
        raise TuningFault(
            "min_epochs", f"the fewest epochs, {least}, are more than the most, {most}", "Lower it."
        )


def _whole(value: Value | None) -> int | None:
    return None if value is None else int(value)


def as_request(tuning: Tuning, max_seconds: int | None) -> dict[str, Any]:
    """Return the members of CreateHyperParameterTuningJob that say what is searched, how, and from where.

    `max_seconds` ends the tuning job in any case; None leaves that to SageMaker.
    """
    limits = {"MaxNumberOfTrainingJobs": tuning.jobs, "MaxParallelTrainingJobs": tuning.parallel}
    if max_seconds is not None:
        limits["MaxRuntimeInSeconds"] = max_seconds
    config: dict[str, Any] = {
        "Strategy": tuning.strategy,
        "HyperParameterTuningJobObjective": {"Type": tuning.goal, "MetricName": tuning.objective},
        "ResourceLimits": limits,
        "ParameterRanges": ranges_as_request(tuning.ranges),
        "TrainingJobEarlyStoppingType": tuning.early_stopping,
        "RandomSeed": tuning.seed,
    }
    epochs = {"MinResource": tuning.min_epochs, "MaxResource": tuning.max_epochs}
    given = {member: value for member, value in epochs.items() if value is not None}
    if given:
        config["StrategyConfig"] = {"HyperbandStrategyConfig": given}
    criteria: dict[str, Any] = {}
    if tuning.target_value is not None:
        criteria["TargetObjectiveMetricValue"] = tuning.target_value
    if tuning.not_improving is not None:
        criteria["BestObjectiveNotImproving"] = {"MaxNumberOfTrainingJobsNotImproving": tuning.not_improving}
    if criteria:
        config["TuningJobCompletionCriteria"] = criteria
    if not tuning.parents:
        return {"HyperParameterTuningJobConfig": config}
    parents = [{"HyperParameterTuningJobName": parent} for parent in tuning.parents]
    warm = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": tuning.warm_start_type}
    return {"HyperParameterTuningJobConfig": config, "WarmStartConfig": warm}


def words(tuning: Tuning) -> dict[str, Any]:
    """Return the tuning as the options of its step are shown: ranges in words, and what stays fixed."""
    return {**tuning.static, **{entry.name: entry.words for entry in tuning.ranges}}
