"""Script jobs of several hosts: each runs the script, they reach each other by name, and leave one model."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest

from sagewizard.sandbox.containers.script.train import error_message

TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 10}
MEET = """
import json, os, socket, time
hosts, me = json.loads(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
seen = {"rows": sorted(os.listdir(os.environ["SM_CHANNEL_MINE"])), "name": socket.gethostname(),
        "all": sorted(os.listdir("/opt/ml/input/data/all")), "hosts": hosts,
        "config": json.load(open("/opt/ml/input/config/resourceconfig.json"))["current_host"]}
if me == hosts[0]:
    with socket.create_server((me, 0)) as server:
        seen["address"], port = server.getsockname()
        with open(os.environ["BOARD"] + ".new", "w") as board:
            board.write(str(port))
        os.replace(os.environ["BOARD"] + ".new", os.environ["BOARD"])
        server.settimeout(60)
        peer, _ = server.accept()
        seen["heard"] = peer.recv(100).decode()
        peer.sendall(b"hello from " + me.encode())
else:
    limit = time.monotonic() + 60
    while not os.path.exists(os.environ["BOARD"]) and time.monotonic() < limit:
        time.sleep(0.02)
    peer = socket.create_connection((hosts[0], int(open(os.environ["BOARD"]).read())), 60)
    peer.sendall(b"hello from " + me.encode())
    seen["heard"] = peer.recv(100).decode()
os.makedirs("/opt/ml/model/parts", exist_ok=True)
for path in (f"/opt/ml/model/parts/{me}", "/opt/ml/model/same", f"/opt/ml/output/data/{me}",
             f"/opt/ml/checkpoints/{me}"):
    with open(path, "w") as file:
        file.write(me)
print("SEEN " + json.dumps(seen))
"""


def unpacked(content):
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        return {m.name: archive.extractfile(m).read().decode() for m in archive if m.isfile()}


def channel(name, uri, distribution):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": distribution}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


@pytest.mark.parametrize("way", ["namespace", "hooks"])
def test_two_hosts_talk_by_name_and_leave_one_model(bench, tmp_path, way):
    uri = bench.put("hosts/in/a", "1")[: -len("/a")]
    bench.put("hosts/in/b", "2")
    plain = {"SAGEWIZARD_SANDBOX_NO_NAMESPACE": "1"} if way == "hooks" else {}
    job = bench.train(
        MEET,
        environment={"BOARD": str(tmp_path / "port"), **plain},
        ResourceConfig=TWO,
        InputDataConfig=[channel("mine", uri, "ShardedByS3Key"), channel("all", uri, "FullyReplicated")],
        CheckpointConfig={"S3Uri": f"s3://{bench.bucket}/hosts/{way}"},
    )
    name = job["TrainingJobName"]
    logs = {
        host: bench.log("/aws/sagemaker/TrainingJobs", f"{name}/{host}-") for host in ("algo-1", "algo-2")
    }
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), logs)
    first, second = (
        json.loads(next(line for line in log.splitlines() if line.startswith("SEEN "))[5:])
        for log in logs.values()
    )
    assert (first["name"], second["name"]) == ("algo-1", "algo-2") == (first["config"], second["config"])
    assert (first["heard"], second["heard"]) == ("hello from algo-2", "hello from algo-1")
    assert (first["rows"], second["rows"]) == (["a"], ["b"])
    assert first["all"] == second["all"] == ["a", "b"]
    assert first["hosts"] == second["hosts"] == ["algo-1", "algo-2"]
    assert first["address"].startswith("127.")
    model = unpacked(bench.get(job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert model == {"parts/algo-1": "algo-1", "parts/algo-2": "algo-2", "same": "algo-1"}
    assert "more than one host wrote same below /opt/ml/model;" in logs["algo-1"]
    output = unpacked(bench.get(f"s3://{bench.bucket}/out/{name}/output/output.tar.gz"))
    assert output == {"algo-1": "algo-1", "algo-2": "algo-2"}
    assert bench.get(f"s3://{bench.bucket}/hosts/{way}/algo-2") == b"algo-2"


def test_a_distribution_that_needs_what_is_not_here_is_refused_with_what_does_the_same(bench):
    job = bench.train("pass\n", {"sagemaker_mpi_enabled": "true"}, ResourceConfig=TWO)
    assert job["FailureReason"].startswith("ClientError: The distribution is absent: mpi needs mpirun")
    assert "Use torch_distributed" in job["FailureReason"]


def test_the_scripts_own_traceback_goes_before_the_one_of_torchrun():
    said = (
        "W1121 11:13:03.1 91 torch/distributed/run.py:1] a warning\n"
        "[rank1]: Traceback (most recent call last):\n"
        '[rank1]:   File "/opt/ml/code/train.py", line 12, in <module>\n'
        "[rank1]: ValueError: rank 1 has had enough\n"
        "E1121 11:13:34.1 91 torch/distributed/elastic/multiprocessing/api.py:1] failed (exitcode: 1)\n"
        "Traceback (most recent call last):\n"
        '  File "/opt/conda/bin/torchrun", line 1, in <module>\n'
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \ntrain.py FAILED\n"
    )
    found = error_message(said, 1000)
    assert found.splitlines()[0] == "Traceback (most recent call last):"
    assert found.splitlines()[-1] == "ValueError: rank 1 has had enough"


def test_the_host_that_fails_first_is_the_reason_and_takes_the_others_along(bench):
    script = (
        "import os, time\n"
        "if os.environ['SM_CURRENT_HOST'] == 'algo-2':\n"
        "    raise RuntimeError('the second host has had enough')\n"
        "time.sleep(600)\n"
    )
    job = bench.train(script, ResourceConfig=TWO)
    assert job["TrainingJobStatus"] == "Failed"
    assert "RuntimeError: the second host has had enough" in job["FailureReason"]
