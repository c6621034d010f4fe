"""InvokeEndpoint, the REST side: finds the fleet in memory, passes the body on, and words the errors.

Nothing here touches SQLite or the service model: a prediction's way is a dictionary look-up, the container,
and the way back.
"""

from __future__ import annotations

import logging
import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from werkzeug import Request, Response

from sagewizard.sandbox.compute.pipeline import CONTAINER_HEADER
from sagewizard.sandbox.compute.serving import TIMEOUT_MESSAGE, InvocationFailed, InvocationTimeout
from sagewizard.sandbox.control import event_stream
from sagewizard.sandbox.control.async_inference import DEFAULT_TIMEOUT, LONGEST_TIMEOUT
from sagewizard.sandbox.control.data_capture import Exchange
from sagewizard.sandbox.control.fleet import Fleet, FleetClosed, Route, UnknownVariant
from sagewizard.sandbox.control.measuring import Invocation, count_invocation
from sagewizard.sandbox.control.protocol import printable
from sagewizard.sandbox.control.validation import summary, violation

if TYPE_CHECKING:
    from sagewizard.sandbox.control.compute import Reply
    from sagewizard.sandbox.control.hosting import Hosting
    from sagewizard.sandbox.services import Services

_log = logging.getLogger(__name__)
MAX_BODY = 6_291_456
# Beyond the limit by more than 4 kB the service's front answers itself, with a bare 413.
_MAX_LENGTH = MAX_BODY + 4_096
_PATH = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)")
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
# A boto3 client waits 60 seconds for an answer; an endpoint that is just coming back may use most of them.
_WAIT_FOR_CONTAINERS = 50.0


class Refusal(Exception):  # noqa: N818 (an answer, no mistake of ours)
    """An answer that says no: error type, status, and the members of its body."""

    def __init__(self, kind: str, status: int, message: str, **members: Any) -> None:
        super().__init__(message)
        self.kind, self.status = kind, status
        self.members = {"Message": message, **members}


