"""XGBoost in the catalogue: versions, images of two accounts, metrics, and what each version knows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sagewizard import algorithms
from sagewizard.algorithms import Goal, Scaling, xgboost_versions
from sagewizard.errors import UsageError

GOLDEN = json.loads((Path(__file__).parent / "xgboost_metric_definitions.json").read_text())
XGBOOST = algorithms.get("xgboost")


def test_it_has_the_metric_definitions_that_sagemaker_attaches() -> None:
    definitions = {entry.name: entry.regex for entry in XGBOOST.metric_definitions}
    assert {name: definitions.get(name) for name in GOLDEN} == GOLDEN


def test_a_tuning_job_may_aim_at_every_validation_metric_the_right_way() -> None:
    goals = {entry.name: entry.goal for entry in XGBOOST.objectives}
    assert all(name.startswith("validation:") for name in goals)
    assert goals["validation:auc"] is Goal.MAXIMIZE and goals["validation:r2"] is Goal.MAXIMIZE
    assert goals["validation:error"] is Goal.MINIMIZE
    # As the container has it, although a higher accuracy is better.
    assert goals["validation:interval-regression-accuracy"] is Goal.MINIMIZE


def test_it_lists_every_hyperparameter_of_the_container() -> None:
    expected = (
        "num_round booster eta learning_rate gamma min_split_loss max_depth min_child_weight max_delta_step "
        "subsample colsample_bytree colsample_bylevel colsample_bynode lambda reg_lambda alpha reg_alpha "
        "tree_method sketch_eps scale_pos_weight updater dsplit refresh_leaf process_type grow_policy "
        "max_leaves max_bin predictor monotone_constraints interaction_constraints sample_type "
        "normalize_type rate_drop one_drop skip_drop lambda_bias tweedie_variance_power objective num_class "
        "base_score eval_metric early_stopping_rounds csv_weights seed nthread verbosity num_parallel_tree "
        "save_model_on_termination deterministic_histogram single_precision_histogram sampling_method "
        "prob_buffer_row aft_loss_distribution aft_loss_distribution_scale use_dask_gpu_training _kfold "
        "_num_cv_round _tuning_objective_metric silent"
    )
    assert {entry.name for entry in XGBOOST.hyperparameters} == set(expected.split())


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("num_round", 1, 4000), ("eta", 0.1, 0.5), ("max_depth", 0, 10), ("alpha", 0, 1000), ("gamma", 0, 5)],
)
def test_tunable_ranges_are_those_of_the_container(name: str, low: float, high: float) -> None:
    entry = XGBOOST.hyperparameter(name)
    assert entry is not None and entry.tunable is not None
    assert (entry.tunable.low, entry.tunable.high, entry.tunable.scaling) == (low, high, Scaling.LINEAR)


@pytest.mark.parametrize(
    ("name", "known", "unknown"),
    [
        ("silent", ("1", "latest", "0.90-2", "1.0-1"), ("1.2-1", "1.7-1", "3.0-5")),
        ("monotone_constraints", ("1.0-1", "3.2-0"), ("1", "0.90-2")),
        ("_kfold", ("1.2-2", "3.0-5"), ("1.2-1", "1.0-1")),
        ("sampling_method", ("1.3-1", "1.7-1"), ("1.2-2", "latest")),
        ("use_dask_gpu_training", ("1.5-1",), ("1.3-1",)),
        ("single_precision_histogram", ("1.2-1", "1.5-1"), ("1.7-1", "1.0-1")),
    ],
)
def test_a_version_is_told_what_it_does_not_know(
    name: str, known: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    entry = XGBOOST.hyperparameter(name)
    assert entry is not None
    value = {"monotone_constraints": "(1,0)", "sampling_method": "uniform", "_kfold": "5"}.get(name)
    value = value or ("1" if name == "silent" else "true")
    for version in known:
        assert algorithms.validate("xgboost", {"num_round": "1", name: value}, version) == []
    for version in unknown:
        [problem] = algorithms.validate("xgboost", {"num_round": "1", name: value}, version)
        assert problem.key == name and f"version {version}" in problem.message


@pytest.mark.parametrize(
    ("changes", "key", "words", "nearest"),
    [
        ({"objective": "multi:softprob"}, "num_class", "required", None),
        ({"eval_metric": "auc"}, "eval_metric", "does not go with reg:squarederror", None),
        ({"eval_metric": "acuracy"}, "eval_metric", "no metric 'acuracy'", "accuracy"),
        ({"eval_metric": "auc@0.4"}, "eval_metric", "only error, ndcg, map", None),
        ({"eval_metric": "error@x"}, "eval_metric", "not a number", None),
        ({"eta": "1.5"}, "eta", "from 0 to 1", None),
        ({"max_dept": "3"}, "max_dept", "no hyperparameter", "max_depth"),
        ({"num_round": "0"}, "num_round", "at least 1", None),
    ],
)
def test_a_problem_names_key_range_and_nearest(
    changes: dict[str, str], key: str, words: str, nearest: str | None
) -> None:
    problems = algorithms.validate("xgboost", {"num_round": "10", **changes})
    assert problems[0].key == key
    assert words in problems[0].message and problems[0].nearest == nearest


def test_a_sound_set_has_no_problem() -> None:
    sound = {"num_round": "42", "objective": "binary:logistic", "eval_metric": "auc,error@.40,f1"}
    assert algorithms.validate("xgboost", sound, "1.0-1") == []


def test_image_uris_go_there_and_back_for_both_accounts() -> None:
    tutorial = algorithms.image_uri("xgboost", "us-east-1", "1.0-1")
    assert tutorial == "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.0-1-cpu-py3"
    first = algorithms.image_uri("xgboost", "us-east-1", "1")
    assert first == "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"
    for version in XGBOOST.versions:
        found = algorithms.find_by_image(algorithms.image_uri("xgboost", "eu-west-1", version))
        assert found is not None and (found[0].name, found[1]) == ("xgboost", version)
    assert algorithms.find_by_image(tutorial.replace("683313688378", "811284229777")) is None
    assert algorithms.image_uri("xgboost", "us-east-1").endswith("/sagemaker-xgboost:3.0-5")


def test_an_unknown_version_is_an_error_that_lists_all_of_them() -> None:
    with pytest.raises(UsageError) as caught:
        algorithms.image_uri("xgboost", "us-east-1", "1.0")
    assert "1.0-1" in caught.value.remedy and "latest" in caught.value.remedy


def test_image_uris_are_those_of_the_sagemaker_sdk() -> None:
    """The SDK is asked in a child process: importing it here would replace sys.excepthook."""
    script = (
        "import json, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from sagemaker import image_uris\n"
        "asked = json.loads(sys.argv[1])\n"
        "answers = [image_uris.retrieve('xgboost', region, version) for region, version in asked]\n"
        "print('ANSWER' + json.dumps(answers))\n"
    )
    known = [version for version in XGBOOST.versions if version not in ("3.2-0", "latest")]  # SDK 3; alias
    asked = [
        *((region, "1") for region in sorted(XGBOOST.earlier_images[0].accounts)),
        *((region, "1.0-1") for region in sorted(XGBOOST.image.accounts)),
        *(("us-west-2", version) for version in known),
    ]
    child = subprocess.run(
        [sys.executable, "-c", script, json.dumps(asked)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answers = json.loads(child.stdout.split("ANSWER")[1])
    assert len(answers) == 33 + 37 + 10
    assert answers == [algorithms.image_uri("xgboost", region, version) for region, version in asked]


def test_versions_are_in_the_order_of_their_release() -> None:
    assert xgboost_versions.at_least("1.0-1", "0.90-2") and not xgboost_versions.at_least("latest", "0.90-1")
    assert xgboost_versions.at_least("9.9-9", "3.2-0")  # a version to come is treated as the newest
    assert "balanced_accuracy" in xgboost_versions.metrics("1.3-1")
    assert "balanced_accuracy" not in xgboost_versions.metrics("1.2-2")
    assert "reg:absoluteerror" in xgboost_versions.choices("objective", "1.7-1")
    assert "reg:absoluteerror" not in xgboost_versions.choices("objective", "1.5-1")
