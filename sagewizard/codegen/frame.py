"""The frame of every flavor: which sections a run has and in which order, its packages, and its intro."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.codegen import datasets, evaluating, pieces
from sagewizard.codegen.plan import Plan, Section

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sagewizard.codegen.reading import Reading

_PACKAGES = ("sagemaker", "boto3", "numpy", "pandas", "scikit-learn", "scipy")


def plan(
    run: Reading,
    library: str,
    setup: Sequence[Section],
    helpers: Sequence[Section],
    makers: Mapping[str, Callable[[Reading], Section]],
    *,
    sdk: str = "sagemaker",
    more: tuple[str, ...] = (),
) -> Plan:
    """Return the whole plan of a run as a flavor writes it.

    `library` is what the flavor is written with, in words, and `more` a paragraph of its own for the reader.
    `makers` make the sections of the steps by name, and as `model` the one that makes the model where no
    endpoint is deployed. `sdk` is the requirement that stands for the package sagemaker.
    """
    listed = [*setup, pieces.upload(), evaluating.to_csv(), *evaluating.reading_answers(run)]
    listed += [*helpers, *datasets.sections(run)]
    made = {**makers, "evaluate": evaluating.evaluate}
    for step in run.steps:
        if step == "transform" and "deploy" not in run.steps:
            listed.append(made["model"](run))
        if step in made:
            listed.append(made[step](run))
    used = {package for section in listed for package in section.packages}
    packages = tuple(sdk if package == "sagemaker" else package for package in _PACKAGES if package in used)
    return Plan(
        run.recipe.title, (*pieces.intro(run, library), *more), ">=3.11", packages, tuple(listed),
        (*pieces.step_intro(run, library), *more),
    )  # fmt: skip
