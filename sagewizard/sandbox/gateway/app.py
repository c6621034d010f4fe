"""The gateway: checks who asks, finds the part that answers, and words every failure as AWS does."""

from __future__ import annotations

import errno
import hmac
import json
import logging
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException

from sagewizard.errors import FaultPlanError
from sagewizard.sandbox.faults import stored
from sagewizard.sandbox.faults.naming import operation_of
from sagewizard.sandbox.faults.words import error_of
from sagewizard.sandbox.gateway import example_buckets
from sagewizard.sandbox.gateway.autoscaling import autoscaling
from sagewizard.sandbox.gateway.errors import AwsError, Protocol, protocol_of, render, request_id
from sagewizard.sandbox.gateway.iam_simulation import simulation
from sagewizard.sandbox.gateway.logs_front import LogsFront
from sagewizard.sandbox.gateway.moto_front import MotoFront, unknown_operation
from sagewizard.sandbox.gateway.s3.forms import is_form
from sagewizard.sandbox.gateway.s3.front import S3Front
from sagewizard.sandbox.gateway.s3.wire import check_payload
from sagewizard.sandbox.gateway.scheduler_front import SchedulerFront
from sagewizard.sandbox.gateway.signature import UNSIGNED_PAYLOAD, Scope, Verifier, check_host
from sagewizard.sandbox.schedules import Schedules
from sagewizard.sandbox.services import ROLE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sagewizard.sandbox.services import Application, Services
    from sagewizard.sandbox.store.objects import BucketInfo

STATUS_PATH = "/_sagewizard/status"
FAULTS_PATH = "/_sagewizard/faults"
KEY_HEADER = "x-sagewizard-key"
# Everything but S3 is read into memory before its signature is checked; SageMaker's limits are lower.
_LARGEST_BODY = 64 << 20
_LOG = logging.getLogger(__name__)


class _Buckets:
    """The configuration of S3 buckets, kept by moto."""

    def __init__(self, moto: MotoFront) -> None:
        self._moto = moto

    def handle(self, request: Request, bucket: BucketInfo) -> Response:
        check_payload(request.environ["sagewizard.payload"], _whole_body(request.environ))
        return self._moto.bucket(request, bucket)

    def forget(self, bucket: str) -> Callable[[], None]:
        return self._moto.forget_bucket(bucket)


