"""The AWS wire form of the control plane: what an answer, an error and a timestamp look like.

AWS JSON 1.1: the operation is named by `X-Amz-Target`, input and output are one JSON object, a timestamp is
epoch seconds as a number, an error is a JSON object with `__type` and a message.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import orjson
from werkzeug import Response

CONTENT_TYPE = "application/x-amz-json-1.1"
TARGET_PREFIX = "SageMaker."
# Requests of the API are a few kB; 100 hyperparameters of 2,500 characters with their names are 275 kB.
MAX_REQUEST_BYTES = 4 * 1024 * 1024


class ServiceError(Exception):
    """An answer that says no, in the words of the service.

    `code` becomes `__type`; `member` is the name the message travels under: the errors that the service's
    model declares have `Message`, the common ones of the framework have `message`.
    """

    code: ClassVar[str] = "InternalFailure"
    status: ClassVar[int] = 400
    member: ClassVar[str] = "message"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ValidationException(ServiceError):  # noqa: N818 (the service's own name)
    """The input breaks a rule, or names something that does not exist."""

    code = "ValidationException"


class SerializationException(ServiceError):  # noqa: N818
    """The body is not JSON, or a member has another JSON type than the model says."""

    code = "SerializationException"


class UnknownOperationException(ServiceError):  # noqa: N818
    """No version of SageMaker has this operation."""

    code = "UnknownOperationException"


class NotImplementedInSandbox(ServiceError):  # noqa: N818
    """SageMaker has the operation, the sandbox does not; status 400, since SDKs try again after a 501."""

    code = "NotImplementedException"


class ResourceInUse(ServiceError):  # noqa: N818
    """The name is taken, or the resource is busy."""

    code = "ResourceInUse"
    member = "Message"


class ResourceNotFound(ServiceError):  # noqa: N818
    """There is no such resource (only where the service does not say ValidationException)."""

    code = "ResourceNotFound"
    member = "Message"


class ResourceLimitExceeded(ServiceError):  # noqa: N818
    """A quota of the account is used up."""

    code = "ResourceLimitExceeded"
    member = "Message"


class RequestTooLarge(ServiceError):  # noqa: N818
    """The body is longer than any request can be."""

    code = "RequestEntityTooLarge"
    status = 413


class InternalFailure(ServiceError):  # noqa: N818
    """The sandbox itself failed."""

    code = "InternalFailure"
    status = 500


def answer(output: dict[str, Any] | None) -> Response:
    """Build the answer of an operation; an operation without output has an empty body, as on AWS."""
    body = b"" if output is None else orjson.dumps(output, option=orjson.OPT_NON_STR_KEYS)
    response = Response(body, status=200, content_type=CONTENT_TYPE)
    response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
    return response


def refusal(error: ServiceError) -> Response:
    """Build the answer for an error."""
    body = orjson.dumps({"__type": error.code, error.member: printable(error.message)})
    response = Response(body, status=error.status, content_type=CONTENT_TYPE)
    response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
    response.headers["x-amzn-ErrorType"] = error.code
    return response


def printable(text: str) -> str:
    """Return the text with what UTF-8 cannot carry (lone surrogates) replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def decode(body: bytes) -> dict[str, Any]:
    """Read the JSON object of a request; an empty body is an empty object.

    Raises SerializationException for anything that is not one JSON object.
    """
    if not body.strip():
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SerializationException(f"The request body is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise SerializationException("Start of structure or map expected, found something else.")
    return value
