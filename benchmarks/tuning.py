"""Bayesian search against random search in jobs, and what a tuning job costs in a warm sandbox.

A search problem is tuned 20 times with the Bayesian strategy, 20 jobs each, and 20 times with the random
one, with other seeds. Ours is 20 jobs; theirs is the median, over all pairs of a Bayesian and a random run,
of how many jobs the random run needed until it was as good. Random runs have 300 jobs; a pair in which that
was not enough counts as 301. The vertebral columns are split as the recipe splits them (248 rows to train
on, 31 to validate), and XGBoost trains in this process with the defaults of image 1.0-1.

The service is measured as a client sees it, over HTTP, in a sandbox of its own that has run one tuning job.
"""

from __future__ import annotations

import io
import math
import os
import statistics
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.sandbox.tuning import Continuous, Goal, SearchSpace, Trial, make_strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Objective = Callable[[dict[str, str]], float]

ROOT = Path(__file__).resolve().parent.parent
SEEDS, JOBS, LONGEST = 20, 20, 300
AIM = 2.0
ARCHIVE = "vertebral/vertebral_column_data.zip"
# Dixon and Szego, 1978.
_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
VERTEBRAL = {
    "ContinuousParameterRanges": [
        {"Name": "alpha", "MinValue": "0", "MaxValue": "100"},
        {"Name": "min_child_weight", "MinValue": "1", "MaxValue": "5"},
        {"Name": "subsample", "MinValue": "0.5", "MaxValue": "1"},
        {"Name": "eta", "MinValue": "0.1", "MaxValue": "0.3"},
    ],
    "IntegerParameterRanges": [{"Name": "num_round", "MinValue": "1", "MaxValue": "50"}],
}


def rows(seeds: int = SEEDS) -> Iterator[dict[str, Any]]:
    """Yield a row a figure as it is measured.

    Keys: name, text, ours and theirs (jobs where `unit` says so, else seconds), ratio (theirs through ours),
    aim (of the ratio) or aim_seconds (of ours), note (the spread).
    """
    yield _search("Branin", "2 numbers", _branin_space(), _branin, Goal.MINIMIZE, seeds)
    space = SearchSpace([Continuous(f"x{number}", 0, 1) for number in range(6)])
    yield _search("Hartmann-6", "6 numbers", space, _hartmann, Goal.MINIMIZE, seeds)
    data = _vertebral()
    if data is not None:
        for metric, goal in (("auc", Goal.MAXIMIZE), ("logloss", Goal.MINIMIZE), ("error", Goal.MINIMIZE)):
            yield _search(
                f"vertebral {metric}",
                f"XGBoost on the vertebral columns, validation:{metric}",
                SearchSpace.of_ranges(VERTEBRAL),
                _xgboost(data, metric),
                goal,
                seeds,
            )
    yield _suggestion()
    if data is not None:
        yield from _service(data)


def _branin_space() -> SearchSpace:
    return SearchSpace([Continuous("x", -5, 10), Continuous("y", 0, 15)])


def _branin(values: dict[str, str]) -> float:
    x, y = float(values["x"]), float(values["y"])
    inner = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return inner * inner + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def _hartmann(values: dict[str, str]) -> float:
    x = np.array([float(values[f"x{number}"]) for number in range(6)])
    return -float(_ALPHA @ np.exp(-np.sum(_A * (x - _P) ** 2, axis=1)))


def _run(
    name: str, space: SearchSpace, objective: Objective, goal: Goal, seed: int, jobs: int
) -> list[float]:
    """Play a tuning job, one training job at a time; the best objective after each, less being better."""
    strategy = make_strategy(name, space, goal, seed)
    trials: list[Trial] = []
    best: list[float] = []
    for index in range(jobs):
        values = strategy.suggest(index, trials)
        assert values is not None
        trials.append(Trial(values, objective(values)))
        value = goal.sign * float(trials[-1].objective or 0.0)
        best.append(min(value, best[-1]) if best else value)
    return best


