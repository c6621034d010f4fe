"""The choice of a threshold, against trying every one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score, roc_auc_score

from sagewizard.sandbox.containers.linear_learner import thresholds
from sagewizard.sandbox.containers.linear_learner.thresholds import Criterion

ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]), st.booleans()), min_size=1, max_size=25
)


def at(scores: np.ndarray, labels: np.ndarray, threshold: float) -> tuple[float, float, float]:
    """Accuracy, precision and recall of `score > threshold`."""
    called, truth = scores > np.float32(threshold), labels > 0
    hits = (called & truth).sum()
    return (called == truth).mean(), hits / max(called.sum(), 1), hits / max(truth.sum(), 1)


def every_cut(scores: np.ndarray) -> np.ndarray:
    return np.concatenate(([-1.0], np.unique(scores)))


@settings(max_examples=200, deadline=None)
@given(ROWS, st.sampled_from(["accuracy", "f_beta", "recall", "precision"]))
def test_no_other_threshold_does_better(rows: list[tuple[float, bool]], which: str) -> None:
    scores = np.array([score for score, _ in rows], np.float32)
    labels = np.array([label for _, label in rows], np.float32)
    names = {"recall": "precision_at_target_recall", "precision": "recall_at_target_precision"}
    criterion = Criterion(names.get(which, which), beta=2.0, target_recall=0.7, target_precision=0.6)

    def value(threshold: float) -> float:
        accuracy, precision, recall = at(scores, labels, threshold)
        if which == "accuracy":
            return accuracy
        if which == "f_beta":
            return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0
        if which == "recall":
            return precision if recall >= 0.7 else recall - 0.7
        return recall if precision >= 0.6 else precision - 0.6

    chosen, reported = thresholds.choose(thresholds.cut(scores, labels), criterion)
    assert value(chosen) == pytest.approx(max(value(t) for t in every_cut(scores)))
    assert reported == pytest.approx(value(chosen))


@settings(max_examples=100, deadline=None)
@given(ROWS.filter(lambda rows: len({label for _, label in rows}) == 2))
def test_the_area_under_the_curve_is_that_of_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    scores = np.array([score for score, _ in rows], np.float32)
    labels = np.array([label for _, label in rows], np.float32)
    assert thresholds.cut(scores, labels).roc_auc() == pytest.approx(roc_auc_score(labels, scores))


def test_the_area_is_nan_with_one_class() -> None:
    assert np.isnan(thresholds.cut(np.array([0.1, 0.2], np.float32), np.ones(2, np.float32)).roc_auc())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_thresholds_separate_the_scores_they_lie_between(values: list[float]) -> None:
    scores = np.array(values, np.float32)
    cuts = thresholds.cut(scores, np.zeros(len(scores), np.float32))
    above = [(scores > threshold).sum() for threshold in cuts.thresholds]
    assert above == cuts.false_positives.tolist()
    assert above[0] == len(scores) and above[-1] == 0


def test_a_recall_target_is_reached_with_the_best_precision() -> None:
    generator = np.random.default_rng(1)
    labels = (generator.random(2000) < 0.1).astype(np.float32)
    scores = np.clip(0.5 * labels + generator.random(2000), 0, 1).astype(np.float32)
    criterion = Criterion("precision_at_target_recall", target_recall=0.9)
    chosen, precision = thresholds.choose(thresholds.cut(scores, labels), criterion)
    _, reached, recall = at(scores, labels, chosen)
    assert 0.9 <= recall < 0.92 and reached == pytest.approx(precision)


def test_a_precision_target_out_of_reach_gives_the_closest_one_and_no_error() -> None:
    scores = np.array([0.9, 0.8, 0.3, 0.2], np.float32)
    labels = np.array([0, 1, 0, 1], np.float32)
    criterion = Criterion("recall_at_target_precision", target_precision=0.9)
    chosen, value = thresholds.choose(thresholds.cut(scores, labels), criterion)
    assert at(scores, labels, chosen)[1] == 0.5 and value == pytest.approx(-0.4)


def test_equal_values_are_decided_for_the_middle() -> None:
    scores = np.array([0.05, 0.1, 0.8, 0.95], np.float32)
    labels = np.array([0, 1, 0, 1], np.float32)
    chosen, accuracy = thresholds.choose(thresholds.cut(scores, labels), Criterion("accuracy"))
    assert accuracy == 0.75 and at(scores, labels, chosen)[0] == 0.75
    assert chosen == pytest.approx(0.875) or chosen == pytest.approx(0.075)
    assert abs(chosen - 0.5) == pytest.approx(0.375)


def test_loss_function_leaves_the_threshold_in_the_middle() -> None:
    cuts = thresholds.cut(np.array([0.2, 0.4, 0.6], np.float32), np.array([0, 1, 1], np.float32))
    assert thresholds.choose(cuts, Criterion("loss_function")) == (0.5, pytest.approx(2 / 3))


def test_the_f_score_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(2)
    labels = generator.random(300) < 0.3
    called = labels ^ (generator.random(300) < 0.2)
    hits = (labels & called).sum()
    ours = thresholds.f_score(np.array([hits / called.sum()]), np.array([hits / labels.sum()]), 0.5)
    assert ours[0] == pytest.approx(fbeta_score(labels, called, beta=0.5))
