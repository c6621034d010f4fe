"""Script mode of the XGBoost image: a script trains with xgb.train and serves with the image's defaults."""

from __future__ import annotations

import io
import json
import tarfile
from importlib import import_module

import numpy as np
import pytest
import xgboost
from botocore.exceptions import ClientError

from sagewizard.sandbox.containers.registry import resolve, with_script

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SCRIPT = """
import argparse, os
import xgboost as xgb
from sagemaker_xgboost_container.data_utils import get_dmatrix
def model_fn(model_dir):
    booster = xgb.Booster()
    booster.load_model(os.path.join(model_dir, "xgboost-model"))
    return booster
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--num_round", type=int)
    parser.add_argument("--objective")
    args = parser.parse_args()
    train = get_dmatrix(os.environ["SM_CHANNEL_TRAIN"], os.environ["FORM"])
    print(train.num_row(), "x", train.num_col())
    booster = xgb.train({"objective": args.objective}, train, args.num_round, evals=[(train, "train")])
    booster.save_model(os.environ["SM_MODEL_DIR"] + "/xgboost-model")
"""
SETTINGS = {"num_round": "12", "objective": '"reg:squarederror"'}


@pytest.fixture(scope="module")
def rows():
    features = np.random.default_rng(5).uniform(1, 2, (80, 3)).round(4)
    return np.column_stack([features @ [1, 2, 3], features])


@pytest.fixture(scope="module")
def job(bench, rows):
    text = "".join(",".join(map(str, row)) + "\n" for row in rows.tolist())
    uri = bench.put("xgboost-script/train.csv", text)
    return bench.train(SCRIPT, SETTINGS, {"train": uri}, IMAGE, {"FORM": "text/csv"})


