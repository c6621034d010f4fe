"""Every shipped recipe without a screen, from its dataset to its teardown, in the real sandbox."""

from __future__ import annotations

import csv
import dataclasses
import json

import pytest

from sagewizard import events as ev
from sagewizard import outcome_events as oe
from sagewizard.engine import Engine, results
from sagewizard.recipe import finding, loading


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def run(sandbox):
    """Run a recipe to its end and return its events; kept, so that several tests may look at one run."""
    target, settings = sandbox
    kept = {}

    def of_recipe(name, data=None, **changes):
        key = (name, tuple(sorted(changes.items())))
        if key not in kept:
            recipe = finding.load(name) if isinstance(name, str) else name
            recipe = recipe.with_settings({path.replace("__", "."): value for path, value in changes.items()})
            engine = Engine(target, settings=dataclasses.replace(settings, data=data))
            kept[key] = list(engine.run(recipe))
        return kept[key]

    return of_recipe


def finished(events):
    end = events[-1]
    assert isinstance(end, ev.RunFinished), getattr(end, "message", end)
    assert end.complete
    assert not end.alive
    return end


def folder(sandbox, events):
    return sandbox[1].runs / events[0].run_id


@pytest.fixture(scope="module")
def vertebral(run, data_folder):
    return run("vertebral-xgboost", data_folder)


def test_the_vertebral_tutorial_ends_with_what_its_readers_get(vertebral):
    metrics = finished(vertebral).metrics
    assert metrics["accuracy"] == pytest.approx(26 / 31)
    assert metrics["roc_auc"] == pytest.approx(0.9143, abs=0.002)
    (compared,) = of(vertebral, oe.ThresholdsCompared)
    assert [row.threshold for row in compared.rows] == [0.65, 0.5]
    assert compared.positive == "Abnormal"
    assert all(row.tp + row.fp + row.fn + row.tn == 31 for row in compared.rows)
    (loaded,) = of(vertebral, ev.DatasetLoaded)
    assert loaded.rows == {"train": 248, "validation": 31, "test": 31}


def test_the_vertebral_objects_are_where_the_tutorial_has_them(vertebral, sandbox):
    target, _settings = sandbox
    prefix = f"sagewizard/{vertebral[0].run_id}/"
    s3 = target.client("s3")
    listed = s3.list_objects_v2(Bucket=target.bucket, Prefix=prefix)["Contents"]
    keys = {entry["Key"].removeprefix(prefix) for entry in listed}
    names = {"train/train.csv", "validate/validation.csv", "test/test.csv", "batch-in/batch-in.csv"}
    assert names <= keys
    assert any(key.endswith("/batch-in.csv.out") for key in keys)

    def rows(key):
        body = s3.get_object(Bucket=target.bucket, Key=prefix + key)["Body"].read().decode()
        return list(csv.reader(body.splitlines()))

    train, test, batch = rows("train/train.csv"), rows("test/test.csv"), rows("batch-in/batch-in.csv")
    assert {row[0] for row in train} == {"0", "1"}
    assert {len(row) for row in train} == {7}
    assert [row[1:] for row in test] == batch


def test_the_calls_of_the_vertebral_recipe_are_the_tutorials(vertebral):
    calls = {call.operation: call.request for call in of(vertebral, ev.ApiCalled)}
    training = calls["CreateTrainingJob"]
    assert training["HyperParameters"] == {
        "num_round": "42", "eval_metric": "auc", "objective": "binary:logistic",
    }  # fmt: skip
    assert training["AlgorithmSpecification"]["TrainingImage"].endswith("sagemaker-xgboost:1.0-1-cpu-py3")
    assert training["ResourceConfig"]["InstanceType"] == "ml.m4.xlarge"
    assert [channel["ContentType"] for channel in training["InputDataConfig"]] == ["text/csv"] * 2
    transform = calls["CreateTransformJob"]
    assert transform["BatchStrategy"] == "MultiRecord"
    assert transform["TransformInput"]["SplitType"] == "Line"
    assert transform["TransformOutput"]["AssembleWith"] == "Line"


