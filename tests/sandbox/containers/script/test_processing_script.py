"""Processing jobs with real scripts: outputs, arguments, sharding, failures, stops, both ways to /opt/ml."""

from __future__ import annotations

import gzip
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

CODE = "/opt/ml/processing/input/code"


def run(bench, script, *, arguments=(), inputs=(), outputs=(), wait=True, entry=None, count=1, **changes):
    """Run a script as SDK 2's ScriptProcessor does; the answer of DescribeProcessingJob."""
    name = bench.name("processing")
    source = bench.put(f"{name}/input/code/job.py", script)

    def given(input_name, uri, path, **more):
        member = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File", **more}
        return {"InputName": input_name, "S3Input": member}

    application = {
        "ImageUri": bench.image,
        "ContainerEntrypoint": list(entry or ["python3", f"{CODE}/job.py"]),
    }
    if arguments:
        application["ContainerArguments"] = list(arguments)
    cluster = {"InstanceType": "ml.m5.xlarge", "InstanceCount": count, "VolumeSizeInGB": 30}
    request = {
        "ProcessingJobName": name,
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": application,
        "RoleArn": bench.role,
        "ProcessingInputs": [
            *(given(*item[:3], **(item[3] if len(item) > 3 else {})) for item in inputs),
            given("code", source, CODE),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": key, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": mode}}
                for key, uri, path, mode in outputs
            ]
        },
    } | changes
    bench.sagemaker.create_processing_job(**request)
    return ended(bench, name) if wait else name


def ended(bench, name):
    return bench.wait(
        lambda: bench.sagemaker.describe_processing_job(ProcessingJobName=name),
        ("Completed", "Failed", "Stopped"),
        "ProcessingJobStatus",
    )


def log_of(bench, name):
    return bench.log("/aws/sagemaker/ProcessingJobs", f"{name}/")


SPLIT = """
import argparse, os
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
parser = argparse.ArgumentParser()
parser.add_argument("--train-test-split-ratio", type=float)
args = parser.parse_args()
table = pd.read_csv(os.path.join("/opt/ml/processing/input", "iris.csv"), header=None)
train, test = train_test_split(table, test_size=args.train_test_split_ratio, random_state=0)
scaler = StandardScaler().fit(train.iloc[:, 1:])
for name, part in (("train", train), ("test", test)):
    path = os.path.join("/opt/ml/processing", name, "rows.csv")
    print("Saving to", path, os.environ["PURPOSE"])
    pd.DataFrame(scaler.transform(part.iloc[:, 1:])).to_csv(path, header=False, index=False)
with open("/opt/ml/output/message", "w") as file:
    file.write(f"{len(train)} rows to learn from")
"""


def test_a_scikit_learn_script_splits_a_table_into_two_outputs(bench, iris_csv):
    uri = bench.put("raw/iris.csv", iris_csv)
    out = f"s3://{bench.bucket}/split"
    job = run(
        bench,
        SPLIT,
        arguments=["--train-test-split-ratio", "0.2"],
        inputs=[("raw", uri, "/opt/ml/processing/input")],
        outputs=[
            ("train", f"{out}/train", "/opt/ml/processing/train", "EndOfJob"),
            ("test", f"{out}/test", "/opt/ml/processing/test", "Continuous"),
        ],
        Environment={"PURPOSE": "learning"},
    )
    log = log_of(bench, job["ProcessingJobName"])
    assert job["ProcessingJobStatus"] == "Completed", log
    assert job["ExitMessage"] == "120 rows to learn from" and "FailureReason" not in job
    assert job["ProcessingEndTime"] >= job["ProcessingStartTime"] >= job["CreationTime"]
    assert len(bench.get(f"{out}/train/rows.csv").splitlines()) == 120
    assert len(bench.get(f"{out}/test/rows.csv").splitlines()) == 30
    assert "Saving to /opt/ml/processing/train/rows.csv learning" in log
    assert "output 'test' asked for Continuous upload and is uploaded at the end" in log


