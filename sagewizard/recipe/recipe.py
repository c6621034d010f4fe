"""A loaded recipe: its steps, the value of every option, its texts; `with_settings` gives a changed copy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sagewizard import algorithms
from sagewizard.errors import UsageError
from sagewizard.events import StepText
from sagewizard.i18n import choose
from sagewizard.recipe.options import (
    POSITIVE_LABEL,
    Option,
    Value,
    hyperparameter_options,
    parse_assignments,
    step_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.algorithms import Algorithm
    from sagewizard.recipe.schema import RecipeFile, StepSection


@dataclass(frozen=True)
class Recipe:
    """What to do; `values` are the recipe's own option values by path, `settings` those set for this run."""

    file: RecipeFile
    source: str
    raw: bytes
    algorithm: Algorithm
    hyperparameters: Mapping[str, str]
    values: Mapping[str, Value]
    settings: Mapping[str, Value] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The recipe's name, as `sagewizard run` takes it."""
        return self.file.name

    @property
    def title(self) -> str:
        """The title in the reader's language."""
        return choose(self.file.title)

    @property
    def summary(self) -> str:
        """What the recipe teaches, in the reader's language."""
        return choose(self.file.summary)

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of its steps, in order."""
        return tuple(step.step for step in self.file.steps)

    def section(self, step: str) -> StepSection:
        """Return a step as the file has it."""
        return next(section for section in self.file.steps if section.step == step)

    def text(self, step: str) -> StepText:
        """Return the texts of a step in the reader's language."""
        texts = dict(self.file_texts(step).items())
        language = choose({code: code for code in texts})
        return texts[language]

    def file_texts(self, step: str) -> dict[str, StepText]:
        """Return the texts of a step by language."""
        return {
            code: StepText(text.title, text.what, text.why, text.expect, text.cost)
            for code, text in self.section(step).text.items()
        }

    def options(self) -> dict[str, Option]:
        """Return everything that can be set in this recipe, by path."""
        found: dict[str, Option] = {}
        for step in self.steps:
            listed: list[Option] = []
            if step == "dataset":
                listed += step_options(step) if self.file.dataset.split is not None else []
                listed.append(POSITIVE_LABEL)
            else:
                listed += step_options(step)
            if step == "train":
                listed += hyperparameter_options(self.algorithm)
            found.update({option.path: option for option in listed})
        return found

    def value(self, path: str) -> Value | None:
        """Return the value in force at a path: set for this run, else the recipe's, else the default."""
        if path in self.settings:
            return self.settings[path]
        if path in self.values:
            return self.values[path]
        section, _, name = path.partition(".")
        if section == "train" and name in self.hyperparameters:
            return self.hyperparameters[name]
        option = self.options().get(path)
        return option.default if option else None

    def step_values(self, step: str) -> dict[str, Value]:
        """Return the values in force of a step's own options, by name."""
        listed = step_options(step) if step != "dataset" or self.file.dataset.split is not None else ()
        return {option.name: value for option in listed if (value := self.value(option.path)) is not None}

    def effective_hyperparameters(self) -> dict[str, str]:
        """Return the hyperparameters to send: the recipe's, changed by what was set for this run."""
        result = dict(self.hyperparameters)
        for option in hyperparameter_options(self.algorithm):
            if option.path in self.settings:
                result[option.name] = str(self.settings[option.path])
        return result

    def with_settings(self, assignments: Mapping[str, object]) -> Recipe:
        """Return a copy with some options set, such as `{"train.epochs": "5"}`.

        Raises UsageError with the nearest path, the range of the catalogue, or what does not go together.
        """
        if not assignments:
            return self
        parsed = parse_assignments(self.options(), assignments)
        changed = dataclasses.replace(self, settings={**self.settings, **parsed})
        for problem in algorithms.validate(self.algorithm.name, changed.effective_hyperparameters()):
            raise UsageError(
                f"{problem.key}: {problem.message}.",
                where=f"--set train.{problem.key}",
                remedy=f"Write {problem.allowed}." if problem.allowed else "Change one of the two.",
            )
        if self.file.dataset.split is not None:
            problem_text = check_split(changed.step_values("dataset"))
            if problem_text:
                raise UsageError(
                    f"{problem_text}.", where="--set dataset",
                    remedy="Let dataset.train, dataset.validation and dataset.test add up to 1.",
                )  # fmt: skip
        return changed

    def estimated_minutes(self) -> float:
        """Return how many minutes the recipe takes on AWS, as its author says."""
        return sum(step.minutes for step in self.file.steps)


def check_split(values: Mapping[str, Value | None]) -> str:
    """Say what is wrong with the shares of a split, "" when nothing is."""
    shares = [values.get(name) for name in ("train", "validation", "test")]
    total = sum(float(share) for share in shares if share is not None)
    if abs(total - 1.0) > 1e-9:
        return f"The shares of train, validation and test add up to {total:g}, not to 1"
    return ""
