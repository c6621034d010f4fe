"""Owns the run of one training job: its phases, container, log and metrics, and what it leaves in S3."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import stat
import tempfile
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sagewizard.sandbox.compute.archives import write_tar_gz
from sagewizard.sandbox.compute.checkpoints import kept_in_s3
from sagewizard.sandbox.compute.filetree import (
    MOST_HOSTS,
    Cancelled,
    TrainingTree,
    remove_tree,
    upload_folder,
)
from sagewizard.sandbox.compute.guarded_metrics import GuardedScraper, left_out
from sagewizard.sandbox.compute.joblog import JobLog, MetricScraper
from sagewizard.sandbox.compute.launcher import LaunchError
from sagewizard.sandbox.compute.merging import merge
from sagewizard.sandbox.compute.network import network
from sagewizard.sandbox.compute.s3data import ClientFailure, join_uri, parse_uri
from sagewizard.sandbox.compute.usage import hosts_measured
from sagewizard.sandbox.containers.registry import with_script
from sagewizard.sandbox.containers.script import names
from sagewizard.sandbox.store.objects import NoSuchBucket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.sandbox.compute.launcher import Child, ProcessLauncher
    from sagewizard.sandbox.compute.usage import UsageMeter
    from sagewizard.sandbox.services import Services

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
STOP_GRACE = 120.0
_LAST_WORDS = 1.0  # seconds for the other hosts when one has failed
# What a host says that fails because another one did.
_PEER_GONE = re.compile("(closed|reset) by peer|Broken pipe|Connection refused")
INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."
_LONGEST_REASON = 1024
_MEETING_VARIABLE = "SAGEWIZARD_MEETING_POINT"
_KNOWN_PREFIXES = ("AlgorithmError:", "ClientError:", "InternalServerError:")
_log = logging.getLogger(__name__)


class Container(Protocol):
    """What `containers.registry.resolve` answers: entries are `package.module:function`."""

    @property
    def train(self) -> str: ...  # noqa: D102
    @property
    def serve(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a training job ended; times are epoch seconds, metrics as in FinalMetricDataList.

    `status` is Completed, Failed or Stopped. `model_artifact` is the S3 URI of what was uploaded, None when
    there is none. `started` is when the instances were ready, None when the job never got so far.
    """

    status: str
    failure_reason: str | None = None
    model_artifact: str | None = None
    final_metrics: list[dict[str, Any]] = field(default_factory=list)
    started: float | None = None
    ended: float | None = None


class _Failure(Exception):  # noqa: N818
    """The job fails; the text is the whole FailureReason."""


def run_training(
    request: Mapping[str, Any],
    *,
    services: Services,
    launcher: ProcessLauncher,
    on_status: Callable[[str, str], None],
    stop: threading.Event,
    resolve: Callable[[str], Container] | None = None,
    on_metric: Callable[[str, float, float], None] | None = None,
    meter: UsageMeter | None = None,
) -> TrainingOutcome:
    """Run a validated CreateTrainingJob request to its end; it never raises for what the job did.

    `request` has API member names, TrainingJobArn, and the MetricDefinitions in force. `on_status(secondary
    status, message)` is called in the service's order; `on_metric(name, value, epoch seconds)` for every
    value found in the log; `meter` sends how busy the hosts are. When `stop` is set the container gets
    SIGTERM and 120 s, and what it has put into the model folder is still uploaded.
    """
    run = _Run(request, services, launcher, on_status, stop, on_metric, meter)
    try:
        return run.run(resolve or _registry())
    finally:
        run.tidy()


def _registry() -> Callable[[str], Container]:
    from sagewizard.sandbox.containers import registry

    resolver: Callable[[str], Container] = registry.resolve
    return resolver


