"""The JSON schema of recipe files, for editors: the fixed part from its models, options from theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard import algorithms
from sagewizard.recipe.options import STEP_NAMES, hyperparameter_options, step_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagewizard.recipe.option import Option

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema() -> dict[str, Any]:
    """Return the schema of a recipe file (JSON Schema, draft 2020-12).

    The loader also checks what depends on several keys, and no schema can say: the order of the steps, the
    shares of a split, values that exclude each other. A file that fits this schema may fail there.
    """
    from sagewizard.recipe.schema import RecipeFile

    schema = RecipeFile.model_json_schema()
    kinds = schema["$defs"]
    kinds["AlgorithmSection"] |= {
        "properties": {
            **kinds["AlgorithmSection"]["properties"],
            "name": {"enum": list(algorithms.names()), "description": "An algorithm of the catalogue."},
        },
        "allOf": [_of_algorithm(name) for name in algorithms.names()],
    }
    kinds["StepSection"]["allOf"] = [_of_step(step) for step in STEP_NAMES]
    split = kinds["Split"]["properties"]
    for option in step_options("dataset"):
        split[option.name] = option.json_schema()
    return {"$schema": DIALECT, **schema, "title": "A SageWizard recipe"}


def _of_step(step: str) -> dict[str, Any]:
    # The options of the dataset stand in the section dataset, beside its name.
    listed = () if step == "dataset" else step_options(step)
    rules: dict[str, Any] = {"options": _closed(listed)}
    if step != "tune":
        rules["ranges"] = {"type": "null"}
    return {"if": {"properties": {"step": {"const": step}}}, "then": {"properties": rules}}


def _of_algorithm(name: str) -> dict[str, Any]:
    algorithm = algorithms.get(name)
    rules: dict[str, Any] = {
        "version": {"anyOf": [{"enum": list(algorithm.versions)}, {"type": "null"}]},
    }
    if not algorithm.script_mode:
        rules["hyperparameters"] = _closed(hyperparameter_options(algorithm))
    condition = {"properties": {"name": {"const": name}}, "required": ["name"]}
    return {"if": condition, "then": {"properties": rules}}


def _closed(listed: Iterable[Option]) -> dict[str, Any]:
    """Describe a mapping of options that takes no other keys."""
    properties = {option.name: option.json_schema() for option in listed}
    return {"type": "object", "properties": properties, "additionalProperties": False}
