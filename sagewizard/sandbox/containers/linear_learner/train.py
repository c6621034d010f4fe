"""The training program of Linear Learner: from the channels of a job to model_algo-1."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sagewizard.sandbox.containers import ndarrays
from sagewizard.sandbox.containers.contract import TrainingContainer, run_training
from sagewizard.sandbox.containers.first_party import check_channels
from sagewizard.sandbox.containers.linear_learner import artifact, labels, losses, scores, thresholds
from sagewizard.sandbox.containers.linear_learner.candidates import AUTO_MODELS, candidates
from sagewizard.sandbox.containers.linear_learner.configuration import (
    Configuration,
    configure,
    default_configuration,
)
from sagewizard.sandbox.containers.linear_learner.reporting import Report
from sagewizard.sandbox.containers.linear_learner.scaling import Design, Scaler, fit_scaler
from sagewizard.sandbox.containers.linear_learner.training import Snapshot, Trainer, sigmoid
from sagewizard.sandbox.containers.reading import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sagewizard.sandbox.containers.linear_learner.losses import Loss
    from sagewizard.sandbox.containers.reading import Table

    Array = NDArray[np.float32]

CHANNELS = ("train", "validation", "test")
_PARAMETER_BYTES = 2 << 30
"""Memory for the parameters of all models, optimizer state included, before `auto` trains fewer of them."""


def main() -> int:
    """Run the job the environment describes; the exit code is that of the container."""
    return run_training(train)


def train(container: TrainingContainer) -> None:
    """Train, choose, calibrate, score and save; every refusal is a JobError with the container's sentence."""
    clock, report = container.clock, Report(container)
    start = clock.monotonic()
    started = clock.now()
    report.entry()
    report.configuration(default_configuration(), container.hyperparameters)
    configuration, final = configure(container.hyperparameters)
    report.start(final)
    check_channels(container, CHANNELS, supervised=True)
    designs, scaler = _prepare(container, configuration, report)
    prepared = clock.monotonic()

    job = _Job(container, configuration, designs, scaler, report)
    spans: dict[str, list[float]] = {"update.time": [], "check_early_stopping.time": []}
    with tempfile.TemporaryDirectory() as folder:
        for epoch in job.trainer.run(clock.now, container.stopping.is_set):
            report.epoch(epoch, job.objective)
            container.log.pipeline("/opt/ml/input/data/train", epoch.number + 2, epoch.seconds, *job.batches)
            report.progress(epoch, configuration.epochs, job.checkpoint(Path(folder)))
            spans["update.time"].append(epoch.seconds)
            spans["check_early_stopping.time"].append(max(epoch.end - epoch.start - epoch.seconds, 0.0))
            if epoch.stop:
                break
    trained = clock.monotonic()
    if job.trainer.best is None:
        container.log.warning("The job was stopped before its first epoch ended; there is no model to save.")
        return
    job.finish(job.trainer.best)
    end = clock.monotonic()
    spans |= {
        "setuptime": [prepared - start],
        "initialize.time": [prepared - start],
        "finalize.time": [end - trained],
        "totaltime": [end - start],
    }
    report.closing(started, clock.now(), spans, configuration.epochs)


