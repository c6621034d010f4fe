"""Step prepare: the parts of the data to the bucket, each as the algorithm reads it; a script beside them."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.data import csvio
from sagewizard.engine import scripts
from sagewizard.engine.api import is_missing
from sagewizard.engine.formats import CSV, RECORDIO, format_of
from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.uploads import upload
from sagewizard.events import ResourceCreated
from sagewizard.render.units import size

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext

_WORDS = {RECORDIO: "RecordIO-protobuf", CSV: "CSV"}


def run(context: RunContext) -> StepResult:
    """Write each part to a temporary file, upload it, and leave nothing of it here."""
    table = context.dataset
    entry = context.intend("s3-prefix", f"s3://{context.target.bucket}/{context.prefix}/")
    ensure_bucket(context)
    attempt = context.state.step("prepare").attempt
    # A changed split must not lie beside the old one in the same channel.
    base = context.prefix if attempt == 1 else f"{context.prefix}/data-{attempt}"
    wire = format_of(context.recipe)
    channels: dict[str, str] = {}
    total = 0
    batch_folder, batch_name = wire.batch
    script = ""
    with tempfile.TemporaryDirectory(prefix="sagewizard-") as name:
        path = Path(name) / "part"

        def send(folder: str, file: str, content_type: str) -> str:
            nonlocal total
            total += path.stat().st_size
            key = f"{base}/{folder}/{file}"
            upload(context, path, key, digest=_digest(path), content_type=content_type)
            path.unlink()
            # Once: entered when the first object is there.
            if entry.created is None and not channels and not script:
                context.made(entry, f"arn:aws:s3:::{context.target.bucket}/{context.prefix}/")
            return f"s3://{context.target.bucket}/{base}/{folder}/"

        if context.recipe.algorithm.script_mode:
            context.progress("Packing the script")
            path.write_bytes(scripts.archive(context.recipe))
            script = send("source", scripts.ARCHIVE, "application/gzip") + scripts.ARCHIVE
        for split, folder in wire.folders.items():
            part = table.parts.get(split)
            if part is None or not len(part):
                continue
            context.check_cancel()
            context.progress(f"Writing {len(part):,} {split} rows as {_WORDS[wire.content_type]}")
            wire.write(path, part)
            channels[split] = send(folder, f"{split}.{wire.suffix}", wire.content_type)
        context.check_cancel()
        test = table.parts["test"]
        context.progress(f"Writing {len(test):,} test rows without labels as CSV")
        csvio.write_csv(path, test.features)
        batch = send(batch_folder, batch_name, CSV)
        channels.setdefault("test", batch)
    places = len(set(channels.values()) | {batch}) + bool(script)
    return StepResult(
        f"{places} objects, {size(total)}, are in s3://{context.target.bucket}/{base}/",
        {
            "channels": channels,
            "content_type": wire.content_type,
            "test_key": f"{base}/{batch_folder}/{batch_name}",
            "batch": batch,
            "batch_file": batch_name,
            "script": script,
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
