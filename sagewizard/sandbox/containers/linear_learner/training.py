"""The training loop: all models at once, pass after pass over the mini-batches, and which one is best.

Parameters are one matrix (M * C, d) and one vector (M * C,): a mini-batch is one product for the scores of
all models and one for their gradients. Rows are taken in the order of the files; nothing is shuffled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagewizard.sandbox.containers.contract import CustomerError
from sagewizard.sandbox.containers.linear_learner import optimizers, thresholds
from sagewizard.sandbox.containers.linear_learner.candidates import schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from sagewizard.sandbox.containers.linear_learner.candidates import Candidate
    from sagewizard.sandbox.containers.linear_learner.configuration import Configuration
    from sagewizard.sandbox.containers.linear_learner.losses import Loss
    from sagewizard.sandbox.containers.linear_learner.scaling import Design

    Array = NDArray[np.float32]

SEED = 20171129
SAMPLE_ROWS = 100_000
"""Validation rows of which all models' scores are kept each epoch to judge them by a selection criterion."""
_CELLS = 1 << 20
"""Scores computed at a time when a channel is evaluated: 4 MB of float32."""


@dataclass(slots=True)
class Snapshot:
    """One model as it stood at the end of an epoch, in scaled space: weights (C, d), bias (C,)."""

    model: int
    epoch: int
    value: float
    weights: Array
    bias: Array


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch came to.

    Losses are (M,); `criterion` and `value` are what early stopping looks at, `stale` is how many epochs in a
    row had brought nothing before this one, `seconds` the time of the updates alone.
    """

    number: int
    start: float
    end: float
    seconds: float
    records: int
    train_losses: NDArray[np.float64]
    validation_losses: NDArray[np.float64] | None
    criterion: str
    value: float
    improved: bool
    stale: int
    stop: bool


class Trainer:
    """Trains all candidates on one design; `best` is the model to keep, None before the first epoch."""

    def __init__(
        self,
        configuration: Configuration,
        models: list[Candidate],
        loss: Loss,
        train: Design,
        validation: Design | None,
        class_weights: Array | None,
        objective: str,
    ) -> None:
        self.configuration = configuration
        self.models = models
        self.loss = loss
        self.train = train
        self.validation = validation
        self.class_weights = class_weights
        self.objective = objective
        self.best: Snapshot | None = None
        self.stale = 0
        self.updates = 0
        self.alive = np.ones(len(models), bool)
        outputs, width = configuration.outputs, int(train.matrix.shape[1])
        self.outputs = outputs
        count = len(models) * outputs
        generator = np.random.default_rng(SEED)
        # Model 0 starts the same however many models there are.
        if configuration.init_method == "normal":
            start = generator.standard_normal((count, width), np.float32) * np.float32(
                configuration.init_sigma
            )
        else:
            start = generator.random((count, width), np.float32) * np.float32(2) - np.float32(1)
            start *= np.float32(configuration.init_scale)
        # Weight decay alone would shrink these to subnormal numbers, which are a hundred times slower.
        start[:, train.empty_columns()] = 0
        self.weights: Array = start
        bias = configuration.init_bias if configuration.use_bias else 0.0
        self.bias: Array = np.full((count, 1), bias, np.float32)
        build = (configuration.optimizer, configuration.momentum, configuration.beta_1, configuration.beta_2)
        self.weight_steps = optimizers.build(build[0], self.weights.shape, *build[1:])
        self.bias_steps = optimizers.build(build[0], self.bias.shape, *build[1:])
        self.schedule = schedule(models, active=configuration.use_lr_scheduler)
        self.wd = _rows([model.wd for model in models], outputs)
        self.l1 = _rows([model.l1 for model in models], outputs)
        self.sparse_rows = _span(np.flatnonzero(self.l1))

    def run(self, now: Callable[[], float], stopping: Callable[[], bool]) -> Iterator[Epoch]:
        """Train epoch by epoch until all are done, nothing improves any more, or `stopping` says so."""
        for number in range(self.configuration.epochs):
            start = now()
            losses = self._pass(stopping)
            if losses is None:
                return
            updated = now()
            self._drop_diverged(losses)
            validation = self._judge_validation()
            losses[~self.alive] = np.inf
            if validation is not None:
                validation.losses[~self.alive] = np.inf
            outcome = self._compare(number, losses, validation)
            yield Epoch(
                number,
                start,
                now(),
                max(updated - start, 1e-9),
                self.train.rows,
                losses,
                None if validation is None else validation.losses,
                outcome.criterion,
                outcome.value,
                outcome.improved,
                outcome.stale,
                outcome.stale + 1 >= self.configuration.early_stopping_patience and not outcome.improved,
            )

    def _pass(self, stopping: Callable[[], bool]) -> NDArray[np.float64] | None:
        """Go through the training rows once; each model's mean loss while it learned, None when stopped."""
        rows, size = self.train.rows, self.configuration.mini_batch_size
        total = np.zeros(len(self.models))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for start in range(0, rows, size):
                if stopping():
                    return None
                total += self._update(start, min(start + size, rows))
        losses: NDArray[np.float64] = total / rows
        return losses

    def _update(self, start: int, end: int) -> NDArray[np.float64]:
        """Take one step on rows `start` to `end`; returns the summed loss of each model before it."""
        self.updates += 1
        labels = self.train.labels[start:end]
        scores = self.train.scores(start, end, self.weights, self.bias[:, 0])
        values, slopes = self.loss.values_and_slopes(scores, labels)
        if self.class_weights is not None:
            weights = self._row_weights(labels)
            values = values * weights
            slopes *= weights if self.outputs == 1 else weights.repeat(self.outputs, axis=1)
        slopes /= np.float32(end - start)
        gradient = self.train.gradient(start, end, slopes)
        gradient += self.wd * self.weights
        if self.sparse_rows is not None:
            span = self.sparse_rows
            gradient[span] += self.l1[span] * np.sign(self.weights[span])
        rates = _rows(self.schedule.rates(self.updates), self.outputs)
        self.weight_steps.step(self.weights, gradient, rates)
        if self.configuration.use_bias:
            bias_gradient = slopes.sum(axis=0)[:, None]
            if self.configuration.bias_wd_mult:
                bias_gradient += np.float32(self.configuration.bias_wd_mult) * self.wd * self.bias
            bias_rates = rates * np.float32(self.configuration.bias_lr_mult)
            self.bias_steps.step(self.bias, bias_gradient, bias_rates)
        total: NDArray[np.float64] = values.sum(axis=0, dtype=np.float64)
        return total

    def _row_weights(self, labels: Array) -> Array:
        """Return the weight of each row in each model, (n, M), from the weights of the classes (C, M)."""
        assert self.class_weights is not None
        return self.class_weights[labels.astype(np.intp)]

    def _drop_diverged(self, losses: NDArray[np.float64]) -> None:
        """Set models aside whose loss or weights are no finite numbers; an error when none is left."""
        outputs = self.outputs
        finite = np.isfinite(self.weights.sum(axis=1, dtype=np.float64)) & np.isfinite(self.bias[:, 0])
        sound = np.isfinite(losses) & finite.reshape(-1, outputs).all(axis=1)
        for model in np.flatnonzero(self.alive & ~sound):
            rows = slice(model * outputs, (model + 1) * outputs)
            self.weights[rows] = 0
            self.bias[rows] = 0
        self.alive &= sound
        if not self.alive.any():
            raise CustomerError(
                "Training diverged: the loss of every model is NaN or infinite. "
                "Use a smaller learning_rate, or set normalize_data to true."
            )

    def _judge_validation(self) -> Judgement | None:
        """Score the validation rows with all models: their losses, and the scores of the sample."""
        design, configuration = self.validation, self.configuration
        if design is None:
            return None
        sampled = configuration.binary and configuration.criterion.name != thresholds.LOSS
        limit = min(configuration.num_calibration_samples, SAMPLE_ROWS, design.rows) if sampled else 0
        sample = np.empty((limit, len(self.models)), np.float32)
        total = np.zeros(len(self.models))
        for start, scores in score_chunks(design, self.weights, self.bias[:, 0]):
            labels = design.labels[start : start + len(scores)]
            if configuration.regression:
                scores = design.scaler.restore(scores)
            values = self.loss.values(scores, labels)
            if self.class_weights is not None:
                values = values * self._row_weights(labels)
            total += values.sum(axis=0, dtype=np.float64)
            if start < limit:
                kept = min(len(scores), limit - start)
                sample[start : start + kept] = scores[:kept]
        return Judgement(total / design.rows, sample)

    def _compare(
        self, number: int, train_losses: NDArray[np.float64], validation: Judgement | None
    ) -> _Outcome:
        """Find the best model of the epoch, and keep it when it beats the best so far by the tolerance."""
        configuration = self.configuration
        losses = train_losses if validation is None else validation.losses
        criterion, higher = self.objective, False
        scores = losses
        if validation is not None and len(validation.sample):
            criterion, higher = f"sampled_{configuration.criterion.name}", True
            scores = self._criterion_values(validation.sample)
            scores[~self.alive] = -np.inf
        # On few rows many models share the best criterion; the loss decides among them.
        model = int(np.lexsort((losses, -scores if higher else scores))[0])
        value = float(scores[model])
        if self.best is None:
            improved = True
        else:
            gain = value - self.best.value if higher else self.best.value - value
            improved = gain > configuration.early_stopping_tolerance * abs(self.best.value)
        if improved:
            rows = slice(model * self.outputs, (model + 1) * self.outputs)
            self.best = Snapshot(model, number, value, self.weights[rows].copy(), self.bias[rows, 0].copy())
            self.stale = 0
            return _Outcome(criterion, value, True, 0)
        stale = self.stale
        self.stale += 1
        return _Outcome(criterion, value, False, stale)

    def _criterion_values(self, sample: Array) -> NDArray[np.float64]:
        """Return the selection criterion of every model on the sample (n, M), each at its best threshold."""
        assert self.validation is not None
        criterion = self.configuration.criterion
        labels = self.validation.labels[: len(sample)]
        values = np.empty(sample.shape[1])
        for model in range(sample.shape[1]):
            scores = np.ascontiguousarray(sample[:, model])
            if self.configuration.loss == "logistic":
                scores = sigmoid(scores)
            values[model] = thresholds.choose(thresholds.cut(scores, labels, criterion.middle), criterion)[1]
        return values


