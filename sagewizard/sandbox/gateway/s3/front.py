"""Which S3 operation a request is: objects and listings from disk, bucket configuration from moto."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sagewizard.sandbox.gateway.errors import AwsError, xml_text
from sagewizard.sandbox.gateway.s3 import forms, listing, wire
from sagewizard.sandbox.gateway.s3.multipart import Multipart
from sagewizard.sandbox.gateway.s3.transfers import Transfers
from sagewizard.sandbox.store.objects import BucketExists, BucketInfo, BucketNotEmpty, NoSuchBucket
from sagewizard.sandbox.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from werkzeug import Request, Response

    from sagewizard.sandbox.gateway.example_buckets import ExampleBuckets
    from sagewizard.sandbox.gateway.s3.wire import Call
    from sagewizard.sandbox.gateway.signature import Verifier
    from sagewizard.sandbox.store.objects import ObjectStore

    class BucketConfiguration(Protocol):
        """Whoever keeps policies, versioning, CORS and the other settings of a bucket."""

        def handle(self, request: Request, bucket: BucketInfo) -> Response:
            """Answer a request for a bucket's configuration."""
            ...

        def forget(self, bucket: str) -> Callable[[], None]:
            """Drop a bucket's settings inside the running transaction; what is returned runs after it."""
            ...


_CONFIGURATION = frozenset(
    [
        "abac",
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "encryption",
        "intelligent-tiering",
        "inventory",
        "lifecycle",
        "logging",
        "metadataConfiguration",
        "metadataTable",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "tagging",
        "versioning",
        "website",
    ]
)
_OBJECT_EXTRAS = frozenset(
    ["acl", "encryption", "legal-hold", "renameObject", "restore", "retention", "select", "torrent"],
)
_NAME = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


