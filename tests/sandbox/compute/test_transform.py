"""Batch transform jobs: inputs, requests, outputs, failures and stops."""

from __future__ import annotations

import gzip
import json
import re
import struct
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from sagewizard.clock import SystemClock
from sagewizard.sandbox.compute.records import RECORDIO_MAGIC
from sagewizard.sandbox.compute.transform import LOG_GROUP, PING_FAILED, TransformOutcome, run_transform
from sagewizard.sandbox.services import BUCKET, Services

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.sandbox.compute.launcher import ProcessLauncher

CLIENT = "ClientError: See job logs for more information"
ALGORITHM = "AlgorithmError: See job logs for more information"


class ShortWaits(SystemClock):
    """The machine's time, with every wait cut to a moment."""

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        return cancel.wait(min(seconds, 0.005))


@pytest.fixture
def clock() -> ShortWaits:
    return ShortWaits()


class Bench:
    def __init__(
        self,
        services: Services,
        launcher: ProcessLauncher,
        container: Callable[..., Any],
        messages: Callable[..., dict[str, list[str]]],
    ) -> None:
        self.services, self.launcher, self.container = services, launcher, container
        self.messages = messages
        self.stop = threading.Event()
        self.statuses: list[tuple[str, str]] = []

    def put(self, key: str, content: bytes | str) -> None:
        self.services.objects.put(BUCKET, key, content.encode() if isinstance(content, str) else content)

    def run(self, entry: str = "rows", **changes: Any) -> TransformOutcome:
        source = {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        }
        output = {"S3OutputPath": f"s3://{BUCKET}/out/", "AssembleWith": "Line"}
        request: dict[str, Any] = {
            "TransformJobName": "job-1",
            "TransformInput": {**source, **changes.pop("source", {})},
            "TransformOutput": {**output, **changes.pop("output", {})},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **changes,
        }
        outcome = run_transform(
            request,
            model={"PrimaryContainer": {"Image": "test"}},
            services=self.services,
            launcher=self.launcher,
            on_status=lambda status, message: self.statuses.append((status, message)),
            stop=self.stop,
            resolve=lambda image: self.container(serve=entry),
        )
        assert list(self.launcher.jobs.iterdir()) == []
        return outcome

    def out(self) -> dict[str, str]:
        return {
            info.key.removeprefix("out/"): info.path.read_bytes().decode("latin-1")
            for info in self.services.objects.list(BUCKET, "out/")
        }

    def log(self) -> list[str]:
        """What the container printed: one line a request."""
        (lines,) = (v for k, v in self.messages(LOG_GROUP).items() if not k.endswith("/data-log"))
        return [line for line in lines if line.startswith("request")]

    def data_log(self) -> list[str]:
        (lines,) = (v for k, v in self.messages(LOG_GROUP).items() if k.endswith("/data-log"))
        return [line.partition(":[sagemaker logs]: ")[2] for line in lines]


@pytest.fixture
def bench(
    services: Services,
    session_launcher: ProcessLauncher,
    container: Callable[..., Any],
    messages: Callable[..., dict[str, list[str]]],
) -> Bench:
    return Bench(services, session_launcher, container, messages)


def test_every_object_gets_an_output_below_its_own_path(bench: Bench) -> None:
    bench.put("in/a.csv", "1,2\n3,4\n")
    bench.put("in/sub/b.csv", "5,6")
    bench.put("in/empty.csv", "")
    outcome = bench.run()
    assert (outcome.status, outcome.failure_reason) == ("Completed", None)
    assert outcome.started is not None
    assert outcome.ended is not None
    assert bench.out() == {"a.csv.out": "3\n7\n", "sub/b.csv.out": "11\n", "empty.csv.out": ""}
    assert bench.statuses == [
        ("InProgress", "Starting the transform job"),
        ("InProgress", "Transforming"),
        ("Completed", "Transform job completed"),
    ]


def test_the_logs_have_the_services_streams_and_its_first_line(bench: Bench) -> None:
    bench.put("in/a.csv", "1")
    bench.run(MaxConcurrentTransforms=4, MaxPayloadInMB=6)
    names = sorted(bench.messages(LOG_GROUP))
    assert re.fullmatch(r"job-1/i-[0-9a-f]{17}-\d{10}", names[0])
    assert names[1] == f"{names[0]}/data-log"
    (line,) = bench.messages(LOG_GROUP)[names[1]]
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}:\[sagemaker logs\]: "
        r"MaxConcurrentTransforms=4, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD",
        line,
    )


