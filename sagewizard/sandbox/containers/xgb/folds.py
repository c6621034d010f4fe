"""Cross-validation inside a job: a model for each fold, their mean metrics, and the held-back predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.sandbox.containers.xgb.boosting import boost

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from sagewizard.sandbox.containers.xgb.boosting import Job

PREDICTIONS = "predictions.csv"


def cross_validate(job: Job, matrix: Any, folds: int, repeats: int, seed: int, output: Path) -> list[Any]:
    """Train `folds` x `repeats` boosters and return them in order.

    Folds are stratified for classification and shuffled from `seed`. `output`/predictions.csv gets a row for
    each row of data: label, mean probability and commonest class, or label and mean prediction.
    """
    from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

    labels = matrix.get_label()
    objective = str(job.parameters.get("objective", "reg:squarederror"))
    classification = "num_class" in job.parameters or objective.startswith("binary:")
    job.log.info(f"Run {repeats}-round of {folds}-fold cross validation with {matrix.num_row()} rows")
    splitter = RepeatedStratifiedKFold if classification else RepeatedKFold
    split = splitter(n_splits=folds, n_repeats=repeats, random_state=seed)
    boosters: list[Any] = []
    results: list[dict[str, dict[str, list[float]]]] = []
    predicted = np.zeros((len(labels), repeats))
    probability = np.zeros((len(labels), repeats))
    for number, (train, held_back) in enumerate(split.split(np.zeros(len(labels)), labels)):
        if job.stopping.is_set():
            break
        job.log.info(f"Train cross validation fold {number % folds + 1}")
        result: dict[str, dict[str, list[float]]] = {}
        rest = matrix.slice(held_back)
        boosters.append(boost(job, matrix.slice(train), rest, result))
        results.append(result)
        values = boosters[-1].predict(rest, iteration_range=best_range(boosters[-1]))
        column = number // folds
        predicted[held_back, column], probability[held_back, column] = _judged(values, classification)
        if len(boosters) % folds == 0:
            job.log.info(f"The metrics of round {len(boosters) // folds} cross validation")
            _report(job, results[-folds:])
    if len(boosters) == folds * repeats:
        job.log.info(f"Storing predictions on validation set(s) in /opt/ml/output/data/{PREDICTIONS}")
        columns = [labels, probability.mean(axis=1), _commonest(predicted)] if classification else None
        output.mkdir(parents=True, exist_ok=True)
        np.savetxt(
            output / PREDICTIONS,
            np.column_stack(columns or [labels, predicted.mean(axis=1)]),
            delimiter=",",
            fmt="%f",
        )
        if repeats > 1:
            job.log.info(f"The overall metrics of {repeats}-round cross validation")
            _report(job, results)
    return boosters


def best_range(booster: Any) -> tuple[int, int]:
    """Return the rounds to predict with: up to the best one after early stopping, else all."""
    best = booster.attr("best_iteration")
    return (0, int(best) + 1) if best is not None else (0, 0)


def _judged(
    values: NDArray[np.float32], classification: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn predictions into (class or value, probability of it)."""
    if not classification:
        return values.astype(np.float64), values.astype(np.float64)
    if values.ndim > 1:
        return values.argmax(axis=1).astype(np.float64), values.max(axis=1).astype(np.float64)
    return (values > 0.5).astype(np.float64), values.astype(np.float64)


def _commonest(predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the commonest class of each row, the smallest of several."""
    classes = np.unique(predicted)
    counts = (predicted[:, :, None] == classes).sum(axis=1)
    return np.asarray(classes[counts.argmax(axis=1)])


def _report(job: Job, results: list[dict[str, dict[str, list[float]]]]) -> None:
    values = [
        f"{data}-{name}:{np.mean([float(result[data][name][-1]) for result in results]):.5f}"
        for name in results[0]["train"]
        for data in ("train", "validation")
    ]
    job.log.line("\t".join([f"[{job.rounds}]", *values]))
