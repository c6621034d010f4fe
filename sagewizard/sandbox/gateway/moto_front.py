"""Everything AWS has that the sandbox does not do itself: moto in this process, with a durable journal."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from werkzeug import Response

from sagewizard.sandbox.gateway.cloudwatch_feed import CloudWatchFeed, round_as_cloudwatch_does
from sagewizard.sandbox.gateway.errors import AwsError
from sagewizard.sandbox.gateway.journal import LARGEST_BODY, Entry, Journal, action_of, changes, kept_headers
from sagewizard.sandbox.services import ROLE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug import Request

    from sagewizard.sandbox.services import Services
    from sagewizard.sandbox.store.objects import BucketInfo

_LOG = logging.getLogger(__name__)
_SESSION = "SageMaker"
_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)
# Paths that are moto's own pages, whatever the signature says.
_MOTO_PAGES = ("/moto-api", "/favicon.ico", "/latest/meta-data/", "/latest/api/")
# Services for which moto answers the same made-up result to whatever is asked: better none than that.
_CANNED = frozenset(
    {
        "athena",
        "bedrock",
        "comprehend",
        "forecast",
        "elasticmapreduce",
        "lex",
        "personalize",
        "polly",
        "redshift-data",
        "rekognition",
        "textract",
        "transcribe",
    }
)
# What a request to IAM says that needs the policies AWS keeps itself: the ARN of one, or a list of all.
_AWS_POLICY = (b"%3Aaws%3Apolicy%2F", b":aws:policy/", b"Action=ListPolicies")


class MotoFront:
    """Moto behind the gateway.

    It is imported in a thread of its own after the port is open (0.4 s); calls wait for that. One call
    runs at a time: moto is pure Python and not thread safe, and seeding its identifiers before each
    changing call is what lets a replay give the same ones (access keys, policy ARNs ...). The times of
    creation are those of the replay.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._journal = Journal(services.database, services.clock)
        self._lock = threading.RLock()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._app: Any = None
        self._feed = CloudWatchFeed(services.metrics, services.account_id)
        self._thread = threading.Thread(target=self._start, name="moto-start", daemon=True)

    def start(self) -> None:
        """Import moto and replay the journal, in the background."""
        self._thread.start()

    @property
    def started(self) -> bool:
        """Tell whether `start` was called."""
        return self._thread.ident is not None

    @property
    def ready(self) -> bool:
        """Tell whether the journal is replayed."""
        return self._ready.is_set()

    def join(self) -> None:
        """Wait until the start is over."""
        self._thread.join()

    def handle(self, request: Request, service: str, *, resource: str = "") -> Response:
        """Answer a request of any service moto has; `resource` groups calls that are forgotten together."""
        environ = request.environ
        body = request.stream.read()
        headers: Mapping[str, str] = environ["sagewizard.headers"]
        uri = environ["REQUEST_URI"]
        if request.path.startswith(_MOTO_PAGES):
            raise AwsError("UnknownOperationException", f"The sandbox has nothing at {request.path}.", 404)
        if service in _CANNED:
            raise _unknown_service(service)
        action = action_of(request.method, uri, headers, body)
        region = environ["sagewizard.region"] or self._services.region
        changing = changes(request.method, action)
        entry = Entry(
            service=service,
            region=region,
            action=action,
            resource=resource,
            method=request.method,
            uri=uri,
            headers=kept_headers(headers, self._services.credentials.access_key, region, service),
            body=body,
            seed=secrets.randbits(62),
        )
        self._wait()
        with self._lock:
            if service == "monitoring" and not changing:
                self._feed.update()
            response = self._call(entry, seeded=changing)
            if changing and response.status_code < 400:
                if len(body) <= LARGEST_BODY:
                    self._journal.append(entry)
                else:
                    _LOG.warning(
                        "%s %s: a body of %d bytes is not journaled and will not outlive this server",
                        service,
                        action,
                        len(body),
                    )
        if response.status_code >= 400 and response.mimetype == "text/html":
            raise unknown_operation(service, action, request.method, request.path)
        return response

    def bucket(self, request: Request, info: BucketInfo) -> Response:
        """Answer a request for a bucket's configuration, path style, for a bucket that S3's index has."""
        self._wait()
        with self._lock:
            self._mirror(info)
            query = request.environ["REQUEST_URI"].partition("?")[2]
            request.environ["REQUEST_URI"] = f"/{info.name}?{query}"
            request.environ["sagewizard.headers"] = {
                **request.environ["sagewizard.headers"],
                "host": "127.0.0.1",
            }
            return self.handle(request, "s3", resource=info.name)

    def forget_bucket(self, bucket: str) -> Callable[[], None]:
        """Drop a bucket's configuration from the journal; what is returned drops it from moto's memory."""
        self._journal.forget("s3", bucket)

        def forget() -> None:
            if self._ready.is_set() and self._failure is None:
                with self._lock:
                    backend = self._s3()
                    if bucket in backend.buckets:
                        backend.delete_bucket(bucket)

        return forget

    # Inside

    def _wait(self) -> None:
        self._ready.wait()
        if self._failure is not None:
            raise AwsError(
                "InternalFailure", f"The services behind the gateway did not start: {self._failure}", 500
            )

    def _start(self) -> None:
        try:
            self._import()
            with self._lock:
                entries = self._journal.entries()
                for entry in entries:
                    self._replay(entry)
                if not any(entry.action == "CreateRole" for entry in entries):
                    self._create_role()
                self._become_the_role()
        except BaseException as error:
            _LOG.exception("moto did not start")
            self._failure = error
        finally:
            self._ready.set()

    def _import(self) -> None:
        os.environ["MOTO_ACCOUNT_ID"] = self._services.account_id
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        from moto.core.base_backend import BackendDict
        from moto.core.model_instances import reset_model_data
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        # Moto's state belongs to the process; a second sandbox in it starts from its own journal alone.
        BackendDict.reset()
        reset_model_data()
        round_as_cloudwatch_does()
        self._app = DomainDispatcherApplication(create_backend_app)

    def _call(self, entry: Entry, *, seeded: bool) -> Response:
        if seeded:
            from moto.moto_api._internal import mock_random

            mock_random.seed(entry.seed)
        if entry.service == "iam" and any(word in entry.body for word in _AWS_POLICY):
            self._know_aws_policies()
        path, _, query = entry.uri.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": entry.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
            "RAW_URI": entry.uri,
            "REQUEST_URI": entry.uri,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": self._services.endpoint_url.rpartition(":")[2],
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(entry.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(entry.body),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in entry.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        try:
            response = Response.from_app(self._app, environ, buffered=True)
        except NotImplementedError as error:
            raise unknown_operation(entry.service, entry.action, entry.method, path) from error
        except ImportError as error:
            # Moto has it, with libraries that are not installed here.
            raise _unknown_service(entry.service) from error
        except (KeyError, AttributeError) as error:
            if _no_backend(entry.service):
                raise _unknown_service(entry.service) from error
            raise
        for name in [name for name, _ in response.headers if name.lower().startswith("access-control-")]:
            del response.headers[name]
        return response

    def _know_aws_policies(self) -> None:
        """Give IAM the policies that AWS keeps itself, when one is first named: 0.2 s and 14 MB."""
        from moto.iam.aws_managed_policies import aws_managed_policies_data
        from moto.iam.models import AWSManagedPolicy, iam_backends

        account = self._services.account_id
        backend: Any = iam_backends[account]["aws"]
        if backend.aws_managed_policies:
            return
        backend.aws_managed_policies = [
            AWSManagedPolicy.from_data(name, account, backend.region_name, policy)
            for name, policy in json.loads(aws_managed_policies_data).items()
        ]
        kept = {policy.arn: policy for policy in backend.aws_managed_policies}
        backend.managed_policies = kept | backend.managed_policies

    def _replay(self, entry: Entry) -> None:
        try:
            if entry.service == "s3" and entry.resource:
                info = self._services.objects.bucket(entry.resource)
                if info is None:
                    return
                self._mirror(info)
            response = self._call(entry, seeded=True)
            if response.status_code >= 400:
                _LOG.warning(
                    "%s %s could not be replayed: %s", entry.service, entry.action, response.data[:500]
                )
        except Exception:
            _LOG.exception("%s %s could not be replayed", entry.service, entry.action)

    def _create_role(self) -> None:
        """Make the role that jobs run under, through the journal, so that deleting it lasts."""
        from urllib.parse import urlencode

        fields = {"RoleName": ROLE_NAME, "AssumeRolePolicyDocument": _TRUST, "Version": "2010-05-08"}
        headers = {"content-type": "application/x-www-form-urlencoded", "host": "127.0.0.1"}
        key, region = self._services.credentials.access_key, self._services.region
        entry = Entry(
            service="iam",
            region=region,
            action="CreateRole",
            resource="",
            method="POST",
            uri="/",
            headers=kept_headers(headers, key, region, "iam"),
            body=urlencode({"Action": "CreateRole", **fields}).encode(),
            seed=secrets.randbits(62),
        )
        response = self._call(entry, seeded=True)
        if response.status_code >= 400:
            raise RuntimeError(f"CreateRole: {response.data!r}")
        self._journal.append(entry)

    def _become_the_role(self) -> None:
        """Register the sandbox's key, so that GetCallerIdentity answers an assumed role, as in Studio."""
        from moto.iam import models as iam
        from moto.sts.models import AssumedRole, sts_backends

        services = self._services
        make_key: Any = iam.AccessKey
        key = make_key(user_name=None, prefix="ASIA", account_id=services.account_id)
        key.access_key_id, key.secret_access_key = (
            services.credentials.access_key,
            services.credentials.secret_key,
        )
        role = AssumedRole(
            account_id=services.account_id,
            region_name=services.region,
            access_key=key,
            role_session_name=_SESSION,
            role_arn=f"arn:aws:iam::{services.account_id}:role/{ROLE_NAME}",
            policy="",
            duration=3600,
            external_id="",
        )
        sts_backends[services.account_id]["aws"].assumed_roles.append(role)

    def _mirror(self, info: BucketInfo) -> None:
        backend = self._s3()
        if info.name not in backend.buckets:
            backend.create_bucket(info.name, info.region)

    def _s3(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[self._services.account_id]["aws"]


def unknown_operation(service: str, action: str, method: str, path: str) -> AwsError:
    """Say that neither the sandbox nor moto has an operation."""
    what = f"{method} {path}" if action == method else action
    status = 501 if service == "s3" else 400
    code = "NotImplemented" if service == "s3" else "UnknownOperationException"
    return AwsError(code, f"The sandbox does not have the operation {what} of {service or 'AWS'}.", status)


def _unknown_service(service: str) -> AwsError:
    return AwsError("UnknownOperationException", f"The sandbox does not have the service {service!r}.", 400)


def _no_backend(service: str) -> bool:
    from moto.backends import list_of_moto_modules

    return service.replace("-", "") not in set(list_of_moto_modules())
