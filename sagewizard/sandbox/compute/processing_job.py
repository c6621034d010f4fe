"""Owns the run of one processing job: its inputs, one container a host, its outputs in S3."""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.filetree import (
    Cancelled,
    TrainingTree,
    account_environment,
    remove_tree,
    upload_folder,
)
from sagewizard.sandbox.compute.joblog import JobLog
from sagewizard.sandbox.compute.launcher import LaunchError
from sagewizard.sandbox.compute.network import network
from sagewizard.sandbox.compute.s3data import ClientFailure
from sagewizard.sandbox.compute.training import INTERNAL_ERROR, STOP_GRACE, read_failure
from sagewizard.sandbox.compute.usage import hosts_measured
from sagewizard.sandbox.containers.script import names
from sagewizard.sandbox.store.objects import NoSuchBucket

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from sagewizard.sandbox.compute.launcher import Child, ProcessLauncher
    from sagewizard.sandbox.compute.usage import UsageMeter
    from sagewizard.sandbox.services import Services

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
ROOT = "/opt/ml/processing"
ENTRY = "sagewizard.sandbox.containers.script.process:main"
_LONGEST_REASON = 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessingOutcome:
    """How a processing job ended: status is Completed, Failed or Stopped; times are epoch seconds.

    `exit_message` is what the container left in /opt/ml/output/message.
    """

    status: str
    failure_reason: str | None = None
    exit_message: str | None = None
    started: float | None = None
    ended: float | None = None


class _Failure(Exception):  # noqa: N818
    """The job fails; the text is the whole FailureReason."""


def relative(local_path: str) -> str | None:
    """Return a LocalPath relative to /opt/ml/processing; None when it does not lie below it."""
    parts = local_path.split("/")
    head = ROOT.split("/")
    inside = [part for part in parts[len(head) :] if part not in ("", ".")]
    if parts[: len(head)] != head or ".." in inside or not inside or "\0" in local_path:
        return None
    return "/".join(inside)


class ProcessingTree(TrainingTree):
    """The files of one host of a processing job: inputs and outputs below processing/, and config/."""

    def __init__(
        self, base: Path, request: Mapping[str, Any], services: Services, host: int, hosts: int
    ) -> None:
        cluster = request["ProcessingResources"]["ClusterConfig"]
        translated = {
            "InputDataConfig": [_channel(item) for item in request.get("ProcessingInputs", [])],
            "ResourceConfig": {
                "InstanceType": cluster["InstanceType"],
                "InstanceCount": hosts,
                "VolumeSizeInGB": cluster["VolumeSizeInGB"],
            },
        }
        super().__init__(base, translated, services, writable=True, host=host, hosts=hosts)
        self.job = request
        self.data = base / "processing"

    def prepare(self) -> None:
        """Make the folders and write the configuration files."""
        for folder in (self.data, self.output, self.base / "config"):
            folder.mkdir(parents=True)
        self.base.chmod(0o700)
        for _, folder in self.outputs():
            folder.mkdir(parents=True, exist_ok=True)
        described = {
            member: self.job[member]
            for member in (
                "ProcessingJobName",
                "ProcessingJobArn",
                "AppSpecification",
                "Environment",
                "ProcessingInputs",
                "ProcessingOutputConfig",
                "ProcessingResources",
                "RoleArn",
                "StoppingCondition",
            )
            if member in self.job
        }
        hosts = {"current_host": f"algo-{self.host}", "hosts": self.host_names}
        for name, content in (("processingjobconfig", described), ("resourceconfig", hosts)):
            (self.base / "config" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")

    def outputs(self) -> list[tuple[Mapping[str, Any], Path]]:
        """Return the outputs that go to S3, each with its folder."""
        found = []
        for item in (self.job.get("ProcessingOutputConfig") or {}).get("Outputs", []):
            place = relative(item.get("S3Output", {}).get("LocalPath", ""))
            if place is not None:
                found.append((item, self.data / place))
        return found

    def notes(self) -> list[str]:
        """Say, for the job's log, where the sandbox does something else than the request asks for."""
        notes = [
            f"Sandbox: input '{item['InputName']}' asked for Pipe mode and is presented as files."
            for item in self.job.get("ProcessingInputs", [])
            if item.get("S3Input", {}).get("S3InputMode") == "Pipe"
        ]
        return notes + [
            f"Sandbox: output '{item['OutputName']}' asked for Continuous upload and is uploaded at the end."
            for item, _ in self.outputs()
            if item["S3Output"]["S3UploadMode"] == "Continuous"
        ]

    def environment(self) -> dict[str, str]:
        """Return the environment of the container's process."""
        env = {
            **self.job.get("Environment", {}),
            **account_environment(self.services),
            "SAGEMAKER_BASE_DIR": str(self.base),
            "SAGEWIZARD_IMAGE": str(self.job["AppSpecification"]["ImageUri"]),
        }
        return {
            name: text for name, text in env.items() if name and "\0" not in name + text and "=" not in name
        }


def _channel(item: Mapping[str, Any]) -> dict[str, Any]:
    source = item["S3Input"]
    scheme, _, rest = source["S3Uri"].partition("://")
    # https://s3.region.amazonaws.com/bucket/key
    uri = source["S3Uri"] if scheme == "s3" else f"s3://{rest.partition('/')[2]}"
    return {
        "ChannelName": relative(source["LocalPath"]),
        "CompressionType": source.get("S3CompressionType", "None"),
        "InputMode": "File",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": source["S3DataType"],
                "S3Uri": uri,
                "S3DataDistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            }
        },
    }