@dataclass(slots=True)
class Judgement:
    """Validation losses (M,) and the scores of the sampled rows (n, M), no rows when there is no sample."""

    losses: NDArray[np.float64]
    sample: Array


@dataclass(frozen=True, slots=True)
class _Outcome:
    criterion: str
    value: float
    improved: bool
    stale: int


def score_chunks(design: Design, weights: Array, bias: Array) -> Iterator[tuple[int, Array]]:
    """Yield (first row, scores (n, K)) over a channel, a few megabytes at a time."""
    step = max(1, _CELLS // len(weights))
    for start in range(0, design.rows, step):
        yield start, design.scores(start, min(start + step, design.rows), weights, bias)


def sigmoid(scores: Array) -> Array:
    """Return 1 / (1 + exp(-score)) in float32, without overflow."""
    decay = np.exp(-np.abs(scores))
    upper = 1 / (1 + decay)
    return np.where(scores >= 0, upper, decay * upper).astype(np.float32, copy=False)


def softmax(scores: Array) -> Array:
    """Return the probabilities of the classes (n, C) in float32."""
    powers: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _rows(values: list[float] | NDArray[np.float64], outputs: int) -> Array:
    """Repeat a value a model for each of its outputs: (M,) to (M * C, 1)."""
    return np.repeat(np.asarray(values, np.float32), outputs)[:, None]


def _span(rows: NDArray[np.intp]) -> slice | NDArray[np.intp] | None:
    """Return rows as a slice where they are one, which numpy handles without a copy."""
    if not len(rows):
        return None
    if rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
