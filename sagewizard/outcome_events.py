"""The events of what came out beyond one table of scores: thresholds side by side, clusters, folds, notes."""

from __future__ import annotations

from dataclasses import dataclass

from sagewizard.event_base import KINDS, Event, kind_of


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """What one threshold makes of the scores: a row is positive when its score is above it."""

    threshold: float
    tp: int
    fp: int
    fn: int
    tn: int
    accuracy: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class FoldMetric:
    """One metric over all folds: mean, sample standard deviation, and the value of each fold."""

    name: str
    mean: float
    spread: float
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Event):
    """Something was decided that a person may want to know, and decide otherwise."""

    message: str
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionScheduled(Event):
    """An endpoint was told to delete itself `at` a moment: `after` seconds without a use. Uses put it off."""

    endpoint: str
    at: float
    after: float
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdsCompared(Event):
    """The threshold in force, first, beside others, on the same rows."""

    step: str
    split: str
    positive: str
    rows: tuple[ThresholdRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClustersMeasured(Event):
    """`counts[i][j]`: rows of label i in cluster j; `names` is the most frequent label of each cluster."""

    step: str
    split: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    silhouette: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidated(Event):
    """The folds were trained and judged: mean and spread of each metric, and what they cost."""

    step: str
    folds: int
    stratified: bool
    metrics: tuple[FoldMetric, ...]
    billable_seconds: int
    usd: float | None = None


_ALL = (Noted, DeletionScheduled, ThresholdsCompared, ClustersMeasured, CrossValidated)
KINDS.update({kind_of(kind): kind for kind in _ALL})