@pytest.mark.parametrize("way", ["namespace", "rewriting"])
def test_configuration_arguments_and_credentials_reach_the_script(bench, way, monkeypatch):
    launcher = bench.server.sagemaker._control.compute._compute._launcher
    hidden = {} if way == "namespace" else {"SAGEWIZARD_SANDBOX_NO_NAMESPACE": "1"}
    monkeypatch.setattr(launcher, "base_env", {**launcher.base_env, **hidden})
    script = (
        "import json, os, sys, shutil\n"
        "config = json.load(open('/opt/ml/config/processingjobconfig.json'))\n"
        "hosts = json.load(open('/opt/ml/config/resourceconfig.json'))\n"
        "os.makedirs('/opt/ml/processing/output/deep/er', exist_ok=True)\n"
        "shutil.copy(__file__, '/opt/ml/processing/output/deep/er/copy.py')\n"
        "print('SEEN ' + json.dumps([config['ProcessingJobName'], hosts, sys.argv, dict(os.environ)]))\n"
    )
    uri = f"s3://{bench.bucket}/seen-{way}"
    job = run(
        bench,
        script,
        arguments=["--in", "/opt/ml/processing/input/x", "--n", "3"],
        outputs=[("all", uri, "/opt/ml/processing/output", "EndOfJob")],
        Environment={"WHERE": "/opt/ml/processing/output", "AWS_ACCESS_KEY_ID": "not this one"},
    )
    log = log_of(bench, job["ProcessingJobName"])
    assert job["ProcessingJobStatus"] == "Completed", log
    seen = json.loads(next(line for line in log.splitlines() if line.startswith("SEEN "))[5:])
    name, hosts, argv, env = seen
    assert name == job["ProcessingJobName"]
    assert hosts == {"current_host": "algo-1", "hosts": ["algo-1"]}
    assert argv == [f"{CODE}/job.py", "--in", "/opt/ml/processing/input/x", "--n", "3"]
    assert env["WHERE"] == "/opt/ml/processing/output"
    assert env["AWS_ACCESS_KEY_ID"] == bench.server.services.credentials.access_key
    assert bench.get(f"{uri}/deep/er/copy.py") == script.encode()
    assert ("does not let /opt/ml be shown" in log) == (way == "rewriting")


def test_hosts_share_the_keys_of_a_sharded_input_and_all_upload(bench):
    for number in range(5):
        bench.put(f"shards/part-{number}", str(number))
    bench.put("shards/packed.gz", gzip.compress(b"plain", mtime=0))
    script = (
        "import json, os, socket\n"
        "host = json.load(open('/opt/ml/config/resourceconfig.json'))['current_host']\n"
        "assert socket.gethostname() == host\n"
        "assert all(socket.gethostbyname(name).startswith('127.') for name in ('algo-1', 'algo-2'))\n"
        "for kind in ('mine', 'all'):\n"
        "    folder = f'/opt/ml/processing/{kind}'\n"
        "    open(f'/opt/ml/processing/out/{kind}-{host}', 'w').write(','.join(sorted(os.listdir(folder))))\n"
    )
    uri = f"s3://{bench.bucket}/shards"
    job = run(
        bench,
        script,
        inputs=[
            ("mine", f"{uri}/part", "/opt/ml/processing/mine", {"S3DataDistributionType": "ShardedByS3Key"}),
            ("all", f"{uri}/packed.gz", "/opt/ml/processing/all", {"S3CompressionType": "Gzip"}),
        ],
        outputs=[("out", f"{uri}-out", "/opt/ml/processing/out", "EndOfJob")],
        count=2,
    )
    assert job["ProcessingJobStatus"] == "Completed", log_of(bench, job["ProcessingJobName"])
    assert bench.get(f"{uri}-out/mine-algo-1") == b"part-0,part-2,part-4"
    assert bench.get(f"{uri}-out/mine-algo-2") == b"part-1,part-3"
    assert bench.get(f"{uri}-out/all-algo-1") == bench.get(f"{uri}-out/all-algo-2") == b"packed"
    streams = bench.server.services.logs.streams(
        "/aws/sagemaker/ProcessingJobs", f"{job['ProcessingJobName']}/"
    )
    assert len(streams) == 2


