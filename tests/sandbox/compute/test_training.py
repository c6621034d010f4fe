"""Training jobs: phases, files, logs, metrics, artifacts, failures and stops."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import tarfile
import threading
from typing import TYPE_CHECKING, Any

import pytest

from sagewizard.sandbox.compute import checkpoints
from sagewizard.sandbox.compute.training import LOG_GROUP, TrainingOutcome, run_training
from sagewizard.sandbox.services import BUCKET, Pace, Services

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagewizard.sandbox.compute.launcher import ProcessLauncher

START = 1_700_000_000.0
IN_ORDER = [
    ("Starting", "Starting the training job"),
    ("Starting", "Preparing the instances for training"),
    ("Downloading", "Downloading input data"),
    ("Downloading", "Downloading the training image"),
    ("Training", "Training image download completed. Training in progress."),
    ("Uploading", "Uploading generated training model"),
    ("Completed", "Training job completed"),
]


class Bench:
    def __init__(
        self,
        services: Services,
        launcher: ProcessLauncher,
        container: Callable[..., Any],
        messages: Callable[..., dict[str, list[str]]],
    ) -> None:
        self.services, self.launcher = services, launcher
        self.container, self.messages = container, messages
        self.stop = threading.Event()
        self.statuses: list[tuple[str, str]] = []

    def put(self, key: str, content: bytes) -> None:
        self.services.objects.put(BUCKET, key, content)

    def request(self, *channels: dict[str, Any], **changes: Any) -> dict[str, Any]:
        request = {
            "TrainingJobName": "job-1",
            "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/job-1",
            "AlgorithmSpecification": {
                "TrainingImage": "test",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "train:loss", "Regex": r"train loss <loss>=(\S+)"}],
            },
            "HyperParameters": {"epochs": "3", "name": "text", "sizes": "[1, 2]"},
            "InputDataConfig": list(channels),
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out/"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        return {**request, **changes}

    def run(self, entry: str, request: dict[str, Any] | None = None, **kind: Any) -> TrainingOutcome:
        outcome = run_training(
            request if request is not None else self.request(),
            services=self.services,
            launcher=self.launcher,
            on_status=lambda status, message: self.statuses.append((status, message)),
            stop=self.stop,
            resolve=lambda image: self.container(entry, **kind),
        )
        assert list(self.launcher.jobs.iterdir()) == []
        return outcome

    def unpacked(self, name: str = "model") -> dict[str, bytes]:
        info = self.services.objects.head(BUCKET, f"out/job-1/output/{name}.tar.gz")
        assert info is not None
        with self.services.objects.open(info) as stream, tarfile.open(fileobj=stream) as archive:
            files = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
            return {name: file.read() for name, file in files.items() if file is not None}

    def seen(self, *channels: dict[str, Any], **changes: Any) -> dict[str, Any]:
        outcome = self.run("describes", self.request(*channels, **changes))
        assert outcome.status == "Completed", outcome.failure_reason
        found: dict[str, Any] = json.loads(self.unpacked()["seen.json"])
        return found

    def log(self) -> list[str]:
        (lines,) = self.messages(LOG_GROUP).values()
        return lines


@pytest.fixture
def bench(
    services: Services,
    session_launcher: ProcessLauncher,
    container: Callable[..., Any],
    messages: Callable[..., dict[str, list[str]]],
) -> Bench:
    return Bench(services, session_launcher, container, messages)


def channel(name: str, uri: str = "", *, kind: str = "S3Prefix", **more: Any) -> dict[str, Any]:
    source = {"S3DataType": kind, "S3Uri": f"s3://{BUCKET}/{uri}"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def test_a_job_goes_through_the_real_statuses_and_leaves_its_model_log_and_metrics(bench: Bench) -> None:
    bench.put("in/a.csv", b"1\n2\n")
    bench.put("in/sub/b.csv", b"3\n")
    outcome = bench.run("learns", bench.request(channel("train", "in/", ContentType="text/csv")))
    assert outcome == TrainingOutcome(
        status="Completed",
        model_artifact=f"s3://{BUCKET}/out/job-1/output/model.tar.gz",
        final_metrics=[{"MetricName": "train:loss", "Value": 0.3333333432674408, "Timestamp": START}],
        started=START,
        ended=START,
    )
    assert bench.statuses == IN_ORDER
    assert bench.unpacked() == {"weights": b"3"}
    assert bench.unpacked("output") == {"report.txt": b"fine"}
    assert list(bench.messages(LOG_GROUP)) == [f"job-1/algo-1-{int(START)}"]
    assert bench.log()[-2:] == ["#033[34mtab#011here#033[0m", "rows=3 in /opt/ml/input/data"]


def test_each_phase_lasts_as_long_as_the_pace_says(bench: Bench, clock: Any) -> None:
    pace = Pace(
        training_starting=1,
        training_preparing=2,
        training_downloading=4,
        training_image=8,
        training_uploading=16,
    )
    bench.services = dataclasses.replace(bench.services, pace=pace)
    outcome = bench.run("learns_nothing")
    assert clock.waits == [1, 2, 4, 8, 16]
    assert outcome.started == START + 3
    assert outcome.ended == START + 31


def test_the_container_sees_the_real_tree_and_configuration(bench: Bench) -> None:
    bench.put("in/train/part-0", b"x")
    seen = bench.seen(
        channel("train", "in/train", ContentType="text/csv"),
        channel("test", "in/train", InputMode="FastFile"),
    )
    files = {
        name: json.loads(text) for name, text in seen["files"].items() if name.startswith("input/config")
    }
    assert files == {
        "input/config/hyperparameters.json": {"epochs": "3", "name": "text", "sizes": "[1, 2]"},
        "input/config/inputdataconfig.json": {
            "train": {
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
                "ContentType": "text/csv",
            },
            "test": {
                "TrainingInputMode": "FastFile",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
            },
        },
        "input/config/resourceconfig.json": {
            "current_host": "algo-1",
            "current_instance_type": "ml.m5.large",
            "current_group_name": "homogeneousCluster",
            "hosts": ["algo-1"],
            "instance_groups": [
                {
                    "instance_group_name": "homogeneousCluster",
                    "instance_type": "ml.m5.large",
                    "hosts": ["algo-1"],
                }
            ],
            "network_interface_name": "eth0",
        },
    }
    assert {"model", "output", "output/data", "input/data/train", "code"} <= set(seen["folders"])


def test_the_environment_holds_the_contract_the_job_and_nobodys_account(bench: Bench) -> None:
    bench.put("in/x", b"x")
    env = bench.seen(
        channel("train", "in/"), Environment={"MINE": "1", "AWS_ENDPOINT_URL": "http://elsewhere"}
    )["env"]
    assert env["MINE"] == "1"
    assert env["TRAINING_JOB_NAME"] == "job-1"
    assert env["TRAINING_JOB_ARN"].endswith("training-job/job-1")
    assert env["SM_CHANNELS"] == '["train"]'
    assert env["SM_CHANNEL_TRAIN"].endswith("/input/data/train")
    assert json.loads(env["SM_HPS"]) == {"epochs": 3, "name": "text", "sizes": [1, 2]}
    assert (env["SM_HP_EPOCHS"], env["SM_HP_NAME"], env["SM_HP_SIZES"]) == ("3", "text", "[1, 2]")
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert (env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]) == ("SANDBOXKEY", "sandbox-secret")
    assert env["AWS_REGION"] == "us-east-1"
    assert "the person's own" not in env.values()
    assert env["HOME"] == env["SAGEMAKER_BASE_DIR"]


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("in/", ["a.csv", "train/p0", "train/p1", "train-old/p"]),
        ("in", ["a.csv", "train/p0", "train/p1", "train-old/p"]),
        ("in/train/", ["p0", "p1"]),
        ("in/train", ["p0", "p1", "train-old/p"]),
        ("in/a.csv", ["a.csv"]),
        ("in/tr", ["train/p0", "train/p1", "train-old/p"]),
        ("", ["in/a.csv", "in/train/p0", "in/train/p1", "in/train-old/p"]),
    ],
)
def test_a_prefix_is_stripped_and_the_tree_below_it_kept(bench: Bench, uri: str, names: list[str]) -> None:
    for key in ("in/a.csv", "in/train/p0", "in/train/p1", "in/train-old/p", "in/folder/"):
        bench.put(key, b"" if key.endswith("/") else key.encode())
    seen = bench.seen(channel("train", uri))
    data = "input/data/train/"
    assert sorted(n.removeprefix(data) for n in seen["files"] if n.startswith(data)) == sorted(names)


def test_a_manifest_names_the_objects(bench: Bench) -> None:
    for name in ("a", "sub/b", "c"):
        bench.put(f"in/{name}", name.encode())
    bench.put("m.manifest", json.dumps([{"prefix": f"s3://{BUCKET}/in/"}, "sub/b", "a"]).encode())
    seen = bench.seen(channel("train", "m.manifest", kind="ManifestFile"))
    data = {n: text for n, text in seen["files"].items() if n.startswith("input/data")}
    assert data == {"input/data/train/a": "a", "input/data/train/sub/b": "sub/b"}


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (b"{not json", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"{}", "it must be a JSON array"),
        (b"[]", "it must be a JSON array"),
        (b'["a"]', "its first element must be"),
        (b'[{"prefix": 3}, "a"]', "its first element must be"),
        (b'[{"prefix": "http://x/"}, "a"]', "is not an S3 URI"),
        (b'[{"prefix": "s3://BUCKET/in/"}]', "it names no objects"),
        (b'[{"prefix": "s3://BUCKET/in/"}, "a", 7]', "its element 3 must be the name"),
        (
            b'[{"prefix": "s3://BUCKET/in/"}, "gone"]',
            "Unable to download object s3://BUCKET/in/gone (NoSuchKey",
        ),
        (b'[{"prefix": "s3://BUCKET/in/"}, "../in/a"]', "Unable to download object"),
        (b'[{"prefix": "s3://no-such-bucket/"}, "a"]', "Unable to download object s3://no-such-bucket/a"),
    ],
)
def test_a_wrong_manifest_fails_the_job_and_says_where(bench: Bench, manifest: bytes, expected: str) -> None:
    bench.put("in/a", b"a")
    bench.put("m.manifest", manifest.replace(b"BUCKET", BUCKET.encode()))
    outcome = bench.run("learns", bench.request(channel("train", "m.manifest", kind="ManifestFile")))
    assert outcome.status == "Failed"
    assert outcome.failure_reason is not None
    assert outcome.failure_reason.startswith("ClientError: Data download failed:")
    assert expected.replace("BUCKET", BUCKET) in outcome.failure_reason
    assert bench.statuses[-1] == ("Failed", "Training job failed")
    assert outcome.model_artifact is None


@pytest.mark.parametrize(
    "key", ["in/../../escaped", "in/a/../../b", "in/..", "in/nul\0byte", "in/" + "x" * 300]
)
def test_a_key_that_cannot_be_a_file_of_its_channel_is_refused(bench: Bench, key: str) -> None:
    bench.put(key, b"x")
    outcome = bench.run("learns", bench.request(channel("train", "in/")))
    assert outcome.status == "Failed"
    assert (outcome.failure_reason or "").startswith("ClientError: Data download failed:The object s3://")
    assert not list(bench.services.folder.parent.glob("**/escaped"))


def test_an_absolute_part_stays_in_the_channel(bench: Bench) -> None:
    bench.put("in//etc/passwd", b"x")
    assert "input/data/train/etc/passwd" in bench.seen(channel("train", "in/"))["files"]


def test_keys_that_cannot_both_be_files_are_refused(bench: Bench) -> None:
    for keys in (("one/a", "one/a/b"), ("two/a/b", "two//a/b")):
        for key in keys:
            bench.put(key, b"x")
        outcome = bench.run("learns", bench.request(channel("train", keys[0][:4])))
        assert "cannot both be the file" in (outcome.failure_reason or "")


def test_gzip_objects_are_unpacked_where_the_channel_says_so(bench: Bench) -> None:
    bench.put("in/a.csv.gz", gzip.compress(b"1,2\n", mtime=0) + gzip.compress(b"3,4\n", mtime=0))
    seen = bench.seen(channel("train", "in/", CompressionType="Gzip"), channel("raw", "in/"))
    assert seen["files"]["input/data/train/a.csv"] == "1,2\n3,4\n"
    assert "input/data/raw/a.csv.gz" in seen["files"]


def test_a_gzip_bomb_stops_at_the_volume(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb", compresslevel=1) as packed:
        for _ in range(40):
            packed.write(bytes(1 << 20))
    bench.put("in/bomb.gz", bomb.getvalue())
    monkeypatch.setattr(
        "sagewizard.sandbox.compute.filetree.GIB", 20 << 20
    )  # a gigabyte takes seconds to write
    outcome = bench.run("learns", bench.request(channel("train", "in/", CompressionType="Gzip")))
    assert "does not fit the volume of 1 GB" in (outcome.failure_reason or "")


@pytest.mark.parametrize("content", [b"plain text", gzip.compress(b"x" * 1000, mtime=0)[:-4], b""])
def test_what_is_no_gzip_fails_the_job(bench: Bench, content: bytes) -> None:
    bench.put("in/a.gz", content)
    outcome = bench.run("learns", bench.request(channel("train", "in/", CompressionType="Gzip")))
    if content:
        assert "is not a whole gzip file" in (outcome.failure_reason or "")
    else:
        assert outcome.status == "Completed"


def test_sources_the_sandbox_does_not_have_are_refused_by_name(bench: Bench) -> None:
    bench.put("in/a", b"x")
    outcome = bench.run("learns", bench.request(channel("train", "in/a", kind="AugmentedManifestFile")))
    assert "AugmentedManifestFile" in (outcome.failure_reason or "")
    request = bench.request(
        {"ChannelName": "train", "DataSource": {"FileSystemDataSource": {"FileSystemId": "fs"}}}
    )
    assert "file system" in (bench.run("learns", request).failure_reason or "")


def test_no_objects_and_no_bucket_fail_with_the_url(bench: Bench) -> None:
    outcome = bench.run("learns", bench.request(channel("train", "nothing/")))
    assert f'No S3 objects found under S3 URL "s3://{BUCKET}/nothing/"' in (outcome.failure_reason or "")
    request = bench.request(channel("train"))
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://nobody/x"
    assert "NoSuchBucket" in (bench.run("learns", request).failure_reason or "")


def test_pipe_mode_and_several_instances_are_noted_in_the_log(bench: Bench) -> None:
    bench.put("in/a", b"1\n")
    request = bench.request(channel("train", "in/", InputMode="Pipe"))
    request["ResourceConfig"]["InstanceCount"] = 3
    assert bench.run("learns", request).status == "Completed"
    streams = bench.messages(LOG_GROUP)
    assert [name.split("/")[1].rsplit("-", 1)[0] for name in streams] == ["algo-1", "algo-2", "algo-3"]
    first, *others = streams.values()
    assert "Pipe mode" in first[0]
    assert "3 instances" in first[1]
    assert others == [["Sandbox: this instance has nothing to do; the log of algo-1 says why."]] * 2


def test_script_mode_gets_copies_of_its_data(bench: Bench) -> None:
    bench.put("in/a", b"precious")
    bench.run("writes_into_its_data", bench.request(channel("train", "in/")), script_mode=True)
    info = bench.services.objects.head(BUCKET, "in/a")
    assert info is not None
    assert info.path.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("ClientError: Unable to parse csv", "ClientError: Unable to parse csv"),
        ("framework error: \nboom", "AlgorithmError: framework error: \nboom"),
        ("AlgorithmError: at BASE/model", "AlgorithmError: at /opt/ml/model"),
        ("é" * 3000, "AlgorithmError: " + "é" * 1008),
    ],
)
def test_the_failure_file_becomes_the_reason(bench: Bench, reason: str, expected: str) -> None:
    outcome = bench.run("fails_with_reason", bench.request(Environment={"REASON": reason}))
    assert (outcome.status, outcome.failure_reason, outcome.model_artifact) == ("Failed", expected, None)
    assert bench.statuses == [*IN_ORDER[:-1], ("Failed", "Training job failed")]
    assert bench.services.objects.head(BUCKET, "out/job-1/output/model.tar.gz") is None
    assert bench.unpacked("output") == {"trace.txt": b"trace"}


@pytest.mark.parametrize(
    ("entry", "code"), [("fails_quietly", 2), ("dies", 137), ("fails_with_a_link", 1), ("no_such_entry", 1)]
)
def test_a_failure_without_a_text_names_the_exit_code(bench: Bench, entry: str, code: int) -> None:
    assert bench.run(entry).failure_reason == f"AlgorithmError: , exit code: {code}"


def test_an_unknown_image_fails_with_what_the_registry_says(bench: Bench) -> None:
    def resolve(image: str) -> Any:
        raise LookupError(f"There is no image '{image}' here.")

    outcome = run_training(
        bench.request(),
        services=bench.services,
        launcher=bench.launcher,
        on_status=lambda status, message: None,
        stop=bench.stop,
        resolve=resolve,
    )
    assert outcome.failure_reason == "ClientError: There is no image 'test' here."
    assert outcome.started is None


def test_a_stopped_job_saves_what_it_has(bench: Bench) -> None:
    outcome = _run_until_line(bench, bench.request(), "ready")
    assert outcome.status == "Stopped"
    assert outcome.model_artifact == f"s3://{BUCKET}/out/job-1/output/model.tar.gz"
    assert bench.unpacked() == {"partial": b"partial"}
    assert bench.statuses[-3:] == [
        ("Stopping", "Stopping the training job"),
        ("Uploading", "Uploading generated training model"),
        ("Stopped", "Training job stopped"),
    ]
    assert bench.log() == ["ready", "saving"]


def _run_until_line(bench: Bench, request: dict[str, Any], line: str) -> TrainingOutcome:
    """Run a job and set its stop event when the line is logged."""
    writer_class = type(bench.services.logs.writer("group", "stream"))
    original = writer_class.write

    def write(self: Any, message: str, timestamp_ms: int | None = None) -> None:
        original(self, message, timestamp_ms)
        if message == line:
            bench.stop.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_class, "write", write)
        return bench.run("waits_for_stop", request)


def test_a_job_stopped_before_it_trains_has_no_model(bench: Bench) -> None:
    bench.stop.set()
    outcome = bench.run("learns")
    assert (outcome.status, outcome.model_artifact, outcome.started) == ("Stopped", None, None)
    assert bench.statuses[-2:] == [
        ("Stopping", "Stopping the training job"),
        ("Stopped", "Training job stopped"),
    ]


def test_an_empty_model_folder_still_gives_an_artifact(bench: Bench) -> None:
    assert bench.run("learns_nothing").model_artifact
    assert bench.unpacked() == {}
    assert bench.services.objects.head(BUCKET, "out/job-1/output/output.tar.gz") is None


def test_an_uncompressed_artifact_is_a_folder_of_objects(bench: Bench) -> None:
    bench.put("in/a", b"1\n")
    output = {"S3OutputPath": f"s3://{BUCKET}/out", "CompressionType": "NONE"}
    outcome = bench.run("learns", bench.request(channel("train", "in/"), OutputDataConfig=output))
    assert outcome.model_artifact == f"s3://{BUCKET}/out/job-1/output/model/"
    assert bench.services.objects.head(BUCKET, "out/job-1/output/model/weights") is not None


def test_an_output_bucket_that_is_gone_fails_the_job(bench: Bench) -> None:
    request = bench.request(OutputDataConfig={"S3OutputPath": "s3://nobody/out"})
    outcome = bench.run("learns_nothing", request)
    assert (outcome.failure_reason or "").startswith("ClientError: Artifact upload failed:")


def test_checkpoints_come_from_s3_and_go_back(bench: Bench) -> None:
    request = bench.request(CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints"})
    for expected in (["step-0"], ["step-0", "step-1"]):
        assert bench.run("checkpoints", request).status == "Completed"
        found = [info.key for info in bench.services.objects.list(BUCKET, "checkpoints/")]
        assert found == [f"checkpoints/{name}" for name in expected]


@pytest.mark.parametrize(
    ("wanted", "used"),
    [
        ("/opt/ml/mine/deep", "/opt/ml/mine/deep"),
        ("/opt/ml/checkpoints/", "/opt/ml/checkpoints"),
        ("/opt/ml/model", "/opt/ml/checkpoints"),
        ("/opt/ml/../../etc", "/opt/ml/checkpoints"),
        ("/tmp/mine", "/opt/ml/checkpoints"),
    ],
)
def test_checkpoints_are_where_the_job_wants_them_below_opt_ml(bench: Bench, wanted: str, used: str) -> None:
    config = {"S3Uri": f"s3://{BUCKET}/mine", "LocalPath": wanted}
    assert bench.run("keeps_them_elsewhere", bench.request(CheckpointConfig=config)).status == "Completed"
    found = bench.services.objects.head(BUCKET, "mine/step-0")
    assert found is not None
    with bench.services.objects.open(found) as stream:
        assert stream.read().decode() == used
    assert any("cannot be their folder" in line for line in bench.log()) == (wanted.rstrip("/") != used)


def test_checkpoints_are_in_s3_while_the_job_still_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LOOK_SECONDS", 0.02)
    request = bench.request(CheckpointConfig={"S3Uri": f"s3://{BUCKET}/kept"})
    running = threading.Thread(target=bench.run, args=("keeps_a_checkpoint", request))
    running.start()
    found = None
    for _ in range(1500):
        found = bench.services.objects.head(BUCKET, "kept/deep/step-0")
        if found is not None or not running.is_alive():
            break
        bench.stop.wait(0.02)
    ended = not running.is_alive()
    bench.stop.set()
    running.join()
    assert found is not None and not ended
    with bench.services.objects.open(found) as stream:
        assert stream.read() == b"state"


def test_a_checkpoint_is_stored_once_nobody_writes_to_it_any_more(services: Services, tmp_path: Path) -> None:
    def stored() -> list[tuple[str, int]]:
        return [(info.key, info.size) for info in services.objects.list(BUCKET, "kept/")]

    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "from-s3").write_text("old")
    keeper = checkpoints._Keeper(services, [folder], f"s3://{BUCKET}/kept/")
    file = folder / "step"
    for text in ("h", "ha", "half"):
        file.write_text(text)
        keeper.look()
    (folder / "link").symlink_to("/etc/hostname")
    assert stored() == []
    keeper.look()
    keeper.look()
    assert stored() == [("kept/step", 4)]
    file.write_text("whole")
    keeper.look()
    file.unlink()
    keeper.look()
    assert stored() == [("kept/step", 4)]


def test_metrics_are_32_bit_and_what_is_no_number_is_passed_over(bench: Bench) -> None:
    seen: list[float] = []
    request = bench.request()
    request["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "value", "Regex": "value=(.*);"},
        {"Name": "silent", "Regex": "nothing like it (.*)"},
        {"Name": "no-group", "Regex": "value="},
    ]
    outcome = run_training(
        request,
        services=bench.services,
        launcher=bench.launcher,
        on_status=lambda status, message: None,
        stop=bench.stop,
        resolve=lambda image: bench.container("odd_numbers"),
        on_metric=lambda name, value, when: seen.append(value),
    )
    assert seen == [0.9947999715805054, -2.5]
    assert outcome.final_metrics == [{"MetricName": "value", "Value": -2.5, "Timestamp": START}]


def test_a_metric_definition_that_is_no_expression_fails_the_job(bench: Bench) -> None:
    request = bench.request()
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "broken", "Regex": "("}]
    assert "regular expression" in (bench.run("learns", request).failure_reason or "")


def test_a_fault_of_the_sandbox_itself_fails_the_job_and_leaves_no_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **more: Any) -> Any:
        raise OSError("the disk is on fire")

    monkeypatch.setattr(bench.services.objects, "put_file", broken)
    outcome = bench.run("learns_nothing")
    assert outcome.status == "Failed"
    assert (outcome.failure_reason or "").startswith("InternalServerError: We encountered an internal error.")
