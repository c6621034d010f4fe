"""Uploads a file to the bucket: in parts when it is large, with progress, and cancelled at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sagewizard.engine.api import RETRY_DELAYS, is_missing, may_pass
from sagewizard.errors import CancelledError

if TYPE_CHECKING:
    from pathlib import Path

    from sagewizard.engine.context import RunContext

PART_BYTES = 16 * 1024 * 1024
# One event for every so many bytes, so that an upload of 160 MB is 80 events and not 600.
PROGRESS_BYTES = 2 * 1024 * 1024


def upload(context: RunContext, path: Path, key: str, *, digest: str, content_type: str) -> str:
    """Upload a file under a key of the run's bucket and return its S3 URI.

    An object that is there with the same digest (hex, of the content) is left as it is: an earlier try has
    uploaded it. boto3's transfer manager sends parts of 16 MB, four at a time, and takes unfinished parts
    away when it fails or is cancelled.
    """
    bucket = context.target.bucket
    uri = f"s3://{bucket}/{key}"
    size = path.stat().st_size
    if _is_there(context, key, size, digest):
        context.progress(f"{uri} is there already", size, size, "bytes")
        return uri
    attempt = 0
    while True:
        attempt += 1
        try:
            _send(context, path, key, size, digest, content_type)
            return uri
        except Exception as error:
            context.check_cancel()
            cause = error.__context__ if type(error).__name__ == "S3UploadFailedError" else error
            if attempt > len(RETRY_DELAYS) or not may_pass(cause or error):
                raise
            context.api.wait(cause or error, attempt)


def _is_there(context: RunContext, key: str, size: int, digest: str) -> bool:
    try:
        head = context.api("s3", "HeadObject", show=False, Bucket=context.target.bucket, Key=key)
    except Exception as error:
        if is_missing(error):
            return False
        raise
    return bool(head["ContentLength"] == size) and head.get("Metadata", {}).get("sagewizard-digest") == digest


def _send(context: RunContext, path: Path, key: str, size: int, digest: str, content_type: str) -> None:
    from boto3.s3.transfer import TransferConfig

    lock = threading.Lock()
    sent = told = 0

    def moved(count: int) -> None:
        nonlocal sent, told
        if context.cancel.is_set():
            # Raised inside the transfer: it stops all parts and takes back what was sent.
            raise CancelledError("The run was cancelled.")
        with lock:
            sent += count
            if sent - told < PROGRESS_BYTES and sent < size:
                return
            told = sent
            done = sent
        context.progress(f"Uploading {path.name}", done, size, "bytes")

    extra: dict[str, Any] = {
        "ContentType": content_type,
        "Metadata": {"sagewizard-digest": digest, "sagewizard-run": context.run_id},
    }
    config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)
    started = context.clock.monotonic()
    context.target.client("s3").upload_file(
        str(path), context.target.bucket, key, ExtraArgs=extra, Callback=moved, Config=config
    )
    parts = -(-size // PART_BYTES)
    context.api.record(
        "s3",
        "PutObject" if size < PART_BYTES else "UploadPart",
        {"Bucket": context.target.bucket, "Key": key, "ContentLength": size, **extra}
        | ({"Parts": parts} if size >= PART_BYTES else {}),
        {},
        round(context.clock.monotonic() - started, 6),
    )
