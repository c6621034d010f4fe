"""Loads a recipe file: YAML with marks, schema, catalogue; a fault is a RecipeError with its place."""

from __future__ import annotations

import re
import types
import typing
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sagewizard import algorithms
from sagewizard import yaml_marks as marks
from sagewizard.errors import FileError, RecipeError, UsageError
from sagewizard.recipe.options import (
    POSITIVE_LABEL,
    Option,
    Value,
    hyperparameter_options,
    step_options,
)
from sagewizard.recipe.recipe import Recipe, check_split

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from sagewizard.recipe.schema import RecipeFile


def load_file(path: Path) -> Recipe:
    """Load the recipe in a file. Raises RecipeError."""
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        with path.open("rb") as file:
            raw = file.read(marks.MAX_BYTES + 1)
    except OSError as error:
        raise RecipeError(
            f"The recipe cannot be read: {error.strerror}.",
            file=str(path),
            remedy="`sagewizard recipes list` shows the recipes there are.",
        ) from error
    return load_text(raw, str(path))


def load_text(raw: bytes | str, file: str) -> Recipe:
    """Load a recipe from its text; `file` is the name that errors carry. Raises RecipeError."""
    document = marks.read(raw, file)
    _check_version(document)
    section = _validate(document)
    algorithm = _algorithm(document, section)
    hyperparameters = _hyperparameters(document, section, algorithm)
    values = _step_values(document, section)
    values.update(_dataset_values(document, section))
    values.update(_ranges(document, section, algorithm))
    recipe = Recipe(
        file=section,
        source=file,
        raw=raw.encode() if isinstance(raw, str) else raw,
        algorithm=algorithm,
        hyperparameters=hyperparameters,
        values=values,
    )
    _check_tuning(document, recipe)
    _check_asked(document, recipe)
    return recipe


def _check_asked(document: marks.Document, recipe: Recipe) -> None:
    options = recipe.options()
    for number, step in enumerate(recipe.file.steps):
        known = {option.name: option for option in options.values() if option.section == step.step}
        for place, name in enumerate(step.ask):
            if name in known and name not in step.ask[:place]:
                continue
            path: marks.Path = ("steps", number, "ask", place)
            if name in known:
                raise document.error(f"{name!r} is asked twice.", path, remedy="Leave one out.")
            raise document.error(
                f"There is no option {name!r} to ask for here.", path, remedy=_nearest_option(name, known)
            )


def _check_version(document: marks.Document) -> None:
    value = document.value
    if not isinstance(value, dict):
        raise document.error(
            "A recipe is a mapping of keys such as format_version, name and steps.", (),
            remedy="See `sagewizard recipes show digits-linear-learner` for a whole one.",
        )  # fmt: skip
    version = value.get("format_version")
    if version is None:
        raise document.error(
            "The key format_version is missing.", (), remedy="Begin the file with `format_version: 1`."
        )
    if version != 1 or isinstance(version, bool):
        newer = isinstance(version, int) and version > 1
        raise document.error(
            f"This is a recipe of format version {version}; this program reads version 1.",
            ("format_version",),
            remedy="Update sagewizard." if newer else "Write `format_version: 1`.",
        )


def _validate(document: marks.Document) -> RecipeFile:
    from pydantic import ValidationError

    from sagewizard.recipe.schema import RecipeFile

    try:
        return RecipeFile.model_validate(document.value)
    except ValidationError as error:
        # A misspelt key is also a missing one: the misspelling says more. Else the first in the file.
        details = error.errors(include_url=False)
        faults = [
            (detail["type"] != "extra_forbidden", _fault(document, detail, RecipeFile)) for detail in details
        ]
        faults.sort(key=lambda entry: (entry[0], entry[1].line, entry[1].column))
        first = faults[0][1]
        if len(faults) > 1:
            more = len(faults) - 1
            first.remedy += f" ({more} more {'fault' if more == 1 else 'faults'} in this file.)"
        raise first from error


