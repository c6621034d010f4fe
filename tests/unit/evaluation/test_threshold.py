"""The threshold sweep against brute force, and the choice of the best threshold."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewizard.errors import DataError, UsageError
from sagewizard.evaluation import ThresholdChoice, ThresholdSweep, binary_metrics

# Few distinct values, so that ties are common; some far out, so that scores need not be probabilities.
scores = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 0.5000001, 1.0]), st.floats(-1e6, 1e6, allow_nan=False, width=32)
)
rows = st.lists(st.tuples(st.integers(0, 1), scores), min_size=1, max_size=50)
mixed = rows.filter(lambda pairs: len({label for label, _ in pairs}) == 2)


def brute(pairs, threshold):
    tp = sum(1 for label, score in pairs if label and score >= threshold)
    fp = sum(1 for label, score in pairs if not label and score >= threshold)
    fn = sum(1 for label, score in pairs if label and score < threshold)
    return tp, fp, fn, len(pairs) - tp - fp - fn


def sweep_of(pairs):
    return ThresholdSweep([label for label, _ in pairs], [score for _, score in pairs])


@given(rows, scores)
def test_counts_at_any_threshold_agree_with_counting(pairs, threshold):
    sweep = sweep_of(pairs)
    assert sweep.counts(threshold) == brute(pairs, threshold)
    matrix = sweep.matrix(threshold)
    assert (matrix.tp, matrix.fp, matrix.fn, matrix.tn) == brute(pairs, threshold)


@given(rows)
def test_the_listed_thresholds_give_every_count_that_occurs(pairs):
    sweep = sweep_of(pairs)
    seen = {sweep.counts(t) for t in sweep.thresholds}
    assert len(seen) == len(sweep.thresholds)
    probes = [score for _, score in pairs] + [math.inf, -math.inf]
    assert {brute(pairs, t) for t in probes} <= seen


@given(mixed, st.sampled_from([0.5, 1.0, 2.0]))
def test_best_f_beta_is_the_best_of_all_thresholds(pairs, beta):
    def f_beta(threshold):
        tp, fp, fn, _ = brute(pairs, threshold)
        return (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)

    choice = sweep_of(pairs).best("f_beta", beta=beta)
    best = max(f_beta(score) for _, score in pairs)
    assert choice.value == pytest.approx(best)
    assert f_beta(choice.threshold) == pytest.approx(best)


@given(mixed)
def test_best_accuracy_may_predict_nothing_positive(pairs):
    choice = sweep_of(pairs).best("accuracy")
    candidates = [score for _, score in pairs] + [math.inf]
    best = max((brute(pairs, t)[0] + brute(pairs, t)[3]) / len(pairs) for t in candidates)
    assert choice.value == pytest.approx(best)
    assert math.isfinite(choice.threshold)


@given(mixed, st.sampled_from([0.0, 0.5, 0.8, 1.0]))
def test_precision_at_recall_holds_the_recall_and_takes_the_best_precision(pairs, target):
    def precision_recall(threshold):
        tp, fp, fn, _ = brute(pairs, threshold)
        return (tp / (tp + fp) if tp + fp else 0.0), tp / (tp + fn)

    choice = sweep_of(pairs).best("precision_at_target_recall", target=target)
    best = max(p for p, r in (precision_recall(s) for _, s in pairs) if r >= target)
    assert (choice.precision, choice.recall) == pytest.approx(precision_recall(choice.threshold))
    assert choice.recall >= target
    assert choice.precision == choice.value == pytest.approx(best)


def test_recall_at_precision_takes_the_best_recall():
    choice = ThresholdSweep([0, 0, 1, 1, 0, 1], [0.1, 0.2, 0.3, 0.6, 0.7, 0.9]).best(
        "recall_at_target_precision", target=0.7
    )
    assert (choice.threshold, choice.precision, choice.recall) == (0.3, 0.75, 1.0)


def test_of_equal_thresholds_the_highest_is_taken():
    # 0.9 and 0.5 both give an accuracy of 2/3.
    assert ThresholdSweep([0, 1, 1], [0.5, 0.4, 0.9]).best("accuracy").threshold == 0.9


def test_a_target_that_cannot_be_reached_is_an_error_that_says_what_can():
    sweep = ThresholdSweep([1, 0], [0.1, 0.9])
    with pytest.raises(UsageError, match=r"the highest is 0\.5000 at 0\.1"):
        sweep.best("recall_at_target_precision", target=0.9)


@pytest.mark.parametrize(
    ("labels", "arguments", "message"),
    [
        ([1, 1], {"criterion": "f_beta"}, "All 2 rows are of the class 1"),
        ([0, 0], {"criterion": "accuracy"}, "All 2 rows are of the class 0"),
        ([0, 1], {"criterion": "f_beta", "beta": 0.0}, "beta is 0.0"),
        ([0, 1], {"criterion": "precision_at_target_recall"}, "needs a target"),
        ([0, 1], {"criterion": "precision_at_target_recall", "target": 1.5}, "needs a target"),
        ([0, 1], {"criterion": "gini"}, "'gini' is not a criterion"),
    ],
)
def test_a_choice_that_cannot_be_made_is_an_error_with_a_remedy(labels, arguments, message):
    with pytest.raises(UsageError, match=message) as caught:
        ThresholdSweep(labels, [0.2, 0.8]).best(**arguments)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("labels", "values", "message"),
    [
        ([], [], "empty"),
        ([0, 1], [0.1], "2 rows"),
        ([0, 2], [0.1, 0.2], "row 2: actual holds 2"),
        ([0, 1], [0.1, math.nan], "row 2: scores is nan"),
        ([0, 1], [math.inf, 0.1], "row 1: scores is inf"),
        ([0, 1], ["high", "low"], "not a number"),
    ],
)
def test_rows_that_cannot_be_swept_are_one_clear_error(labels, values, message):
    with pytest.raises(DataError, match=message):
        ThresholdSweep(labels, values)


@given(rows)
def test_stepping_up_and_down_visits_every_threshold(pairs):
    sweep = sweep_of(pairs)
    at, visited = -math.inf, []
    for _ in sweep.thresholds:
        at = sweep.step(at, 1)
        visited.append(at)
    assert visited == sweep.thresholds.tolist()
    assert sweep.step(at, 1) == at
    down = [at := sweep.step(at, -1) for _ in visited[1:]]
    assert down == visited[-2::-1]
    assert sweep.step(at, -1) == at
    assert sweep.step(0.3, 0) == 0.3


@given(rows, scores, st.integers(1, 60))
def test_nudging_moves_at_least_that_many_rows_or_to_the_end(pairs, threshold, count):
    sweep = sweep_of(pairs)

    def positive(at):
        return sum(sweep.counts(at)[:2])

    more, fewer = sweep.nudge(threshold, count), sweep.nudge(threshold, -count)
    assert positive(more) >= min(positive(threshold) + count, len(pairs))
    assert positive(fewer) <= max(positive(threshold) - count, 0)


def test_a_float32_score_read_back_as_a_threshold_counts_as_reached():
    values = np.array([0.1, 0.7], np.float32)
    sweep = ThresholdSweep([0, 1], values)
    assert sweep.counts(float(values[1])) == (1, 0, 0, 1)


def test_the_thresholds_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        ThresholdSweep([0, 1], [0.1, 0.9]).thresholds[0] = 3


def test_a_choice_is_read_back_as_it_was_written():
    choice = ThresholdSweep([0, 1, 1], [0.1, 0.9, 0.3]).best("precision_at_target_recall", target=0.8)
    assert ThresholdChoice.from_dict(json.loads(json.dumps(choice.as_dict()))) == choice
    with pytest.raises(DataError, match="not a choice of threshold"):
        ThresholdChoice.from_dict({"threshold": 1})


# The first example imports scikit-learn.
@settings(deadline=None)
@given(rows, scores)
def test_measures_at_a_threshold_are_those_of_all_rows_measured_again(pairs, threshold):
    labels, values = zip(*pairs, strict=True)
    again = binary_metrics(labels, values, threshold=threshold)
    found = sweep_of(pairs).measures(threshold)
    assert found == pytest.approx({name: getattr(again, name) for name in found}, abs=1e-12)
