"""Reads the threshold of a trained Linear Learner from its model.tar.gz: what makes a score a yes or a no.

The archive holds `model_algo-1`, a stored ZIP, and in that `additional-params.json` with the member
`threshold`. It comes from a bucket, so it is taken as hostile: nothing is unpacked to disk, and no member
larger than a limit is read.
"""

from __future__ import annotations

import io
import math
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from sagewizard.engine import trained
from sagewizard.engine.api import is_missing

if TYPE_CHECKING:
    from sagewizard.engine.api import Api
    from sagewizard.engine.context import RunContext

MEMBER, PARAMETERS = "model_algo-1", "additional-params.json"
# A model of 1,000,000 columns and 10 classes has 40 MB of weights; a threshold is not worth reading more.
MOST_BYTES = 64 * 1024 * 1024
MOST_PARAMETERS = 1024 * 1024
MOST_MEMBERS = 16


def threshold_of(context: RunContext) -> float | None:
    """Return the threshold of the run's model; None without one, or when the artifact is gone.

    A row is called positive when its score is above it.
    """
    uri = str(trained.outputs(context.recipe, context.state).get("model_artifact", ""))
    kind = context.recipe.effective_hyperparameters().get("predictor_type")
    if kind != "binary_classifier" or not uri.startswith("s3://"):
        return None
    body = _fetch(context.api, uri)
    return None if body is None else read_threshold(body)


def _fetch(api: Api, uri: str) -> bytes | None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        head = api("s3", "HeadObject", show=False, Bucket=bucket, Key=key)
        if int(head["ContentLength"]) > MOST_BYTES:
            return None
        reply = api("s3", "GetObject", show=False, Bucket=bucket, Key=key)
    except Exception as error:
        if is_missing(error):
            return None
        raise
    body: bytes = reply["Body"].read(MOST_BYTES)
    return body


def read_threshold(body: bytes) -> float | None:
    """Return the threshold in the bytes of a model.tar.gz; None for any other file."""
    import orjson

    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            for number, member in enumerate(archive):
                if member.size > MOST_BYTES or number >= MOST_MEMBERS:
                    return None
                if member.isfile() and member.name.removeprefix("./") == MEMBER:
                    file = archive.extractfile(member)
                    content = b"" if file is None else file.read(MOST_BYTES)
                    break
            else:
                return None
        with zipfile.ZipFile(io.BytesIO(content)) as inner, inner.open(PARAMETERS) as file:
            text = file.read(MOST_PARAMETERS)
        found = orjson.loads(text)
        value = found.get("threshold") if isinstance(found, dict) else None
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, KeyError, OSError, EOFError, ValueError,
            NotImplementedError, RuntimeError):  # fmt: skip
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
