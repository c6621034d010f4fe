"""The rules by which a tuning job and its children end: limits, criteria, failures, early stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control.tuning_checks import hyperband_resources
from sagewizard.sandbox.tuning.completion import converged, not_improving
from sagewizard.sandbox.tuning.stopping import Hyperband, below_median

if TYPE_CHECKING:
    from sagewizard.sandbox.control.tuning_children import Child
    from sagewizard.sandbox.control.tuning_definitions import Definition
    from sagewizard.sandbox.tuning import Goal

# After this many jobs without a success no more are started, as in public reports of real tuning jobs.
FRUITLESS = 5
NO_SUCCESS = (
    f"No training job succeeded after {FRUITLESS} attempts. For additional details, please take a look at the"
    " training job failures by listing training jobs for the hyperparameter tuning job."
)
ALL_FAILED = "All training jobs failed. Please take a look at the training jobs failures to get more details."
NO_METRIC = (
    f"No objective metrics found after running {FRUITLESS} training jobs. Please ensure that the custom"
    " algorithm is emitting the objective metric as defined by the regular expression provided."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a tuning job ends; with `ends_children` jobs that still run are stopped, else waited for."""

    status: str
    reason: str | None = None
    ends_children: bool = True


@dataclass(frozen=True, slots=True)
class Details:
    """What TuningJobCompletionDetails says."""

    not_improving: int
    converged: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """ResourceLimits and TuningJobCompletionCriteria; None where there is no such limit. Seconds."""

    jobs: int
    parallel: int
    runtime: float | None
    target: float | None
    patience: int | None
    on_convergence: bool

    @classmethod
    def of(cls, config: dict[str, Any]) -> Limits:
        """Read them from HyperParameterTuningJobConfig."""
        limits = config["ResourceLimits"]
        criteria = config.get("TuningJobCompletionCriteria") or {}
        still = criteria.get("BestObjectiveNotImproving") or {}
        convergence = criteria.get("ConvergenceDetected") or {}
        return cls(
            jobs=limits["MaxNumberOfTrainingJobs"],
            parallel=limits["MaxParallelTrainingJobs"],
            runtime=limits.get("MaxRuntimeInSeconds"),
            target=criteria.get("TargetObjectiveMetricValue"),
            patience=still.get("MaxNumberOfTrainingJobsNotImproving"),
            on_convergence=convergence.get("CompleteOnConvergence") == "Enabled",
        )

    def judge(
        self, goal: Goal, counted: list[Child], seconds: float, *, exhausted: bool
    ) -> tuple[Verdict | None, Details]:
        """Say whether the tuning job is over, given its counted children; None while it is not."""
        ended = sorted((child for child in counted if not child.running), key=lambda child: child.ended)
        values = [child.objective for child in ended if child.objective is not None]
        details = Details(not_improving(goal, values), converged(goal, values))
        criteria = (
            (self.target is not None and any(not goal.better(self.target, value) for value in values))
            or (self.patience is not None and details.not_improving >= self.patience)
            or (self.on_convergence and details.converged)
            or (self.runtime is not None and seconds >= self.runtime)
        )
        if criteria:
            return Verdict("Completed"), details
        return self._exhaustion(ended, counted, exhausted=exhausted), details

    def _exhaustion(self, ended: list[Child], counted: list[Child], *, exhausted: bool) -> Verdict | None:
        fruitless = all(child.objective is None for child in ended)
        if len(ended) >= FRUITLESS and fruitless:
            silent = any(child.status == "Completed" for child in ended)
            return Verdict("Failed", NO_METRIC if silent else NO_SUCCESS, ends_children=False)
        if len(ended) < len(counted) or (len(counted) < self.jobs and not exhausted):
            return None
        if ended and all(child.status == "Failed" for child in ended):
            return Verdict("Failed", ALL_FAILED)
        return Verdict("Completed")


class Rules:
    """Which running children are to be ended early: the median rule (Auto), Hyperband, or none."""

    def __init__(self, config: dict[str, Any], found: list[Definition], goal: Goal) -> None:
        self._goal = goal
        self._auto = config["TrainingJobEarlyStoppingType"] == "Auto"
        self._bands: list[Hyperband] = []
        if config["Strategy"] == "Hyperband":
            self._bands = [Hyperband(goal, *hyperband_resources(config, item)) for item in found]
        self.early = self._auto or bool(self._bands)

    def to_stop(self, children: list[Child]) -> list[Child]:
        """Return the running children whose newest values end them; each value is judged once."""
        if not self.early:
            return []
        ending: list[Child] = []
        for child in children:
            seen, now = child.judged, len(child.curve)
            if not child.running or child.told_to_stop or now == seen:
                continue
            child.judged = now
            peers = [c for c in children if c.definition == child.definition and not c.lost]
            if self._bands:
                curves = {peer.slot: list(peer.curve) for peer in peers}
                if self._bands[child.definition].ends(child.slot, seen, curves):
                    ending.append(child)
                continue
            finished = [peer.curve for peer in peers if not peer.running and peer.curve]
            if any(
                below_median(self._goal, child.curve[:epoch], finished) for epoch in range(seen + 1, now + 1)
            ):
                ending.append(child)
        return ending
