"""Step prepare: RecordIO-protobuf to train/ and validation/ in the bucket, the test rows as CSV to test/."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.data import csvio, recordio
from sagewizard.engine.api import is_missing
from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.uploads import upload
from sagewizard.events import ResourceCreated

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext

CONTENT_TYPE = "application/x-recordio-protobuf"
CHANNELS = ("train", "validation")


def run(context: RunContext) -> StepResult:
    """Write each part to a temporary file, upload it, and leave nothing of it here."""
    table = context.dataset
    entry = context.intend("s3-prefix", f"s3://{context.target.bucket}/{context.prefix}/")
    ensure_bucket(context)
    attempt = context.state.step("prepare").attempt
    # A changed split must not lie beside the old one in the same channel.
    base = context.prefix if attempt == 1 else f"{context.prefix}/data-{attempt}"
    channels: dict[str, str] = {}
    total = 0
    first = True
    with tempfile.TemporaryDirectory(prefix="sagewizard-") as name:
        folder = Path(name)
        for split in (*CHANNELS, "test"):
            part = table.parts.get(split)
            if part is None or not len(part):
                continue
            context.check_cancel()
            if split == "test":
                path = folder / "test.csv"
                context.progress(f"Writing {len(part):,} test rows as CSV")
                csvio.write_csv(path, part.features)
                content_type = "text/csv"
            else:
                path = folder / f"{split}.pbr"
                context.progress(f"Writing {len(part):,} {split} rows as RecordIO-protobuf")
                recordio.write(path, part.features, part.targets)
                content_type = CONTENT_TYPE
            total += path.stat().st_size
            key = f"{base}/{split}/{path.name}"
            upload(context, path, key, digest=_digest(path), content_type=content_type)
            path.unlink()
            channels[split] = f"s3://{context.target.bucket}/{base}/{split}/"
            if first and entry.created is None:
                context.made(entry, f"arn:aws:s3:::{context.target.bucket}/{context.prefix}/")
                first = False
    return StepResult(
        f"{len(channels)} objects, {total / 1e6:,.1f} MB, are in s3://{context.target.bucket}/{base}/",
        {
            "channels": channels,
            "content_type": CONTENT_TYPE,
            "test_key": f"{base}/test/test.csv",
            "bytes": total,
            "fingerprint": table.fingerprint,
        },
    )


def ensure_bucket(context: RunContext) -> None:
    """Make the default bucket where it is missing, as the SageMaker SDK does; no run owns it, so it stays."""
    bucket, region = context.target.bucket, context.target.region
    try:
        context.api("s3", "HeadBucket", show=False, Bucket=bucket)
        return
    except Exception as error:
        if not is_missing(error):
            raise
    place: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    context.api("s3", "CreateBucket", Bucket=bucket, **({} if region == "us-east-1" else place))
    context.emit(ResourceCreated, resource="bucket", name=bucket, arn=f"arn:aws:s3:::{bucket}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