def test_the_containers_parameters_are_the_defaults_and_the_services_come_last(bench: Bench) -> None:
    bench.put("in/a.csv", "1")
    bench.run("rows")
    assert bench.data_log() == ["MaxConcurrentTransforms=3, MaxPayloadInMB=2, BatchStrategy=MULTI_RECORD"]


def test_without_parameters_of_the_container_the_services_are_used(bench: Bench) -> None:
    bench.put("in/a.csv", "1")
    bench.run("bare", BatchStrategy="SingleRecord")
    assert bench.data_log() == ["MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=SINGLE_RECORD"]


def test_many_records_fill_requests_and_their_order_is_kept(bench: Bench) -> None:
    count = 260_000
    bench.put("in/a.csv", "".join(f"{n},0000000000\n" for n in range(count)))
    outcome = bench.run(MaxPayloadInMB=1, MaxConcurrentTransforms=4)
    assert outcome.status == "Completed"
    sizes = [int(re.search(r"bytes=(\d+)", line)[1]) for line in bench.log()]  # type: ignore[index]
    assert len(sizes) == 5
    assert sorted(sizes)[1] > (1 << 20) - 20
    assert max(sizes) <= 1 << 20
    assert bench.out()["a.csv.out"] == "".join(f"{n:g}\n" for n in range(count))


def test_memory_does_not_grow_with_the_object(bench: Bench) -> None:
    peaks = []
    for megabytes in (4, 32):
        bench.put("in/a.csv", b"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n" * (megabytes << 20 >> 5))
        tracemalloc.start()
        outcome = bench.run("echo", MaxPayloadInMB=1, MaxConcurrentTransforms=2)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert outcome.status == "Completed"
    assert peaks[1] < peaks[0] + (8 << 20)
    assert peaks[1] < 24 << 20


def test_single_record_sends_a_request_a_line(bench: Bench) -> None:
    bench.put("in/a.csv", "1\n2\n\n3\n")
    bench.run(BatchStrategy="SingleRecord")
    assert len(bench.log()) == 3
    assert bench.out() == {"a.csv.out": "1\n2\n3\n"}


def test_assembly_with_none_is_plain_concatenation(bench: Bench) -> None:
    bench.put("in/a.bin", b"x\ny")
    source = {"ContentType": "application/octet-stream"}
    bench.run(source=source, output={"AssembleWith": "None"}, BatchStrategy="SingleRecord")
    assert bench.out() == {"a.bin.out": "xy"}
    bench.run(source=source, output={"AssembleWith": "Line"}, BatchStrategy="SingleRecord")
    assert bench.out() == {"a.bin.out": "x\ny\n"}


def test_without_a_split_type_the_object_goes_whole(bench: Bench) -> None:
    bench.put("in/a.bin", b"x\ny\n")
    source = {"ContentType": "application/octet-stream", "SplitType": "None"}
    bench.run(source=source, output={"AssembleWith": "None", "Accept": "application/json"})
    assert bench.log() == ["request bytes=4 accept=application/json type=application/octet-stream"]
    assert bench.out() == {"a.bin.out": "x\ny\n"}


def test_recordio_is_cut_between_records(bench: Bench) -> None:
    record = struct.pack("<II", RECORDIO_MAGIC, 4) + b"1234"
    bench.put("in/a", record * 5)
    source = {"ContentType": "application/x-recordio-protobuf", "SplitType": "RecordIO"}
    bench.run(source=source, output={"AssembleWith": "None"}, BatchStrategy="SingleRecord")
    assert len(bench.log()) == 5
    assert bench.out() == {"a.out": (record * 5).decode("latin-1")}


def test_gzip_input_is_unpacked(bench: Bench) -> None:
    bench.put("in/a.csv.gz", gzip.compress(b"1\n2\n", mtime=0))
    assert bench.run(source={"CompressionType": "Gzip"}).status == "Completed"
    assert bench.out() == {"a.csv.gz.out": "1\n2\n"}


def test_a_manifest_names_the_inputs(bench: Bench) -> None:
    bench.put("in/a.csv", "1")
    bench.put("in/b/c.csv", "2")
    bench.put("m.manifest", json.dumps([{"prefix": f"s3://{BUCKET}/in/"}, "b/c.csv"]))
    data = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/m.manifest"}}
    bench.run(source={"DataSource": data})
    assert bench.out() == {"b/c.csv.out": "2\n"}


