"""Script mode from CreateTrainingJob to the model: what a script sees, and how it may fail."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import tarfile
import threading

import pytest

IRIS = """
import argparse, os, joblib, pandas as pd
from sklearn.tree import DecisionTreeClassifier

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-leaf-nodes", type=int)
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    table = pd.concat(pd.read_csv(os.path.join(args.train, f), header=None) for f in os.listdir(args.train))
    model = DecisionTreeClassifier(max_leaf_nodes=args.max_leaf_nodes, random_state=0)
    model.fit(table.iloc[:, 1:].values, table.iloc[:, 0])
    print(f"accuracy={model.score(table.iloc[:, 1:].values, table.iloc[:, 0])};")
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
"""


def test_iris_is_trained_by_a_script_with_metrics_log_and_model(bench, iris_csv):
    uri = bench.put("iris/train/iris.csv", iris_csv)
    job = bench.train(
        IRIS,
        {"max-leaf-nodes": "20"},
        {"train": uri.rpartition("/")[0]},
        MetricDefinitions=[{"Name": "accuracy", "Regex": "accuracy=([0-9.]+);"}],
    )
    log = bench.job_log(job)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), log)
    (metric,) = job["FinalMetricDataList"]
    assert metric["MetricName"] == "accuracy" and metric["Value"] == 1.0
    with tarfile.open(
        fileobj=io.BytesIO(bench.get(job["ModelArtifacts"]["S3ModelArtifacts"])), mode="r:gz"
    ) as archive:
        assert archive.getnames() == ["model.joblib"]
    for line in (
        "Sandbox: the image asks for scikit-learn 1.2-1; the script runs with the installed scikit-learn",
        "Invoking user script",
        "SM_CHANNEL_TRAIN=/opt/ml/input/data/train",
        "Invoking script with the following command:",
        "/miniconda3/bin/python train.py --max-leaf-nodes 20",
        "Reporting training SUCCESS",
    ):
        assert line in log, log


def test_a_script_that_exits_3_fails_the_job_with_its_words(bench):
    job = bench.train("import sys\nprint('so far')\n"
                      "sys.stderr.write('the data is bad\\n')\nsys.exit(3)\n")  # fmt: skip
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "AlgorithmError: ExecuteUserScriptError:\nExitCode 3\n"
        'ErrorMessage "the data is bad"\nCommand "/miniconda3/bin/python train.py"'
    )
    log = bench.job_log(job)
    assert "so far" in log
    assert "sagemaker-training-toolkit ERROR    Reporting training FAILURE\n" in log
    assert "sagemaker-training-toolkit ERROR    ExecuteUserScriptError:\nExitCode 3\n" in log


def test_a_traceback_is_in_the_failure_reason_and_whole_in_the_log(bench):
    lines = "\n".join(f"def f{n}(): f{n + 1}()" for n in range(30))
    job = bench.train(f"{lines}\ndef f30(): raise KeyError('fare')\nf0()\n", {"rate": "0.5"})
    reason = job["FailureReason"]
    assert reason.startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n")
    assert "KeyError: 'fare'" in reason and '"/miniconda3/bin/python train.py --rate 0.5"' in reason
    assert len(reason) <= 1024
    log = bench.job_log(job)
    assert "line 32, in <module>" in log and "in f1" in log


SHOW = """
import json, os, sys, getpass
from pathlib import Path
print("SHOWN " + json.dumps({"env": dict(os.environ), "argv": sys.argv, "cwd": os.getcwd(),
    "files": sorted(str(p) for p in Path("/opt/ml/input").rglob("*") if p.is_file()),
    "config": json.loads(Path("/opt/ml/input/config/hyperparameters.json").read_text()),
    "real": open("/opt/ml/input/data/train/a.txt").read(),
    "links": os.stat("/opt/ml/input/data/train/a.txt").st_nlink}))
