from __future__ import annotations

import numpy as np
import pytest

from sagewizard.data.csvio import read_csv
from sagewizard.data.datasets import DatasetSpec, load_dataset
from sagewizard.data.owncsv import encode, propose
from sagewizard.data.splits import folds
from sagewizard.errors import DataError
from sagewizard.settings import Settings


def table(tmp_path, text):
    path = tmp_path / "own.csv"
    path.write_text(text)
    return read_csv(path)


def rows(header, make, count=40):
    return header + "\n" + "\n".join(make(number) for number in range(count)) + "\n"


CHURN = rows("id,age,city,churn", lambda n: f"{n},{20 + n % 30},{'Paris' if n % 3 else 'Nice'},{'yn'[n % 2]}")


def test_text_of_two_values_in_the_last_column_is_a_yes_or_no(tmp_path):
    found = propose(table(tmp_path, CHURN))
    assert (found.label, found.task, found.classes) == (3, "binary_classifier", ("n", "y"))
    assert found.positive_label == "y"
    words = " ".join(found.reasons)
    for part in ("'churn'", "yes or no", "'id'", "'city' holds text", "2 columns of 0 and 1"):
        assert part in words


@pytest.mark.parametrize(
    ("text", "label", "task"),
    [
        (rows("a,b,target", lambda n: f"{n},{n * 2},{n * 1.5}"), 2, "regressor"),
        (rows("a,target,b", lambda n: f"{n},{n % 4},{n * 2}"), 1, "multiclass_classifier"),
        (rows("label,a,b", lambda n: f"{n % 2},{n},{n}"), 0, "binary_classifier"),
        (rows("1,0.5,2", lambda n: f"{n % 2},{n},{n}"), 0, "binary_classifier"),
        (rows("a,b,c", lambda n: f"{n},{n},{n * n}"), 2, "regressor"),
    ],
)
def test_label_and_task_follow_from_the_columns(tmp_path, text, label, task):
    found = propose(table(tmp_path, text))
    assert (found.label, found.task) == (label, task)


def test_what_a_person_says_is_kept(tmp_path):
    found = propose(table(tmp_path, CHURN), label="age", task="regressor", algorithm="xgboost")
    assert (found.label, found.task, found.algorithm) == (1, "regressor", "xgboost")


def test_few_rows_for_the_columns_take_linear_learner(tmp_path):
    header = ",".join(f"c{number}" for number in range(9)) + ",y"
    text = rows(header, lambda n: ",".join(str(n * k % 7) for k in range(1, 10)) + f",{n % 2}", 50)
    assert propose(table(tmp_path, text)).algorithm == "linear-learner"
    many = rows("a,y", lambda n: f"{n % 5},{n % 2}", 200)
    assert propose(table(tmp_path, many)).algorithm == "xgboost"


def test_gaps_become_the_median_and_rows_without_label_go(tmp_path):
    held = table(tmp_path, "a,b,y\n1,1,0\n,2,1\n3,3,\n9,4,1\n")
    encoded = encode(held, 2)
    assert encoded.features[:, 0].tolist() == [1.0, 3.0, 9.0]
    assert encoded.rows.tolist() == [0, 1, 3]
    assert any("median" in note for note in encoded.notes)
    assert any("1 rows without a label" in note for note in encoded.notes)


def test_a_text_among_numbers_is_an_error_with_its_place(tmp_path):
    text = rows("a,y", lambda n: f"{'oops' if n == 7 else n},{n % 2}")
    with pytest.raises(DataError) as caught:
        propose(table(tmp_path, text))
    assert "'oops' is not a number" in caught.value.message
    assert (caught.value.row, caught.value.column) == (9, "a")


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (rows("a,y", lambda n: f"{n},same"), {"label": "y"}, "same label"),
        (rows("a,y", lambda n: f"{n},t{n}"), {"label": "y"}, "different texts"),
        (CHURN, {"label": "chrun"}, "no column 'chrun'"),
        (CHURN, {"task": "regressor"}, "holds text"),
        (rows("a,y", lambda n: f"{n},{n % 3}"), {"task": "binary_classifier"}, "has two"),
        (rows("a,y", lambda n: f"{n},{n * 0.5}"), {"task": "multiclass_classifier"}, "too many"),
        (rows("name,y", lambda n: f"n{n},{n % 2}"), {}, "no column left"),
    ],
)
def test_what_cannot_be_learned_is_one_error_with_a_remedy(tmp_path, text, arguments, words):
    with pytest.raises(DataError) as caught:
        propose(table(tmp_path, text), **arguments)
    assert words in caught.value.message
    assert caught.value.remedy


def test_an_encoded_file_loads_as_numbers(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(CHURN)
    spec = DatasetSpec(path=str(path), label_column=4, encode=True, task="binary_classifier", seed=1)
    found = load_dataset(spec, settings=Settings(home=tmp_path, data=None))
    assert found.feature_names == ("age", "city=Nice", "city=Paris")
    assert found.class_names == ("n", "y")
    assert sum(len(part) for part in found.splits.values()) == 40


def test_folds_are_those_of_scikit_learn_and_hold_back_every_row_once():
    from sklearn.model_selection import StratifiedKFold

    classes = np.array([0] * 20 + [1] * 10)
    found = folds(30, 5, seed=3, stratify=classes)
    expected = StratifiedKFold(5, shuffle=True, random_state=3).split(np.zeros(30), classes)
    assert [held.tolist() for _kept, held in found] == [held.tolist() for _kept, held in expected]
    assert sorted(np.concatenate([held for _kept, held in found]).tolist()) == list(range(30))
    assert all(classes[held].sum() == 2 for _kept, held in found)
    with pytest.raises(DataError, match="rarest class has 10 rows"):
        folds(30, 11, seed=3, stratify=classes)
    with pytest.raises(DataError, match="cannot be divided"):
        folds(3, 5, seed=0)
