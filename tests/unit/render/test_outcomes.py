from __future__ import annotations

import pytest

from sagewizard.events import from_json
from sagewizard.outcome_events import (
    ClustersMeasured,
    CrossValidated,
    FoldMetric,
    Noted,
    ThresholdRow,
    ThresholdsCompared,
)
from sagewizard.render import Ink, clusters, folds, residuals, scatter_chart, thresholds
from sagewizard.render.cells import cell_width

BASE = {"run_id": "r", "sequence": 1, "time": 0.0}
THRESHOLDS = ThresholdsCompared(
    **BASE, step="evaluate", split="test", positive="yes",
    rows=(
        ThresholdRow(0.65, 18, 2, 3, 8, 0.8387, 0.9, 0.8571, 0.878),
        ThresholdRow(0.5, 19, 3, 2, 7, 0.8387, 0.8636, 0.9048, 0.8837),
    ),
)  # fmt: skip
CLUSTERS = ClustersMeasured(
    **BASE, step="evaluate", split="test", labels=("a", "b"), names=("b", "a", ""), sizes=(3, 2, 0),
    counts=((0, 2, 0), (3, 0, 0)), silhouette=0.5,
)  # fmt: skip
FOLDS = CrossValidated(
    **BASE, step="train", folds=2, stratified=True, billable_seconds=3,
    metrics=(FoldMetric("validation:auc", 0.9, 0.05, (0.95, 0.85)),),
)  # fmt: skip


@pytest.mark.parametrize("event", [THRESHOLDS, CLUSTERS, FOLDS, Noted(**BASE, message="x", step="dataset")])
def test_the_events_survive_the_journal(event):
    assert from_json(event.to_json()) == event


def test_thresholds_stand_one_below_the_other_with_their_counts():
    _head, _line, first, second = thresholds(THRESHOLDS).splitlines()
    assert first.split() == ["0.65", "18", "2", "3", "8", "0.8387", "0.9000", "0.8571", "0.8780"]
    assert second.split()[0] == "0.5"


def test_clusters_show_labels_sizes_and_what_they_mostly_hold():
    lines = [line.split() for line in clusters(CLUSTERS).splitlines()]
    assert ["a", "0", "2", "0"] in lines
    assert ["rows", "3", "2", "0"] in lines
    assert ["mostly", "b", "a", "-"] in lines


def test_folds_show_mean_spread_and_every_value():
    assert folds(FOLDS).splitlines()[-1].split() == [
        "validation:auc", "0.9000", "0.0500", "0.9500", "0.8500",
    ]  # fmt: skip


@pytest.mark.parametrize("unicode", [True, False])
def test_residuals_have_a_line_at_zero_and_fit_the_width(unicode):
    picture = residuals([1.0, 2.0, 30.0], [2.0, 1.0, 3.0], ink=Ink(unicode=unicode, width=50))
    lines = picture.splitlines()
    assert all(cell_width(line) <= 50 for line in lines)
    (zero,) = [line for line in lines if line.lstrip().startswith("0 ")]
    (ten,) = [line for line in lines if line.lstrip().startswith("10 ")]
    assert len(set(zero)) > 1
    assert len(zero.split(maxsplit=2)[-1]) > len(ten.split(maxsplit=2)[-1]) or "10" in ten
    if not unicode:
        picture.encode("ascii")


def test_points_of_a_scatter_are_not_joined():
    picture = scatter_chart([0.0, 10.0], [0.0, 10.0], ink=Ink(unicode=False, width=40), height=8)
    assert sum(line.count("*") for line in picture.splitlines()) == 2


def test_nothing_to_draw_is_said():
    assert "Nothing" in scatter_chart([], [], level=0.0)
