"""A learner's own training script: looked at before anything is created, packed as the image expects it."""

from __future__ import annotations

import ast
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard.errors import DataError, UsageError

if TYPE_CHECKING:
    from sagewizard.recipe.recipe import Recipe

ARCHIVE = "sourcedir.tar.gz"
_MOST_BYTES = 1 << 20
"""A script larger than this is something else."""


def script_path(recipe: Recipe) -> Path:
    """Return where the recipe's script lies: beside the recipe."""
    return Path(recipe.source).parent / (recipe.file.algorithm.script or "")


def check(recipe: Recipe) -> None:
    """Refuse a script that cannot be read, is no Python, or lacks what a deployed model needs.

    DataError names the line. Nothing of it is run.
    """
    path = script_path(recipe)
    text = _read(path)
    try:
        tree = ast.parse(text, str(path))  # parsed, not run
    except (SyntaxError, ValueError) as error:
        raise DataError(
            f"The script is no Python: {getattr(error, 'msg', None) or error}.", file=str(path),
            row=getattr(error, "lineno", None), remedy="Correct the line, then run again.",
        ) from error  # fmt: skip
    defined = {getattr(node, "name", "") for node in tree.body}
    if "model_fn" not in defined and {"deploy", "transform"} & set(recipe.steps):
        raise DataError(
            "The script has no function model_fn, and without it the model cannot be deployed.",
            file=str(path), remedy="Add `def model_fn(model_dir):`, which loads and returns the model.",
        )  # fmt: skip


def archive(recipe: Recipe) -> bytes:
    """Return sourcedir.tar.gz with the script in it; the same bytes for the same script."""
    path = script_path(recipe)
    body = _read(path)
    held = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=held, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as files,
    ):
        entry = tarfile.TarInfo(path.name)
        entry.size, entry.mode = len(body), 0o644
        files.addfile(entry, io.BytesIO(body))
    return held.getvalue()


def hyperparameters(recipe: Recipe, uri: str, job: str, region: str) -> dict[str, str]:
    """Return what the image itself reads beside the script's own; values are JSON, as the SDK sends them."""
    values = {
        "sagemaker_program": recipe.file.algorithm.script,
        "sagemaker_submit_directory": uri,
        "sagemaker_container_log_level": 20,
        "sagemaker_job_name": job,
        "sagemaker_region": region,
    }
    return {name: json.dumps(value) for name, value in values.items()}


def environment(recipe: Recipe, uri: str, region: str) -> dict[str, str]:
    """Return the variables that a model of this script needs to be served."""
    return {
        "SAGEMAKER_PROGRAM": str(recipe.file.algorithm.script),
        "SAGEMAKER_SUBMIT_DIRECTORY": uri,
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
        "SAGEMAKER_REGION": region,
    }


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"The script cannot be read: {error.strerror}.", where=str(path),
            remedy="Put it beside the recipe, under the name that the recipe gives.",
        ) from error  # fmt: skip
    if len(body) > _MOST_BYTES:
        raise DataError(
            "The script is larger than 1 MB.", file=str(path), remedy="Keep data out of the script."
        )
    return body
