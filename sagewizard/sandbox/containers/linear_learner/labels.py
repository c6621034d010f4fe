"""Checks the labels and widths of the channels, and weighs the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sagewizard.sandbox.containers.contract import CustomerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sagewizard.sandbox.containers.linear_learner.candidates import Candidate
    from sagewizard.sandbox.containers.linear_learner.configuration import Configuration
    from sagewizard.sandbox.containers.reading import Table

    Array = NDArray[np.float32]


def check_width(channel: str, table: Table, expected: int) -> None:
    """Refuse a channel whose rows are not as wide as they must be, in the words of the real log."""
    if table.width != expected:
        raise CustomerError(
            f"Unable to read data channel '{channel}'. The feature dimension of the data does not match: "
            f"cannot copy sequence with size {table.width} to array axis with dimension {expected}"
        )


def check_labels(channel: str, labels: Array, configuration: Configuration) -> None:
    """Refuse labels that are no class of a classifier; `train` must hold more than one class."""
    if configuration.regression:
        return
    classes = configuration.classes
    wrong = np.flatnonzero((labels != np.floor(labels)) | (labels < 0) | (labels >= classes))
    if len(wrong):
        row, value = int(wrong[0]), float(labels[wrong[0]])
        allowed = (
            "0 or 1" if configuration.binary else f"an integer from 0 to {classes - 1} (num_classes - 1)"
        )
        raise CustomerError(
            f"The label of a {configuration.predictor_type} must be {allowed}, but the label of row "
            f"{row + 1} in data channel '{channel}' is {value:g}. Please fix the input and try again."
        )
    if channel == "train" and len(labels) and (labels == labels[0]).all():
        raise CustomerError(
            f"The data channel 'train' has only one class: every label is {labels[0]:g}. A "
            f"{configuration.predictor_type} needs examples of at least two classes."
        )


def positive_weight_choices(labels: Array, configuration: Configuration) -> tuple[float, ...]:
    """Return the weights of positives that `auto` tries; empty unless it is `auto`."""
    if not configuration.binary or configuration.positive_example_weight_mult != "auto":
        return ()
    return (1.0, balanced_weight(labels))


def balanced_weight(labels: Array) -> float:
    """Return the weight that makes all positives together count as much as all negatives."""
    positives = int((labels > 0).sum())
    return (len(labels) - positives) / max(positives, 1)


def class_weights(labels: Array, configuration: Configuration, models: list[Candidate]) -> Array | None:
    """Return the weight of each class in each model, (C, M), or None when all weigh the same."""
    if configuration.binary:
        setting = configuration.positive_example_weight_mult
        if setting == "auto":
            positive = [model.positive_weight or 1.0 for model in models]
        else:
            positive = [balanced_weight(labels) if setting == "balanced" else float(setting)] * len(models)
        if all(weight == 1.0 for weight in positive):
            return None
        return np.array([[1.0] * len(models), positive], np.float32)
    if configuration.multiclass and configuration.balance_multiclass_weights:
        counts = np.bincount(labels.astype(np.intp), minlength=configuration.classes)
        present = counts > 0
        weights = np.where(present, len(labels) / (present.sum() * np.maximum(counts, 1)), 1.0)
        return np.repeat(weights[:, None], len(models), axis=1).astype(np.float32)
    return None