class Runtime:
    """Answers `/endpoints/*`."""

    def __init__(self, hosting: Hosting, services: Services) -> None:
        self._hosting = hosting
        self._services = services
        self._account_id = services.account_id

    def handle(self, request: Request, region: str) -> Response:
        """Answer one request of the runtime API."""
        try:
            return self._invoke(request, region)
        except Refusal as error:
            response = Response(orjson.dumps(error.members), error.status, content_type="application/json")
            if error.kind:
                response.headers["x-amzn-ErrorType"] = error.kind
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            response = Response(
                orjson.dumps({"Message": "The sandbox failed to answer; its log says why."}),
                500,
                content_type="application/json",
            )
            response.headers["x-amzn-ErrorType"] = "InternalFailure"
        response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
        return response

    def _invoke(self, request: Request, region: str) -> Response:
        parts = _PATH.fullmatch(request.path)
        if parts is None or request.method != "POST":
            raise Refusal("UnknownOperationException", 404, f"There is no {request.method} {request.path}.")
        name = parts[1]
        streamed = parts[2] == "invocations-response-stream"
        if parts[2] == "async-invocations":
            self._check_name(name)
            return self._invoke_async(request, region, name)
        clock = self._services.clock
        arrived = clock.monotonic()
        body = self._body(request)
        headers = self._headers(request)
        if streamed:  # its own Accept is botocore's
            headers["Accept"] = request.headers.get("X-Amzn-SageMaker-Accept", "*/*")
        self._check_name(name)
        fleet, route = self._route(request, region, name)
        began, status = clock.monotonic(), 500
        try:
            if fleet.queue is not None:
                raise Refusal(
                    "ValidationError",
                    400,
                    f"Endpoint {name} is asynchronous. Use InvokeEndpointAsync instead of InvokeEndpoint.",
                )
            reply = route.server.invoke(body, headers)
            status = reply.status
        except InvocationTimeout:
            raise self._model_error(region, name, 0, TIMEOUT_MESSAGE) from None
        except InvocationFailed as error:
            status = error.status
            raise self._model_error(region, name, error.status, str(error)) from None
        finally:
            fleet.leave()
            if fleet.queue is None:
                ended = clock.monotonic()
                counted = Invocation(status, ended - began, began - arrived, route.instances)
                count_invocation(self._services.metrics, region, name, route.variant, counted, clock.now())
        if reply.status >= 400:
            container = reply.headers.get(CONTAINER_HEADER, "primary")
            text = reply.body.decode("utf-8", "replace")
            raise self._model_error(region, name, reply.status, text, container)
        if fleet.capture is not None:
            kind = reply.headers.get("content-type") or "application/octet-stream"
            fleet.capture.take(route.variant, Exchange(headers, body, kind, reply.body, clock.now()))
        return _answer(reply, route.variant, streamed=streamed)

    def _invoke_async(self, request: Request, region: str, name: str) -> Response:
        """Accept a request whose body lies in S3; the answer says where the reply will be."""
        given = request.headers
        location = given.get("X-Amzn-SageMaker-InputLocation", "")
        if not location.startswith(("s3://", "https://")):
            raise Refusal("ValidationError", 400, "InputLocation must be an S3 URI.")
        limit = given.get("X-Amzn-SageMaker-InvocationTimeoutSeconds") or str(int(DEFAULT_TIMEOUT))
        if not limit.isdigit() or not 1 <= int(limit) <= LONGEST_TIMEOUT:
            raise Refusal("ValidationError", 400, "InvocationTimeoutSeconds must be between 1 and 3600.")
        headers = self._headers(request)
        # Without one the object's own content type counts: the SDK uploads with it and does not repeat it.
        headers["Content-Type"] = given.get("X-Amzn-SageMaker-Content-Type", "")
        headers["Accept"] = given.get("X-Amzn-SageMaker-Accept", "*/*")
        identity = given.get("X-Amzn-SageMaker-Inference-Id") or str(uuid.uuid4())
        headers["X-Amzn-SageMaker-Inference-Id"] = identity
        fleet, _ = self._route(request, region, name)
        fleet.leave()
        if fleet.queue is None:
            raise Refusal(
                "ValidationError",
                400,
                f"Endpoint {name} is not asynchronous: its configuration has no AsyncInferenceConfig."
                " Use InvokeEndpoint instead of InvokeEndpointAsync.",
            )
        accepted = fleet.queue.accept(location, headers, float(limit))
        response = Response(orjson.dumps({"InferenceId": identity}), 202, content_type="application/json")
        response.headers["X-Amzn-SageMaker-OutputLocation"] = accepted.output
        if accepted.failure is not None:
            response.headers["X-Amzn-SageMaker-FailureLocation"] = accepted.failure
        response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
        return response

    def _route(self, request: Request, region: str, name: str) -> tuple[Fleet, Route]:
        """Find the variant that answers; the fleet must be left afterwards."""
        target = request.headers.get("X-Amzn-SageMaker-Target-Variant")
        live = self._hosting.find(region, name)
        if live is not None and request.headers.get("X-Amzn-SageMaker-Target-Model"):
            raise Refusal(
                "ValidationError",
                400,
                f"Endpoint {name} is not a multi-model endpoint and does not support target model header.",
            )
        if live is not None and not live.ready.is_set():
            live.ready.wait(_WAIT_FOR_CONTAINERS)
        while live is not None and (fleet := live.fleet) is not None:
            try:
                return fleet, fleet.enter(target)
            except FleetClosed:
                if live.fleet is fleet:
                    break
            except UnknownVariant:
                raise Refusal(
                    "ValidationError", 400, f"Could not find variant {target} of endpoint {name}."
                ) from None
        raise Refusal("ValidationError", 400, f"Endpoint {name} of account {self._account_id} not found.")

    @staticmethod
    def _body(request: Request) -> bytes:
        length = request.content_length
        if length is not None and length > _MAX_LENGTH:
            raise Refusal("", 413, f"HTTP content length exceeded {_MAX_LENGTH} bytes.")
        body = request.stream.read(MAX_BODY + 1) if length is None else request.get_data(cache=False)
        if len(body) > MAX_BODY:
            raise Refusal(
                "ValidationError",
                400,
                "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must"
                f" have length less than or equal to {MAX_BODY}",
            )
        return body

    @staticmethod
    def _check_name(name: str) -> None:
        problems = []
        if len(name) > 63:
            problems.append(
                violation(name, "endpointName", "Member must have length less than or equal to 63")
            )
        if not _NAME.fullmatch(name):
            rule = "Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
            problems.append(violation(name, "endpointName", rule))
        if problems:
            raise Refusal("ValidationError", 400, printable(summary(problems)))

    @staticmethod
    def _headers(request: Request) -> dict[str, str]:
        """Return what the container gets to see of the request's headers."""
        given = request.headers
        headers = {
            "Content-Type": given.get("Content-Type", "application/octet-stream"),
            "Accept": given.get("Accept", "*/*"),
        }
        attributes = given.get(_ATTRIBUTES)
        if attributes is not None:
            if len(attributes) > 1024:
                rule = "Member must have length less than or equal to 1024"
                raise Refusal(
                    "ValidationError", 400, summary([violation(attributes, "customAttributes", rule)])
                )
            headers[_ATTRIBUTES] = attributes
        inference_id = given.get("X-Amzn-SageMaker-Inference-Id")
        if inference_id is not None:
            headers["X-Amzn-SageMaker-Inference-Id"] = inference_id
        return headers

    def _model_error(
        self, region: str, name: str, status: int, text: str, container: str = "primary"
    ) -> Refusal:
        """Word what a container answered the way the service passes it on."""
        group = f"/aws/sagemaker/Endpoints/{name}"
        side = "client" if 400 <= status < 500 else "server"
        message = (
            f'Received {side} error ({status}) from {container} with message "{text}". See'
            f" https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group}"
            f" in account {self._account_id} for more information."
        )
        return Refusal(
            "ModelError",
            424,
            message,
            OriginalStatusCode=status,
            OriginalMessage=text,
            LogStreamArn=f"arn:aws:logs:{region}:{self._account_id}:log-group:{group}",
        )


def _answer(reply: Reply, variant: str, *, streamed: bool) -> Response:
    headers = reply.headers
    kind = headers.get("content-type") or "application/octet-stream"
    if streamed:
        # Containers here answer in one piece, so it is streamed once it is whole.
        response = Response(
            b"".join(event_stream.payload_parts(reply.body)), 200, content_type=event_stream.CONTENT_TYPE
        )
        response.headers["X-Amzn-SageMaker-Content-Type"] = kind
    else:
        response = Response(reply.body, 200, content_type=kind)
    response.headers["x-Amzn-Invoked-Production-Variant"] = variant
    attributes = headers.get(_ATTRIBUTES.lower())
    if attributes:
        # A container may answer anything; what a header cannot carry is percent-encoded, not sent.
        response.headers[_ATTRIBUTES] = quote(attributes, safe="".join(map(chr, range(32, 127))))
    response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
    return response