def run_processing(
    request: Mapping[str, Any],
    *,
    services: Services,
    launcher: ProcessLauncher,
    on_status: Callable[[str, str], None],
    stop: threading.Event,
    meter: UsageMeter | None = None,
) -> ProcessingOutcome:
    """Run a validated CreateProcessingJob request to its end; it never raises for what the job did.

    `on_status("InProgress", "Processing")` is called when the containers start. When `stop` is set they get
    SIGTERM and 120 s. Outputs are uploaded when every host has ended with code 0; those that asked for
    Continuous upload also after a failure or a stop.
    """
    run = _Run(request, services, launcher, on_status, stop, meter)
    try:
        return run.run()
    finally:
        run.tidy()


class _Run:
    def __init__(
        self,
        request: Mapping[str, Any],
        services: Services,
        launcher: ProcessLauncher,
        on_status: Callable[[str, str], None],
        stop: threading.Event,
        meter: UsageMeter | None,
    ) -> None:
        self.meter = meter
        self.request, self.services, self.launcher = request, services, launcher
        self.on_status, self.stop = on_status, stop
        self.job = str(request["ProcessingJobName"])
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.job[:40]}-", dir=launcher.jobs))
        self.logs: list[JobLog] = []
        self.trees: list[ProcessingTree] = []
        self.children: list[Child] = []
        self.started: float | None = None
        self.hosts = names.Names()
        self.held = contextlib.ExitStack()

    def run(self) -> ProcessingOutcome:
        try:
            self._phases()
        except Cancelled:
            return self._ending("Stopped")
        except _Failure as failure:
            return self._ending("Failed", str(failure))
        except ClientFailure as failure:
            return self._ending("Failed", f"ClientError: {failure}")
        except Exception as error:
            _log.exception("processing job %s", self.job)
            return self._ending("Failed", f"{INTERNAL_ERROR} ({error})")
        return self._ending("Stopped" if self.stop.is_set() else "Completed")

    def tidy(self) -> None:
        for child in self.children:
            child.terminate(0)
        for log in self.logs:
            log.close()
        for tree in self.trees:
            tree.remove()
        self.held.close()
        remove_tree(self.folder)

    def _ending(self, status: str, reason: str | None = None) -> ProcessingOutcome:
        message = next(filter(None, (self._message(tree) for tree in self.trees)), None)
        return ProcessingOutcome(
            status,
            reason[:_LONGEST_REASON] if reason else None,
            message,
            self.started,
            self.services.clock.now(),
        )

    @staticmethod
    def _message(tree: ProcessingTree) -> str | None:
        return read_failure(tree.output / "message").replace(str(tree.base), "/opt/ml").strip() or None

    def _phases(self) -> None:
        hosts = int(self.request["ProcessingResources"]["ClusterConfig"]["InstanceCount"])
        for host in range(1, hosts + 1):
            tree = ProcessingTree(self.folder / f"algo-{host}", self.request, self.services, host, hosts)
            self.trees.append(tree)
            tree.prepare()
            tree.download(self.stop)
        if self.stop.is_set():
            raise Cancelled
        self.hosts = self.held.enter_context(network(self.trees[0].host_names, self.services.endpoint_url))
        self.started = self.services.clock.now()
        self.on_status("InProgress", "Processing")
        try:
            for tree in self.trees:
                self.children.append(self._launch(tree))
        except LaunchError as error:
            raise _Failure(f"{INTERNAL_ERROR} ({error})") from error
        measured = {f"{self.job}/algo-{tree.host}": self.children[i] for i, tree in enumerate(self.trees)}
        arn = str(self.request.get("ProcessingJobArn", ""))
        with hosts_measured(self.meter, arn, LOG_GROUP, measured, self.folder):
            failed = self._await()
        self._upload(completed=failed is None and not self.stop.is_set())
        if failed is not None and not self.stop.is_set():
            tree, child = failed
            if child.lost:
                raise _Failure(f"{INTERNAL_ERROR} ({child.lost})")
            said = (self._message(tree) or "")[: _LONGEST_REASON - 64]
            raise _Failure(f"AlgorithmError: {said}, exit code: {child.exit_code}")

    def _launch(self, tree: ProcessingTree) -> Child:
        now = int(self.services.clock.now())
        writer = self.services.logs.writer(LOG_GROUP, f"{self.job}/algo-{tree.host}-{now}")
        log = JobLog(writer, str(tree.base), self.services.clock)
        self.logs.append(log)
        for note in tree.notes():
            log(note)
        hosts = replace(self.hosts, current=f"algo-{tree.host}")
        env = {**tree.environment(), names.VARIABLE: hosts.text()}
        return self.launcher.launch(ENTRY, env=env, cwd=tree.base, on_line=log)

    def _await(self) -> tuple[ProcessingTree, Child] | None:
        """Wait for all hosts; the first that failed, after which the others are ended."""
        running = list(zip(self.trees, self.children, strict=True))
        while running:
            if self.stop.is_set():
                for _, child in running:
                    child.send_signal(15)
                for _, child in running:
                    child.terminate(STOP_GRACE)
                return None
            for tree, child in list(running):
                code = child.wait(0.1 / len(running))
                if code is None:
                    continue
                running.remove((tree, child))
                if code != 0 or child.output_error is not None:
                    for _, other in running:
                        other.terminate(STOP_GRACE if not self.stop.is_set() else 0)
                    return tree, child
        return None

    def _upload(self, *, completed: bool) -> None:
        for tree in self.trees:
            for item, folder in tree.outputs():
                target = item["S3Output"]
                if not completed and target["S3UploadMode"] != "Continuous":
                    continue
                try:
                    with contextlib.suppress(FileNotFoundError):
                        upload_folder(self.services, folder, target["S3Uri"])
                except NoSuchBucket as error:
                    raise ClientFailure(
                        f"Data upload failed:The bucket of {target['S3Uri']} does not exist ({error})"
                    ) from None