def test_the_script_trains_and_its_log_is_read_with_the_images_own_definitions(bench, job):
    text = bench.job_log(job)
    assert job["TrainingJobStatus"] == "Completed", text
    assert "80 x 3" in text and "[11]#011train-rmse:" in text
    metrics = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
    assert 0 < metrics["train:rmse"] < 0.5
    data = bench.get(job["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        assert "xgboost-model" in archive.getnames()


def test_libsvm_is_read_with_the_columns_it_names(bench, rows):
    lines = [f"{row[0]} " + " ".join(f"{n}:{x}" for n, x in enumerate(row[1:])) for row in rows.tolist()]
    uri = bench.put("xgboost-script-svm/train.svm", "\n".join(lines) + "\n")
    job = bench.train(SCRIPT, SETTINGS, {"train": uri}, IMAGE, {"FORM": "text/libsvm"})
    assert "80 x 3" in bench.job_log(job)


def test_without_functions_of_its_own_a_script_serves_csv_and_libsvm(bench, job, rows):
    environment = {
        "SAGEMAKER_PROGRAM": "train.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": job["HyperParameters"]["sagemaker_submit_directory"].strip('"'),
    }
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    name = bench.deploy({"Image": IMAGE, "ModelDataUrl": artifact, "Environment": environment})
    body = "\n".join(",".join(map(str, row)) for row in rows[:4, 1:].tolist()).encode()
    found = [float(x) for x in bench.invoke(name, body, "text/csv", "text/csv").split()]
    assert found == pytest.approx(rows[:4, 0], abs=0.5)
    line = " ".join(f"{n}:{x}" for n, x in enumerate(rows[0, 1:].tolist())).encode()
    assert json.loads(bench.invoke(name, line, "text/libsvm", "application/json"))[0] == pytest.approx(
        found[0]
    )
    with pytest.raises(ClientError, match="Content type application/pdf is not supported"):
        bench.invoke(name, b"x", "application/pdf")


def test_checkpoints_of_a_script_are_the_algorithms_own_and_its_training_goes_on_from_them(tmp_path):
    module = "sagewizard.sandbox.containers.script.toolkit.sagemaker_xgboost_container.checkpointing"
    checkpointing = import_module(module)
    matrix = xgboost.DMatrix(np.arange(40.0).reshape(20, 2), label=np.arange(20.0))
    arguments = {"params": {"nthread": 1}, "dtrain": matrix, "num_boost_round": 3}
    assert checkpointing.load_checkpoint(str(tmp_path)) == (None, 0)
    assert checkpointing.train(arguments, str(tmp_path)).num_boosted_rounds() == 3
    assert checkpointing.train({**arguments, "num_boost_round": 7}, str(tmp_path)).num_boosted_rounds() == 7
    names = [f"xgboost-checkpoint.{number}" for number in range(2, 7)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert checkpointing.load_checkpoint(str(tmp_path)) == (str(tmp_path / names[-1]), 7)


TOGETHER = """
import json, os, numpy as np, xgboost as xgb
from sagemaker_xgboost_container import distributed

def grow(params, dtrain, is_master):
    booster = xgb.train(params, dtrain, num_boost_round=10)
    print("ROWS", dtrain.num_row(), "MASTER", is_master)
    if is_master:
        booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "model.json"))

if __name__ == "__main__":
    hosts, me = json.loads(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
    distributed.wait_hostname_resolution(hosts)
    folder = os.environ["SM_CHANNEL_TRAIN"]
    tables = [np.loadtxt(os.path.join(folder, name), delimiter=",") for name in os.listdir(folder)]
    rows = xgb.DMatrix(tables[0][:, 1:], label=tables[0][:, 0]) if tables else None
    distributed.rabit_run(
        exec_fun=grow, args={"params": {"eta": 1.0, "lambda": 0.0, "nthread": 1}, "dtrain": rows},
        include_in_training=rows is not None, hosts=hosts, current_host=me, update_rabit_args=True,
    )
"""


def test_hosts_with_data_train_one_model_together_through_rabit_run(bench):
    """One host has the rows of one value, the other those of another."""
    for number in range(2):
        bench.put(f"together/{number}.csv", f"{number * 10},{number}\n" * 20)
    source = {
        "S3DataType": "S3Prefix", "S3Uri": f"s3://{bench.bucket}/together/",
        "S3DataDistributionType": "ShardedByS3Key",
    }  # fmt: skip
    job = bench.train(
        TOGETHER,
        image=IMAGE,
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5},
    )
    log = bench.job_log(job)
    assert job["TrainingJobStatus"] == "Completed", log
    assert "ROWS 20 MASTER True" in log and "ROWS 20 MASTER False" in log
    with tarfile.open(fileobj=io.BytesIO(bench.get(job["ModelArtifacts"]["S3ModelArtifacts"]))) as archive:
        booster = xgboost.Booster()
        booster.load_model(bytearray(archive.extractfile("model.json").read()))
    assert booster.predict(xgboost.DMatrix(np.array([[0.0], [1.0]]))) == pytest.approx([0, 10], abs=0.01)


def test_own_metric_definitions_are_for_scripts_only(bench, job):
    own = [{"Name": "rows", "Regex": r"^(\d+) x"}]
    uri = f"s3://{bench.bucket}/xgboost-script/train.csv"
    again = bench.train(SCRIPT, SETTINGS, {"train": uri}, IMAGE, {"FORM": "csv"}, MetricDefinitions=own)
    assert [(item["MetricName"], item["Value"]) for item in again["FinalMetricDataList"]] == [("rows", 80.0)]
    with pytest.raises(ClientError, match="can't override the metric definitions"):
        without = {"sagemaker_program": "", "sagemaker_submit_directory": ""}
        bench.train(SCRIPT, without, {"train": uri}, IMAGE, MetricDefinitions=own)


def test_an_entry_point_of_the_jobs_own_runs_in_the_place_of_the_algorithm(bench):
    """Version 3 of the SDK starts scripts so, with channels that the algorithm does not know."""
    uri = bench.put(
        "xgboost-entry/code/train.sh", 'echo "hello from $SM_CURRENT_HOST"; ls /opt/ml/input/data'
    )
    entry = ["/bin/bash", "/opt/ml/input/data/sm_drivers/train.sh"]
    job = bench.train(
        SCRIPT,
        {"sagemaker_program": "", "sagemaker_submit_directory": ""},
        {"sm_drivers": uri},
        IMAGE,
        AlgorithmSpecification={
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": entry,
        },
    )
    assert job["TrainingJobStatus"] == "Completed", job
    assert "hello from algo-1" in bench.job_log(job)


def test_the_image_runs_the_algorithm_unless_a_script_is_named():
    container = resolve(IMAGE)
    assert not container.script_mode and with_script(container, {"num_round": "3"}) is container
    assert with_script(container, {"sagemaker_program": '"train.py"'}).script_mode
    assert with_script(container, {"SAGEMAKER_PROGRAM": "train.py"}).script_mode
    first = resolve("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1")
    assert with_script(first, {"sagemaker_program": '"train.py"'}) is first
    assert with_script(container, {}, ["/bin/bash", "train.sh"]).script_mode
    assert with_script(first, {}, ["/bin/bash", "train.sh"]) is first
