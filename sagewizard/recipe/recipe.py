"""A loaded recipe: its steps, the value of every option, its texts; `with_settings` gives a changed copy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sagewizard import algorithms
from sagewizard.errors import UsageError
from sagewizard.events import StepText
from sagewizard.i18n import choose
from sagewizard.recipe.options import (
    OWN_DATA,
    POSITIVE_LABEL,
    Option,
    Value,
    hyperparameter_options,
    parse_assignments,
    step_options,
)
from sagewizard.recipe.tasks import Task, task_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.algorithms import Algorithm
    from sagewizard.recipe.schema import RecipeFile, StepSection


@dataclass(frozen=True)
class Recipe:
    """What to do; `values` are the recipe's own option values by path, `settings` those set for this run.

    A recipe that was made for a file of one's own has `notes` on what was chosen, and its `origin`.
    """

    file: RecipeFile
    source: str
    raw: bytes
    algorithm: Algorithm
    hyperparameters: Mapping[str, str]
    values: Mapping[str, Value]
    settings: Mapping[str, Value] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    origin: Recipe | None = None

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
        """The names of the steps that a run of it takes, in order; one that is not enabled is left out."""
        tuned = self.settings.get("tune.enabled", self.values.get("tune.enabled", True))
        return tuple(step for step in self.all_steps if step != "tune" or tuned)

    @property
    def all_steps(self) -> tuple[str, ...]:
        """The names of all steps in the file, in order."""
        return tuple(step.step for step in self.file.steps)

    @cached_property
    def task(self) -> Task:
        """What is predicted, whatever the algorithm calls it; "" for a script that does not say."""
        section = self.file.algorithm
        return task_of(self.algorithm, self.effective_hyperparameters(), section.task)

    @property
    def version(self) -> str | None:
        """The version of the algorithm's image; None for the catalogue's default."""
        return self.file.algorithm.version

    @cached_property
    def threshold(self) -> float | None:
        """The threshold that was asked for; None for the model's own."""
        value = self.value("evaluate.threshold")
        return None if value is None or isinstance(value, str) else float(value)

    @property
    def folds(self) -> int:
        """How many folds to cross-validate with; 0 for none."""
        value = self.value("train.folds")
        return 0 if value is None or isinstance(value, str) else int(value)

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
        return {code: StepText(**text.model_dump()) for code, text in self.section(step).text.items()}

    def options(self) -> dict[str, Option]:
        """Return everything that can be set in this recipe, by path."""
        return dict(self._options)

    @cached_property
    def _options(self) -> dict[str, Option]:
        # Kept, because each row of a test split asks for the threshold: a millisecond for each of 10,000.
        from sagewizard.recipe import tuning
        from sagewizard.recipe.ranges import named

        found: dict[str, Option] = {}
        for step in self.all_steps:
            listed: list[Option] = []
            if step == "dataset":
                listed += OWN_DATA if self.file.dataset.own or self.origin is not None else ()
                listed += step_options(step) if self.file.dataset.split is not None else []
                listed.append(POSITIVE_LABEL)
            else:
                listed += step_options(step)
            if step == "tune":
                ranges = (named(self.algorithm, name) for name in tuning.range_names(self))
                own = {option.name for option in listed}
                listed += [entry for entry in ranges if entry is not None and entry.name not in own]
            if step == "train" or (step == "tune" and "train" not in self.all_steps):
                listed += self.hyperparameter_options()
            found.update({option.path: option for option in listed})
        return found

    def asked(self, step: str) -> tuple[Option, ...]:
        """Return the options of a step that the recipe marks as questions for the class, in its order."""
        options = self.options()
        paths = (f"{step}.{name}" for name in self.section(step).ask)
        return tuple(options[path] for path in paths if path in options)

    def hyperparameter_options(self) -> tuple[Option, ...]:
        """Return the hyperparameters that can be set; those of a script are the ones its recipe names."""
        return hyperparameter_options(self.algorithm, self.hyperparameters, self.version)

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
        for option in self.hyperparameter_options():
            if option.path in self.settings:
                result[option.name] = str(self.settings[option.path])
        return result

    def with_settings(self, assignments: Mapping[str, object]) -> Recipe:
        """Return a copy with some options set, such as `{"train.epochs": "5"}`.

        Raises UsageError with the nearest path, the range of the catalogue, or what does not go together.
        """
        if not assignments:
            return self
        if self.origin is not None:
            return self.origin.with_settings({**self.settings, **assignments})
        if self.file.dataset.own:
            from sagewizard.recipe import own

            return own.with_settings(self, assignments)
        return self.plainly_set(assignments)

    def plainly_set(self, assignments: Mapping[str, object]) -> Recipe:
        """Return a copy with some options set, the data and the algorithm as they are."""
        from sagewizard.recipe import tuning

        options = self.options()
        if "tune" in self.all_steps:
            tuning.refuse_unknown(self.algorithm, options, assignments)
        parsed = parse_assignments(options, assignments)
        changed = dataclasses.replace(self, settings={**self.settings, **parsed})
        parameters = changed.effective_hyperparameters()
        for problem in algorithms.validate(self.algorithm.name, parameters, self.version):
            raise UsageError(
                f"{problem.message}.",
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
        if "tune" in changed.steps:
            tuning.check(changed)
        elif "train" not in changed.steps and "deploy" in changed.steps:
            raise UsageError(
                f"Without its step tune, {self.name} has no model to deploy.", where="--set tune.enabled",
                remedy="Leave tune.enabled at true.",
            )  # fmt: skip
        return changed

    def estimated_minutes(self) -> float:
        """Return how many minutes the recipe takes on AWS, as its author says."""
        return sum(self.step_minutes(step) for step in self.steps)

    def step_minutes(self, step: str) -> float:
        """Return how many minutes a step takes on AWS; jobs of a tuning or of folds one after the other."""
        minutes = self.section(step).minutes
        if step == "train":
            return minutes * (1 + self.folds)
        if step != "tune":
            return minutes
        from sagewizard.recipe.tuning import tuning_of

        return minutes * tuning_of(self).waves


def check_split(values: Mapping[str, Value | None]) -> str:
    """Say what is wrong with the shares of a split, "" when nothing is."""
    shares = [values.get(name) for name in ("train", "validation", "test")]
    total = sum(float(share) for share in shares if share is not None)
    if abs(total - 1.0) > 1e-9:
        return f"The shares of train, validation and test add up to {total:g}, not to 1"
    return ""
