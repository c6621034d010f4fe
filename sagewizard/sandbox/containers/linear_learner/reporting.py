"""The log of a Linear Learner job, line for line in the shape of the Python 3 container of 2021 and later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from sagewizard.sandbox.containers.joblog import single

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagewizard.sandbox.containers.contract import TrainingContainer
    from sagewizard.sandbox.containers.linear_learner.candidates import Candidate
    from sagewizard.sandbox.containers.linear_learner.configuration import Configuration
    from sagewizard.sandbox.containers.linear_learner.scaling import Scaler
    from sagewizard.sandbox.containers.linear_learner.scores import Score
    from sagewizard.sandbox.containers.linear_learner.training import Epoch

ALGORITHM = "Linear Learner"
_RESOURCES = "/opt/amazon/lib/python3.7/site-packages/algorithm/resources"


class Report:
    """Writes a job's log; the metric definitions of the catalogue parse it."""

    def __init__(self, container: TrainingContainer) -> None:
        self.container = container
        self.log = container.log
        self.host = container.current_host

    def entry(self) -> None:
        """Write what the container says before it reads anything."""
        self.log.line("Docker entrypoint called with argument(s): train")
        self.log.line("Running default environment configuration script")
        self.log.line("Running custom environment configuration script")

    def configuration(self, default: Mapping[str, str], provided: Mapping[str, str]) -> None:
        """Write the defaults and what the job set; before it is checked, so that a refusal can be traced."""
        self.log.info(f"Reading default configuration from {_RESOURCES}/default-input.json: {dict(default)}")
        self.log.info(
            "Merging with provided configuration from /opt/ml/input/config/hyperparameters.json: "
            f"{dict(provided)}"
        )

    def start(self, final: Mapping[str, str]) -> None:
        """Write the final configuration and how the worker stands."""
        self.log.info(f"Final configuration: {dict(final)}")
        self.log.line("Process 1 is a worker.")
        self.log.info("Using default worker.")
        self.log.info("Checkpoint loading and saving are disabled.")
        self.log.info("Create Store: local")

    def scaler(self, scaler: Scaler, configuration: Configuration) -> None:
        """Write the statistics of features and label."""
        label = configuration.regression
        entries = {
            "stdev_weight": _array(scaler.deviation),
            "mean_weight": _array(scaler.mean),
            "stdev_label": _array(np.array([scaler.label_deviation])) if label else "None",
            "mean_label": _array(np.array([scaler.label_mean])) if label else "None",
        }
        text = ", ".join(f"'{name}': {value}" for name, value in entries.items())
        self.log.info(f"Scaling model computed with parameters:\n {{{text}}}")
        self.log.info("Number of GPUs being used: 0")

    def epoch(self, epoch: Epoch, objective: str) -> None:
        """Write the losses of all models and of early stopping; the quality lines are model 0's."""
        parts = [("train", epoch.train_losses)]
        if epoch.validation_losses is not None:
            parts.append(("validation", epoch.validation_losses))
        for split, losses in parts:
            for model, value in enumerate(losses):
                dimensions = {
                    "Algorithm": ALGORITHM,
                    "Host": self.host,
                    "Operation": "training",
                    "epoch": epoch.number,
                    "model": model,
                }
                name = f"{split}_{objective}"
                self.log.metrics(epoch.start, epoch.end, dimensions, {name: single(float(value))})
            self.log.info(
                f"#quality_metric: host={self.host}, epoch={epoch.number}, {split} {objective} "
                f"<loss>={float(losses[0])}"
            )
        self.log.info(
            f"#early_stopping_criteria_metric: host={self.host}, epoch={epoch.number}, "
            f"criteria={epoch.criterion}, value={epoch.value}"
        )
        if epoch.improved:
            self.log.info(f"Epoch {epoch.number}: Loss improved. Updating best model")
        else:
            self.log.info(f"Epoch {epoch.number}: Loss has not improved for {epoch.stale} epochs.")

    def progress(self, epoch: Epoch, epochs: int, checkpoint: str) -> None:
        """Write the checkpoint, how far the job is, and how fast it goes."""
        self.log.info(f"Saving model for epoch: {epoch.number}")
        self.log.info(f'Saved checkpoint to "{checkpoint}"')
        done = 100 * (epoch.number + 1) / epochs
        self.log.info(f"#progress_metric: host={self.host}, completed {done} % of epochs")
        self.log.info(
            f"#throughput_metric: host={self.host}, train throughput={epoch.records / epoch.seconds} "
            "records/second"
        )
        if epoch.stop:
            self.log.info("Early stop condition met. Stopping training.")

    def scores(self, split: str, scores: Sequence[Score]) -> None:
        """Write the final figures of a channel, twice: as a tuple and as a quality metric."""
        for score in scores:
            self.log.info(f"#{split}_score ({self.host}) : ({score.name!r}, {score.value})")
        for score in scores:
            self.log.info(
                f"#quality_metric: host={self.host}, {split} {score.name} <{score.kind}>={score.value}"
            )

    def best(self, candidate: Candidate, optimizer: str) -> None:
        """Write the hyperparameters of the model that won."""
        found = {
            "optimizer": optimizer,
            "learning_rate": candidate.learning_rate,
            "l1": candidate.l1,
            "wd": candidate.wd,
            "lr_scheduler_step": candidate.lr_scheduler_step,
            "lr_scheduler_factor": candidate.lr_scheduler_factor,
            "lr_scheduler_minimum_lr": candidate.lr_scheduler_minimum_lr,
        }
        self.log.info(f"Best model found for hyperparameters: {json.dumps(found)}")

    def closing(self, start: float, end: float, seconds: Mapping[str, Sequence[float]], epochs: int) -> None:
        """Write where the time went, in milliseconds."""
        values: dict[str, Mapping[str, float]] = {}
        for name, spans in seconds.items():
            spent = [span * 1000 for span in spans]
            if spent:
                values[name] = {"sum": sum(spent), "count": len(spent), "min": min(spent), "max": max(spent)}
        values["epochs"] = single(epochs)
        dimensions = {"Algorithm": ALGORITHM, "Host": self.host, "Operation": "training"}
        self.log.metrics(start, end, dimensions, values)


def _array(values: np.ndarray) -> str:
    """Write an array as MXNet prints one."""
    text = np.array2string(values.astype(np.float32), threshold=1000)
    return f"\n{text}\n<NDArray {len(values)} @cpu(0)>"