def test_a_script_that_exits_3_fails_the_job_with_its_message_and_uploads_nothing(bench):
    uri = f"s3://{bench.bucket}/failed"
    script = (
        "import sys\nopen('/opt/ml/processing/out/a', 'w').write('x')\n"
        "open('/opt/ml/output/message', 'w').write('the table is empty')\nsys.exit(3)\n"
    )
    job = run(bench, script, outputs=[("out", uri, "/opt/ml/processing/out", "EndOfJob")])
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: the table is empty, exit code: 3"
    assert job["ExitMessage"] == "the table is empty"
    with pytest.raises(ClientError):
        bench.get(f"{uri}/a")


def test_a_missing_entry_point_fails_the_job_and_its_log_says_which(bench):
    job = run(bench, "", entry=["python3", f"{CODE}/other.py"])
    assert job["FailureReason"] == "AlgorithmError: , exit code: 2"
    assert f"can't open file '{CODE}/other.py'" in log_of(bench, job["ProcessingJobName"])
    job = run(bench, "", entry=["no-such-program"])
    assert job["FailureReason"] == "AlgorithmError: , exit code: 127"


def test_a_shell_script_and_another_interpreters_path_are_entry_points(bench):
    job = run(
        bench,
        "cd /opt/ml/processing/input/code && python -c 'print(40 + 2)'",
        entry=["/bin/sh", f"{CODE}/job.py"],
    )
    if sys.platform == "linux":
        assert job["ProcessingJobStatus"] == "Completed" and "42" in log_of(bench, job["ProcessingJobName"])
    job = run(bench, "print('hello')", entry=["/opt/conda/bin/python3.9", f"{CODE}/job.py"])
    assert job["ProcessingJobStatus"] == "Completed"


def test_a_job_is_stopped_by_its_owner(bench):
    name = run(bench, "import time\nprint('READY', flush=True)\ntime.sleep(600)\n", wait=False)

    def ready():
        try:
            return {"ready": "READY" in log_of(bench, name)}
        except ClientError:
            return {"ready": False}

    bench.wait(ready, (True,), "ready")
    assert f"processing job {name}" in bench.server.sagemaker.busy()
    bench.sagemaker.stop_processing_job(ProcessingJobName=name)
    job = ended(bench, name)
    assert job["ProcessingJobStatus"] == "Stopped" and "FailureReason" not in job
    with pytest.raises(ClientError, match="is in status Stopped"):
        bench.sagemaker.stop_processing_job(ProcessingJobName=name)


def test_a_job_beyond_its_time_is_stopped_and_says_so(bench):
    job = run(bench, "import time\ntime.sleep(600)\n", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "MaxRuntimeInSeconds, 1 seconds" in job["FailureReason"]


def test_what_a_script_installs_stays_in_the_job(bench):
    script = "import sys\nprint('PREFIX', sys.prefix)\nimport sklearn, pip\n"
    job = run(bench, script)
    assert job["ProcessingJobStatus"] == "Completed"
    assert "PREFIX /opt/ml/.environment" in log_of(bench, job["ProcessingJobName"])


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_job_under_way_when_the_server_is_killed_has_failed_and_its_processes_are_gone(home, bench):
    clients = home.start()
    other = type(bench)(server=None, clients=clients)
    script = "import os, time\nprint('READY', os.getpid(), flush=True)\ntime.sleep(600)\n"
    name = run(other, script, wait=False)

    def ready():
        try:
            return {"ready": "READY" in log_of(other, name)}
        except ClientError:
            return {"ready": False}

    other.wait(ready, (True,), "ready")
    running = int(log_of(other, name).split("READY ")[1].split()[0])
    assert Path(f"/proc/{running}").exists()
    server = int((home.settings.sandbox / "server.lock").read_text())
    os.kill(server, signal.SIGKILL)
    again = type(bench)(server=None, clients=home.start())
    job = again.sagemaker.describe_processing_job(ProcessingJobName=name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: The sandbox was stopped while")
    again.wait(lambda: {"gone": not _alive(running)}, (True,), "gone", 20)


def _alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