class Gateway:
    """The WSGI application in front of everything.

    `sagemaker` answers the SageMaker control plane and runtime; without one, those requests get an error in
    AWS's form. `status` is asked for what the status path shows beside the gateway's own figures.
    """

    def __init__(
        self,
        services: Services,
        sagemaker: Application | None,
        status: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._services = services
        self._sagemaker = sagemaker
        self._status = status
        self._verifier = Verifier(services.credentials)
        self.moto = MotoFront(services)
        self._examples = example_buckets.of_server(services.objects, services.folder)
        self._s3 = S3Front(services.objects, _Buckets(self.moto), self._examples)
        self._logs = LogsFront(
            services.logs, services.account_id, lambda request: self.moto.handle(request, "logs")
        )
        self.schedules = Schedules(services.database, services.clock, self._perform)
        self._scheduler = SchedulerFront(self.schedules, services.account_id)
        self._lock = threading.Lock()
        self.active = 0
        self.requests = 0
        self.last_request = services.clock.monotonic()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request; what happens inside never reaches the client as anything but an AWS error."""
        with self._lock:
            self.active += 1
            self.requests += 1
        try:
            response = self._respond(environ)
            return response(environ, start_response)
        finally:
            with self._lock:
                self.active -= 1
                self.last_request = self._services.clock.monotonic()

    def _respond(self, environ: dict[str, Any]) -> Response:
        request = Request(environ)
        service = _claimed_service(environ)
        protocol = protocol_of(request, service)
        identity = request_id()
        try:
            response = self._answer(request, environ, protocol)
        except AwsError as error:
            return render(error, protocol, identity, _resource(environ))
        except HTTPException as error:
            wrong = AwsError("BadRequest", error.description or error.name, error.code or 400)
            return render(wrong, protocol, identity, _resource(environ))
        except Exception as error:
            _LOG.exception("request %s: %s %s", identity, request.method, environ["REQUEST_URI"])
            failure = _internal(error, protocol, identity)
            return render(failure, protocol, identity, _resource(environ))
        name = "x-amz-request-id" if protocol is Protocol.S3 else "x-amzn-RequestId"
        response.headers.setdefault(name, identity)
        return response

    def _answer(self, request: Request, environ: dict[str, Any], protocol: Protocol) -> Response:
        headers: dict[str, str] = environ["sagewizard.headers"]
        label = check_host(headers.get("host", ""))
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            raise AwsError("AccessDenied", "The sandbox does not answer to pages in a browser.", 403)
        uri = environ["REQUEST_URI"]
        if request.path.startswith("/_sagewizard/"):
            return self._internal_page(request, headers)
        body = None
        if protocol is not Protocol.S3:
            body = _whole_body(environ)
        form = protocol is Protocol.S3 and is_form(request)
        if form:  # signed in its fields, which the upload checks before anything else
            environ["sagewizard.form"] = True
            scope = Scope("", "s3", UNSIGNED_PAYLOAD, presigned=True)
        else:
            scope = self._verifier.verify(request.method, uri, headers, body, protocol, label)
        environ["sagewizard.region"] = scope.region or self._services.region
        environ["sagewizard.payload"] = scope.payload
        service = scope.service
        if self._services.faults.calls:
            return self._with_faults(request, environ, protocol, service, body, label)
        return self._dispatch(request, environ, service, body, label)

    def _with_faults(
        self,
        request: Request,
        environ: dict[str, Any],
        protocol: Protocol,
        service: str,
        body: bytes | None,
        label: str,
    ) -> Response:
        """Answer as the plan of faults says: late, with an error, not at all, or after somebody meddled."""
        operation = operation_of(request, service, body)
        lost = False
        for fault in self._services.faults.call(operation):
            if fault.latency:
                self._services.clock.wait(threading.Event(), fault.latency)
            meddle = getattr(self._sagemaker, "meddle", None)
            if fault.console and meddle is not None:
                meddle(fault.console, environ["sagewizard.region"], request.path, body or b"")
            if fault.error:
                user = f"arn:aws:sts::{self._services.account_id}:assumed-role/{ROLE_NAME}/sandbox"
                raise error_of(fault.error, fault.message, fault.status, protocol, operation, user)
            if fault.drop == "before":
                environ["sagewizard.drop"]()
                return Response(status=503)
            lost = lost or fault.drop == "after"
        response = self._dispatch(request, environ, service, body, label)
        if lost:
            environ["sagewizard.drop"]()
        return response

    def _dispatch(
        self, request: Request, environ: dict[str, Any], service: str, body: bytes | None, label: str
    ) -> Response:
        if environ.get("sagewizard.form"):
            return self._s3.handle_form(request, label, self._verifier)
        if service == "s3":
            if request.path.startswith("/v20180820/"):
                raise unknown_operation("s3control", request.method, request.method, request.path)
            return self._s3.handle(request, label)
        if body is None:
            # Signed for another service than its form suggested: its errors are that service's, too.
            _whole_body(environ)
        if service == "sagemaker":
            self._examples.mentioned(body or b"")
            return self._to_sagemaker(request)
        if service == "logs":
            return self._logs.handle(request)
        if service == "scheduler" and (answer := self._scheduler.handle(request)) is not None:
            return answer
        if service == "iam" and (answer := simulation(request)) is not None:
            return answer
        if service == "application-autoscaling":
            answer = autoscaling(request, self._services.account_id, self._variants)
            if answer is not None:
                return answer
        return self.moto.handle(request, service)

    def _variants(self, region: str, endpoint: str) -> list[str] | None:
        variants = getattr(self._sagemaker, "variants", None)
        found: list[str] | None = variants(region, endpoint) if variants is not None else None
        return found

    def _perform(self, operation: str, region: str, given: dict[str, Any]) -> None:
        perform = getattr(self._sagemaker, "perform", None)
        if perform is None:
            raise AwsError("UnknownOperationException", "There is no SageMaker here.")
        perform(operation, region, given)

    def _to_sagemaker(self, request: Request) -> Response:
        target = request.headers.get("X-Amz-Target", "")
        if self._sagemaker is None or not (
            target.startswith("SageMaker.") or request.path.startswith(("/endpoints/", "/BatchPutMetrics"))
        ):
            action = target.rpartition(".")[2] or request.method
            raise unknown_operation("sagemaker", action, request.method, request.path)
        return self._sagemaker.handle(request)

    def _set_faults(self, request: Request) -> Response:
        """Follow another plan of faults, or none; it is kept for the next start of the server."""
        text = request.get_data() if request.method == "PUT" else b""
        try:
            stored.write(self._services.folder, text)
            self._services.faults.set(stored.read(self._services.folder))
        except FaultPlanError as error:
            raise AwsError("ValidationException", str(error)) from None
        return Response(status=204)

    def _internal_page(self, request: Request, headers: Mapping[str, str]) -> Response:
        key = headers.get(KEY_HEADER, "")
        if not hmac.compare_digest(key.encode(), self._services.credentials.access_key.encode()):
            raise AwsError("AccessDenied", "This page needs the sandbox's own access key.", 403)
        if request.path == FAULTS_PATH and request.method in {"PUT", "DELETE"}:
            return self._set_faults(request)
        if request.path != STATUS_PATH or request.method != "GET":
            raise AwsError("NoSuchKey", f"The sandbox has nothing at {request.path}.", 404)
        fields = {"requests": self.requests, "moto_ready": self.moto.ready, **self._status()}
        if pending := self.schedules.pending():
            fields["schedules"] = pending
        if faults := self._services.faults.report():
            fields["faults"] = faults
        return Response(json.dumps(fields), content_type="application/json")


def _claimed_service(environ: Mapping[str, Any]) -> str:
    """Read the service from the credential scope, unchecked: only to know how to word an error."""
    headers: Mapping[str, str] = environ["sagewizard.headers"]
    text = headers.get("authorization", "") or environ.get("QUERY_STRING", "").replace("%2F", "/")
    scope = text.partition("Credential=")[2].replace("&", ",").partition(",")[0].split("/")
    return scope[3] if len(scope) == 5 else ""


def _whole_body(environ: dict[str, Any]) -> bytes:
    """Read the body into memory, leaving a stream over it in its place; raises AwsError when too large."""
    stream = environ["wsgi.input"]
    blocks: list[bytes] = []
    size = 0
    while block := stream.read(1 << 20):
        size += len(block)
        if size > _LARGEST_BODY:
            text = f"The request is larger than the {_LARGEST_BODY} bytes the sandbox takes."
            raise AwsError("RequestEntityTooLargeException", text, 413)
        blocks.append(block)
    body = b"".join(blocks)
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return body


def _resource(environ: Mapping[str, Any]) -> str:
    return str(environ["REQUEST_URI"]).partition("?")[0]


def _internal(error: Exception, protocol: Protocol, identity: str) -> AwsError:
    code = "InternalError" if protocol is Protocol.S3 else "InternalFailure"
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return AwsError(code, "The disk that holds the sandbox is full. Free some space and try again.", 500)
    return AwsError(code, f"The sandbox failed at this; its log has the details under {identity}.", 500)
