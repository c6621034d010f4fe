"""What Application Auto Scaling asks of SageMaker: whether a variant is there, and what was scaled (nothing).

Targets and policies are kept by moto. Form of the answers: AWS JSON 1.1, API version 2016-02-06.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
from werkzeug import Response

from sagewizard.sandbox.gateway.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug import Request

    # The variants of an endpoint in a region; None when there is no such endpoint.
    Variants = Callable[[str, str], "list[str] | None"]

_TARGET = "AnyScaleFrontendService."
_VARIANT = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
_DIMENSIONS = ("sagemaker:variant:DesiredInstanceCount", "sagemaker:variant:DesiredProvisionedConcurrency")


def autoscaling(request: Request, account_id: str, variants: Variants) -> Response | None:
    """Answer what moto does not know, and refuse a target that is not there; None for everything else."""
    operation = request.headers.get("X-Amz-Target", "").removeprefix(_TARGET)
    if operation not in ("RegisterScalableTarget", "DescribeScalingActivities"):
        return None
    body = request.get_data(cache=True)
    # Read once more by whoever answers it.
    request.environ["wsgi.input"].seek(0)
    try:
        given = orjson.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise AwsError("SerializationException", "The request is no JSON object.")
    if operation == "DescribeScalingActivities":
        return Response(orjson.dumps({"ScalingActivities": []}), content_type="application/x-amz-json-1.1")
    if given.get("ServiceNamespace") == "sagemaker" and given.get("ScalableDimension") in _DIMENSIONS:
        _check(given, request.environ["sagewizard.region"], account_id, variants)
    return None


def _check(given: dict[str, Any], region: str, account_id: str, variants: Variants) -> None:
    parts = _VARIANT.fullmatch(str(given.get("ResourceId", "")))
    if parts is None:
        raise AwsError(
            "ValidationException",
            "Unsupported service namespace, resource type or scalable dimension: the resource ID of a"
            " production variant is endpoint/NAME/variant/NAME.",
        )
    found = variants(region, parts[1])
    if found is None:
        arn = f"arn:aws:sagemaker:{region}:{account_id}:endpoint/{parts[1].lower()}"
        raise AwsError("ValidationException", f'Could not find endpoint "{arn}".')
    if parts[2] not in found:
        raise AwsError("ValidationException", f"Could not find variant {parts[2]} of endpoint {parts[1]}.")
