"""Tuning in a real sandbox, with real jobs: scripts, Hyperband, early stops, warm starts, two algorithms."""

from __future__ import annotations

import io
import itertools
import tarfile
import threading
import time

import numpy as np
import pytest

from sagewizard import algorithms
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

BUCKET = "sagemaker-us-east-1-123456789012"
ROLE = "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
VALUE = "FinalHyperParameterTuningJobObjectiveMetric"
_NUMBERS = itertools.count(1)

# Each epoch gains a little on the level given; a slow one takes so long that only a stop ends it in time.
SCRIPT = """
import argparse, threading
parser = argparse.ArgumentParser()
parser.add_argument("--level", type=float)
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--pause", type=float, default=0)
parser.add_argument("--slow-below", type=float, default=-1)
options, _ = parser.parse_known_args()
slow = options.level < options.slow_below
for epoch in range(options.epochs * (100 if slow else 1)):
    print(f"epoch={epoch + 1} score={options.level + 0.001 * epoch:.4f};", flush=True)
    threading.Event().wait(0.1 if slow else options.pause)
open("/opt/ml/model/level", "w").write(str(options.level))
"""


def table(seed):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(300, 4))
    labels = (features[:, 0] + 0.5 * features[:, 1] + 0.4 * generator.normal(size=300) > 0).astype(float)
    lines = np.column_stack([labels, features])
    return "\n".join(",".join(f"{value:.5f}" for value in line) for line in lines).encode()


class Bench:
    def __init__(self, clients):
        self.s3, self.sagemaker = clients("s3"), clients("sagemaker")
        for seed, name in enumerate(("train", "validation", "other/train", "other/validation")):
            self.s3.put_object(Bucket=BUCKET, Key=f"{name}/rows.csv", Body=table(seed))
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            member = tarfile.TarInfo("train.py")
            member.size = len(SCRIPT)
            archive.addfile(member, io.BytesIO(SCRIPT.encode()))
        self.s3.put_object(Bucket=BUCKET, Key="source.tar.gz", Body=packed.getvalue())

    def tune(self, config, *definitions, **more):
        name = f"tuning-{next(_NUMBERS)}"
        several = {"TrainingJobDefinitions": list(definitions)}
        self.sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={"RandomSeed": 3, **config},
            **({"TrainingJobDefinition": definitions[0]} if len(definitions) == 1 else several),
            **more,
        )
        deadline = time.monotonic() + 90
        while True:
            found = self.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
            if found["HyperParameterTuningJobStatus"] != "InProgress":
                break
            assert time.monotonic() < deadline, found
            threading.Event().wait(0.05)
        assert found["HyperParameterTuningJobStatus"] == "Completed", found.get("FailureReason")
        children = self.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name, MaxResults=100
        )["TrainingJobSummaries"]
        return found, children


@pytest.fixture(scope="module")
def bench(tmp_path_factory, clients_of):
    settings = Settings(home=tmp_path_factory.mktemp("home"), data=None)
    address = launcher.ensure(settings)
    clients = clients_of(address.url, address.credentials)
    yield Bench(clients)
    clients.close()
    launcher.stop(settings, force=True)


def definition(image, static, prefix="", channels=("train", "validation"), **more):
    return {
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            **more.pop("algorithm", {}),
        },
        "RoleArn": ROLE,
        "StaticHyperParameters": static,
        "InputDataConfig": [
            {
                "ChannelName": channel,
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}{channel}/"}
                },
            }
            for channel in channels
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 120},
    } | more


def script(**static):
    place = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": f"s3://{BUCKET}/source.tar.gz",
    }
    regex = {"MetricDefinitions": [{"Name": "score", "Regex": r"score=([0-9.]+);"}]}
    image = algorithms.image_uri("sklearn", "us-east-1", "1.2-1")
    return definition(image, {**place, **static}, channels=("train",), algorithm=regex)


def xgboost(prefix="", **more):
    static = {"objective": "binary:logistic", "eval_metric": "auc", "num_round": "4"}
    return definition(algorithms.image_uri("xgboost", "us-east-1", "1.0-1"), static, prefix, **more)


def limits(jobs, parallel=2):
    return {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel}


SCORE = {"Type": "Maximize", "MetricName": "score"}
AUC = {"Type": "Maximize", "MetricName": "validation:auc"}
LEVEL = {"ContinuousParameterRanges": [{"Name": "level", "MinValue": "0.1", "MaxValue": "0.9"}]}
ETA = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]}


def test_a_script_is_tuned_by_what_its_own_expression_finds_in_its_log(bench):
    config = {
        "Strategy": "Random",
        "ResourceLimits": limits(3),
        "HyperParameterTuningJobObjective": SCORE,
        "ParameterRanges": LEVEL,
    }
    found, children = bench.tune(config, script())
    assert len(children) == 3
    for child in children:
        assert child[VALUE]["MetricName"] == "score"
        level = float(child["TunedHyperParameters"]["level"])
        assert child[VALUE]["Value"] == pytest.approx(level, abs=1e-4)
    best = max(children, key=lambda child: child[VALUE]["Value"])
    assert found["BestTrainingJob"]["TrainingJobName"] == best["TrainingJobName"]


