"""A person's source archive: from its address in S3 to a folder of the job."""

from __future__ import annotations

import re
import shutil
import tempfile
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from sagewizard.sandbox.compute.archives import ArchiveError, Limits, unpack_tar_gz
from sagewizard.sandbox.containers.contract import CustomerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CODE = re.compile("<Code>([A-Za-z]+)</Code>")
_LIMITS = Limits(total=2 << 30, members=20_000)


def fetch(uri: str, target: Path, environ: Mapping[str, str]) -> None:
    """Download `s3://bucket/key`, a .tar.gz, and unpack it into a folder; CustomerError says what failed."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise CustomerError(
            f"The source archive {uri!r} is not an S3 address of the form s3://bucket/key.tar.gz."
        )
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as file:
        try:
            with _open(bucket, key, environ) as reply:
                shutil.copyfileobj(reply, file, 1 << 20)
        except HTTPError as error:
            with error:
                found = _CODE.search(error.read(4096).decode("utf-8", "replace"))
            code = found[1] if found else str(error.code)
            raise CustomerError(
                f"The source archive {uri} cannot be downloaded: {code} ({error.code})"
            ) from None
        except OSError as error:
            raise CustomerError(f"The source archive {uri} cannot be downloaded: {error}") from None
        file.seek(0)
        try:
            unpack_tar_gz(file, target, _LIMITS, name=uri)
        except ArchiveError as error:
            raise CustomerError(f"The source archive {uri} cannot be unpacked: {error.message}") from None


def _open(bucket: str, key: str, environ: Mapping[str, str]) -> IO[bytes]:
    """Send a signed GET for an object. A boto3 client takes a second to be made; this takes milliseconds."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = f"{environ['AWS_ENDPOINT_URL']}/{quote(bucket)}/{quote(key)}"
    keys = (environ.get(f"AWS_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"))
    signed = AWSRequest("GET", url)
    S3SigV4Auth(Credentials(*keys), "s3", environ.get("AWS_REGION", "us-east-1")).add_auth(signed)
    request = Request(url, headers=dict(signed.headers.items()))  # noqa: S310 - the sandbox's own address
    opened: IO[bytes] = build_opener(ProxyHandler({})).open(request, timeout=60)
    return opened