def test_filters_and_join_make_the_breast_cancer_output(bench: Bench) -> None:
    bench.put("in/a.csv", "id1,1,2\nid2,3,4\n")
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    outcome = bench.run(output={"Accept": "text/csv"}, DataProcessing=processing)
    assert outcome.status == "Completed"
    assert bench.out() == {"a.csv.out": "id1,3\nid2,7\n"}


def test_json_objects_are_joined_whole(bench: Bench) -> None:
    bench.put("in/a.json", '{"id": 1, "features": [1, 2]}')
    outcome = bench.run(
        source={"ContentType": "application/json", "SplitType": "None"},
        output={"Accept": "application/json", "AssembleWith": "None"},
        DataProcessing={"JoinSource": "Input"},
    )
    assert outcome.status == "Completed"
    assert json.loads(bench.out()["a.json.out"]) == {
        "id": 1,
        "features": [1, 2],
        "SageMakerOutput": {"sum": 3},
    }


def test_json_lines_are_filtered_and_joined(bench: Bench) -> None:
    bench.put("in/a.jsonl", '{"id": 1, "features": [1, 2]}\n{"id": 2, "features": [3]}\n')
    outcome = bench.run(
        source={"ContentType": "application/jsonlines"},
        output={"Accept": "application/jsonlines"},
        DataProcessing={
            "InputFilter": "$.features",
            "JoinSource": "Input",
            "OutputFilter": "$['id','SageMakerOutput']",
        },
    )
    assert outcome.status == "Completed"
    assert bench.out() == {
        "a.jsonl.out": '{"id":1,"SageMakerOutput":{"sum":3}}\n{"id":2,"SageMakerOutput":{"sum":3}}\n'
    }


def test_a_bad_object_writes_nothing_the_others_are_done_and_the_job_fails(bench: Bench) -> None:
    bench.put("in/a.csv", "1\n")
    bench.put("in/b.csv", "2\n3\nbad\n4\n")
    bench.put("in/c.csv", "5\n")
    outcome = bench.run(BatchStrategy="SingleRecord", MaxConcurrentTransforms=2)
    assert (outcome.status, outcome.failure_reason) == ("Failed", CLIENT)
    assert bench.out() == {"a.csv.out": "1\n", "c.csv.out": "5\n"}
    name = f"{BUCKET}/in/b.csv"
    assert bench.data_log()[1:] == [
        f"{name}: ClientError: 400",
        f"{name}: ",
        f"{name}: Message:",
        f"{name}: unable to parse",
        f"{name}: this row",
    ]
    assert bench.statuses[-1] == ("Failed", "Transform job failed")


def test_a_server_error_is_tried_again_and_then_the_algorithms(bench: Bench) -> None:
    bench.put("in/a.csv", "broken")
    assert bench.run(ModelClientConfig={"InvocationsMaxRetries": 2}).failure_reason == ALGORITHM
    assert len(bench.log()) == 3
    assert bench.data_log()[1] == f"{BUCKET}/in/a.csv: Bad HTTP status received from algorithm: 500"
    assert bench.out() == {}


def test_a_container_that_dies_of_a_record_fails_its_object_only(bench: Bench) -> None:
    bench.put("in/a.txt", "die")
    bench.put("in/b.txt", "fine")
    outcome = bench.run(
        "commands", ModelClientConfig={"InvocationsMaxRetries": 0}, source={"SplitType": "None"}
    )
    assert outcome.failure_reason == ALGORITHM
    assert f"{BUCKET}/in/a.txt: Unable to get response from algorithm" in bench.data_log()
    assert "a.txt.out" not in bench.out()


@pytest.mark.parametrize("split", ["Line", "None"])
def test_a_record_larger_than_a_request_is_refused(bench: Bench, split: str) -> None:
    bench.put("in/a.csv", "1\n" + "1," * (1 << 19) + "1\n")
    bench.put("in/b.csv", "1\n")
    outcome = bench.run(MaxPayloadInMB=1, source={"SplitType": split})
    assert (outcome.status, outcome.failure_reason) == ("Failed", CLIENT)
    assert bench.out() == {"b.csv.out": "1\n"}
    assert bench.data_log()[1] == f"{BUCKET}/in/a.csv: ClientError: 413"
    assert "MaxPayloadInMB=1" in bench.data_log()[-1]