def _prepare(
    container: TrainingContainer, configuration: Configuration, report: Report
) -> tuple[dict[str, Design], Scaler]:
    """Read and check all channels, fit the scaler on the training rows, and scale every channel in place."""
    clock = container.clock
    tables: dict[str, Table] = {}
    for name in CHANNELS:
        if name not in container.channels:
            continue
        begun = clock.monotonic()
        table = read_table(container, container.channels[name])
        expected = configuration.feature_dim
        if expected is None and tables:
            expected = tables["train"].width
        labels.check_width(name, table, expected or table.width)
        labels.check_labels(name, table.labels, configuration)
        first = min(configuration.mini_batch_size, table.rows)
        container.log.pipeline(
            f"/opt/ml/input/data/{name}", 0, clock.monotonic() - begun, 1, table.size * first // table.rows
        )
        tables[name] = table
    begun = clock.monotonic()
    train_table = tables["train"]
    scaler = fit_scaler(
        train_table.features,
        train_table.labels,
        configuration.num_point_for_scaler,
        normalize=configuration.normalize_data,
        unbias=configuration.unbias_data,
        normalize_label=configuration.normalize_label,
        unbias_label=configuration.unbias_label,
    )
    points = min(configuration.num_point_for_scaler, train_table.rows)
    batches = -(-points // configuration.mini_batch_size)
    size = train_table.size * points // train_table.rows
    container.log.pipeline("/opt/ml/input/data/train", 1, clock.monotonic() - begun, batches, size)
    report.scaler(scaler, configuration)
    designs = {}
    for name, table in tables.items():
        # Training minimises the loss of scaled labels; the other channels are judged in the label's units.
        own = scaler.scale_labels(table.labels) if name == "train" else table.labels
        designs[name] = Design(table.features, own, scaler)
    return designs, scaler


class _Job:
    """A prepared job: the trainer, and what is done with the model it finds."""

    def __init__(
        self,
        container: TrainingContainer,
        configuration: Configuration,
        designs: dict[str, Design],
        scaler: Scaler,
        report: Report,
    ) -> None:
        self.container, self.configuration = container, configuration
        self.designs, self.scaler, self.report = designs, scaler, report
        self.loss: Loss = configuration.build_loss()
        train = designs["train"]
        count = self._model_count(int(train.matrix.shape[1]))
        choices = labels.positive_weight_choices(train.labels, configuration)
        self.models = candidates(count, configuration.optimizer, configuration.fixed, choices)
        self.class_weights = labels.class_weights(train.labels, configuration, self.models)
        self.objective = self.loss.objective
        if self.class_weights is not None:
            self.objective = self.objective.replace("classification_", "classification_weighted_").replace(
                "multiclass_cross", "multiclass_weighted_cross"
            )
        validation = designs.get("validation")
        self.trainer = Trainer(
            configuration, self.models, self.loss, train, validation, self.class_weights, self.objective
        )
        size = sum(path.stat().st_size for path in container.channels["train"].files())
        self.batches = (-(-train.rows // configuration.mini_batch_size), size)

    def _model_count(self, width: int) -> int:
        """Return how many models to train; fewer than 32 where their parameters would not fit in memory."""
        configuration = self.configuration
        auto = self.container.hyperparameters.get("num_models", "auto") == "auto"
        if not auto or configuration.models != AUTO_MODELS:
            return configuration.models
        one = configuration.outputs * (width + 1) * 4 * 5  # weights, gradient, two moments, scratch
        return max(1, min(AUTO_MODELS, _PARAMETER_BYTES // one))

    def checkpoint(self, folder: Path) -> str:
        """Save the best parameters so far; returns the file's name as the log has it."""
        assert self.trainer.best is not None
        path = folder / artifact.PARAMETERS
        best = self.trainer.best
        path.write_bytes(
            ndarrays.dumps({"arg:fc0_weight": best.weights.T, "arg:fc0_bias": best.bias[None, :]})
        )
        return f"/tmp/{folder.name}/{path.name}"  # noqa: S108 - the container's own name for it

    def finish(self, best: Snapshot) -> None:
        """Calibrate the best model, score it on every channel, and save it on raw features."""
        calibration = self.designs.get("validation") or self.designs["train"]
        threshold = None
        if self.configuration.binary:
            threshold = self._threshold(calibration, best)
        elif self.configuration.regression:
            self._shift_bias(calibration, best)
        split = "validation" if "validation" in self.designs else "train"
        self.report.scores(split, self._score(split, best, threshold))
        self.report.best(self.models[best.model], self.configuration.optimizer)
        if "test" in self.designs:
            self.report.scores("test", self._score("test", best, threshold))
        else:
            self.container.log.info("Test data is not provided.")
        weights, bias = self.scaler.fold(best.weights, best.bias)
        settings = {
            "accuracy_top_k": self.configuration.accuracy_top_k,
            "f_beta": self.configuration.f_beta,
            "criterion": self.configuration.criterion.name,
        }
        model = artifact.LinearModel(
            self.configuration.predictor_type,
            self.configuration.loss,
            np.ascontiguousarray(weights.T),
            bias,
            threshold,
            settings,
        )
        artifact.write(model, self.container.model)

    def _threshold(self, design: Design, best: Snapshot) -> float:
        configuration = self.configuration
        raw = scores.predictions(design, best.weights, best.bias, configuration.num_calibration_samples)[:, 0]
        values = sigmoid(raw) if configuration.loss == "logistic" else raw
        known = design.labels[: len(values)]
        criterion = configuration.criterion
        return thresholds.choose(thresholds.cut(values, known, criterion.middle), criterion)[0]

    def _shift_bias(self, design: Design, best: Snapshot) -> None:
        """Move the bias to where the calibration rows have the least loss, if that is lower than without."""
        if not self.configuration.use_bias:
            return
        values, targets = self._targets(design, best, self.configuration.num_calibration_samples)
        residuals = targets.astype(np.float64) - values
        shift = np.float32(losses.best_shift(self.configuration.loss, residuals, self.configuration.quantile))
        before = scores.mean_loss(self.loss, values[:, None], targets, None)
        after = scores.mean_loss(self.loss, (values + shift)[:, None], targets, None)
        if after < before:
            best.bias += np.float32(shift / self.scaler.label_deviation)

    def _targets(self, design: Design, best: Snapshot, rows: int | None = None) -> tuple[Array, Array]:
        """Return predictions and labels of a regression, both in the label's own units."""
        values = self.scaler.restore(scores.predictions(design, best.weights, best.bias, rows)[:, 0])
        targets = design.labels[: len(values)]
        if design is self.designs["train"]:
            targets = self.scaler.restore(targets.copy())
        return values, targets

    def _score(self, split: str, best: Snapshot, threshold: float | None) -> Sequence[scores.Score]:
        design, configuration = self.designs[split], self.configuration
        if configuration.regression:
            return scores.regression_scores(*self._targets(design, best), self.loss, self.objective)
        raw = scores.predictions(design, best.weights, best.bias)
        weights = None if self.class_weights is None else self.class_weights[:, best.model]
        if threshold is not None:
            return scores.binary_scores(
                raw[:, 0], design.labels, threshold, configuration, self.loss, weights, self.objective
            )
        return scores.multiclass_scores(raw, design.labels, configuration, self.loss, weights, self.objective)
