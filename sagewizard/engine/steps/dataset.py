"""Step dataset: loads the data and checks, before anything is created, that the run can work with it."""

from __future__ import annotations

import hashlib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sagewizard.data.dataset import DatasetSpec
from sagewizard.data.datasets import load_dataset
from sagewizard.data.profile import check
from sagewizard.engine import scripts, spot
from sagewizard.engine.folds import check_folds
from sagewizard.engine.plan_instances import SHAPES
from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.table import Part, Table
from sagewizard.errors import DataError, UsageError
from sagewizard.events import DatasetLoaded
from sagewizard.outcome_events import Noted
from sagewizard.recipe.tasks import CLASS_COUNT
from sagewizard.recipe.tuning import largest

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sagewizard.data.dataset import Dataset, Split
    from sagewizard.data.sources import Progress
    from sagewizard.engine.context import RunContext
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings


def run(context: RunContext) -> StepResult:
    """Load and check; nothing exists yet, here or on the target, when one of the checks fails."""
    check_instances(context)
    spot.check(context.recipe)
    if context.recipe.algorithm.script_mode:
        scripts.check(context.recipe)
    for note in context.recipe.notes:
        context.emit(Noted, step="dataset", message=note)
    table = load_and_check(context, tell=True)
    if "predict" in context.recipe.steps:
        check_row(context, table)
    context.dataset = table
    rows = {name: len(part) for name, part in table.parts.items()}
    names, counts = np.unique(
        np.concatenate([part.labels for part in table.parts.values()]), return_counts=True
    )
    labels = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
    context.emit(
        DatasetLoaded, step="dataset", dataset=table.name, source=table.source, features=table.features,
        rows=rows, labels=labels if table.classes else {}, image_height=table.image_height,
        image_width=table.image_width, positive_label=table.positive_label,
    )  # fmt: skip
    listed = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    return StepResult(
        f"{table.name}: {listed} rows of {table.features} columns, from {table.source}",
        {"dataset": table.name, "source": table.source, "rows": rows, "fingerprint": table.fingerprint},
    )


def load_and_check(context: RunContext, *, tell: bool = False) -> Table:
    """Load the recipe's data and check it; a resumed run has to meet the data that it began with."""

    def moved(progress: Progress) -> None:
        context.progress(f"Downloading from {progress.label}", progress.done, progress.total, "bytes")

    table, findings = load_table(
        context.recipe, context.settings, cancel=context.cancel, on_progress=moved,
        begun=context.state.outputs("dataset").get("fingerprint"),
    )  # fmt: skip
    context.check_cancel()
    if tell:
        for message in findings:
            context.warn(message)
    return table


def load_table(
    recipe: Recipe,
    settings: Settings,
    *,
    cancel: threading.Event,
    on_progress: Callable[[Progress], None] | None = None,
    begun: str | None = None,
) -> tuple[Table, list[str]]:
    """Load a recipe's data and check it; needs no target. Return it with what should be known of it.

    Raises DataError when it does not fit the recipe, or is not the data of the fingerprint `begun`.
    """
    if recipe.file.dataset.own:
        raise UsageError(
            f"The recipe {recipe.name} needs a file of yours.",
            remedy="Name it: --set dataset.path=my.csv, and its label with --set dataset.label=COLUMN.",
        )
    dataset = load_dataset(specification(recipe), settings=settings, on_progress=on_progress, cancel=cancel)
    parameters = recipe.effective_hyperparameters()
    positive = recipe.value("dataset.positive_label")
    asked = dataset if positive is None else dataset.one_against_rest(str(positive))
    findings = check(asked, batch_size=_batch_size(recipe, parameters))
    table = _table(dataset, asked, recipe, recipe.task)
    _check_width(table, parameters)
    _check_clusters(table, recipe, parameters)
    if recipe.folds:
        check_folds(table, recipe)
    if begun is not None and begun != table.fingerprint:
        raise DataError(
            "The data is not the data that this run began with.", file=table.source,
            remedy="Start a new run with the new data.",
        )  # fmt: skip
    return table, [finding.message for finding in findings]


def specification(recipe: Recipe) -> DatasetSpec:
    """Return what the recipe says of the data; a relative path starts at the recipe's folder."""
    section = recipe.file.dataset
    values = recipe.step_values("dataset")
    positive = recipe.value("dataset.positive_label")
    path = None
    if section.path is not None:
        path = str((Path(recipe.source).parent / Path(section.path).expanduser()).absolute())
    return DatasetSpec(
        name=section.name,
        path=path,
        label_column=section.label_column,
        header=section.header,
        positive_label=None if positive is None else str(positive),
        train=_share(values.get("train")),
        validation=_share(values.get("validation")),
        test=_share(values.get("test")),
        seed=int(values.get("seed", 0)),
        stratified=bool(values.get("stratified", True)),
        method="train-first" if values.get("method") == "train-first" else "test-first",
        encode=section.encode,
        task=section.task,
    )


def _share(value: object) -> float | None:
    return None if value is None else float(str(value))


def _batch_size(recipe: Recipe, parameters: dict[str, str]) -> int | None:
    known = recipe.algorithm.hyperparameter("mini_batch_size")
    text = parameters.get("mini_batch_size") or (known.default if known else None) or ""
    searched = largest(recipe, "mini_batch_size")
    if searched is not None and "train" not in recipe.steps:
        return searched
    return max(int(text), searched or 0) if text.isdigit() else searched


