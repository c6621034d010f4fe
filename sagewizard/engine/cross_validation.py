"""Runs a cross-validation on the target: uploads each fold, trains on it, collects what the jobs report."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.engine import folds
from sagewizard.engine.formats import format_of
from sagewizard.engine.uploads import upload
from sagewizard.outcome_events import CrossValidated

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext
    from sagewizard.engine.table import Part

RunJob = Callable[["RunContext", str, dict[str, Any]], dict[str, Any]]
_NO_FIGURES = ("progress", "throughput")


def cross_validate(context: RunContext, run_job: RunJob) -> dict[str, Any]:
    """Train once for each fold with `run_job`, tell mean and spread of each metric, return them as JSON.

    The jobs go one after the other, each with the hyperparameters and the machine of the step train. Raises
    JobFailedError when one of them fails.
    """
    from sagewizard.engine.steps.train import training_request

    pairs = folds.parts(context.dataset, context.recipe)
    found: list[dict[str, float]] = []
    names: list[str] = []
    billed = 0
    for number, (kept, held) in enumerate(pairs, 1):
        context.check_cancel()
        context.progress(f"Fold {number} of {len(pairs)}", number - 1, len(pairs), "folds")
        name = context.name(f"fold{number}")
        request = training_request(context, name)
        places = _upload(context, number, {"train": kept, "validation": held})
        for channel in request["InputDataConfig"]:
            channel["DataSource"]["S3DataSource"]["S3Uri"] = places[channel["ChannelName"]]
        answer = run_job(context, name, request)
        names.append(name)
        found.append(_held_back(context, answer))
        billed += int(answer.get("BillableTimeInSeconds", 0))
    metrics = folds.summarise(found)
    if not metrics:
        context.warn("The jobs report no figure for rows held back, so the folds cannot be compared.")
    costs = [item.usd for item in context.meter.items() if item.name in names and item.usd is not None]
    stratified = folds.stratified(context.recipe)
    context.emit(
        CrossValidated, step="train", folds=len(pairs), stratified=stratified, metrics=metrics,
        billable_seconds=billed, usd=sum(costs) if costs else None,
    )  # fmt: skip
    return {
        "jobs": names,
        "stratified": stratified,
        "billable_seconds": billed,
        "metrics": {item.name: {"mean": item.mean, "spread": item.spread} for item in metrics},
    }


def _held_back(context: RunContext, answer: dict[str, Any]) -> dict[str, float]:
    """Return what a job reports for the rows held back; of a script, all that it reports."""
    wire = format_of(context.recipe)
    reported = {
        str(metric["MetricName"]): float(metric["Value"]) for metric in answer.get("FinalMetricDataList", [])
    }
    if context.recipe.algorithm.script_mode:
        return reported
    start = f"{wire.channels['validation']}:"
    return {
        name: value
        for name, value in reported.items()
        if name.startswith(start) and name.removeprefix(start) not in _NO_FIGURES
    }


def _upload(context: RunContext, number: int, parts: dict[str, Part]) -> dict[str, str]:
    """Upload the two parts of a fold; return the prefix of each channel."""
    wire = format_of(context.recipe)
    # A changed split must not lie beside the old one.
    attempt = context.state.step("prepare").attempt
    base = f"{context.prefix}/folds-{attempt}/{number}"
    places = {}
    with tempfile.TemporaryDirectory(prefix="sagewizard-") as folder:
        for split, part in parts.items():
            path = Path(folder) / f"{split}.{wire.suffix}"
            wire.write(path, part)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            key = f"{base}/{wire.folders[split]}/{path.name}"
            upload(context, path, key, digest=digest, content_type=wire.content_type)
            places[wire.channels[split]] = f"s3://{context.target.bucket}/{base}/{wire.folders[split]}/"
    return places