@pytest.mark.parametrize(
    ("content", "source"),
    [
        (b"not gzip", {"CompressionType": "Gzip"}),
        (gzip.compress(b"1\n" * 1000, mtime=0)[:-6], {"CompressionType": "Gzip"}),
        (b"not recordio", {"SplitType": "RecordIO"}),
    ],
)
def test_an_object_that_is_not_what_was_said_fails(
    bench: Bench, content: bytes, source: dict[str, str]
) -> None:
    bench.put("in/a", content)
    assert bench.run(source=source).failure_reason == CLIENT
    assert bench.out() == {}


@pytest.mark.parametrize(
    "processing",
    [
        {"InputFilter": "$[5]"},
        {"JoinSource": "Input", "OutputFilter": "$[0,7]"},
    ],
)
def test_an_index_that_is_not_there_fails_the_object(bench: Bench, processing: dict[str, str]) -> None:
    bench.put("in/a.csv", "1,2\n")
    assert bench.run(output={"Accept": "text/csv"}, DataProcessing=processing).failure_reason == CLIENT
    assert bench.out() == {}
    assert "is outside of" in bench.data_log()[1]


def test_a_reply_with_fewer_rows_than_records_cannot_be_joined(bench: Bench) -> None:
    bench.put("in/a.csv", "fewer\n1\n")
    outcome = bench.run(output={"Accept": "text/csv"}, DataProcessing={"JoinSource": "Input"})
    assert outcome.failure_reason == CLIENT
    assert "2 records went to the container and 1 came back" in bench.data_log()[1]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"DataProcessing": {"InputFilter": "$.a"}}, "cannot select CSV columns"),
        ({"MaxPayloadInMB": 0}, "MaxPayloadInMB=0"),
    ],
)
def test_what_cannot_work_fails_before_anything_starts(
    bench: Bench, changes: dict[str, Any], why: str
) -> None:
    bench.put("in/a.csv", "1\n")
    outcome = bench.run(**changes)
    assert outcome.status == "Failed"
    assert (outcome.failure_reason or "").startswith("ClientError: ")
    assert why in (outcome.failure_reason or "")
    assert outcome.started is None


def test_no_inputs_and_no_bucket_fail_with_the_url(bench: Bench) -> None:
    assert f"s3://{BUCKET}/in/" in (bench.run().failure_reason or "")
    bench.put("in/a.csv", "1\n")
    outcome = bench.run(output={"S3OutputPath": "s3://nobody/x"})
    assert "s3://nobody/x does not exist" in (outcome.failure_reason or "")


def test_a_container_that_never_answers_ping_fails_with_the_services_words(bench: Bench) -> None:
    bench.put("in/a.csv", "1\n")
    assert bench.run("crashes").failure_reason == PING_FAILED


def test_the_container_knows_that_it_runs_in_batch(bench: Bench) -> None:
    bench.put("in/a", "env")
    bench.run("commands", Environment={"MINE": "1"}, MaxPayloadInMB=20, source={"SplitType": "None"})
    env = json.loads(bench.out()["a.out"])
    assert env["SAGEMAKER_BATCH"] == "true"
    assert env["MAX_CONTENT_LENGTH"] == str(20 << 20)
    assert env["MINE"] == "1"


def test_a_stopped_job_ends_at_once_and_keeps_what_was_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put("in/a.txt", "fine")
    bench.put("in/b.txt", "hang")
    original = bench.services.objects.put_file

    def put_file(*args: Any, **more: Any) -> Any:
        bench.stop.set()
        return original(*args, **more)

    monkeypatch.setattr(bench.services.objects, "put_file", put_file)
    outcome = bench.run("commands", source={"SplitType": "None"}, MaxConcurrentTransforms=2)
    assert (outcome.status, outcome.failure_reason) == ("Stopped", None)
    assert bench.out() == {"a.txt.out": "fine\n"}
    assert bench.statuses[-2:] == [
        ("Stopping", "Stopping the transform job"),
        ("Stopped", "Transform job stopped"),
    ]


def test_a_job_stopped_before_it_starts_starts_nothing(bench: Bench) -> None:
    bench.stop.set()
    assert bench.run().status == "Stopped"
