from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from sagewizard.sandbox import launcher

BUCKET = "sagemaker-us-east-1-123456789012"
GROUP = "/aws/sagemaker/TrainingJobs"
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"x.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)


class Writer:
    """Does seeded operations until the server goes away, and knows what it was told is done.

    `unsure` holds what was under way at the end: that may or may not have happened.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.objects: dict[str, bytes | None] = {}
        self.unsure: dict[str, bytes | None] = {}
        self.parts: dict[int, str] = {}
        self.lines: list[str] = []
        self.roles: list[str] = []
        self.upload = ""
        self.done = threading.Condition()
        self.count = 0

    def run(self, clients: Any) -> None:
        s3, logs, iam = clients("s3"), clients("logs"), clients("iam")
        with contextlib.suppress(BotoCoreError, ClientError, OSError):
            if not self.upload:
                self.upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
                logs.create_log_group(logGroupName=GROUP)
                logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
            while True:
                self.step(s3, logs, iam)
                with self.done:
                    self.count += 1
                    self.done.notify()

    def step(self, s3: Any, logs: Any, iam: Any) -> None:
        kind = self.random.choice(["put", "put", "put", "delete", "part", "line", "role"])
        if kind == "put":
            key = f"k{self.random.randrange(12)}"
            data = self.random.randbytes(self.random.choice([0, 10, 5_000, 400_000]))
            self.unsure = {key: data}
            s3.put_object(Bucket=BUCKET, Key=key, Body=data)
            self.objects[key] = data
        elif kind == "delete":
            key = f"k{self.random.randrange(12)}"
            self.unsure = {key: None}
            s3.delete_object(Bucket=BUCKET, Key=key)
            self.objects[key] = None
        elif kind == "part":
            number = self.random.randrange(1, 50)
            data = self.random.randbytes(100_000)
            self.parts.pop(number, None)
            answer = s3.upload_part(
                Bucket=BUCKET, Key="parts", UploadId=self.upload, PartNumber=number, Body=data
            )
            self.parts[number] = answer["ETag"]
        elif kind == "line":
            text = f"line {len(self.lines)} {self.random.random()}"
            logs.put_log_events(
                logGroupName=GROUP,
                logStreamName="s",
                logEvents=[{"timestamp": 1_700_000_000_000, "message": text}],
            )
            self.lines.append(text)
        else:
            name = f"role-{self.random.getrandbits(64):x}"
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
            self.roles.append(name)

    def check(self, clients: Any) -> None:
        s3, logs, iam = clients("s3"), clients("logs"), clients("iam")
        listed = {entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
        for key, data in {**self.objects, **self.unsure}.items():
            found = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() if key in listed else None
            allowed = [self.objects.get(key)] + ([data] if key in self.unsure else [])
            assert found in allowed, key
            self.objects[key] = found
        assert listed <= self.objects.keys()
        self.unsure = {}
        if self.upload:
            pages = s3.get_paginator("list_parts").paginate(Bucket=BUCKET, Key="parts", UploadId=self.upload)
            found_parts = {part["PartNumber"]: part["ETag"] for got in pages for part in got.get("Parts", [])}
            assert self.parts.items() <= found_parts.items()
        if self.lines:
            answer = logs.get_log_events(logGroupName=GROUP, logStreamName="s", startFromHead=True)
            found_lines = [event["message"] for event in answer["events"]]
            assert [line for line in found_lines if line in set(self.lines)] == self.lines
        roles = {
            role["RoleName"] for got in iam.get_paginator("list_roles").paginate() for role in got["Roles"]
        }
        assert set(self.roles) <= roles
        assert "SageWizardSandboxRole" in roles


def kill(home: Any) -> None:
    found = launcher.status(home.settings)
    assert found is not None
    os.kill(found["pid"], signal.SIGKILL)
    os.waitpid(found["pid"], 0)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_server_is_killed_at_any_moment(home: Any) -> None:
    writer = Writer(seed=20261121)
    moments = random.Random(7)
    for _ in range(6):
        thread = threading.Thread(target=writer.run, args=(home.start(),))
        goal = writer.count + moments.randrange(1, 120)
        thread.start()
        with writer.done:
            writer.done.wait_for(lambda goal=goal: writer.count >= goal, timeout=60)
        kill(home)
        thread.join()
        assert writer.count >= goal
        writer.check(home.start())
    assert len(writer.roles) > 3
    assert len(writer.lines) > 3
    assert len(writer.parts) > 3
    launcher.stop(home.settings)
    # Nothing is left over but what the index names: 12 keys at most and the parts of one upload.
    home.start()
    payloads = [path for path in (home.settings.sandbox / "objects").rglob("*") if path.is_file()]
    assert len(payloads) <= 12 + 50


def test_a_server_killed_while_it_starts_leaves_a_home_that_starts(home: Any, python: str) -> None:
    import subprocess

    moments = random.Random(3)
    for _ in range(4):
        command = [python, "-m", "sagewizard.sandbox.server", "--folder", str(home.settings.sandbox)]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        threading.Event().wait(moments.uniform(0.0, 0.5))
        server.kill()
        server.wait()
    clients = home.start()
    assert clients("s3").head_bucket(Bucket=BUCKET)
    assert clients("iam").get_role(RoleName="SageWizardSandboxRole")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
def test_the_servers_memory_hardly_moves_while_160_mb_go_up_and_come_down(home: Any, tmp_path: Path) -> None:
    clients = home.start()
    s3 = clients("s3")
    clients("iam").list_roles()  # moto is in memory from here on
    source, back = tmp_path / "source", tmp_path / "back"
    with source.open("wb") as file:
        block = os.urandom(1 << 20)
        for number in range(160):
            file.write(number.to_bytes(4, "big") + block[4:])
    found = launcher.status(home.settings)
    assert found is not None
    before = found["memory"]
    s3.upload_file(str(source), BUCKET, "big")
    s3.download_file(BUCKET, "big", str(back))
    with source.open("rb") as file:
        s3.put_object(Bucket=BUCKET, Key="whole", Body=file)
    peak = _peak(found["pid"])
    assert peak < 400 << 20
    assert peak - before < 100 << 20
    with source.open("rb") as one, back.open("rb") as other:
        while block := one.read(1 << 20):
            assert other.read(1 << 20) == block
        assert other.read(1) == b""
    assert s3.head_object(Bucket=BUCKET, Key="whole")["ContentLength"] == 160 << 20


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")
