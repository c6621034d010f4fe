"""K-Means on iris and PCA on digits through the whole sandbox: train, deploy, predict, transform."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.metrics import adjusted_rand_score

from sagewizard import algorithms
from sagewizard.data import recordio
from sagewizard.sandbox.containers import ndarrays

RECORDS = "application/x-recordio-protobuf"


def train(bench, algorithm, content, content_type, hyperparameters):
    name = bench.name(algorithm)
    uri = bench.put(f"{name}/train/data", content)
    bench.sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": algorithms.image_uri(algorithm, "us-east-1"),
            "TrainingInputMode": "File",
        },
        RoleArn=bench.role,
        OutputDataConfig={"S3OutputPath": f"s3://{bench.bucket}/out"},
        ResourceConfig={"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        HyperParameters=hyperparameters,
        InputDataConfig=[
            {
                "ChannelName": "train",
                "ContentType": content_type,
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
            }
        ],
    )
    job = bench.ended(name)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), bench.job_log(job))
    return job


def test_k_means_sorts_iris_and_its_endpoint_and_transform_name_the_cluster_of_each_row(bench):
    rows, species = load_iris(return_X_y=True)
    settings = {"k": "3", "feature_dim": "4", "epochs": "5", "mini_batch_size": "50"}
    shuffled = rows[np.random.default_rng(0).permutation(len(rows))].astype(np.float32)
    job = train(bench, "kmeans", recordio.encode(shuffled), RECORDS, settings)
    metrics = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
    assert metrics["train:progress"] == 100.0 and metrics["train:msd"] >= 0
    container = {
        "Image": job["AlgorithmSpecification"]["TrainingImage"],
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
    }
    name = bench.deploy(container)
    text = "\n".join(",".join(map(str, row)) for row in rows.tolist())
    answers = json.loads(bench.invoke(name, text.encode(), "text/csv"))["predictions"]
    clusters = [answer["closest_cluster"] for answer in answers]
    assert adjusted_rand_score(species, clusters) > 0.65
    # The endpoint's model serves the batch transform too.
    uri = bench.put("kmeans/batch/rows.csv", text + "\n")
    bench.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        BatchStrategy="MultiRecord",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"s3://{bench.bucket}/kmeans/out",
            "AssembleWith": "Line",
            "Accept": "text/csv",
        },
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
    )
    bench.wait(
        lambda: bench.sagemaker.describe_transform_job(TransformJobName=name),
        ("Completed",),
        "TransformJobStatus",
    )
    lines = bench.get(f"s3://{bench.bucket}/kmeans/out/rows.csv.out").decode().splitlines()
    assert [float(line.split(",")[0]) for line in lines] == clusters


def test_pca_describes_digits_by_ten_numbers_that_keep_most_of_what_differs(bench):
    digits = load_digits().data.astype(np.float32)
    text = "\n".join(",".join(map(str, row)) for row in digits.tolist()).encode()
    settings = {"feature_dim": "64", "num_components": "10", "mini_batch_size": "500"}
    job = train(bench, "pca", text, "text/csv;label_size=0", settings)
    with tarfile.open(
        fileobj=io.BytesIO(bench.get(job["ModelArtifacts"]["S3ModelArtifacts"])), mode="r:gz"
    ) as archive:
        content = archive.extractfile("model_algo-1").read()
    model = ndarrays.loads(content)
    centred = digits - model["mean"]
    assert (model["s"] ** 2).sum() / (centred**2).sum() == pytest.approx(0.738, abs=0.01)
    name = bench.deploy(
        {
            "Image": job["AlgorithmSpecification"]["TrainingImage"],
            "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        }
    )
    reply = bench.invoke(name, recordio.encode(digits[:20]), RECORDS, "application/json")
    projections = np.array([item["projection"] for item in json.loads(reply)["projections"]])
    assert np.allclose(projections, centred[:20] @ model["v"], atol=1e-3)


def test_iris_is_trained_deployed_and_predicted_by_one_script(bench, iris_csv):
    script = (
        "import os, sys, joblib, pandas as pd\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "def model_fn(model_dir):\n"
        "    return joblib.load(os.path.join(model_dir, 'model.joblib'))\n"
        "if __name__ == '__main__':\n"
        "    table = pd.read_csv(os.environ['SM_CHANNEL_TRAIN'] + '/iris.csv', header=None)\n"
        "    model = LogisticRegression(max_iter=500).fit(table.iloc[:, 1:].values, table.iloc[:, 0])\n"
        "    joblib.dump(model, os.path.join(os.environ['SM_MODEL_DIR'], 'model.joblib'))\n"
    )
    uri = bench.put("iris-whole/iris.csv", iris_csv)
    job = bench.train(script, inputs={"train": uri.rpartition("/")[0]})
    assert job["TrainingJobStatus"] == "Completed", bench.job_log(job)
    # As SDK 2's SKLearn.deploy: the script stays in the training job's source archive.
    environment = {
        "SAGEMAKER_PROGRAM": "train.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": job["HyperParameters"]["sagemaker_submit_directory"].strip('"'),
    }
    name = bench.deploy(
        {
            "Image": bench.image,
            "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
            "Environment": environment,
        }
    )
    rows, species = load_iris(return_X_y=True)
    buffer = io.BytesIO()
    np.save(buffer, rows)
    reply = bench.invoke(name, buffer.getvalue(), "application/x-npy", "application/x-npy")
    assert (np.load(io.BytesIO(reply)) == species).mean() > 0.95