class _Run:
    def __init__(
        self,
        request: Mapping[str, Any],
        services: Services,
        launcher: ProcessLauncher,
        on_status: Callable[[str, str], None],
        stop: threading.Event,
        on_metric: Callable[[str, float, float], None] | None,
        meter: UsageMeter | None,
    ) -> None:
        self.request, self.services, self.launcher = request, services, launcher
        self.on_status, self.stop, self.on_metric = on_status, stop, on_metric
        self.meter = meter
        self.job = str(request["TrainingJobName"])
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.job[:40]}-", dir=launcher.jobs))
        self.scraper = MetricScraper([])
        self.guarded: GuardedScraper | None = None
        self.logs: list[JobLog] = []
        self.trees: list[TrainingTree] = []
        self.ended: set[int] = set()  # hosts that were ended because another one had failed
        self.hosts = names.Names()
        self.held = contextlib.ExitStack()
        self.started: float | None = None
        self.artifact: str | None = None

    def run(self, resolve: Callable[[str], Container]) -> TrainingOutcome:
        try:
            self._phases(resolve)
        except Cancelled:
            self.on_status("Stopping", "Stopping the training job")
            return self._ending("Stopped", "Training job stopped")
        except _Failure as failure:
            return self._ending("Failed", "Training job failed", str(failure))
        except ClientFailure as failure:
            return self._ending("Failed", "Training job failed", f"ClientError: {failure}")
        except Exception as error:
            _log.exception("training job %s", self.job)
            return self._ending("Failed", "Training job failed", f"{INTERNAL_ERROR} ({error})")
        if self.stop.is_set():
            return self._ending("Stopped", "Training job stopped")
        return self._ending("Completed", "Training job completed")

    def tidy(self) -> None:
        if self.guarded is not None:
            self.guarded.close()
        for log in self.logs:
            log.close()
        self.held.close()
        remove_tree(self.folder)

    def _ending(self, status: str, message: str, reason: str | None = None) -> TrainingOutcome:
        ended = self.services.clock.now()
        self.on_status(status, message)
        return TrainingOutcome(
            status=status,
            failure_reason=reason[:_LONGEST_REASON] if reason else None,
            model_artifact=self.artifact,
            final_metrics=self.scraper.final(),
            started=self.started,
            ended=ended,
        )

    def _pause(self, seconds: float) -> None:
        if self.stop.is_set() or (seconds > 0 and self.services.clock.wait(self.stop, seconds)):
            raise Cancelled

    def _phases(self, resolve: Callable[[str], Container]) -> None:
        pace, clock = self.services.pace, self.services.clock
        specification = self.request["AlgorithmSpecification"]
        self.on_status("Starting", "Starting the training job")
        try:
            self.scraper = MetricScraper(specification.get("MetricDefinitions") or [])
        except re.error as error:
            raise ClientFailure(f"A metric definition's regular expression is not valid: {error}") from None
        self._pause(pace.training_starting)
        self.on_status("Starting", "Preparing the instances for training")
        try:
            container = resolve(str(specification.get("TrainingImage", "")))
        except LookupError as error:
            raise ClientFailure(str(error.args[0] if error.args else error)) from None
        container = with_script(
            container, self.request.get("HyperParameters", {}), specification.get("ContainerEntrypoint")
        )
        if getattr(container, "script_mode", False) and specification.get("MetricDefinitions"):
            self.scraper = self.guarded = GuardedScraper(specification["MetricDefinitions"])
        self._pause(pace.training_preparing)

        self.started = clock.now()
        self.on_status("Downloading", "Downloading input data")
        self.trees = self._grow(container)
        self.hosts = self.held.enter_context(network(self.trees[0].host_names, self.services.endpoint_url))
        for tree in self.trees:
            tree.prepare()
            tree.download(self.stop)
        self._pause(pace.training_downloading)
        self.on_status("Downloading", "Downloading the training image")
        self._pause(pace.training_image)

        self.on_status("Training", "Training image download completed. Training in progress.")
        code, tree = self._train(container)
        # The service uploads after a failure as well: the output folder, not the model.
        self.on_status("Uploading", "Uploading generated training model")
        failed = code != 0 and not self.stop.is_set()
        self._upload(failed=failed)
        if failed:
            raise _Failure(self._reason(tree, code))
        if not self.stop.is_set() and pace.training_uploading > 0:
            clock.wait(self.stop, pace.training_uploading)

    def _grow(self, container: Container) -> list[TrainingTree]:
        """Make a tree for each host: one, unless the container trains on several together."""
        count = int(self.request.get("ResourceConfig", {}).get("InstanceCount", 1) or 1)
        hosts = min(count, MOST_HOSTS) if getattr(container, "distributed", False) else 1
        writable = bool(getattr(container, "script_mode", False))
        if hosts == 1:
            return [TrainingTree(self.folder, self.request, self.services, writable=writable)]
        (self.folder / "meeting").mkdir()
        return [
            TrainingTree(
                self.folder / f"algo-{host}",
                self.request,
                self.services,
                writable=writable,
                host=host,
                hosts=hosts,
            )
            for host in range(1, hosts + 1)
        ]

    def _train(self, container: Container) -> tuple[int, TrainingTree]:
        """Run the container on every host; the exit code, and the tree of the host that decided it."""
        checkpoints = (self.request.get("CheckpointConfig") or {}).get("S3Uri")
        # Before the start: what the folders hold now has come from S3, what is there later has not.
        with kept_in_s3(self.services, [tree.checkpoints for tree in self.trees], checkpoints):
            children, codes = self._run(container)
        if self.guarded is not None and self.guarded.dropped:
            names, self.guarded.dropped = self.guarded.dropped, []
            self.logs[0](left_out(names))
        for child in children:
            if child.lost and not self.stop.is_set():
                raise _Failure(f"{INTERNAL_ERROR} ({child.lost})")
            if child.output_error is not None:
                raise _Failure(f"{INTERNAL_ERROR} (the job's log could not be written: {child.output_error})")
        failed = [number for number in codes if children[number].exit_code]
        if failed:
            failed.sort(key=self._rank)
            return children[failed[0]].exit_code or 0, self.trees[failed[0]]
        return 0, self.trees[0]

    def _run(self, container: Container) -> tuple[list[Child], list[int]]:
        """Start the container on every host and wait for all; the children, and the order they ended in."""
        children: list[Child] = []
        try:
            for tree in self.trees:
                children += [self._launch(container, tree)]
            self._say_who_is_idle()
        except LaunchError as error:
            for child in children:
                child.terminate(0)
            raise _Failure(f"{INTERNAL_ERROR} ({error})") from error
        arn = str(self.request.get("TrainingJobArn", ""))
        hosts = {
            f"{self.job}/algo-{tree.host}": child for tree, child in zip(self.trees, children, strict=True)
        }
        with hosts_measured(self.meter, arn, LOG_GROUP, hosts, self.folder):
            return children, self._await(children)

    def _rank(self, number: int) -> tuple[bool, bool, bool]:
        """Order failed hosts: what the owner can mend goes first, and what a host did to others last."""
        said = read_failure(self.trees[number].output / "failure")
        gone = _PEER_GONE.search(said) is not None
        return number in self.ended, not said.startswith("ClientError:"), gone

    def _launch(self, container: Container, tree: TrainingTree) -> Child:
        clock = self.services.clock
        writer = self.services.logs.writer(LOG_GROUP, f"{self.job}/algo-{tree.host}-{int(clock.now())}")
        log = JobLog(writer, str(tree.base), clock, self.scraper, self.on_metric)
        self.logs.append(log)
        for note in tree.notes():
            log(note)
        env = tree.environment()
        if getattr(container, "script_mode", False):
            env[names.VARIABLE] = replace(self.hosts, current=f"algo-{tree.host}").text()
        if tree.hosts > 1:
            env[_MEETING_VARIABLE] = str(self.folder / "meeting")
        return self.launcher.launch(container.train, env=env, cwd=tree.base, on_line=log)

    def _say_who_is_idle(self) -> None:
        """Give each instance that trains nothing its log stream: clients wait until all streams are there."""
        count = int(self.request.get("ResourceConfig", {}).get("InstanceCount", 1) or 1)
        now = int(self.services.clock.now())
        for number in range(len(self.trees) + 1, count + 1):
            writer = self.services.logs.writer(LOG_GROUP, f"{self.job}/algo-{number}-{now}")
            writer.write("Sandbox: this instance has nothing to do; the log of algo-1 says why.")
            writer.close()

    def _await(self, children: list[Child]) -> list[int]:
        """Wait for all hosts; return them in the order they ended. One that fails takes the others along."""
        order: list[int] = []
        while len(order) < len(children):
            for number, child in enumerate(children):
                if number in order or child.wait(0.1 / len(children)) is None:
                    continue
                order.append(number)
                if child.exit_code and not self.stop.is_set():
                    self._end_all(children)
            if self.stop.is_set() and len(order) < len(children):
                self.on_status("Stopping", "Stopping the training job")
                self._stop_all(children)
        return sorted(order, key=lambda number: children[number].place)

    def _end_all(self, children: list[Child]) -> None:
        """End every host soon: one that fails for the same cause, or has caused it, may still say why."""
        limit = self.services.clock.monotonic() + _LAST_WORDS
        for child in children:
            child.wait(max(0.0, limit - self.services.clock.monotonic()))
        self.ended |= {number for number, child in enumerate(children) if child.alive}
        for child in children:
            child.terminate(0)

    @staticmethod
    def _stop_all(children: list[Child]) -> None:
        """Ask every host to end at the same moment, and end them all when their time is up."""
        asking = [threading.Thread(target=child.terminate, args=(STOP_GRACE,)) for child in children]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()

    def _reason(self, tree: TrainingTree, code: int) -> str:
        text = read_failure(tree.output / "failure").replace(str(tree.base), "/opt/ml").strip()
        if text.startswith(_KNOWN_PREFIXES):
            return text
        return f"AlgorithmError: {text}" if text else f"AlgorithmError: , exit code: {code}"

    def _merged(self, folders: list[Path]) -> Path:
        """Put together what the hosts left in a folder of theirs; the log names what several wrote."""
        if clashes := merge(folders):
            self.logs[0](
                f"Sandbox: more than one host wrote {', '.join(clashes[:20])} below {folders[0]}; the file of"
                " the first of them is kept."
            )
        return folders[0]

    def _upload(self, *, failed: bool) -> None:
        output = self.request["OutputDataConfig"]
        folder = join_uri(output["S3OutputPath"], self.job, "output")
        compressed = output.get("CompressionType", "GZIP") != "NONE"
        try:
            model = self._merged([tree.model for tree in self.trees])
            if any(model.iterdir()) if self.stop.is_set() else not failed:
                self.artifact = self._store(model, folder, "model", compressed=compressed)
            data = self._merged([tree.output / "data" for tree in self.trees])
            if data.is_dir() and any(data.iterdir()):
                self._store(data, folder, "output", compressed=compressed)
            for each in self.trees:
                each.upload_checkpoints()
        except NoSuchBucket as error:
            if not failed:
                raise ClientFailure(
                    f"Artifact upload failed:The bucket of {output['S3OutputPath']} does not exist ({error})"
                ) from None
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise ClientFailure("Artifact upload failed:Insufficient disk space") from error

    def _store(self, source: Path, folder: str, name: str, *, compressed: bool) -> str:
        """Upload a folder as `<name>.tar.gz`, or file by file below `<name>/`; the S3 URI."""
        if not compressed:
            uri = join_uri(folder, name)
            upload_folder(self.services, source, uri)
            return uri + "/"
        packed = self.folder / f"{name}.tar.gz"
        left_out = write_tar_gz(source, packed, modified=self.services.clock.now())
        if left_out and self.logs:
            self.logs[0](
                f"Sandbox: not packed into {name}.tar.gz, being no files: {', '.join(left_out[:20])}"
            )
        uri = join_uri(folder, f"{name}.tar.gz")
        bucket, key = parse_uri(uri)
        self.services.objects.put_file(bucket, key, packed, content_type="application/x-tar")
        return uri


def read_failure(path: Path) -> str:
    """Read the first 1024 characters of a container's failure file; empty when there is no regular file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        return stream.read(4 * _LONGEST_REASON).decode("utf-8", errors="replace")[:_LONGEST_REASON]
