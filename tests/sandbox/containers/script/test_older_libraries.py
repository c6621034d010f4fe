"""Scripts written for an image's own scikit-learn, pandas and numpy run with the installed ones."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import textwrap

import pytest

from sagewizard.sandbox.containers.registry import resolve
from sagewizard.sandbox.containers.script import packages
from sagewizard.sandbox.containers.script.images import Framework

# What scripts of the image 0.20.0 say, and each of which the installed libraries refuse.
SCRIPT = """
import json, warnings
warnings.simplefilter("ignore")
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, RandomForestRegressor
from sklearn.externals import joblib
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import mean_squared_error
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

table = pd.DataFrame({"a": [1.0, 2.0, 4.0, 8.0], "b": list("xyxy")})
column = make_column_transformer((["a"], StandardScaler()), (["b"], OneHotEncoder(sparse=False)))
x, y = table[["a"]].to_numpy(), np.array([0, 0, 1, 1], dtype=np.float)
forest = clone(RandomForestRegressor(criterion="mse", max_features="auto", n_estimators=3)).fit(x, y)
fitted = [
    LogisticRegression(penalty="none", multi_class="auto").fit(x, y),
    SGDClassifier(loss="log").fit(x, y),
    GradientBoostingClassifier(loss="deviance", n_estimators=2).fit(x, y),
    AdaBoostClassifier(base_estimator=DecisionTreeClassifier(), algorithm="SAMME.R").fit(x, y),
]
print(json.dumps([
    list(column.fit_transform(table).shape),
    mean_squared_error([0.0, 0.0], [3.0, 3.0], squared=False),
    CountVectorizer().fit(["one two"]).get_feature_names(),
    [forest.get_params()["criterion"], forest.get_params()["max_features"]],
    len(table.append({"a": 3.0, "b": "x"}, ignore_index=True)),
    str(pd.get_dummies(table)["b_x"].dtype),
    joblib.__name__,
]))
"""


def older():
    spec = importlib.util.spec_from_file_location("_older", packages.OLDER / "_sagewizard_sklearn.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_an_image_of_2018_had_is_there_for_its_scripts(tmp_path):
    programs = packages.create(tmp_path, Framework("sklearn", "0.20.0", "scikit-learn"))
    done = subprocess.run(
        [programs / "python", "-c", textwrap.dedent(SCRIPT)],
        capture_output=True, encoding="utf-8", timeout=100, check=False, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        [4, 3], 3.0, ["one", "two"], ["squared_error", 1.0], 5, "uint8", "joblib"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "dropped"),
    [
        ((0, 23, 1), {"sklearn.externals"}),
        ((1, 2, 1), {"sklearn.externals", "sklearn.feature_extraction.text"}),
    ],
)
def test_an_image_that_had_dropped_a_name_does_not_get_it_back(version, dropped):
    assert dropped <= set(older().patches((0, 20, 0)))
    assert not dropped & set(older().patches(version))


def test_environments_of_other_images_are_left_as_they_are(tmp_path):
    packages.create(tmp_path)
    [lines] = [path.read_text() for path in tmp_path.rglob("_beside.pth")]
    assert "older" not in lines


def test_an_image_that_is_not_there_says_in_one_line_what_is():
    with pytest.raises(LookupError, match=r"Of sagemaker-xgboost the sandbox has the tags 0\.90-1.*3\.2-0"):
        resolve("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:9.9-1")
    with pytest.raises(LookupError, match="and runs no images of your own") as caught:
        resolve("123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:latest")
    assert len(str(caught.value)) < 350