def test_hyperband_stops_most_real_jobs_early_and_lets_the_best_run_to_its_end(bench):
    config = {
        "Strategy": "Hyperband",
        "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}},
        "ResourceLimits": limits(8),
        "HyperParameterTuningJobObjective": SCORE,
        "ParameterRanges": LEVEL,
    }
    found, children = bench.tune(config, script(epochs="9", pause="0.1"))
    counters = found["TrainingJobStatusCounters"]
    assert counters["Completed"] + counters["Stopped"] == len(children) == 8
    assert counters["Stopped"] >= 2
    assert found["BestTrainingJob"]["TrainingJobStatus"] == "Completed"
    assert {child["ObjectiveStatus"] for child in children} == {"Succeeded"}


def test_early_stopping_auto_ends_real_jobs_that_fall_behind_the_median(bench):
    levels = ["0.9", "0.8", "0.7", "0.1", "0.2"]
    config = {
        "Strategy": "Grid",
        "ResourceLimits": {"MaxParallelTrainingJobs": 1},
        "HyperParameterTuningJobObjective": SCORE,
        "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "level", "Values": levels}]},
        "TrainingJobEarlyStoppingType": "Auto",
    }
    _, children = bench.tune(config, script(epochs="5", **{"slow-below": "0.5"}))
    assert [child["TrainingJobStatus"] for child in children] == ["Completed"] * 3 + ["Stopped"] * 2
    assert [child["TunedHyperParameters"]["level"] for child in children] == levels


def test_a_warm_start_of_either_kind_begins_where_real_parents_ended(bench):
    config = {
        "Strategy": "Bayesian",
        "ResourceLimits": limits(3),
        "HyperParameterTuningJobObjective": AUC,
        "ParameterRanges": ETA,
    }
    parent, _ = bench.tune(config, xgboost())
    parents = [{"HyperParameterTuningJobName": parent["HyperParameterTuningJobName"]}]

    def warm(kind, job):
        start = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": kind}
        return bench.tune(config | {"ResourceLimits": limits(2)}, job, WarmStartConfig=start)[0]

    same = warm("IdenticalDataAndAlgorithm", xgboost())
    both = [found["BestTrainingJob"] for found in (parent, same)]
    best = max(both, key=lambda child: child[VALUE]["Value"])
    overall = same["OverallBestTrainingJob"]
    assert overall[VALUE]["Value"] == best[VALUE]["Value"]
    owner = parent if best is both[0] else same
    assert overall["TuningJobName"] == owner["HyperParameterTuningJobName"]
    other = warm("TransferLearning", xgboost("other/"))
    assert other["TrainingJobStatusCounters"]["Completed"] == 2
    assert "OverallBestTrainingJob" not in other


def test_two_algorithms_are_tuned_side_by_side_and_again_from_what_each_has_found(bench):
    image = algorithms.image_uri("linear-learner", "us-east-1", "1")
    static = {"predictor_type": "binary_classifier", "epochs": "2", "num_models": "1"}
    rate = [{"Name": "learning_rate", "MinValue": "1e-4", "MaxValue": "1"}]
    fitness = {"Type": "Maximize", "MetricName": "validation:roc_auc_score"}
    both = (
        xgboost(DefinitionName="trees", TuningObjective=AUC, HyperParameterRanges=ETA),
        definition(
            image,
            static,
            DefinitionName="lines",
            TuningObjective=fitness,
            HyperParameterRanges={"ContinuousParameterRanges": rate},
        ),
    )
    config = {"Strategy": "Bayesian", "ResourceLimits": limits(4)}
    found, children = bench.tune(config, *both)
    assert sorted(child["TrainingJobDefinitionName"] for child in children) == ["lines"] * 2 + ["trees"] * 2
    assert found["TrainingJobStatusCounters"]["Completed"] == 4
    best = max(children, key=lambda child: child[VALUE]["Value"])
    assert found["BestTrainingJob"]["TrainingJobDefinitionName"] == best["TrainingJobDefinitionName"]
    start = {
        "ParentHyperParameterTuningJobs": [
            {"HyperParameterTuningJobName": found["HyperParameterTuningJobName"]}
        ],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    again, _ = bench.tune(config | {"ResourceLimits": limits(2)}, *both, WarmStartConfig=start)
    overall = again["OverallBestTrainingJob"][VALUE]["Value"]
    assert overall == max(item["BestTrainingJob"][VALUE]["Value"] for item in (found, again))


def test_autotune_trains_with_ranges_it_has_chosen_and_keeps_what_cannot_be_tuned(bench):
    job = xgboost()
    hints = job.pop("StaticHyperParameters")
    config = {
        "Strategy": "Random",
        "ResourceLimits": limits(2),
        "HyperParameterTuningJobObjective": AUC,
        "ParameterRanges": {
            "AutoParameters": [{"Name": name, "ValueHint": hint} for name, hint in hints.items()]
        },
    }
    found, children = bench.tune(config, job, Autotune={"Mode": "Enabled"})
    assert found["Autotune"] == {"Mode": "Enabled"}
    assert found["HyperParameterTuningJobConfig"]["ParameterRanges"]["IntegerParameterRanges"] == [
        {"Name": "num_round", "MinValue": "1", "MaxValue": "40", "ScalingType": "Linear"}
    ]
    static = found["TrainingJobDefinition"]["StaticHyperParameters"]
    assert (static["objective"], static["eval_metric"]) == ("binary:logistic", "auc")
    assert {child["TrainingJobStatus"] for child in children} == {"Completed"}
    assert all(1 <= int(child["TunedHyperParameters"]["num_round"]) <= 40 for child in children)
