"""A recipe for a file of one's own: becomes a whole recipe once the file is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard import algorithms
from sagewizard.errors import UsageError
from sagewizard.recipe.options import OWN_DATA, Value, parse_assignments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.data.owncsv import Proposal
    from sagewizard.recipe.recipe import Recipe

NAME = "own-csv"
"""The recipe for any file, which every front end goes on with when a person brings one."""
_OWN = {option.path: option for option in OWN_DATA}
_XGBOOST = {
    "binary_classifier": {"objective": "binary:logistic", "eval_metric": "logloss,error"},
    "multiclass_classifier": {"objective": "multi:softprob", "eval_metric": "mlogloss,merror"},
    "regressor": {"objective": "reg:squarederror", "eval_metric": "rmse,mae"},
}


def in_place_of(recipe: Recipe, path: str, label: str, *, positive_label: str | None = None) -> Recipe:
    """Return the recipe for any file, made for this one; the algorithm is kept where it can be.

    What was set for another file is not carried over.
    Raises UsageError or DataError for a file or a label that cannot be trained on.
    """
    from sagewizard.recipe import finding

    given: dict[str, object] = {"dataset.path": path, "dataset.label": label}
    if positive_label is not None:
        given["dataset.positive_label"] = positive_label
    base = recipe.origin or recipe
    if base.file.dataset.own:
        return base.with_settings(given)
    if recipe.algorithm.name in _OWN["dataset.algorithm"].definition.choices:
        given["dataset.algorithm"] = recipe.algorithm.name
    return finding.load(NAME).with_settings(given)


def with_settings(recipe: Recipe, assignments: Mapping[str, object]) -> Recipe:
    """Return the recipe for the file that `dataset.path` names, with everything else set as well.

    Label, task and algorithm follow from the file's columns where they are not set; the recipe's `notes` say
    how. Without a path only the recipe's own options can be set. Raises UsageError or DataError.
    """
    own: dict[str, Value] = parse_assignments(
        _OWN, {path: value for path, value in assignments.items() if path.replace("-", "_") in _OWN}
    )
    others = {path: value for path, value in assignments.items() if path.replace("-", "_") not in _OWN}
    if "dataset.path" not in own:
        return recipe.plainly_set(assignments)
    path = Path(str(own["dataset.path"])).expanduser().absolute()
    own["dataset.path"] = str(path)
    whole = _for_file(recipe, path, own)
    changed = whole.plainly_set(others) if others else whole
    return dataclasses.replace(changed, settings={**own, **changed.settings})


def _for_file(recipe: Recipe, path: Path, own: Mapping[str, Value]) -> Recipe:
    from sagewizard.data.csvio import read_csv
    from sagewizard.data.owncsv import propose

    table = read_csv(path)
    if len(table.columns) < 2:
        raise UsageError(
            f"{path.name} has one column only.", where=str(path), remedy="Give features and a label."
        )
    proposal = propose(
        table, label=_said(own, "label"), task=_said(own, "task"), algorithm=_said(own, "algorithm")
    )
    dataset = recipe.file.dataset.model_copy(
        update={
            "own": False,
            "path": str(path),
            "label_column": proposal.label + 1,
            "header": table.header,
            "encode": True,
            "task": proposal.task,
            "positive_label": proposal.positive_label,
        }
    )
    parameters = _parameters(proposal)
    algorithm = recipe.file.algorithm.model_copy(
        update={"name": proposal.algorithm, "hyperparameters": parameters, "version": None}
    )
    values = dict(recipe.values)
    if proposal.positive_label is not None:
        values["dataset.positive_label"] = proposal.positive_label
    return dataclasses.replace(
        recipe,
        file=recipe.file.model_copy(update={"dataset": dataset, "algorithm": algorithm}),
        algorithm=algorithms.get(proposal.algorithm),
        hyperparameters=parameters,
        values=values,
        notes=proposal.reasons,
        origin=recipe,
    )


def _said(own: Mapping[str, Value], name: str) -> str | None:
    value = own.get(f"dataset.{name}", "auto")
    return None if value == "auto" else str(value)


def _parameters(proposal: Proposal) -> dict[str, str]:
    if proposal.algorithm == "xgboost":
        found = {"num_round": "50", "max_depth": "4", "eta": "0.2", **_XGBOOST[proposal.task]}
        if proposal.task == "multiclass_classifier":
            found["num_class"] = str(len(proposal.classes))
        return found
    # Some ten mini-batches an epoch, so that even a small file gives the optimizer steps to take.
    batch = max(1, min(1000, proposal.rows * 6 // 100))
    found = {"predictor_type": proposal.task, "mini_batch_size": str(batch)}
    if proposal.task == "multiclass_classifier":
        found["num_classes"] = str(len(proposal.classes))
    return found