def _fault(document: marks.Document, detail: ErrorDetails, root: type[BaseModel]) -> FileError:
    # pydantic adds names of union arms and "[key]" to the place; only what is in the file counts.
    path = _path_in(document.value, detail["loc"])
    kind, key = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
    if kind == "extra_forbidden":
        known = _known_keys(root, path[:-1])
        near = get_close_matches(key, known, n=1, cutoff=0.5)
        remedy = f"Did you mean {near[0]}?" if near else f"The keys here are {', '.join(known)}."
        return document.error(f"There is no key {key!r} here.", path, remedy=remedy, of_key=True)
    if kind == "missing":
        return document.error(f"The key {key!r} is missing.", path, remedy=f"Add {key!r} here.")
    if kind == "literal_error":
        context: dict[str, Any] = dict(detail.get("ctx") or {})
        expected = str(context.get("expected", ""))
        choices = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
        near = get_close_matches(str(detail["input"]), choices, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}? " if near else ""
        return document.error(
            f"{detail['input']!r} is not known at {marks.dotted(path)}.", path,
            remedy=f"{hint}It is one of {', '.join(choices)}.",
        )  # fmt: skip
    message = detail["msg"].removeprefix("Value error, ").rstrip(".")
    message = message.replace("Input should", "the value should").replace("String should", "the text should")
    where = f"{marks.dotted(path)}: " if path else ""
    return document.error(
        f"{where}{message}.", path, remedy="`sagewizard recipes show` prints a whole recipe."
    )


def _path_in(value: Any, loc: tuple[int | str, ...]) -> marks.Path:
    path: list[int | str] = []
    for number, part in enumerate(loc):
        in_list = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if in_list or (isinstance(value, dict) and part in value):
            value = value[part]
        elif number == len(loc) - 1 and part != "[key]" and isinstance(value, dict):
            path.append(part)  # a missing key
            break
        else:
            continue
        path.append(part)
    return tuple(path)


def _known_keys(model: type[BaseModel], path: marks.Path) -> list[str]:
    current: Any = model
    for part in path:
        if isinstance(current, type) and hasattr(current, "model_fields"):
            current = current.model_fields[str(part)].annotation if part in current.model_fields else None
        current = _inner(current, of_list=isinstance(part, int) or None)
    current = _inner(current, of_list=True)
    return list(current.model_fields) if hasattr(current, "model_fields") else []


def _inner(hint: Any, of_list: bool | None) -> Any:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        arms = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        return _inner(arms[0], of_list)
    if origin is typing.Annotated:
        return _inner(typing.get_args(hint)[0], of_list)
    if origin is list and of_list:
        return _inner(typing.get_args(hint)[0], None)
    if origin is dict and of_list is not True:
        return hint
    if origin is dict:
        return typing.get_args(hint)[1]
    return hint


def _algorithm(document: marks.Document, section: RecipeFile) -> algorithms.Algorithm:
    try:
        algorithm = algorithms.get(section.algorithm.name)
    except UsageError as error:
        raise document.error(
            f"{error.message[0].upper()}{error.message[1:]}.", ("algorithm", "name"), remedy=error.remedy
        ) from error
    version = section.algorithm.version
    if version is not None and version not in algorithm.versions:
        raise document.error(
            f"{algorithm.name} has no version {version}.", ("algorithm", "version"),
            remedy=f"It is one of {', '.join(algorithm.versions)}.",
        )  # fmt: skip
    if algorithm.script_mode and (section.algorithm.script is None or section.algorithm.task is None):
        raise document.error(
            f"{algorithm.name} runs a script of your own, and the recipe does not say which.", ("algorithm",),
            remedy="Add script, a file beside the recipe, and task, what it predicts.",
        )  # fmt: skip
    if not algorithm.script_mode:
        for key in ("script", "task", "metrics"):
            if getattr(section.algorithm, key):
                raise document.error(
                    f"{algorithm.name} runs no script, so {key} has no meaning.", ("algorithm", key),
                    remedy="Leave it out.", of_key=True,
                )  # fmt: skip
    for name, regex in section.algorithm.metrics.items():
        try:
            groups = re.compile(regex).groups
        except re.error as error:
            raise document.error(
                f"This is no regular expression: {error}.", ("algorithm", "metrics", name),
                remedy="Write one with a group around the number, such as 'accuracy=([0-9.]+)'.",
            ) from error  # fmt: skip
        if groups != 1:
            raise document.error(
                f"The expression has {groups} groups, not one.", ("algorithm", "metrics", name),
                remedy="Put one group around the number, such as 'accuracy=([0-9.]+)'.",
            )  # fmt: skip
    return algorithm


