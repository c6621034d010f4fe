"""The catalogue: complete, exact where code depends on it, and cheap to import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sagewizard import algorithms
from sagewizard.algorithms import Interval, Kind
from sagewizard.errors import UsageError

GOLDEN = json.loads((Path(__file__).parent / "linear_learner_metric_definitions.json").read_text())
ALL = [algorithms.get(name) for name in algorithms.names()]


def test_linear_learner_has_the_metric_definitions_that_sagemaker_attaches() -> None:
    definitions = {entry.name: entry.regex for entry in algorithms.get("linear-learner").metric_definitions}
    assert {name: definitions.get(name) for name in GOLDEN} == GOLDEN
    assert set(definitions) - set(GOLDEN) == {
        "validation:roc_auc_score",
        "test:roc_auc_score",
        "validation:rmse",
    }


@pytest.mark.parametrize("algorithm", ALL, ids=lambda a: a.name)
def test_every_entry_is_whole(algorithm: algorithms.Algorithm) -> None:
    names = [entry.name for entry in algorithm.hyperparameters]
    assert len(names) == len(set(names))
    for entry in algorithm.hyperparameters:
        assert entry.title and entry.help.endswith("."), entry.name
        assert not entry.required or entry.default is None, entry.name
        assert entry.default is None or entry.fault(entry.default) is None, entry.name
        assert (entry.kind is Kind.CHOICE) == bool(entry.choices), entry.name
        for other, values in entry.only_when:
            condition = algorithm.hyperparameter(other)
            assert condition is not None and all(condition.fault(value) is None for value in values)
        if entry.tunable is not None:
            assert all(entry.fault(value) is None for value in entry.tunable.values)
            for bound in (entry.tunable.low, entry.tunable.high):
                assert bound is None or entry.interval is None or entry.interval.contains(bound), entry.name
    for metric in algorithm.metric_definitions:
        assert re.compile(metric.regex).groups == 1, metric.name
        assert not metric.tunable or metric.goal is not None, metric.name
    assert algorithm.channels[0].name == "train" and algorithm.channels[0].required


def test_linear_learner_lists_every_hyperparameter_of_the_developer_guide() -> None:
    expected = (
        "predictor_type num_classes feature_dim mini_batch_size epochs use_bias optimizer loss wd l1 "
        "learning_rate momentum beta_1 beta_2 bias_lr_mult bias_wd_mult use_lr_scheduler lr_scheduler_step "
        "lr_scheduler_factor lr_scheduler_minimum_lr init_method init_scale init_sigma init_bias "
        "normalize_data normalize_label unbias_data unbias_label num_point_for_scaler num_models "
        "num_calibration_samples early_stopping_patience early_stopping_tolerance "
        "binary_classifier_model_selection_criteria target_recall target_precision "
        "positive_example_weight_mult f_beta margin quantile loss_insensitivity huber_delta accuracy_top_k "
        "balance_multiclass_weights _tuning_objective_metric"
    )
    assert {entry.name for entry in algorithms.get("linear-learner").hyperparameters} == set(expected.split())


def test_a_sound_set_of_hyperparameters_has_no_problem() -> None:
    sound = {"predictor_type": "binary_classifier", "mini_batch_size": "200", "wd": "auto", "l1": "1e-3"}
    assert algorithms.validate("linear-learner", sound) == []


@pytest.mark.parametrize(
    ("changes", "key", "words", "nearest"),
    [
        ({"mini_batch_siz": "200"}, "mini_batch_siz", "no hyperparameter", "mini_batch_size"),
        ({"epochs": "0"}, "epochs", "a whole number of at least 1", None),
        ({"epochs": "1.5"}, "epochs", "whole number", None),
        ({"epochs": "1_000"}, "epochs", "whole number", None),
        ({"momentum": "1.0"}, "momentum", "of at least 0 and below 1", None),
        ({"learning_rate": "nan"}, "learning_rate", "a number above 0 or auto", None),
        ({"learning_rate": "inf"}, "learning_rate", "a number above 0 or auto", None),
        ({"optimizer": "adma"}, "optimizer", "auto, sgd, adam or rmsprop", "adam"),
        ({"use_bias": "yes"}, "use_bias", "true or false", None),
        ({"positive_example_weight_mult": "balance"}, "positive_example_weight_mult", "auto", "balanced"),
        ({"predictor_type": "multiclass_classifier"}, "num_classes", "required", None),
        ({"predictor_type": "multiclass_classifier", "num_classes": "2"}, "num_classes", "from 3 to", None),
        ({"loss": "squared_loss"}, "loss", "does not go with binary_classifier", None),
    ],
)
def test_a_problem_names_key_range_and_nearest(
    changes: dict[str, str], key: str, words: str, nearest: str | None
) -> None:
    problems = algorithms.validate("linear-learner", {"predictor_type": "binary_classifier", **changes})
    assert problems[0].key == key
    assert words in problems[0].message and problems[0].nearest == nearest


def test_a_missing_required_hyperparameter_is_a_problem() -> None:
    assert [p.key for p in algorithms.validate("linear-learner", {})] == ["predictor_type"]


def test_intervals_mind_their_open_ends() -> None:
    inside = Interval(low=0, high=1, low_open=True, high_open=True)
    assert [inside.contains(x) for x in (0, 0.5, 1, float("nan"))] == [False, True, False, False]
    assert Interval(low=0, high=1).contains(0) and Interval(low=0, high=1).contains(1)
    assert Interval(low=3, high=1_000_000).words == "from 3 to 1000000"


def test_an_unknown_algorithm_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        algorithms.get("linear_learner")
    assert "linear-learner" in caught.value.remedy


def test_an_image_uri_goes_there_and_back() -> None:
    uri = algorithms.image_uri("linear-learner", "us-east-1")
    assert uri == "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
    found = algorithms.find_by_image(uri)
    assert found is not None and (found[0].name, found[1]) == ("linear-learner", "1")
    parsed = algorithms.parse_image_uri(uri)
    assert (parsed.account, parsed.region, parsed.repository, parsed.tag) == (
        "382416733822",
        "us-east-1",
        "linear-learner",
        "1",
    )


@pytest.mark.parametrize(
    "uri",
    [
        "linear-learner:1",
        "382416733822.dkr.ecr.us-east-1.amazonaws.com.example.org/linear-learner:1",
        "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1\n",
        "38241673382.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1",
        "382416733822.dkr.ecr.us-east-1.amazonaws.com/../linear-learner:1",
        "",
    ],
)
def test_what_is_no_image_uri_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="image URI"):
        algorithms.parse_image_uri(uri)
    assert algorithms.find_by_image(uri) is None


def test_a_private_image_of_the_same_name_is_not_the_built_in_one() -> None:
    assert algorithms.find_by_image("123456789012.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1") is None


def test_an_unknown_region_or_version_is_an_error_that_lists_what_there_is() -> None:
    with pytest.raises(UsageError) as caught:
        algorithms.image_uri("linear-learner", "mars-north-1")
    assert "eu-west-1" in caught.value.remedy
    with pytest.raises(UsageError):
        algorithms.image_uri("linear-learner", "us-east-1", "9")


def test_image_uris_are_those_of_the_sagemaker_sdk() -> None:
    """The SDK is asked in a child process: importing it here would replace sys.excepthook."""
    script = (
        "import json, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from sagemaker import image_uris\n"
        "print('ANSWER' + json.dumps({r: image_uris.retrieve('linear-learner', r) for r in sys.argv[1:]}))\n"
    )
    regions = sorted(algorithms.get("linear-learner").image.accounts)
    child = subprocess.run(
        [sys.executable, "-c", script, *regions], capture_output=True, text=True, timeout=120, check=True
    )
    answers = json.loads(child.stdout.split("ANSWER")[1])
    assert answers == {region: algorithms.image_uri("linear-learner", region) for region in regions}


def test_the_catalogue_imports_nothing_heavy() -> None:
    script = (
        "import sys; from sagewizard import algorithms; [algorithms.get(n) for n in algorithms.names()]; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'pandas', 'boto3', 'pydantic', "
        "'sagemaker', 'yaml', 'sklearn', 'scipy'}))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert child.stdout.strip() == "[]"