def _table(dataset: Dataset, asked: Dataset, recipe: Recipe, task: str) -> Table:
    positive = recipe.value("dataset.positive_label")
    _check_task(asked, recipe, task)
    names = np.array(dataset.class_names) if dataset.class_names else None
    parts = {}
    for name, split in asked.splits.items():
        original = dataset.splits[name].labels
        parts[name] = Part(
            features=split.features,
            labels=np.array([f"{value:g}" for value in original]) if names is None else names[original],
            targets=_targets(split, asked, task),
        )
    for needed in ("train", "test"):
        if needed not in parts:
            raise DataError(
                f"The dataset {dataset.name} has no {needed} part.",
                remedy="Give each part of the split a share.",
            )
    height, width = dataset.image_shape or (None, None)
    return Table(
        name=dataset.name,
        source=dataset.source,
        parts=parts,
        columns=dataset.feature_names,
        classes=() if task == "regressor" else asked.class_names,
        image_height=height,
        image_width=width,
        positive_label=None if positive is None else str(positive),
        fingerprint=_fingerprint(parts),
    )


def _targets(split: Split, asked: Dataset, task: str) -> NDArray[np.float32]:
    if task == "regressor" and asked.class_names:
        # Whole numbers of few values are read as classes; a regressor wants the numbers themselves.
        values: NDArray[np.float32] = np.array([float(name) for name in asked.class_names], np.float32)
        return np.take(values, split.labels)
    return split.labels.astype(np.float32)


def _fingerprint(parts: dict[str, Part]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(parts):
        part = parts[name]
        digest.update(f"{name} {part.features.shape}\n".encode())
        digest.update(np.ascontiguousarray(part.features).data)
        digest.update(np.ascontiguousarray(part.targets).data)
    return digest.hexdigest()


def _check_task(dataset: Dataset, recipe: Recipe, task: str) -> None:
    classes = len(dataset.class_names)
    if task == "binary_classifier" and classes != 2:
        found = f"{classes} different labels" if classes else "numbers to predict, not classes"
        raise DataError(
            f"A yes-or-no question needs two labels, and {dataset.name} has {found}.",
            remedy="Say which label to tell from the others: --set dataset.positive_label=..., or take"
            " another algorithm or objective.",
        )
    if task == "multiclass_classifier":
        name = CLASS_COUNT.get(recipe.algorithm.name)
        wanted = recipe.effective_hyperparameters().get(name or "", "")
        if not classes:
            raise DataError(
                f"{dataset.name} has numbers to predict, not classes.", remedy="Use a regression instead."
            )
        if name is not None and str(classes) != wanted:
            raise DataError(
                f"{dataset.name} has {classes} different labels, and {name} is {wanted}.",
                remedy=f"Set it right: --set train.{name}={classes}.",
            )
    if task == "clustering" and not classes:
        raise DataError(
            f"{dataset.name} has numbers to predict; clusters are compared with classes.",
            remedy="Choose a dataset with classes, such as iris or digits.",
        )
    if task == "regressor" and classes:
        try:
            [float(name) for name in dataset.class_names]
        except ValueError as error:
            raise DataError(
                f"A regression needs numbers to predict, and the labels of {dataset.name} are names.",
                remedy="Take a classifier: another predictor_type or objective.",
            ) from error


def _check_width(table: Table, parameters: dict[str, str]) -> None:
    wanted = parameters.get("feature_dim", "auto")
    if wanted != "auto" and int(wanted) != table.features:
        raise DataError(
            f"feature_dim is {wanted}, and {table.name} has {table.features} columns.",
            remedy=f"Set it right: --set train.feature_dim={table.features}, or leave it out.",
        )


def _check_clusters(table: Table, recipe: Recipe, parameters: dict[str, str]) -> None:
    if recipe.task == "clustering" and int(parameters["k"]) > len(table.parts["train"]):
        raise DataError(
            f"k is {parameters['k']}, and {table.name} has {len(table.parts['train'])} training rows.",
            remedy="Ask for fewer clusters: --set train.k=...",
        )


def check_row(context: RunContext, table: Table) -> None:
    """Refuse a test row to predict that is not there, before an endpoint waits for it."""
    row, rows = context.number("row", "predict"), len(table.parts["test"])
    if row > rows:
        raise UsageError(
            f"predict.row is {row}, and the test split has {rows} rows.",
            remedy=f"Choose a row from 1 to {rows}.",
        )


def check_instances(context: RunContext) -> None:
    """Refuse an instance type that SageMaker does not know for the step; the nearest ones are offered."""
    model = context.target.client("sagemaker").meta.service_model
    for step, shape in SHAPES.items():
        if step not in context.recipe.steps:
            continue
        wanted = context.text("instance_type", step)
        known = list(model.shape_for(shape).enum)
        if wanted not in known:
            near = get_close_matches(wanted, known, n=3, cutoff=0.7)
            raise UsageError(
                f"{step}.instance_type: SageMaker has no {wanted} for this.",
                remedy=f"Did you mean {' or '.join(near)}?" if near else "ml.m5.large works everywhere.",
            )
