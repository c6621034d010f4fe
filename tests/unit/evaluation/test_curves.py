"""ROC and precision-recall curves, whole and thinned."""

import json
import math

import numpy as np
import pytest
from sklearn import metrics as reference

from sagewizard.errors import DataError, UsageError
from sagewizard.evaluation import Curve, ThresholdSweep, pr_curve, roc_curve

random = np.random.default_rng(7)
ACTUAL = random.integers(0, 2, 20_000)
SCORES = np.clip(random.normal(ACTUAL * 0.8, 1.0), -4, 4)


@pytest.mark.parametrize(("make", "ends"), [(roc_curve, ((0, 0), (1, 1))), (pr_curve, ((0, 1), (1, None)))])
def test_a_thinned_curve_keeps_its_ends_and_stays_close_to_the_whole(make, ends):
    whole, thin = make(ACTUAL, SCORES, points=10**6), make(ACTUAL, SCORES, points=300)
    assert len(whole.x) > 5000
    assert 50 < len(thin.x) <= 300
    assert thin.area == whole.area
    assert (thin.x[0], thin.y[0]) == ends[0]
    assert thin.x[-1] == 1
    assert thin.y[-1] == whole.y[-1]
    assert list(thin.x) == sorted(thin.x)
    assert set(zip(thin.x, thin.y, strict=True)) <= set(zip(whole.x, whole.y, strict=True))
    if make is roc_curve:
        assert np.abs(np.interp(whole.x, thin.x, thin.y) - whole.y).max() < 0.01


def test_each_point_is_what_its_threshold_gives():
    sweep = ThresholdSweep(ACTUAL, SCORES)
    roc, pr = roc_curve(ACTUAL, SCORES), pr_curve(ACTUAL, SCORES)
    for x, y, threshold in zip(roc.x, roc.y, roc.thresholds, strict=True):
        tp, fp, fn, tn = sweep.counts(threshold)
        assert (x, y) == pytest.approx((fp / (fp + tn), tp / (tp + fn)))
    for x, y, threshold in list(zip(pr.x, pr.y, pr.thresholds, strict=True))[1:]:
        tp, fp, fn, _ = sweep.counts(threshold)
        assert (x, y) == pytest.approx((tp / (tp + fn), tp / (tp + fp)))


def test_areas_agree_with_scikit_learn():
    assert roc_curve(ACTUAL, SCORES).area == pytest.approx(reference.roc_auc_score(ACTUAL, SCORES))
    assert pr_curve(ACTUAL, SCORES).area == pytest.approx(reference.average_precision_score(ACTUAL, SCORES))


def test_a_curve_is_plain_json_without_infinities():
    for make in (roc_curve, pr_curve):
        curve = make([0, 1, 1], [0.1, 0.4, 0.4])
        assert Curve.from_dict(json.loads(json.dumps(curve.as_dict(), allow_nan=False))) == curve


def test_one_class_has_no_curve():
    with pytest.raises(DataError, match="All 2 rows are of the class 1, so there is no ROC curve"):
        roc_curve([1, 1], [0.1, 0.2])
    with pytest.raises(DataError, match="no precision-recall curve"):
        pr_curve([0, 0], [0.1, 0.2])


def test_scores_that_are_not_numbers_are_an_error():
    with pytest.raises(DataError, match="row 1: scores is nan"):
        roc_curve([1, 0], [math.nan, 0.2])


def test_a_curve_needs_two_points():
    with pytest.raises(UsageError, match="cannot have 1 points"):
        roc_curve([1, 0], [0.1, 0.2], points=1)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "lift", "x": [], "y": [], "thresholds": [], "area": 1},
        {"kind": "roc", "x": [1], "y": [], "thresholds": [], "area": 1},
    ],
)
def test_a_foreign_document_is_not_read_as_a_curve(data):
    with pytest.raises(DataError, match="not a curve"):
        Curve.from_dict(data)