class S3Front:
    """Answers every S3 request."""

    def __init__(
        self, objects: ObjectStore, configuration: BucketConfiguration, examples: ExampleBuckets
    ) -> None:
        self._objects = objects
        self._examples = examples
        self._configuration = configuration
        self._uploads = UploadStore(objects)
        self._transfers = Transfers(objects)
        self._multipart = Multipart(objects, self._uploads, self._transfers)

    def handle(self, request: Request, label: str) -> Response:
        """Answer a request; `label` is the bucket of a virtual host. Raises AwsError."""
        call = wire.parse(request, label)
        self._examples.prepare(call)
        try:
            operation = self._object if call.key else self._bucket if call.bucket else self._service
            return operation(call)
        except NoSuchBucket as error:
            raise wire.no_such_bucket(str(error)) from None
        except AwsError as error:
            if error.code == "NoSuchKey" and call.method == "GET":
                raise self._examples.explain(call.bucket, call.key) or error from None
            raise

    def handle_form(self, request: Request, label: str, verifier: Verifier) -> Response:
        """Answer an upload by HTML form, whose policy nobody has checked yet. Raises AwsError."""
        call = wire.parse(request, label)
        self._examples.prepare(call)
        try:
            return forms.upload(self._objects, call, verifier)
        except NoSuchBucket as error:
            raise wire.no_such_bucket(str(error)) from None

    def _service(self, call: Call) -> Response:
        if call.method != "GET":
            raise _method_not_allowed(call, "SERVICE")
        return listing.list_buckets(self._objects, call)

    # Buckets

    def _bucket(self, call: Call) -> Response:
        settings = sorted(_CONFIGURATION & call.query.keys())
        if settings:
            return self._configuration.handle(call.request, self._objects.require_bucket(call.bucket))
        if call.method == "PUT":
            return self._create_bucket(call)
        bucket = self._objects.require_bucket(call.bucket)
        if call.method == "HEAD":
            return wire.empty(
                200, {"x-amz-bucket-region": bucket.region, "x-amz-access-point-alias": "false"}
            )
        if call.method == "GET":
            return self._list(call, bucket)
        if call.method == "DELETE":
            return self._delete_bucket(call)
        if call.method == "POST" and "delete" in call.query:
            return self._transfers.delete_many(call)
        raise _method_not_allowed(call, "BUCKET")

    def _list(self, call: Call, bucket: BucketInfo) -> Response:
        if "location" in call.query:
            region = "" if bucket.region == "us-east-1" else bucket.region
            return wire.document("LocationConstraint", [xml_text(region)])
        if "uploads" in call.query:
            return self._multipart.list_uploads(call)
        if "versions" in call.query:
            return listing.list_versions(self._objects, call)
        if call.query.get("list-type") == "2":
            return listing.list_v2(self._objects, call)
        return listing.list_v1(self._objects, call)

    def _create_bucket(self, call: Call) -> Response:
        _check_bucket_name(call.bucket)
        region = call.region or "us-east-1"
        if call.headers.get("content-length", "0") not in {"", "0"}:
            root = wire.read_xml(call.request)
            constraint = root.findtext("LocationConstraint") or ""
            if constraint and constraint != region and region != "us-east-1":
                raise _illegal_location(constraint)
            if not constraint and region != "us-east-1":
                raise _illegal_location("unspecified")
            region = "eu-west-1" if constraint == "EU" else constraint or region
        elif region != "us-east-1":
            raise _illegal_location("unspecified")
        try:
            self._objects.create_bucket(call.bucket, region)
        except BucketExists:
            # Making one's own bucket again is no error in us-east-1, and nowhere else.
            if region != "us-east-1" or self._objects.require_bucket(call.bucket).region != "us-east-1":
                text = "Your previous request to create the named bucket succeeded and you already own it."
                fields = {"BucketName": call.bucket}
                raise AwsError("BucketAlreadyOwnedByYou", text, 409, fields=fields) from None
        return wire.empty(200, {"Location": f"/{call.bucket}"})

    def _delete_bucket(self, call: Call) -> Response:
        database = self._objects.database
        try:
            with database.transaction():
                self._uploads.delete_bucket(call.bucket)
                database.after_commit(self._configuration.forget(call.bucket))
        except BucketNotEmpty:
            text = "The bucket you tried to delete is not empty"
            raise AwsError("BucketNotEmpty", text, 409, fields={"BucketName": call.bucket}) from None
        return wire.empty(204)

    # Objects

    def _object(self, call: Call) -> Response:
        extras = sorted(_OBJECT_EXTRAS & call.query.keys())
        if extras:
            raise wire.not_implemented(f"?{extras[0]} of an object")
        operation = getattr(self, f"_object_{call.method.lower()}", None)
        if operation is None:
            raise _method_not_allowed(call, "OBJECT")
        response: Response = operation(call)
        return response

    def _object_get(self, call: Call) -> Response:
        if "uploadId" in call.query:
            return self._multipart.list_parts(call)
        if "tagging" in call.query:
            return self._transfers.get_tags(call)
        if "attributes" in call.query:
            return self._transfers.attributes(call)
        return self._transfers.get(call)

    def _object_head(self, call: Call) -> Response:
        return self._transfers.get(call)

    def _object_put(self, call: Call) -> Response:
        copies = "x-amz-copy-source" in call.headers
        if "uploadId" in call.query:
            return self._multipart.copy_part(call) if copies else self._multipart.upload_part(call)
        if "tagging" in call.query:
            return self._transfers.put_tags(call)
        return self._transfers.copy(call) if copies else self._transfers.put(call)

    def _object_post(self, call: Call) -> Response:
        if "uploads" in call.query:
            return self._multipart.create(call)
        if "uploadId" in call.query:
            return self._multipart.complete(call)
        raise _method_not_allowed(call, "OBJECT")

    def _object_delete(self, call: Call) -> Response:
        if "uploadId" in call.query:
            return self._multipart.abort(call)
        if "tagging" in call.query:
            return self._transfers.delete_tags(call)
        return self._transfers.delete(call)


def _check_bucket_name(name: str) -> None:
    if (
        not _NAME.fullmatch(name)
        or ".." in name
        or ".-" in name
        or "-." in name
        or _ADDRESS.fullmatch(name)
        or name.startswith(("xn--", "sthree-"))
        or name.endswith(("-s3alias", "--ol-s3"))
    ):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.", fields={"BucketName": name})


def _illegal_location(constraint: str) -> AwsError:
    return AwsError(
        "IllegalLocationConstraintException",
        f"The {constraint} location constraint is incompatible for the region specific endpoint this request "
        "was sent to.",
    )


def _method_not_allowed(call: Call, kind: str) -> AwsError:
    text = "The specified method is not allowed against this resource."
    return AwsError("MethodNotAllowed", text, 405, fields={"Method": call.method, "ResourceType": kind})
