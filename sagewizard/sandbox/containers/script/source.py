"""A person's source archive: from its address in S3 to a folder of the job."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.archives import ArchiveError, Limits, unpack_tar_gz
from sagewizard.sandbox.containers.contract import CustomerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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
            _client(environ).download_fileobj(bucket, key, file)
        except Exception as error:  # botocore's errors have no common class short of Exception
            raise CustomerError(f"The source archive {uri} cannot be downloaded: {error}") from None
        file.seek(0)
        try:
            unpack_tar_gz(file, target, _LIMITS, name=uri)
        except ArchiveError as error:
            raise CustomerError(f"The source archive {uri} cannot be unpacked: {error.message}") from None


def _client(environ: Mapping[str, str]) -> Any:
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environ.get("AWS_SESSION_TOKEN"),
        region_name=environ.get("AWS_REGION", "us-east-1"),
    )
    config = Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}, proxies={})
    return session.client("s3", endpoint_url=environ.get("AWS_ENDPOINT_URL"), config=config)
