"""Owns the run of one batch transform job: its model server, its requests in order, what it writes."""

from __future__ import annotations

import contextlib
import gzip
import logging
import tempfile
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from sagewizard.sandbox.compute.batchparameters import DEFAULT_PAYLOAD, LARGEST_TOGETHER, Parameters, choose
from sagewizard.sandbox.compute.filetree import Cancelled, remove_tree
from sagewizard.sandbox.compute.pipeline import PipelineServer
from sagewizard.sandbox.compute.processing import DataProcessor, ProcessingError
from sagewizard.sandbox.compute.records import RecordError, RecordTooLarge, payloads
from sagewizard.sandbox.compute.s3data import ClientFailure, Source, join_uri, parse_uri, select
from sagewizard.sandbox.compute.serving import (
    InvocationFailed,
    InvocationTimeout,
    ModelServer,
    Reply,
    instance_id,
)
from sagewizard.sandbox.compute.training import INTERNAL_ERROR
from sagewizard.sandbox.store.objects import NoSuchBucket, NoSuchKey

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from sagewizard.sandbox.compute.launcher import ProcessLauncher
    from sagewizard.sandbox.compute.training import Container
    from sagewizard.sandbox.services import Services

LOG_GROUP = "/aws/sagemaker/TransformJobs"
SEE_LOGS = "See job logs for more information"
PING_FAILED = (
    "AlgorithmError: Model container failed to respond to ping; Ensure /ping endpoint is implemented and"
    " responds with an HTTP 200 status code"
)
MIB = 1 << 20
_INVOCATION_SECONDS, _RETRIES = 600, 3  # ModelClientConfig's defaults
_SHOWN = 2000  # characters of a container's error in the data log
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TransformOutcome:
    """How a transform job ended: Completed, Failed or Stopped; times are epoch seconds."""

    status: str
    failure_reason: str | None = None
    started: float | None = None
    ended: float | None = None


class BadObject(Exception):  # noqa: N818 - it ends an object, not the job
    """An object cannot be transformed; `kind` is ClientError or AlgorithmError, lines go to the data log."""

    def __init__(self, kind: str, *lines: str) -> None:
        super().__init__(lines[0])
        self.kind, self.lines = kind, lines


@dataclass(slots=True)
class _Object:
    """One input object on its way; its output grows in a file until the last reply is there."""

    source: Source
    output: IO[bytes] | None = None
    bad: bool = False


@dataclass(slots=True)
class _Waiting:
    """A request under way, or, without a future, the end of its object."""

    item: _Object
    payload: bytes = field(default=b"", repr=False)
    reply: Future[Reply] | None = None


def run_transform(
    request: Mapping[str, Any],
    *,
    model: Mapping[str, Any],
    services: Services,
    launcher: ProcessLauncher,
    on_status: Callable[[str, str], None],
    stop: threading.Event,
    resolve: Callable[[str], Container] | None = None,
) -> TransformOutcome:
    """Run a validated CreateTransformJob request against a model (a CreateModel request) to its end.

    Each input object becomes one output object `<relative key>.out`, written when its last reply is there. An
    object with a bad record writes nothing; the others are still done, and the job then fails. Memory holds
    the requests under way and nothing else. `on_status(status, what is being done)` follows the job.
    """
    run = _Run(request, model, services, launcher, on_status, stop, resolve)
    try:
        return run.run()
    finally:
        run.tidy()