def test_the_endpoint_is_gone_before_the_transform_begins(vertebral):
    order = [
        (event.kind, getattr(event, "resource", ""))
        for event in vertebral
        if isinstance(event, ev.ResourceDeleted | ev.ResourceCreated)
    ]
    gone = order.index(("resource_deleted", "endpoint"))
    assert order.index(("resource_deleted", "endpoint-config")) < order.index(
        ("resource_created", "transform-job")
    )
    assert gone < order.index(("resource_created", "transform-job"))
    (asked,) = of(vertebral, ev.PredictionMade)
    assert asked.request.count(",") == 5
    assert 0 < float(asked.response) < 1


def test_the_verdicts_are_kept_with_the_output(vertebral, sandbox):
    held = folder(sandbox, vertebral) / "results"
    answers = [float(line) for line in (held / "batch-in.csv.out").read_text().split()]
    with (held / "predictions-evaluated.csv").open() as file:
        verdicts = [float(row["predicted"]) for row in csv.DictReader(file)]
    assert verdicts == [float(answer > 0.65) for answer in answers]
    assert results.load(held.parent).threshold == 0.65


def test_rounds_of_xgboost_are_the_epochs_of_its_metrics(vertebral):
    rounds = [m.epoch for m in of(vertebral, ev.MetricReported) if m.name == "validation:auc"]
    assert rounds == list(range(42))


def test_the_offline_stand_in_takes_the_same_steps(run, vertebral):
    events = run("breast-cancer-xgboost")
    assert finished(events).metrics["accuracy"] >= 0.94
    assert events[0].steps == vertebral[0].steps


@pytest.mark.parametrize("name", ["diabetes-linear-regression", "abalone-xgboost"])
def test_a_regression_has_its_three_figures_and_its_residuals(run, data_folder, sandbox, name):
    events = run(name, data_folder)
    metrics = finished(events).metrics
    limits = {"diabetes-linear-regression": (60, 0.3), "abalone-xgboost": (2.4, 0.5)}[name]
    assert metrics["rmse"] < limits[0]
    assert metrics["mae"] < metrics["rmse"]
    assert metrics["r2"] > limits[1]
    assert all(not asked.graded for asked in of(events, ev.PredictionMade))
    found = results.load(folder(sandbox, events))
    assert found.kind == "regressor"
    assert len(found) == len(found.predicted)


@pytest.mark.parametrize(("name", "purity"), [("iris-kmeans", 0.8), ("digits-kmeans", 0.7)])
def test_clusters_have_sizes_labels_and_a_silhouette(run, sandbox, name, purity):
    events = run(name)
    metrics = finished(events).metrics
    assert metrics["purity"] >= purity
    assert -1 <= metrics["silhouette"] <= 1
    (found,) = of(events, oe.ClustersMeasured)
    assert sum(found.sizes) == sum(map(sum, found.counts))
    assert results.load(folder(sandbox, events)).kind == "clustering"
    assert of(events, ev.PredictionMade)[0].predicted.startswith("cluster ")


def test_a_script_of_ones_own_trains_and_serves(run):
    events = run("iris-sklearn-script")
    assert finished(events).metrics["accuracy"] >= 0.9
    assert any(metric.name == "validation:accuracy" for metric in of(events, ev.MetricReported))


@pytest.fixture
def own_file(tmp_path):
    path = tmp_path / "own.csv"
    lines = [f"{n},{n % 13},{['red', 'blue'][n % 2]},{['no', 'yes'][n % 13 > 6]}" for n in range(160)]
    path.write_text("id,x,colour,bought\n" + "\n".join(lines) + "\n")
    return path


def test_a_file_of_ones_own_runs_and_says_what_was_chosen(run, own_file):
    events = run("own-csv", None, dataset__path=str(own_file))
    assert finished(events).metrics["accuracy"] > 0.9
    said = " ".join(note.message for note in of(events, oe.Noted))
    assert "'bought'" in said
    assert "XGBoost" in said