def _hyperparameters(
    document: marks.Document, section: RecipeFile, algorithm: algorithms.Algorithm
) -> dict[str, str]:
    base: marks.Path = ("algorithm", "hyperparameters")
    values, version = section.algorithm.hyperparameters, section.algorithm.version
    reserved = next((name for name in values if name.startswith("sagemaker_")), None)
    if algorithm.script_mode and reserved is not None:
        raise document.error(
            f"{reserved} is set by the run itself.", (*base, reserved), remedy="Leave it out.", of_key=True
        )
    options = hyperparameter_options(algorithm, values)
    written = _check(document, base, values, {option.name: option for option in options})
    texts = {name: str(value) for name, value in written.items()}
    for problem in algorithms.validate(algorithm.name, texts, version):
        raise document.error(
            f"{problem.key}: {problem.message}.", (*base, problem.key),
            remedy=f"Write {problem.allowed}." if problem.allowed else "Change one of the two.",
        )  # fmt: skip
    return texts


def _step_values(document: marks.Document, section: RecipeFile) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for number, step in enumerate(section.steps):
        options = (
            {} if step.step == "dataset" else {option.name: option for option in step_options(step.step)}
        )
        base: marks.Path = ("steps", number, "options")
        for name, value in _check(document, base, step.options, options).items():
            values[f"{step.step}.{name}"] = value
    return values


def _ranges(
    document: marks.Document, section: RecipeFile, algorithm: algorithms.Algorithm
) -> dict[str, Value]:
    """Read what the step tune searches, as options of it; a fault has the place of its range."""
    from sagewizard.recipe import ranges, tuning

    values: dict[str, Value] = {}
    for number, step in enumerate(section.steps):
        for name, entry in (step.ranges or {}).items():
            base: marks.Path = ("steps", number, "ranges", name)
            option = ranges.named(algorithm, name)
            if option is None:
                known = algorithm.hyperparameter(name) is not None
                raise document.error(
                    f"{name} of {algorithm.name} cannot be tuned." if known
                    else f"{algorithm.name} has no hyperparameter {name!r}.",
                    base, remedy=f"These can be tuned: {tuning.tunable_names(algorithm)}.", of_key=True,
                )  # fmt: skip
            text = ranges.of_section(entry.min, entry.max, entry.scaling, entry.values)
            fault = option.fault(text)
            if fault is not None:
                raise document.error(
                    f"{name}: {fault}.", base, remedy="Write {min: 1, max: 10}, or {values: [a, b]}."
                )
            values[option.path] = option.parse(text)
    return values


def _check_tuning(document: marks.Document, recipe: Recipe) -> None:
    from sagewizard.recipe.tuning import TuningFault, tuning_of

    for number, step in enumerate(recipe.file.steps):
        if step.step != "tune":
            continue
        base: marks.Path = ("steps", number)
        try:
            tuning_of(recipe)
        except TuningFault as fault:
            place: marks.Path = base
            for group, keys in (("options", step.options), ("ranges", step.ranges or {})):
                if fault.key in keys:
                    place = (*base, group, fault.key)
            prefix = f"{fault.key}: " if fault.key else ""
            raise document.error(f"{prefix}{fault.message}.", place, remedy=fault.remedy) from fault
        if "train" not in recipe.steps and "tune" not in recipe.steps and "deploy" in recipe.steps:
            raise document.error(
                "A recipe without a step train cannot leave tune out.", (*base, "options", "enabled"),
                remedy="Set enabled to true.",
            )  # fmt: skip


def _dataset_values(document: marks.Document, section: RecipeFile) -> dict[str, Value]:
    values: dict[str, Value] = {}
    if section.dataset.positive_label is not None:
        values[POSITIVE_LABEL.path] = str(section.dataset.positive_label)
    if section.dataset.split is not None:
        options = {option.name: option for option in step_options("dataset")}
        given = section.dataset.split.model_dump(exclude_none=True)
        base: marks.Path = ("dataset", "split")
        for name, value in _check(document, base, given, options).items():
            values[f"dataset.{name}"] = value
        problem = check_split(
            {option.name: values.get(option.path, option.default) for option in options.values()}
        )
        if problem:
            raise document.error(f"{problem}.", base, remedy="Let train, validation and test add up to 1.")
    return values


def _check(
    document: marks.Document, base: marks.Path, given: dict[str, Any], options: dict[str, Option]
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, value in given.items():
        option = options.get(name)
        if option is None:
            raise document.error(
                f"There is no key {name!r} here.", (*base, name), of_key=True,
                remedy=_nearest_option(name, options),
            )  # fmt: skip
        fault = option.fault(value)
        if fault is not None:
            raise document.error(f"{name}: {fault}.", (*base, name), remedy=f"Write {option.allowed}.")
        values[name] = option.parse(value)
    return values


def _nearest_option(name: str, options: dict[str, Option]) -> str:
    near = get_close_matches(name, options, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]}?"
    return f"There are {', '.join(options)}." if options else "This step has no options."
