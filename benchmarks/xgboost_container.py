"""An XGBoost job and a batch transform in a warm sandbox, as boto3 sees them.

Job: breast cancer, 400x30, 42 rounds, image 1.0-1, from CreateTrainingJob until DescribeTrainingJob says
Completed, asked every 10 ms; less the time that `xgboost.train` takes on the same rows in this process.
Transform: 10,000 rows of the same features, MultiRecord by line, from CreateTransformJob to Completed.
Medians; the first job of each kind, which may wait for imports, is not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUCKET = "sagemaker-us-east-1-123456789012"
ROLE = "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
SETTINGS = {"num_round": "42", "objective": "binary:logistic", "eval_metric": "auc"}
ROWS = 10_000
AIMS = {"outside training": 0.5, "transform": None}
WARM_SECONDS = 20.0


def rows(repeats: int = 7) -> Iterator[dict[str, Any]]:
    """Yield a row a measurement: name, text, seconds (median), least, most, aim (None without one)."""
    from sagewizard.sandbox import launcher
    from sagewizard.settings import Settings

    with tempfile.TemporaryDirectory(prefix="sagewizard-benchmark-") as home:
        settings = Settings(home=Path(home), data=None)
        address = launcher.ensure(settings)
        try:
            bench = _Bench(address)
            bench.prepare()
            bench.train()
            threading.Event().wait(WARM_SECONDS)  # the warm parent imports XGBoost while nobody asks
            whole = [bench.train() for _ in range(repeats)]
            alone = statistics.median(bench.train_here() for _ in range(repeats))
            outside = [seconds - alone for seconds in whole]
            yield _row("outside training", f"a job less {alone:.3f} s of training", outside)
            bench.transform()
            text = f"batch transform of {ROWS:,} rows, {bench.transform_bytes / 2**20:.1f} MiB"
            yield _row("transform", text, [bench.transform() for _ in range(repeats)])
        finally:
            launcher.stop(settings, force=True)


def _row(name: str, text: str, seconds: list[float]) -> dict[str, Any]:
    return {
        "name": name,
        "text": text,
        "seconds": statistics.median(seconds),
        "least": min(seconds),
        "most": max(seconds),
        "aim": AIMS[name],
    }


class _Bench:
    def __init__(self, address: Any) -> None:
        import boto3

        def client(name: str) -> Any:
            return boto3.client(
                name,
                endpoint_url=address.url,
                region_name="us-east-1",
                aws_access_key_id=address.credentials.access_key,
                aws_secret_access_key=address.credentials.secret_key,
            )

        self.s3, self.sagemaker = client("s3"), client("sagemaker")
        self.number, self.artifact, self.transform_bytes = 0, "", 0
        self.pause = threading.Event()

    def prepare(self) -> None:
        from sklearn.datasets import load_breast_cancer

        from sagewizard import algorithms

        self.image = algorithms.image_uri("xgboost", "us-east-1", "1.0-1")
        self.features, self.labels = load_breast_cancer(return_X_y=True)
        text = [",".join(map(repr, map(float, row))) for row in self.features]
        labelled = [f"{label},{row}" for label, row in zip(self.labels, text, strict=True)]
        batch = "\n".join((text * (ROWS // len(text) + 1))[:ROWS]) + "\n"
        self.transform_bytes = len(batch)
        for key, body in (
            ("train/rows.csv", "\n".join(labelled[:400]) + "\n"),
            ("validation/rows.csv", "\n".join(labelled[400:]) + "\n"),
            ("batch/rows.csv", batch),
        ):
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())

    def _timed(self, describe: Callable[[], dict[str, Any]], member: str, start: float) -> float:
        while (found := describe())[member] == "InProgress":
            self.pause.wait(0.01)
        seconds = time.perf_counter() - start
        if found[member] != "Completed":
            raise RuntimeError(found.get("FailureReason"))
        return seconds

    def train(self) -> float:
        self.number += 1
        name = f"job-{self.number}"
        channels = [
            {
                "ChannelName": channel,
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{channel}/"}
                },
            }
            for channel in ("train", "validation")
        ]
        start = time.perf_counter()
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": self.image, "TrainingInputMode": "File"},
            InputDataConfig=channels,
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m4.xlarge", "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            HyperParameters=SETTINGS,
        )
        self.artifact = f"s3://{BUCKET}/out/{name}/output/model.tar.gz"
        return self._timed(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus", start
        )

    def train_here(self) -> float:
        """Train the same model by itself."""
        import xgboost

        train = xgboost.DMatrix(self.features[:400], label=self.labels[:400])
        validation = xgboost.DMatrix(self.features[400:], label=self.labels[400:])
        parameters = {
            "objective": "binary:logistic",
            "eval_metric": "auc",
            "tree_method": "exact",
            "base_score": 0.5,
            "nthread": 1,
        }
        start = time.perf_counter()
        watched = [(train, "train"), (validation, "validation")]
        xgboost.train(parameters, train, 42, evals=watched, verbose_eval=False)
        return time.perf_counter() - start

    def transform(self) -> float:
        self.number += 1
        name = f"transform-{self.number}"
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": self.image, "ModelDataUrl": self.artifact},
        )
        start = time.perf_counter()
        self.sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=name,
            BatchStrategy="MultiRecord",
            TransformInput={
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/batch/"}},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{name}", "AssembleWith": "Line"},
            TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
        )
        return self._timed(
            lambda: self.sagemaker.describe_transform_job(TransformJobName=name), "TransformJobStatus", start
        )


def main() -> None:
    """Measure and print, as text or (--json) as one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    for row in rows(options.repeats):
        if options.json:
            print(json.dumps(row), flush=True)
            continue
        aim = f", aim {row['aim']} s" if row["aim"] else ""
        spread = f"{row['least']:.3f} to {row['most']:.3f}{aim}"
        print(f"{row['name']}: {row['seconds']:.3f} s ({spread}): {row['text']}", flush=True)


if __name__ == "__main__":
    main()