class _Run:
    def __init__(
        self,
        request: Mapping[str, Any],
        model: Mapping[str, Any],
        services: Services,
        launcher: ProcessLauncher,
        on_status: Callable[[str, str], None],
        stop: threading.Event,
        resolve: Callable[[str], Container] | None,
    ) -> None:
        self.request, self.model, self.services, self.launcher = request, model, services, launcher
        self.on_status, self.stop, self.resolve = on_status, stop, resolve
        self.job = str(request["TransformJobName"])
        self.source, self.output = request["TransformInput"], request["TransformOutput"]
        clock = services.clock
        self.stream = f"{self.job}/{instance_id(self.job, repr(clock.now()))}-{int(clock.now())}"
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.job[:40]}-", dir=launcher.jobs))
        self.data_log = services.logs.writer(LOG_GROUP, f"{self.stream}/data-log")
        self.server: ModelServer | PipelineServer | None = None
        self.started: float | None = None
        self.failed: list[str] = []
        client = request.get("ModelClientConfig") or {}
        self.seconds = client.get("InvocationsTimeoutInSeconds", _INVOCATION_SECONDS)
        self.retries = client.get("InvocationsMaxRetries", _RETRIES)

    def run(self) -> TransformOutcome:
        try:
            self._phases()
        except Cancelled:
            self.on_status("Stopping", "Stopping the transform job")
            return self._ending("Stopped")
        except ClientFailure as failure:
            return self._ending("Failed", f"ClientError: {failure}")
        except _Failure as failure:
            return self._ending("Failed", str(failure))
        except Exception as error:
            _log.exception("transform job %s", self.job)
            return self._ending("Failed", f"{INTERNAL_ERROR} ({error})")
        if self.failed:
            return self._ending("Failed", f"{self.failed[0]}: {SEE_LOGS}")
        return self._ending("Completed")

    def tidy(self) -> None:
        if self.server is not None:
            self.server.stop()
        self.data_log.close()
        remove_tree(self.folder)

    def _ending(self, status: str, reason: str | None = None) -> TransformOutcome:
        ended = self.services.clock.now()
        if self.server is not None:
            self.server.stop()
        self.on_status(status, f"Transform job {status.lower()}")
        return TransformOutcome(status, reason[:1024] if reason else None, self.started, ended)

    def _phases(self) -> None:
        clock, pace = self.services.clock, self.services.pace
        self.on_status("InProgress", "Starting the transform job")
        try:
            processor = DataProcessor(self.request)
        except ProcessingError as error:
            raise ClientFailure(str(error)) from None
        if self.request.get("MaxPayloadInMB") == 0:
            raise ClientFailure(
                "MaxPayloadInMB=0 streams objects of any size, which the built-in algorithms do not take."
                " Choose 1 to 100"
            )
        if self.stop.is_set() or (pace.transform_starting and clock.wait(self.stop, pace.transform_starting)):
            raise Cancelled
        self.started = clock.now()
        self.server = server = self._make_server()
        reason = server.start(self.stop)
        if self.stop.is_set():
            raise Cancelled
        if reason is not None:
            raise _Failure(PING_FAILED if server.ping_failed else f"ClientError: {reason}")
        parameters = choose(self.request, server.execution_parameters())
        self._note(str(parameters))
        self.on_status("InProgress", "Transforming")
        self._transform(server, processor, parameters)

    def _make_server(self) -> ModelServer | PipelineServer:
        if len(self.model.get("Containers") or ()) > 1:
            return PipelineServer(
                self.model, lambda name, model: self._container_server(model, f"{self.stream}/{name}")
            )
        return self._container_server(self.model, self.stream)

    def _container_server(self, model: Mapping[str, Any], stream: str) -> ModelServer:
        payload = self.request.get("MaxPayloadInMB", DEFAULT_PAYLOAD)
        environment = {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(payload),
            # The containers' own limit is 6 MB; a job that asks for larger requests means to send them.
            "MAX_CONTENT_LENGTH": str(max(payload, DEFAULT_PAYLOAD) * MIB),
            "SAGEMAKER_BATCH_STRATEGY": self.request.get("BatchStrategy", "MultiRecord"),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(self.request.get("MaxConcurrentTransforms", 1) or 1),
            **self.request.get("Environment", {}),
        }
        return ModelServer(
            model,
            services=self.services,
            launcher=self.launcher,
            label=self.job,
            writer=self.services.logs.writer(LOG_GROUP, stream),
            environment=environment,
            resolve=self.resolve,
        )

    def _transform(
        self, server: ModelServer | PipelineServer, processor: DataProcessor, parameters: Parameters
    ) -> None:
        """Send requests from all objects, several at a time, and take the replies in the records' order."""
        waiting: deque[_Waiting] = deque()
        limit = parameters.concurrent
        if 2 * limit * parameters.payload <= LARGEST_TOGETHER // 2:
            limit *= 2  # small enough to have the next ones ready
        with ThreadPoolExecutor(
            parameters.concurrent, thread_name_prefix=f"transform-{self.job}"
        ) as executor:
            try:
                for source in select(self.services.objects, self.source["DataSource"]["S3DataSource"]):
                    item = _Object(source)
                    for payload in self._requests(item, parameters):
                        while sum(entry.reply is not None for entry in waiting) >= limit:
                            self._take(waiting.popleft(), processor)
                        if item.bad:
                            break
                        reply = executor.submit(self._invoke, server, processor, payload)
                        waiting.append(_Waiting(item, payload if processor.changes_output else b"", reply))
                    waiting.append(_Waiting(item))
                    # Ends of objects hold no memory; those in front can be settled without waiting.
                    while waiting and waiting[0].reply is None:
                        self._take(waiting.popleft(), processor)
                while waiting:
                    self._take(waiting.popleft(), processor)
            except BaseException:
                for left in waiting:
                    if left.reply is not None:
                        left.reply.cancel()
                    if left.item.output is not None:
                        left.item.output.close()
                server.stop()  # ends the requests under way, for which the executor waits
                raise

    def _requests(self, item: _Object, parameters: Parameters) -> Iterator[bytes]:
        """Yield an object's requests; what is wrong with the object is written down, and ends it."""
        split = self.source.get("SplitType", "None")
        try:
            with contextlib.ExitStack() as stack:
                stream: IO[bytes] = stack.enter_context(self.services.objects.open(item.source.info))
                if self.source.get("CompressionType", "None") == "Gzip":
                    stream = stack.enter_context(cast(IO[bytes], gzip.GzipFile(fileobj=stream, mode="rb")))
                for payload in payloads(stream, split, parameters.strategy, parameters.payload * MIB):
                    if self.stop.is_set():
                        raise Cancelled
                    yield payload
        except RecordTooLarge as error:
            self._spoil(item, BadObject("ClientError", "ClientError: 413", "", "Message:", str(error)))
        except RecordError as error:
            self._spoil(item, BadObject("ClientError", f"ClientError: {error}"))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            self._spoil(
                item, BadObject("ClientError", f"ClientError: The object is not a whole gzip file: {error}")
            )
        except (NoSuchBucket, NoSuchKey):
            self._spoil(item, BadObject("ClientError", "ClientError: The object was deleted during the job"))

    def _invoke(
        self, server: ModelServer | PipelineServer, processor: DataProcessor, payload: bytes
    ) -> Reply:
        """Send one request, again where the service would; BadObject when no good reply can be had."""
        try:
            body = processor.to_container(payload)
        except ProcessingError as error:
            raise BadObject("ClientError", f"ClientError: InputFilter {error}") from None
        headers = {}
        if self.source.get("ContentType"):
            headers["Content-Type"] = self.source["ContentType"]
        if processor.accept:
            headers["Accept"] = processor.accept
        pause = 0.25
        for attempt in range(self.retries + 1):
            problem = BadObject("AlgorithmError", "Unable to get response from algorithm")
            try:
                reply = server.invoke(body, headers, timeout=self.seconds)
            except (InvocationTimeout, InvocationFailed):
                pass
            else:
                if 200 <= reply.status < 300:
                    return reply
                text = reply.body[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]
                lines = ["", "Message:", *text.splitlines()]
                if reply.status < 500:
                    raise BadObject("ClientError", f"ClientError: {reply.status}", *lines)
                status = f"Bad HTTP status received from algorithm: {reply.status}"
                problem = BadObject("AlgorithmError", status, *lines)
            if attempt == self.retries or self.services.clock.wait(self.stop, pause):
                raise problem
            pause *= 2
        raise problem

    def _take(self, waiting: _Waiting, processor: DataProcessor) -> None:
        """Take the next reply in order, or finish its object."""
        item = waiting.item
        if self.stop.is_set():
            raise Cancelled
        if waiting.reply is None:
            self._finish(item)
            return
        if item.bad:
            waiting.reply.cancel()
            return
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    reply = waiting.reply.result(0.1)
                    break
                if self.stop.is_set():
                    raise Cancelled
            body = processor.from_container(waiting.payload, reply.body)
        except BadObject as bad:
            self._spoil(item, bad)
        except ProcessingError as error:
            self._spoil(item, BadObject("ClientError", f"ClientError: {error}"))
        else:
            output = self._open(item)
            output.write(body)
            if self.output.get("AssembleWith", "None") == "Line" and body and not body.endswith(b"\n"):
                output.write(b"\n")

    def _open(self, item: _Object) -> IO[bytes]:
        if item.output is None:
            item.output = tempfile.NamedTemporaryFile(dir=self.folder, delete=False)  # noqa: SIM115
        return item.output

    def _spoil(self, item: _Object, bad: BadObject) -> None:
        """Give an object up: its output is dropped, and the data log says why."""
        if item.bad:
            return
        if self.stop.is_set():
            raise Cancelled
        item.bad = True
        self.failed.append(bad.kind)
        if item.output is not None:
            item.output.close()
            Path(item.output.name).unlink()
            item.output = None
        for line in bad.lines:
            self._note(f"{item.source.info.bucket}/{item.source.info.key}: {line}")

    def _finish(self, item: _Object) -> None:
        if item.bad:
            return
        output = self._open(item)
        output.close()
        bucket, key = parse_uri(join_uri(self.output["S3OutputPath"], item.source.relative + ".out"))
        content_type = self.output.get("Accept") or "application/octet-stream"
        try:
            self.services.objects.put_file(bucket, key, Path(output.name), content_type=content_type)
        except NoSuchBucket:
            raise ClientFailure(
                f"The bucket of S3OutputPath {self.output['S3OutputPath']} does not exist,"
                " so nothing can be written"
            ) from None
        item.output = None

    def _note(self, text: str) -> None:
        now = self.services.clock.now()
        moment = datetime.fromtimestamp(now, UTC)
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"
        self.data_log.write(f"{stamp}:[sagemaker logs]: {text}", int(now * 1000))


class _Failure(Exception):  # noqa: N818
    """The job fails; the text is the whole FailureReason."""