open("/opt/ml/model/note.txt", "w").write("made")
Path("/opt/ml/output/data").joinpath("extra.csv").write_text("1")
"""


def shown(log):
    return json.loads(next(line for line in log.splitlines() if line.startswith("SHOWN "))[6:])


@pytest.mark.parametrize("way", ["namespace", "rewriting"])
def test_a_script_sees_opt_ml_its_arguments_and_its_environment(bench, way, monkeypatch):
    launcher = bench.server.sagemaker._control.compute._compute._launcher
    hidden = {} if way == "namespace" else {"SAGEWIZARD_SANDBOX_NO_NAMESPACE": "1"}
    monkeypatch.setattr(launcher, "base_env", {**launcher.base_env, **hidden})
    uri = bench.put("shown/train/a.txt", "hello")
    job = bench.train(
        SHOW,
        {
            "rate": "0.5",
            "name": '"tree"',
            "n": "3",
            "layers": "[1, 2]",
            "deep": "true",
            "text": "plain words",
        },
        {"train": uri.rpartition("/")[0]},
        environment={"MINE": "yes", "AWS_SECRET_ACCESS_KEY": "not this one"},
    )
    log = bench.job_log(job)
    assert job["TrainingJobStatus"] == "Completed", log
    seen = shown(log)
    env = seen["env"]
    assert seen["argv"] == [
        "train.py", "--deep", "True", "--layers", "[1, 2]", "-n", "3", "--name", "tree",
        "--rate", "0.5", "--text", "plain words",
    ]  # fmt: skip
    assert seen["cwd"] == "/opt/ml/code"
    assert seen["real"] == "hello" and seen["links"] == 1, "a script gets a copy, not the stored object"
    assert seen["config"]["name"] == '"tree"'
    # The log puts the real name in the place of the job's folder, so both ways read the same.
    assert env["SM_MODEL_DIR"] == "/opt/ml/model" and env["SM_CHANNEL_TRAIN"] == "/opt/ml/input/data/train"
    assert json.loads(env["SM_HPS"]) == {
        "rate": 0.5, "name": "tree", "n": 3, "layers": [1, 2], "deep": True, "text": "plain words",
    }  # fmt: skip
    assert env["SM_HP_NAME"] == "tree" and env["SM_HP_LAYERS"] == "[1, 2]" and env["SM_HP_N"] == "3"
    assert json.loads(env["SM_HOSTS"]) == ["algo-1"] and env["SM_NUM_GPUS"] == "0"
    assert json.loads(env["SM_USER_ARGS"]) == seen["argv"][1:]
    assert env["SM_USER_ENTRY_POINT"] == "train.py" and env["SM_MODULE_NAME"] == "train"
    assert env["SM_MODULE_DIR"].startswith("s3://")
    told = json.loads(env["SM_TRAINING_ENV"])
    assert told["channel_input_dirs"] == {"train": "/opt/ml/input/data/train"}
    assert told["job_name"] == env["TRAINING_JOB_NAME"] == job["TrainingJobName"]
    assert json.loads(env["SM_RESOURCE_CONFIG"])["current_instance_type"] == "ml.m5.large"
    assert env["MINE"] == "yes" and env["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    credentials = bench.server.services.credentials
    assert env["AWS_ACCESS_KEY_ID"] == credentials.access_key
    assert env["AWS_SECRET_ACCESS_KEY"] == credentials.secret_key
    assert env["AWS_ENDPOINT_URL"] == bench.server.services.endpoint_url
    assert ("Sandbox: this system does not let /opt/ml be shown" in log) == (way == "rewriting")
    folder = f"s3://{bench.bucket}/out/{job['TrainingJobName']}/output"
    with tarfile.open(fileobj=io.BytesIO(bench.get(f"{folder}/output.tar.gz"))) as archive:
        assert archive.getnames() == ["extra.csv"]
    with tarfile.open(fileobj=io.BytesIO(bench.get(f"{folder}/model.tar.gz"))) as archive:
        assert archive.getnames() == ["note.txt"]


def test_a_script_reaches_the_sandbox_and_nothing_of_the_persons_own_account(bench, monkeypatch, tmp_path):
    own = tmp_path / ".aws"
    own.mkdir()
    (own / "credentials").write_text("[default]\naws_access_key_id = MINE\naws_secret_access_key = MINE\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(own / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    job = bench.train(
        "import boto3, os\n"
        "assert 'AWS_PROFILE' not in os.environ and 'AWS_SHARED_CREDENTIALS_FILE' not in os.environ\n"
        "assert not os.path.exists(os.path.expanduser('~/.aws'))\n"
        "print('BUCKETS', [b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])\n"
    )
    log = bench.job_log(job)
    assert job["TrainingJobStatus"] == "Completed", log
    assert bench.bucket in log.split("BUCKETS")[1]


@pytest.mark.parametrize(
    ("files", "hyperparameters", "words"),
    [
        ({"train.py": ""}, {"sagemaker_program": ""}, "sagemaker_program is missing"),
        ({"train.py": ""}, {"sagemaker_program": '"other.py"'}, "can't open file"),
        ({"train.py": ""}, {"sagemaker_submit_directory": '"s3://nowhere/a.tar.gz"'}, "cannot be downloaded"),
        ({"train.py": ""}, {"sagemaker_submit_directory": '"/tmp"'}, "not an S3 address"),
        ({"../train.py": ""}, {}, "outside the folder"),
        ({"train.py": "import nothing_of_that_name"}, {}, "No module named 'nothing_of_that_name'"),
    ],
)
def test_what_cannot_be_run_fails_with_a_reason(bench, files, hyperparameters, words):
    job = bench.train(files, hyperparameters)
    assert job["TrainingJobStatus"] == "Failed" and words in job["FailureReason"], job["FailureReason"]


def test_an_archive_that_is_none_is_named(bench):
    uri = bench.put("broken/sourcedir.tar.gz", b"not an archive")
    job = bench.train("", {"sagemaker_submit_directory": f'"{uri}"'})
    assert job["FailureReason"].startswith(f"ClientError: The source archive {uri} cannot be unpacked:")


def test_modules_beside_the_script_are_found_and_shell_scripts_run(bench):
    job = bench.train(
        {"train.py": "from lib.help import say\nsay()\n", "lib/help.py": "def say(): print('helped')"}
    )
    assert "helped" in bench.job_log(job)
    job = bench.train(
        {"train.sh": "echo from a shell $1 $2; ls /opt/ml/code"},
        {"sagemaker_program": '"train.sh"', "k": "v"},
    )
    assert job["TrainingJobStatus"] == "Completed" and "from a shell -k v" in bench.job_log(job)


def test_an_empty_requirements_file_asks_for_nothing(bench):
    job = bench.train({"train.py": "print('ran')", "requirements.txt": "# nothing\n\n"})
    log = bench.job_log(job)
    assert job["TrainingJobStatus"] == "Completed" and "ran" in log and "Installing" not in log


WHEEL_METADATA = {
    "tiny_thing.py": "VALUE = 42\n",
    "tiny_thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n",
    "tiny_thing-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny_thing-1.0.dist-info/RECORD": "",
}


def test_requirements_are_installed_into_the_job_and_nowhere_else(bench):
    import importlib.util
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        for name, content in WHEEL_METADATA.items():
            wheel.writestr(name, content)
    files = {
        "train.py": "import tiny_thing, numpy\nprint('GOT', tiny_thing.VALUE, tiny_thing.__file__)\n",
        "requirements.txt": "./tiny_thing-1.0-py3-none-any.whl\nnumpy\n",
        "tiny_thing-1.0-py3-none-any.whl": buffer.getvalue(),
    }
    job = bench.train(files)
    log = bench.job_log(job)
    assert job["TrainingJobStatus"] == "Completed", log
    assert "GOT 42 /opt/ml/.environment/" in log
    assert "Requirement already satisfied: numpy" in log
    assert importlib.util.find_spec("tiny_thing") is None


def test_requirements_that_cannot_be_had_fail_the_job_and_say_so(bench):
    files = {
        "train.py": "",
        "requirements.txt": "--index-url http://127.0.0.1:1/simple\nno-such-thing==9.9\n",
    }
    reason = bench.train(files)["FailureReason"]
    assert reason.startswith("AlgorithmError: InstallRequirementsError:\nExitCode 1\n")
    assert "no-such-thing==9.9" in reason and "package index may be out of reach" in reason


def test_a_stopped_job_keeps_what_its_script_left(bench):
    name = "script-stopped"
    script = (
        "import time\nopen('/opt/ml/model/part', 'w').write('half')\n"
        "print('READY', flush=True)\ntime.sleep(600)\n"
    )

    def stop_when_ready():
        bench.wait(lambda: {"ready": "READY" in _log_or_empty(bench, name)}, (True,), "ready")
        bench.sagemaker.stop_training_job(TrainingJobName=name)

    thread = threading.Thread(target=stop_when_ready)
    thread.start()
    job = _train_named(bench, name, script)
    thread.join()
    assert job["TrainingJobStatus"] == "Stopped"
    with tarfile.open(fileobj=io.BytesIO(bench.get(job["ModelArtifacts"]["S3ModelArtifacts"]))) as archive:
        assert archive.getnames() == ["part"]


def _log_or_empty(bench, name):
    try:
        return bench.log("/aws/sagemaker/TrainingJobs", f"{name}/")
    except bench.logs.exceptions.ResourceNotFoundException:
        return ""


def _train_named(bench, name, script):
    plain = bench.name
    bench.name = lambda kind: name
    try:
        return bench.train(script)
    finally:
        bench.name = plain


def test_a_metric_definition_that_does_not_end_harms_nobody(bench):
    job = bench.train(
        "print('value=7 ' + 'a' * 60 + 'b')",
        MetricDefinitions=[
            {"Name": "good", "Regex": r"value=(\d+)"},
            {"Name": "bad", "Regex": r"(a+)+$"},
        ],
    )
    assert job["TrainingJobStatus"] == "Completed"
    assert [item["MetricName"] for item in job["FinalMetricDataList"]] == ["good"]
    assert "the regular expression of 'bad' took more than 1 s" in bench.job_log(job)


def _entry(bench, *command, **given):
    specification = {
        "TrainingImage": bench.image,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/bash"],
        "ContainerArguments": ["-c", *command],
    }
    return bench.train("", AlgorithmSpecification=specification, **given)


def test_an_entry_point_of_the_jobs_own_runs_in_the_place_of_the_toolkit(bench):
    uri = bench.put(
        "entry/code/go.py", "import os\nopen(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('x')\n"
    )
    job = _entry(
        bench,
        "cd /opt/ml/input/data/code && python go.py && echo made && which pip",
        inputs={"code": uri.rpartition("/")[0]},
    )
    log = bench.job_log(job)
    assert job["TrainingJobStatus"] == "Completed", log
    assert "made" in log and "/opt/ml/.environment/bin/pip" in log, "the person's own pip would be found"
    assert job["AlgorithmSpecification"]["ContainerEntrypoint"] == ["/bin/bash"]
    with tarfile.open(fileobj=io.BytesIO(bench.get(job["ModelArtifacts"]["S3ModelArtifacts"]))) as archive:
        assert archive.getnames() == ["m"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo no luck >&2; exit 4", "AlgorithmError: no luck, exit code: 4"),
        ("echo it broke > /opt/ml/output/failure; exit 4", "AlgorithmError: it broke"),
    ],
)
def test_an_entry_point_that_fails_says_why(bench, command, reason):
    assert _entry(bench, command)["FailureReason"] == reason


def test_a_script_that_needs_no_torch_runs_in_a_pytorch_image(bench):
    image = "763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.0.0-cpu-py310"
    script = (
        "import os, socket\nprint('module', os.environ['SM_FRAMEWORK_MODULE'])\n"
        "print('first', os.environ['MASTER_ADDR'], os.environ['MASTER_PORT'].isdigit(),"
        " os.environ['SM_FRAMEWORK_PARAMS'], socket.gethostbyname(os.environ['MASTER_ADDR'])[:4])\n"
    )
    job = bench.train(script, {"sagemaker_torch_distributed_enabled": "false"}, image=image)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    log = bench.job_log(job)
    assert "Sandbox: the image asks for PyTorch 2.0.0" in log
    assert "module sagemaker_pytorch_container.training:main" in log
    assert re.search(r'first (algo-1|127\S+) True {"sagemaker_torch_distributed_enabled": false} 127\.', log)


def test_torchrun_without_torch_says_what_is_missing(bench):
    image = "763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.0.0-cpu-py310"
    job = bench.train("pass\n", {"sagemaker_torch_distributed_enabled": "true"}, image=image)
    if importlib.util.find_spec("torch") is None:
        assert job["FailureReason"].startswith("ClientError: torch_distributed needs torch")
    else:
        assert job["TrainingJobStatus"] == "Completed"
