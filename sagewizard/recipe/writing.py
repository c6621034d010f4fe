"""Writes a recipe as a file: a loaded one with what was set for a run, under a name of one's own."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.errors import UsageError
from sagewizard.recipe import ranges
from sagewizard.recipe.loading import load_text
from sagewizard.recipe.options import OWN_DATA, POSITIVE_LABEL, as_text, step_options

if TYPE_CHECKING:
    from sagewizard.recipe.recipe import Recipe

WIDTH = 110
_OWN = {option.path for option in OWN_DATA}


def recipe_text(recipe: Recipe, name: str, *, title: str | None = None) -> str:
    """Return a recipe as YAML text: what was set has become its own, `name` and `title` are new.

    A CSV file is named by its absolute path. The text loads again with the same value in force at every path.
    Raises UsageError for a name that cannot be one.
    """
    content = recipe.file.model_dump(exclude_defaults=True)
    content = {"format_version": recipe.file.format_version, **content, "name": _checked(name)}
    if title is not None:
        content["title"] = {"en": title}
    steps = {step["step"]: step for step in content["steps"]}
    dataset = content["dataset"]
    if dataset.get("path"):
        dataset["path"] = str((Path(recipe.source).parent / Path(dataset["path"]).expanduser()).absolute())
    for path, value in recipe.settings.items():
        section, _, key = path.partition(".")
        if path == POSITIVE_LABEL.path:
            dataset["positive_label"] = value
        elif section == "dataset":
            if path not in _OWN:
                dataset.setdefault("split", {})[key] = value
        elif key in {option.name for option in step_options(section)}:
            steps[section].setdefault("options", {})[key] = value
        elif section == "tune":
            _set_range(steps["tune"].setdefault("ranges", {}), recipe, key, str(value))
        else:
            content["algorithm"].setdefault("hyperparameters", {})[key] = value
    parameters = content["algorithm"].get("hyperparameters", {})
    parameters.update({key: _number(value) for key, value in parameters.items()})
    text = _dump(content)
    load_text(text, f"{name}.yaml")
    return text


def write_new(path: Path, text: str, *, script: Path | None = None) -> None:
    """Write a new recipe file, with a copy of its script beside it.

    Raises UsageError when there is a file of that name already; then nothing is written.
    """
    wanted = [path] if script is None else [path, path.parent / script.name]
    for target in wanted:
        same = script is not None and target.name == script.name and target.resolve() == script.resolve()
        if target.exists() and not same:
            raise UsageError(
                f"There is a file {target} already.", remedy="Choose another name, or delete that file first."
            )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if script is not None and not wanted[1].exists():
            shutil.copyfile(script, wanted[1])
        # Unlike a rename, a link is refused where a file has appeared meanwhile.
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_text(text, encoding="utf-8")
            os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Choose a folder that you may write to."
        ) from error


def template_text(name: str, *, title: str | None = None) -> str:
    """Return a small recipe to begin with, its comments explaining each key; it runs as it is.

    Raises UsageError for a name that cannot be one.
    """
    template = Path(__file__).with_name("template.yaml").read_text(encoding="utf-8")
    text = template.replace("my-recipe", _checked(name))
    if title is not None:
        before, _, after = text.partition('  en: "Benign')
        text = f"{before}  en: {json.dumps(title)}\n{after.partition(chr(10))[2]}"
    load_text(text, f"{name}.yaml")
    return text


def script_of(recipe: Recipe) -> Path | None:
    """Return the file of a recipe's script, which lies beside the recipe; None without one."""
    script = recipe.file.algorithm.script
    return None if script is None else Path(recipe.source).absolute().parent / script


def _checked(name: str) -> str:
    from sagewizard.recipe.schema import LONGEST_NAME, NAME

    if re.fullmatch(NAME, name) and len(name) <= LONGEST_NAME:
        return name
    raise UsageError(
        f"{name!r} cannot be the name of a recipe.",
        remedy=f"Use at most {LONGEST_NAME} small letters, digits and single hyphens, such as first-steps.",
    )


def _set_range(written: dict[str, Any], recipe: Recipe, name: str, text: str) -> None:
    if text == ranges.FIXED:
        written.pop(name, None)
        return
    found = ranges.read(name, text, recipe.algorithm.hyperparameter(name))
    if found.values:
        written[name] = {"values": [_number(value) for value in found.values]}
        return
    written[name] = {"min": _number(found.low), "max": _number(found.high)}
    if found.scaling != "Auto":
        written[name]["scaling"] = found.scaling


def _number(value: object) -> object:
    """Return a hyperparameter's text as the number it stands for, if writing that gives the same text."""
    for kind in (int, float):
        try:
            number = kind(str(value))
        except ValueError:
            continue
        if as_text(number) == value:
            return number
    return value


def _dump(content: dict[str, Any]) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            # Lists are set in below their key, as in the shipped recipes.
            super().increase_indent(flow, False)

    def write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, write_text)
    blocks = [
        yaml.dump({key: value}, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
        for key, value in content.items()
    ]
    # An empty line before each larger part, and before each step, as in the shipped recipes.
    text = "".join(f"\n{block}" if block.count("\n") > 3 else block for block in blocks)
    head, mark, steps = text.partition("\nsteps:\n")
    return head + mark + steps.replace("\n  - step: ", "\n\n  - step: ")