def test_cross_validation_is_a_job_a_fold_and_costs_as_much(run, sandbox):
    events = run("breast-cancer-xgboost", None, train__folds="3", train__num_round="5")
    finished(events)
    (found,) = of(events, oe.CrossValidated)
    assert found.stratified
    (metric,) = found.metrics
    assert metric.name == "validation:auc"
    assert len(metric.values) == 3
    assert metric.mean == pytest.approx(sum(metric.values) / 3)
    assert found.billable_seconds >= 3
    assert found.usd > 0
    made = [e.name for e in of(events, ev.ResourceCreated) if e.resource == "training-job"]
    assert len(made) == 4
    state = json.loads((folder(sandbox, events) / "state.json").read_text())
    assert state["steps"]["train"]["outputs"]["folds"]["metrics"]["validation:auc"]["spread"] > 0


def test_another_threshold_needs_no_new_predictions(run, sandbox):
    events = run("breast-cancer-xgboost")
    target, settings = sandbox
    recipe = finding.load("breast-cancer-xgboost").with_settings({"evaluate.threshold": "0.05"})
    again = list(Engine(target, settings=settings).run(recipe, run_id=events[0].run_id, from_step="evaluate"))
    (first,), (second,) = of(events, oe.ThresholdsCompared), of(again, oe.ThresholdsCompared)
    assert second.rows[0].threshold == 0.05
    assert second.rows[0].tp >= first.rows[0].tp
    assert not of(again, ev.PredictionsCompared)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "The script cannot be read"),
        ("def model_fn(:\n", "no Python"),
        ("print('no model_fn')\n", "no function model_fn"),
    ],
)
def test_a_script_that_cannot_work_creates_nothing(sandbox, tmp_path, script, words):
    target, settings = sandbox
    recipe = tmp_path / "mine.yaml"
    recipe.write_bytes(finding.load("iris-sklearn-script").raw)
    if script is not None:
        (tmp_path / "iris_train.py").write_text(script)
    events = list(Engine(target, settings=settings).run(loading.load_file(recipe)))
    refused(events, settings, words)


@pytest.mark.parametrize("algorithm", ["xgboost", "linear-learner"])
def test_three_classes_of_ones_own_are_told_apart(run, tmp_path, algorithm):
    path = tmp_path / "three.csv"
    lines = [f"{n % 9},{n % 5},{'abc'[n % 9 // 3]}" for n in range(150)]
    path.write_text("size,kind,sort\n" + "\n".join(lines) + "\n")
    settings = {"dataset__path": str(path), "dataset__algorithm": algorithm, "evaluate__source": "transform"}
    events = run("own-csv", None, **settings)
    (made,) = of(events, ev.EvaluationMade)
    assert made.labels == ("a", "b", "c")
    assert made.metrics["accuracy"] > (0.95 if algorithm == "xgboost" else 0.5)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("own-csv", {}, "needs a file of yours"),
        ("breast-cancer-xgboost", {"dataset.positive_label": "bad"}, "no label 'bad'"),
        ("breast-cancer-xgboost", {"train.objective": "multi:softmax", "train.num_class": "5",
                                   "train.eval_metric": "merror"}, "num_class is 5"),
        ("iris-kmeans", {"train.feature_dim": "5"}, "feature_dim is 5"),
        ("iris-kmeans", {"train.k": "500"}, "k is 500"),
        ("iris-kmeans", {"predict.row": "900"}, "the test split has 45 rows"),
        ("breast-cancer-xgboost", {"deploy.instance_type": "ml.m4.huge"}, "no ml.m4.huge"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_data_creates_nothing(sandbox, name, changes, words):
    target, settings = sandbox
    events = list(Engine(target, settings=settings).run(finding.load(name).with_settings(changes)))
    refused(events, settings, words)


def refused(events, settings, words):
    end = events[-1]
    assert isinstance(end, ev.RunFailed)
    assert words in end.message
    assert end.remedy
    assert end.exit_code == 2
    assert not end.alive
    assert not of(events, ev.ResourceCreated)
    assert not (settings.runs / events[0].run_id).exists()
