"""Which operation a request is: `sagemaker:CreateTrainingJob`, `s3:PutObject`, `sts:GetCallerIdentity`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from werkzeug import Request

# S3's operations by method, for an object and for a bucket; what the query names goes before.
_S3_OBJECT = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_S3_BUCKET = {"GET": "ListObjectsV2", "HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
_S3_QUERY = {
    ("POST", "delete"): "DeleteObjects",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("PUT", "uploadId"): "UploadPart",
    ("GET", "uploadId"): "ListParts",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "location"): "GetBucketLocation",
    ("GET", "uploads"): "ListMultipartUploads",
}
_RUNTIME = {
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
_SCHEDULER = {
    "POST": "CreateSchedule", "GET": "GetSchedule", "PUT": "UpdateSchedule", "DELETE": "DeleteSchedule",
}  # fmt: skip


def operation_of(request: Request, service: str, body: bytes | None) -> str:
    """Return the operation as `service:Name`; a bare method where the request does not say."""
    target = request.headers.get("X-Amz-Target", "")
    if target:
        return f"{service}:{target.rpartition('.')[2]}"
    if request.path.startswith("/endpoints/"):
        return f"{service}:{_RUNTIME.get(request.path.rpartition('/')[2], 'InvokeEndpoint')}"
    if service == "s3":
        return f"s3:{_s3(request)}"
    if service == "scheduler" and request.path.startswith("/schedules"):
        one = request.path.startswith("/schedules/")
        return f"scheduler:{_SCHEDULER.get(request.method, request.method) if one else 'ListSchedules'}"
    action = (
        request.args.get("Action") or parse_qs((body or b"")[:65536].decode("latin-1")).get("Action", [""])[0]
    )
    return f"{service}:{action or request.method}"


def _s3(request: Request) -> str:
    for (method, key), name in _S3_QUERY.items():
        if request.method == method and key in request.args:
            return name
    _, _, key = request.path.lstrip("/").partition("/")
    if not request.path.strip("/"):
        return "ListBuckets"
    if key and request.method == "PUT" and "x-amz-copy-source" in request.headers:
        return "CopyObject"
    return (_S3_OBJECT if key else _S3_BUCKET).get(request.method, request.method)
