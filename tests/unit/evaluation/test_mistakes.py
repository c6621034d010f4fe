"""What the model got wrong, the worst first."""

import json

import pytest

from sagewizard.errors import DataError
from sagewizard.evaluation import Mistake, binary_mistakes, multiclass_mistakes, regression_mistakes


def test_binary_mistakes_are_ordered_by_distance_from_the_threshold():
    found = binary_mistakes([1, 0, 1, 0, 0], [0.4, 0.95, 0.1, 0.2, 0.5], threshold=0.5)
    assert [(m.index, m.actual, m.predicted) for m in found] == [
        (1, "0", "1"),
        (2, "1", "0"),
        (0, "1", "0"),
        (4, "0", "1"),
    ]
    assert found[0].wrongness == pytest.approx(0.45)
    assert found[0].score == 0.95


def test_of_equally_wrong_rows_the_earlier_comes_first_and_the_limit_holds():
    assert [m.index for m in binary_mistakes([0] * 5, [0.9] * 5, limit=2)] == [0, 1]


def test_multiclass_mistakes_are_ordered_by_the_lead_of_the_wrong_class():
    scores = [[0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]
    found = multiclass_mistakes([1, 2, 1, "x"], scores, ["0", "1", "2"])
    assert [(m.index, m.actual, m.predicted) for m in found] == [(1, "2", "0"), (3, "x", "2"), (0, "1", "0")]
    assert [m.wrongness for m in found] == pytest.approx([0.9, 0.6, 0.2])


def test_regression_mistakes_are_ordered_by_absolute_error():
    found = regression_mistakes([1.0, 2.0, 3.0], [1.0, 5.0, 2.0])
    assert [(m.index, m.wrongness) for m in found] == [(1, 3.0), (2, 1.0)]


def test_a_perfect_model_has_no_mistakes():
    assert binary_mistakes([0, 1], [0.1, 0.9]) == []


def test_a_mistake_is_read_back_as_it_was_written():
    mistake = binary_mistakes([0], [0.9])[0]
    assert Mistake.from_dict(json.loads(json.dumps(mistake.as_dict()))) == mistake
    with pytest.raises(DataError, match="not a mistake"):
        Mistake.from_dict({"index": 1})
