"""A tuning that cannot be is refused before anything is created, in a recipe file and by --set."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard import algorithms
from sagewizard.cli.tuning import plan_lines, summary_lines, trial_line
from sagewizard.engine.estimate import estimate
from sagewizard.errors import RecipeError, UsageError
from sagewizard.recipe import finding, ranges
from sagewizard.recipe.loading import load_text
from sagewizard.recipe.tuning import advice, tuning_of
from sagewizard.render import Ink, objective_chart, trial_table
from sagewizard.render.tuning import best_so_far
from sagewizard.tuning_events import Trial, TrialReported, TuningPlanned, best_of

DIGITS = finding.load("digits-linear-learner")
TEXT = DIGITS.raw.decode()
ON = {"tune.enabled": "true"}
TUNED = DIGITS.with_settings(ON)


def test_the_mnist_tuning_is_the_tutorials_own():
    tuning = tuning_of(finding.load("mnist-linear-learner"))
    found = {entry.name: (float(entry.low), float(entry.high)) for entry in tuning.ranges}
    assert found == {"wd": (1e-7, 1), "learning_rate": (1e-5, 1), "mini_batch_size": (100, 2000)}
    assert (tuning.objective, tuning.goal) == ("validation:binary_f_beta", "Maximize")
    assert (tuning.jobs, tuning.parallel, tuning.waves) == (6, 2, 3)


def test_the_vertebral_tuning_searches_five_hyperparameters():
    names = [entry.name for entry in tuning_of(finding.load("vertebral-xgboost")).ranges]
    assert names == ["alpha", "min_child_weight", "subsample", "eta", "num_round"]


@pytest.mark.parametrize(
    ("path", "value", "words", "remedy"),
    [
        ("tune.wd", "1..0.5", "lower end of the range, 1, is above its upper end, 0.5", "fixed"),
        ("tune.wd", "1..1", "nothing to search", "fixed"),
        ("tune.wd", "0..1 Logarithmic", "needs numbers above 0", "fixed"),
        ("tune.wd", "0..1 ReverseLogarithmic", "below 1", "fixed"),
        ("tune.wd", "0..1 log", "did you mean", "fixed"),
        ("tune.wd", "", "empty", "fixed"),
        ("tune.wd", "a..b", "'a'", "fixed"),
        ("tune.wd", "nan..1", "'nan'", "fixed"),
        ("tune.wd", "-1..1", "-1 is out of range", "fixed"),
        ("tune.mini_batch_size", "100.5..200", "whole number", "fixed"),
        ("tune.mini_batch_size", "0..200", "0 is out of range", "fixed"),
        ("tune.mini_batch_size", "100,200,100", "stands twice", "fixed"),
        ("tune.use_bias", "0..1", "list of values", "fixed"),
        ("tune.use_bias", "true,maybe", "'maybe'", "fixed"),
        ("tune.epochs", "1..5", "cannot be tuned", "learning_rate"),
        ("tune.wdd", "1..5", "nothing to set", "tune.wd"),
        ("tune.jobs", "0", "out of range", "from 1"),
        ("tune.jobs", "751", "more than SageMaker allows", "750"),
        ("tune.parallel", "11", "out of range", "10"),
        ("tune.objective_metric", "validation:f1", "no metric to aim at", "validation:binary_f_beta"),
        ("tune.objective_metric", "train:precision", "no metric to aim at", "validation:precision"),
        ("tune.objective_type", "Minimize", "the worst", "Maximize"),
        ("tune.max_epochs", "5", "for Hyperband", "Leave it out"),
        ("tune.warm_start", "a_b", "is not a name such as", "comma"),
        ("tune.not_improving", "2", "out of range", "3"),
        ("tune.max_tuning_seconds", "60", "out of range", "120"),
    ],
)
def test_what_cannot_be_is_one_error_with_its_remedy(path, value, words, remedy):
    with pytest.raises(UsageError) as caught:
        DIGITS.with_settings({**ON, path: value})
    assert words in caught.value.message
    assert remedy in caught.value.remedy
    assert path in caught.value.where


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tune.strategy": "Hyperband", "tune.early_stopping": "Auto"}, "ways? of its own"),
        ({"tune.strategy": "Hyperband", "tune.min_epochs": "30"}, "30, are more than the most, 15"),
        ({"tune.strategy": "Grid"}, "wd: a grid is made of lists"),
        (
            {"tune.wd": "fixed", "tune.learning_rate": "fixed", "tune.mini_batch_size": "fixed"},
            "nothing to tune",
        ),
        (
            {"tune.wd": "fixed", "tune.learning_rate": "fixed", "tune.mini_batch_size": "100,200"},
            "only 2 different combinations",
        ),
        (
            {"tune.strategy": "Grid", "tune.jobs": "5", "tune.wd": "0.1,1", "tune.learning_rate": "0.1,1",
             "tune.mini_batch_size": "fixed"},
            "has 4 combinations, and 5 jobs",
        ),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(changes, words):
    with pytest.raises(UsageError, match=words) as caught:
        TUNED.with_settings(changes)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "words", "key"),
    [
        ("wd: {min: 1.0e-7, max: 1}", "wd: {min: 1, max: 0.5}", "above its upper end", "wd"),
        ("wd: {min: 1.0e-7, max: 1}", "wd: {min: 0, max: 1, scaling: Logarithmic}", "above 0", "wd"),
        ("wd: {min: 1.0e-7, max: 1}", "wd: {min: 1}", "min and max", "wd"),
        ("wd: {min: 1.0e-7, max: 1}", "epochs: {min: 1, max: 5}", "cannot be tuned", "epochs"),
        ("wd: {min: 1.0e-7, max: 1}", "depth: {min: 1, max: 5}", "no hyperparameter 'depth'", "depth"),
        ("      jobs: 6", "      jobs: 800", "more than SageMaker allows", "jobs"),
        ("validation:binary_f_beta", "validation:f1", "no metric to aim at", "objective_metric"),
        ("      objective_metric: \"validation:binary_f_beta\"\n", "", "needs one to aim at", "tune"),
    ],
)  # fmt: skip
def test_a_fault_of_the_file_has_its_line(old, new, words, key):
    assert old in TEXT
    with pytest.raises(RecipeError, match=words) as caught:
        load_text(TEXT.replace(old, new, 1), "r.yaml")
    line = caught.value.line
    place = TEXT.replace(old, new, 1).splitlines()[line - 1]
    assert key in place or "tune" in place, place
    assert caught.value.remedy


def test_the_last_model_cannot_be_left_out():
    start = TEXT.index("  - step: train\n")
    text = TEXT[:start] + TEXT[TEXT.index("  - step: tune\n") :]
    with pytest.raises(RecipeError, match="cannot leave tune out"):
        load_text(text, "r.yaml")
    recipe = load_text(text.replace("enabled: false", "enabled: true"), "r.yaml")
    with pytest.raises(UsageError, match="no model to deploy"):
        recipe.with_settings({"tune.enabled": "false"})


def test_a_grid_counts_its_own_jobs():
    recipe = load_text(TEXT.replace("      jobs: 6\n", ""), "r.yaml").with_settings(
        {**ON, "tune.strategy": "Grid", "tune.wd": "0.1, 1", "tune.learning_rate": "0.1,1,0.01",
         "tune.mini_batch_size": "fixed"}
    )  # fmt: skip
    tuning = tuning_of(recipe)
    assert tuning.jobs == 6
    assert tuning.static["mini_batch_size"] == "100"


def test_a_script_aims_at_what_its_recipe_says_it_prints():
    recipe = next(
        (finding.load(name) for name in finding.shipped() if finding.load(name).algorithm.script_mode), None
    )
    if recipe is None:
        pytest.skip("no shipped recipe runs a script")
    option = ranges.named(recipe.algorithm, "max-depth")
    assert option is not None
    assert option.parse("1..10") == "1..10"
    assert ranges.read("max-depth", "1..10", option.definition).integer
    assert not ranges.read("max-depth", "0.1..10", option.definition).integer


def test_advice_names_what_is_beyond_the_recommendation():
    assert advice(TUNED) == []
    (text,) = advice(TUNED.with_settings({"tune.wd": "0..1"}))
    assert "wd" in text
    assert "1e-07 to 1" in text


def test_the_estimate_counts_every_job():
    class Prices:
        def hourly(self, region, instance_type, component):
            from sagewizard.target import Price

            return Price(0.6, "a made-up table")

    without = estimate(DIGITS, Prices(), "us-east-1")
    six = estimate(TUNED, Prices(), "us-east-1")
    twelve = estimate(TUNED.with_settings({"tune.jobs": "12"}), Prices(), "us-east-1")
    assert six.minutes - without.minutes == 9
    assert twelve.minutes - without.minutes == 18
    (item,) = [item for item in twelve.items if item.what == "tuning"]
    assert item.usd == pytest.approx(12 * 2 / 60 * 0.6)


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-10, 10_000)


@given(
    low=numbers, high=numbers,
    scaling=st.sampled_from(["", "Auto", "linear", "Logarithmic", "ReverseLogarithmic", "odd"]),
    name=st.sampled_from(["wd", "learning_rate", "mini_batch_size", "use_bias"]),
)  # fmt: skip
def test_any_range_is_searched_as_written_or_refused(low, high, scaling, name):
    option = ranges.named(algorithms.get("linear-learner"), name)
    text = f"{low}..{high} {scaling}"
    if option.fault(text) is not None:
        with pytest.raises(UsageError):
            option.parse(text)
        return
    found = ranges.read(name, option.parse(text), option.definition)
    assert -math.inf < float(found.low) < float(found.high) < math.inf
    assert (float(found.low), float(found.high)) == (low, high)
    assert option.parse(found.text) == found.text


@given(st.text(max_size=30))
def test_any_text_is_a_range_or_a_fault(text):
    option = ranges.named(algorithms.get("linear-learner"), "wd")
    fault = option.fault(text)
    assert fault is None or fault
    if fault is None:
        option.parse(text)


# What a person reads of it


def trial(number, objective, status="Completed", **more):
    values = {"wd": "1.2345678e-05", "mini_batch_size": "200"}
    return Trial(f"t-tune-{number:03d}-0a", number, status, values, objective, 10.0, 12.5, **more)


TRIALS = (
    trial(1, 0.5),
    trial(2, 0.9),
    trial(3, None, "Failed", reason="ClientError: bad"),
    trial(4, 0.7),
    trial(5, None, "InProgress"),
)


def test_the_best_is_the_best_of_those_that_have_ended():
    assert best_of(TRIALS, "Maximize").number == 2
    assert best_of(TRIALS, "Minimize").number == 1
    assert best_of(TRIALS[2:3], "Minimize") is None
    assert best_of([trial(1, 0.5), trial(2, 0.5)], "Maximize").number == 1
    assert best_so_far(TRIALS, "Maximize") == [0.5, 0.9, 0.9]
    assert best_so_far(TRIALS, "Minimize") == [0.5, 0.5, 0.5]


def test_the_table_has_the_best_first_and_the_failed_last():
    text = trial_table(TRIALS, "validation:auc", best=TRIALS[1].name, goal="Maximize", ink=Ink(width=110))
    head, _rule, *rows = text.splitlines()
    assert head.split() == ["job", "auc", "wd", "mini_batch_size", "status", "took"]
    assert rows[0].split() == ["2", "0.9", "1.235e-05", "200", "Completed", "2.5", "s", "best"]
    assert [row.split()[0] for row in rows] == ["2", "4", "1", "3", "5"]
    assert "Failed" in rows[3]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_table_and_chart_stay_within_their_width(width, unicode):
    ink = Ink(width=width, unicode=unicode)
    lines = trial_table(TRIALS, "auc", ink=ink).splitlines()
    lines += objective_chart(TRIALS, "auc", "Maximize", ink=ink).splitlines()
    lines += summary_lines("t-tune", TRIALS, "auc", "Maximize", TRIALS[1].name, 0.9, ink)[1:]
    assert all(len(line) <= max(width, 24) for line in lines)
    if not unicode:
        assert all(line.isascii() for line in lines)


def test_a_chart_needs_two_results():
    assert objective_chart(TRIALS[:1], "auc", "Maximize") == ""
    assert objective_chart((), "auc", "Maximize") == ""
    assert "best so far" in objective_chart(TRIALS, "auc", "Maximize", ink=Ink(width=60))


def report(trial, best=""):
    return TrialReported(
        run_id="r", sequence=1, time=1.0, job="t-tune", trial=trial, objective="validation:auc", best=best,
        best_objective=0.9, done=1, jobs=5,
    )  # fmt: skip


def test_a_line_for_each_training_job():
    text, bad = trial_line(report(TRIALS[1], best=TRIALS[1].name))
    assert text == "job 2 of 5: auc 0.9, the best so far  wd 1.235e-05, mini_batch_size 200"
    assert not bad
    text, bad = trial_line(report(TRIALS[2]))
    assert "ClientError: bad" in text
    assert bad
    text, _bad = trial_line(report(trial(6, 0.4, "Stopped")))
    assert "stopped early" in text


@pytest.mark.parametrize(("usd", "simulated"), [(0.12, True), (0.12, False), (None, True), (None, False)])
def test_the_plan_says_how_many_how_long_and_how_much(usd, simulated):
    plan = TuningPlanned(
        run_id="r", sequence=1, time=1.0, step="tune", strategy="Random", objective="validation:auc",
        goal="Minimize", jobs=10, parallel=2, instance_type="ml.m5.large", instance_count=1,
        ranges={"eta": "0.1 to 0.3"}, minutes=20.0, usd=usd, price_source="a table",
        seconds_here=4.0 if simulated else None, simulated=simulated,
    )  # fmt: skip
    text = " ".join(plan_lines(plan))
    assert "10 training jobs, 2 at a time" in text
    assert "about 20 minutes" in text
    assert "eta 0.1 to 0.3" in text
    assert "as low as it gets" in text
    assert ("$0.1200" in text) == (usd is not None)
    assert ("costs nothing" in text) == simulated