def _search(
    name: str,
    text: str,
    space: SearchSpace,
    objective: Objective,
    goal: Goal,
    seeds: int,
) -> dict[str, Any]:
    found = [_run("Bayesian", space, objective, goal, seed, JOBS)[-1] for seed in range(seeds)]
    drawn = [_run("Random", space, objective, goal, 1000 + seed, LONGEST) for seed in range(seeds)]
    needed = [
        next((index + 1 for index, value in enumerate(run) if value <= best), LONGEST + 1)
        for best in found
        for run in drawn
    ]
    quarters = statistics.quantiles(needed, n=4)
    best = statistics.quantiles([goal.sign * value for value in found], n=4)
    at = {jobs: goal.sign * statistics.median(run[jobs - 1] for run in drawn) for jobs in (JOBS, 2 * JOBS)}
    return {
        "name": f"tuning {name}",
        "text": f"{text}: jobs of a Bayesian search against those a random search needs to be as good",
        "unit": "jobs",
        "ours": JOBS,
        "theirs": quarters[1],
        "ratio": quarters[1] / JOBS,
        "aim": AIM,
        "note": (
            f"Random needs {quarters[0]:.0f} to {quarters[2]:.0f} (quartiles; {LONGEST + 1} is more than were"
            f" run). Bayesian after {JOBS}: {best[1]:.4g} ({best[0]:.4g} to {best[2]:.4g}); random after"
            f" {JOBS}: {at[JOBS]:.4g}, after {2 * JOBS}: {at[2 * JOBS]:.4g}"
        ),
    }


def _suggestion() -> dict[str, Any]:
    """Time the suggestion of job 21 in six dimensions, after the imports."""
    space = SearchSpace([Continuous(f"x{number}", 0, 1) for number in range(6)])
    generator = np.random.default_rng(0)
    times: list[float] = []
    for seed in range(12):
        strategy = make_strategy("Bayesian", space, Goal.MINIMIZE, seed)
        drawn = [space.draw(generator) for _ in range(JOBS)]
        trials = [Trial(values, _hartmann(values)) for values in drawn]
        started = time.perf_counter()
        strategy.suggest(JOBS, trials)
        times.append(time.perf_counter() - started)
    return {
        "name": "tuning suggestion",
        "text": "One Bayesian suggestion after 20 jobs with 6 hyperparameters",
        "ours": statistics.median(times[1:]),
        "theirs": None,
        "ratio": None,
        "aim": None,
        "aim_seconds": 0.1,
        "note": f"Slowest of {len(times) - 1}: {max(times[1:]) * 1000:.0f} ms",
    }


def _archive() -> Path | None:
    folders = [os.environ.get("SAGEWIZARD_DATA"), os.environ.get("SAGEWIZARD_TEST_DATA")]
    candidates = [Path(folder) for folder in folders if folder] + [ROOT.parent / "shared" / "data"]
    return next((folder / ARCHIVE for folder in candidates if (folder / ARCHIVE).is_file()), None)


def _vertebral() -> dict[str, Any] | None:
    """Return train and validation as (features, labels), split as the recipe splits; None without data."""
    from scipy.io import arff
    from sklearn.model_selection import train_test_split

    path = _archive()
    if path is None:
        print("The vertebral columns are not there; set SAGEWIZARD_DATA to a folder that has them.")
        return None
    text = zipfile.ZipFile(path).read("column_2C_weka.arff").decode()
    table, _ = arff.loadarff(io.StringIO(text))
    labels = (table["class"] == b"Abnormal").astype(float)
    features = np.column_stack([table[name] for name in table.dtype.names if name != "class"])
    train_x, rest_x, train_y, rest_y = train_test_split(
        features, labels, test_size=0.2, random_state=42, stratify=labels
    )
    _, valid_x, _, valid_y = train_test_split(rest_x, rest_y, test_size=0.5, random_state=42, stratify=rest_y)
    return {"train": (train_x, train_y), "validation": (valid_x, valid_y)}


def _xgboost(data: dict[str, Any], metric: str) -> Objective:
    import xgboost

    train, valid = (xgboost.DMatrix(*data[channel]) for channel in ("train", "validation"))
    fixed = {
        "objective": "binary:logistic",
        "eval_metric": metric,
        "tree_method": "exact",
        "base_score": 0.5,
        "nthread": 1,
    }

    def objective(values: dict[str, str]) -> float:
        seen: dict[str, dict[str, list[float]]] = {}
        chosen = {name: float(value) for name, value in values.items() if name != "num_round"}
        xgboost.train(
            fixed | chosen,
            train,
            int(values["num_round"]),
            evals=[(valid, "validation")],
            evals_result=seen,
            verbose_eval=False,
        )
        return seen["validation"][metric][-1]

    return objective


