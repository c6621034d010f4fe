"""Follows the training jobs of a tuning job: tells each change and log line once, and what it costs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sagewizard.algorithms import MetricDefinition
from sagewizard.engine.costs import TRAINING
from sagewizard.engine.following import JobWatch
from sagewizard.engine.logs import LogFollower, MetricReader
from sagewizard.tuning_events import Trial, TrialReported, best_of

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from sagewizard.engine.context import RunContext
    from sagewizard.engine.logs import MetricPattern
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.recipe.tuning import Tuning

KIND = "training-job"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
PAGE = 100
# CloudWatch shows the last lines a little after a job has ended: so many looks without any, and it is all.
QUIET_LOOKS = 2


class Trials:
    """The children of one tuning job, as this process has seen them."""

    def __init__(
        self,
        context: RunContext,
        job: str,
        tuning: Tuning,
        metrics: Iterable[MetricPattern],
        machine: tuple[str, int],
    ) -> None:
        self._context = context
        self._job = job
        self._tuning = tuning
        self._metrics = tuple(metrics)
        self._machine = machine
        self._watches: dict[str, JobWatch] = {}
        self._quiet: dict[str, int] = {}
        self.trials: dict[str, Trial] = {}
        self.artifacts: dict[str, str] = {}
        # The logs that an earlier process has read to their end are not told again.
        self._followed: list[str] = list(context.state.step("tune").outputs.get("followed", []))

    @property
    def all(self) -> tuple[Trial, ...]:
        """All trials so far in the order of their creation."""
        return tuple(self.trials.values())

    @property
    def best(self) -> Trial | None:
        """The best trial so far."""
        return best_of(self.trials.values(), self._tuning.goal)

    @property
    def done(self) -> int:
        """How many have ended."""
        return sum(trial.over for trial in self.trials.values())

    def look(self) -> None:
        """Ask for all children; tell what is new of each, read the logs of those at work."""
        for number, found in enumerate(self._children(), start=1):
            trial = self._trial(number, found)
            before = self.trials.get(trial.name)
            if before is not None:
                trial = dataclasses.replace(trial, billed_seconds=before.billed_seconds)
            if trial.over and trial.billed_seconds is None:
                trial = self._close(trial)
            self._bill(trial)
            if trial != before:
                self.trials[trial.name] = trial
                self._tell(trial)
        self.read_logs()

    def read_logs(self) -> bool:
        """Tell the new log lines of every trial; False once all have ended and nothing more comes."""
        more = False
        for trial in self.all:
            if trial.name in self._followed:
                continue
            watch = self._watches.get(trial.name)
            if watch is None:
                follower = LogFollower(self._context.api, LOG_GROUP, f"{trial.name}/")
                watch = JobWatch(self._context, KIND, trial.name, follower, MetricReader(self._metrics))
                self._watches[trial.name] = watch
            new = watch.log()
            if not trial.over or new:
                self._quiet[trial.name] = 0
                more = True
                continue
            self._quiet[trial.name] = self._quiet.get(trial.name, 0) + 1
            if self._quiet[trial.name] >= QUIET_LOOKS:
                self._followed.append(trial.name)
                del self._watches[trial.name]
                self._context.state.step("tune").outputs["followed"] = list(self._followed)
            else:
                more = True
        return more

    def _children(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            answer = self._context.api(
                "sagemaker", "ListTrainingJobsForHyperParameterTuningJob", show=False,
                HyperParameterTuningJobName=self._job, SortBy="CreationTime", SortOrder="Ascending",
                MaxResults=PAGE, **more,
            )  # fmt: skip
            found += answer.get("TrainingJobSummaries", [])
            token = answer.get("NextToken")
            if not token:
                return found
            more = {"NextToken": token}

    def _trial(self, number: int, found: dict[str, Any]) -> Trial:
        metric = found.get("FinalHyperParameterTuningJobObjectiveMetric")
        status = str(found["TrainingJobStatus"])
        chosen = found.get("TunedHyperParameters") or {}
        order = [entry.name for entry in self._tuning.ranges]
        return Trial(
            name=str(found["TrainingJobName"]),
            number=number,
            status=status,
            hyperparameters={name: str(chosen[name]) for name in [*order, *chosen] if name in chosen},
            objective=None if metric is None else float(metric["Value"]),
            started=_seconds(found.get("TrainingStartTime")),
            ended=_seconds(found.get("TrainingEndTime")),
            reason=str(found.get("FailureReason", "")),
        )

    def _close(self, trial: Trial) -> Trial:
        """Ask once what an ended job is billed, and where its model is."""
        answer = self._context.api("sagemaker", "DescribeTrainingJob", show=False, TrainingJobName=trial.name)
        artifact = (answer.get("ModelArtifacts") or {}).get("S3ModelArtifacts")
        if artifact:
            self.artifacts[trial.name] = artifact
        return dataclasses.replace(trial, billed_seconds=float(answer.get("BillableTimeInSeconds") or 0))

    def _bill(self, trial: Trial) -> None:
        if trial.started is None:
            return
        meter = self._context.meter
        instance_type, count = self._machine
        meter.start(KIND, trial.name, TRAINING, instance_type, count, trial.started)
        if trial.over:
            meter.stop(KIND, trial.name, at=trial.ended, billed_seconds=trial.billed_seconds)

    def _tell(self, trial: Trial) -> None:
        best = self.best
        self._context.emit(
            TrialReported, job=self._job, trial=trial, objective=self._tuning.objective,
            best=best.name if best else "", best_objective=best.objective if best else None,
            done=self.done, jobs=self._tuning.jobs,
        )  # fmt: skip


def metric_patterns(recipe: Recipe) -> tuple[MetricPattern, ...]:
    """Return the metric definitions of a recipe's jobs: the algorithm's, and those of a script."""
    own = (MetricDefinition(name, regex) for name, regex in recipe.file.algorithm.metrics.items())
    return (*recipe.algorithm.metric_definitions, *own)


def _seconds(moment: datetime.datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
