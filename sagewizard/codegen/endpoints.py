"""The steps predict and teardown: alike in every flavor but for how it speaks to an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard.codegen import evaluating, pieces
from sagewizard.codegen.plan import Section
from sagewizard.recipe.tasks import BINARY, CLUSTERING, MULTICLASS

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a flavor speaks to the endpoint of a run.

    `asking` are lines that define what the expressions use: `shown` for the reply to `body` as it is printed,
    `answers` for the list of answers to some rows of the test part, which imports `answer_imports`; both use
    `asks_with` of other sections. `deletion` are lines that delete endpoint and configuration, `model` those
    that delete the model, each with the names it uses and what it imports.
    """

    package: str
    asking: tuple[str, ...]
    shown: str
    answers: str
    answer_imports: tuple[str, ...]
    asks_with: tuple[str, ...]
    deletion: tuple[str, ...]
    deletes_with: tuple[str, ...]
    deletion_imports: tuple[str, ...]
    model: tuple[str, ...]
    model_with: tuple[str, ...]


def predict(run: Reading, endpoint: Endpoint) -> Section:
    """Return the section that asks the endpoint: for one row, then for the test part."""
    row = run.number("row", "predict")
    code = [
        *endpoint.asking,
        f"body = to_csv(test_x[{row - 1}:{row}])",
        'print("We send:   ", body.strip()[:60])',
        f'print("It answers:", {endpoint.shown})',
        f"print({pieces.expected_of(run, row)})",
    ]
    needs = [*endpoint.asks_with, "to_csv", "test_x", "test_y"]
    needs += ["classes"] if run.task in (BINARY, MULTICLASS, CLUSTERING) else []
    imports: list[str] = []
    requests = pieces.requests_of(run)
    if requests:
        code += pieces.asking(requests, endpoint.answers)
        imports += ["from itertools import pairwise", *endpoint.answer_imports]
        needs += evaluating.answer_needs(run)
    if _deleted_early(run):
        code += ["", "# The endpoint has done its work, and would cost money from here on.",
                 *endpoint.deletion]  # fmt: skip
        imports += endpoint.deletion_imports
        needs += endpoint.deletes_with
    known = evaluating.known_answers(run, "answers") if requests else {}
    return Section(
        run.title("predict"), tuple(code), step="predict", text=run.lesson("predict"),
        imports=tuple(imports), provides=("answers",) if requests else (),
        needs=tuple(dict.fromkeys(needs)), packages=(endpoint.package,), known=known,
        known_imports=("import pandas as pd",) if known else (),
    )  # fmt: skip


def teardown(run: Reading, endpoint: Endpoint) -> Section:
    """Return the section that deletes what is left."""
    code: list[str] = []
    needs: list[str] = []
    imports: list[str] = []
    deployed = "deploy" in run.steps
    if deployed and not _deleted_early(run):
        code += endpoint.deletion
        imports += endpoint.deletion_imports
        needs += endpoint.deletes_with
    if deployed or "transform" in run.steps:
        code += endpoint.model
        needs += endpoint.model_with
    last, more, wanted = pieces.data_at_the_end(run)
    return Section(
        run.title("teardown"), (*code, *last), step="teardown", text=run.lesson("teardown"),
        needs=tuple(dict.fromkeys((*needs, *more))), imports=(*imports, *wanted),
        packages=(endpoint.package,),
    )  # fmt: skip


def _deleted_early(run: Reading) -> bool:
    return "predict" in run.steps and run.flag("delete_endpoint", "predict")