def _service(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from sagewizard.sandbox import launcher
    from sagewizard.settings import Settings

    with tempfile.TemporaryDirectory(prefix="sagewizard-benchmark-") as name:
        settings = Settings(home=Path(name), data=None)
        try:
            service = _Service(launcher.ensure(settings), data)
            service.tune("warm-up", 2)
            both = [service.tune(f"two-{number}", 2) for number in range(3)]
            alone = [service.tune(f"one-{number}", 1) for number in range(3)]
        finally:
            launcher.stop(settings, force=True)
    own = service.own_training(_xgboost(data, "auc"))
    yield {
        "name": "tuning job of 20",
        "text": "20 XGBoost training jobs on the vertebral columns, Bayesian, 2 at a time, over HTTP",
        "ours": statistics.median(both),
        "theirs": None,
        "ratio": None,
        "aim": None,
        "aim_seconds": 15.0,
        "note": f"{min(both):.2f} to {max(both):.2f} s",
    }
    yield {
        "name": "tuning child",
        "text": "What one of 20 training jobs, one at a time, costs beyond its own training",
        "ours": statistics.median(alone) / JOBS - own,
        "theirs": None,
        "ratio": None,
        "aim": None,
        "aim_seconds": 0.3,
        "note": f"The same training in this process takes {own * 1000:.1f} ms",
    }


class _Service:
    """A sandbox with the data in its bucket."""

    def __init__(self, address: Any, data: dict[str, Any]) -> None:
        import boto3

        from sagewizard.sandbox.services import BUCKET, REGION

        session = boto3.session.Session(
            address.credentials.access_key, address.credentials.secret_key, region_name=REGION
        )
        self.sagemaker = session.client("sagemaker", endpoint_url=address.url)
        self.bucket = BUCKET
        s3 = session.client("s3", endpoint_url=address.url)
        for channel, (features, labels) in data.items():
            lines = np.column_stack([labels, features])
            text = "\n".join(",".join(repr(float(value)) for value in line) for line in lines)
            s3.put_object(Bucket=BUCKET, Key=f"{channel}/part.csv", Body=text.encode())

    def tune(self, name: str, parallel: int) -> float:
        """Run a tuning job of 20; the seconds from the call to the status Completed."""
        from sagewizard.sandbox.services import REGION, ROLE_ARN

        image = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:1.0-1-cpu-py3"
        channels = [
            {
                "ChannelName": channel,
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self.bucket}/{channel}/"}
                },
            }
            for channel in ("train", "validation")
        ]
        started = time.perf_counter()
        self.sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": JOBS, "MaxParallelTrainingJobs": parallel},
                "ParameterRanges": VERTEBRAL,
                "RandomSeed": 1,
            },
            TrainingJobDefinition={
                "StaticHyperParameters": {"objective": "binary:logistic", "eval_metric": "auc"},
                "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
                "RoleArn": ROLE_ARN,
                "InputDataConfig": channels,
                "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/out"},
                "ResourceConfig": {"InstanceType": "ml.m4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        )
        while True:
            answer = self.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
            if answer["HyperParameterTuningJobStatus"] != "InProgress":
                break
            threading.Event().wait(0.05)
        seconds = time.perf_counter() - started
        if answer["TrainingJobStatusCounters"]["Completed"] != JOBS:
            raise RuntimeError(f"the tuning job ended with {answer['TrainingJobStatusCounters']}")
        self.last = self.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name, MaxResults=100
        )["TrainingJobSummaries"]
        return seconds

    def own_training(self, objective: Objective) -> float:
        """Return the mean seconds that the trainings of the last tuning job take in this process."""
        started = time.perf_counter()
        for job in self.last:
            objective(job["TunedHyperParameters"])
        return (time.perf_counter() - started) / len(self.last)


if __name__ == "__main__":
    for row in rows():
        unit = row.get("unit", "s")
        theirs = "" if row["theirs"] is None else f" against {row['theirs']:.4g} {unit}"
        print(f"{row['name']:20} {row['ours']:8.4g} {unit}{theirs}. {row['note']}.", flush=True)
