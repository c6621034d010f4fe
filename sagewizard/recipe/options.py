"""The one definition of everything that can be set in a run: path, type, default, range and help.

A path is `section.name`: `dataset.seed`, `train.epochs`, `deploy.instance_type`. Sections are the step
names and `dataset`; the algorithm's hyperparameters are options of `train`, taken from the catalogue. The
command line (`--set`), forms, prompts, recipe files and the JSON schema all read these definitions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sagewizard.algorithms import Hyperparameter, Interval, Kind
from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.algorithms import Algorithm

Value = str | int | float | bool

_INSTANCE_TYPE = r"ml\.[a-z0-9-]+\.[a-z0-9-]+"


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be set; `definition` has its kind, range, default and help.

    `hyperparameter` tells an option of the algorithm, whose values stay text as on the wire, from one of
    the step. `pattern` is a regular expression that a text has to match whole, `like` an example of it.
    """

    section: str
    definition: Hyperparameter
    hyperparameter: bool = False
    pattern: str = ""
    like: str = ""

    @property
    def name(self) -> str:
        """The name within its section."""
        return self.definition.name

    @property
    def path(self) -> str:
        """The full name, as `--set` takes it."""
        return f"{self.section}.{self.name}"

    @property
    def allowed(self) -> str:
        """What may be written, in words for a person."""
        if self.pattern:
            return f"a name such as {self.like}"
        return self.definition.allowed

    @property
    def default(self) -> Value | None:
        """The value in force when nothing is set; None for one that the recipe has to give."""
        text = self.definition.default
        return None if text is None else self.parse(text)

    def fault(self, value: object) -> str | None:
        """Say why a value (of a file or typed in) may not stand here, or None when it may."""
        text = as_text(value)
        if text is None:
            return f"a value of the kind {type(value).__name__} does not fit: it must be {self.allowed}"
        if self.pattern:
            return None if re.fullmatch(self.pattern, text) else f"'{text}' is not {self.allowed}"
        return self.definition.fault(text)

    def parse(self, value: object) -> Value:
        """Turn a value that has no fault into its type; a hyperparameter stays text, as on the wire."""
        text = as_text(value)
        if text is None:
            raise UsageError(f"{self.path}: {self.fault(value)}.", remedy=f"Write {self.allowed}.")
        if self.hyperparameter or text in self.definition.words:
            return text
        match self.definition.kind:
            case Kind.INTEGER:
                return int(text)
            case Kind.FLOAT:
                return float(text)
            case Kind.BOOLEAN:
                return text.lower() == "true"
            case _:
                return text

    def json_schema(self) -> dict[str, Any]:
        """Return the option as a JSON schema fragment."""
        kinds = {Kind.INTEGER: "integer", Kind.FLOAT: "number", Kind.BOOLEAN: "boolean"}
        kind = kinds.get(self.definition.kind, "string")
        schema: dict[str, Any] = {
            "type": kind,
            "title": self.definition.title,
            "description": self.definition.help,
        }
        if self.definition.choices:
            schema["enum"] = list(self.definition.choices)
        if self.pattern:
            schema["pattern"] = f"^{self.pattern}$"
        interval = self.definition.interval
        if interval is not None:
            low = "exclusiveMinimum" if interval.low_open else "minimum"
            high = "exclusiveMaximum" if interval.high_open else "maximum"
            schema |= {
                key: bound for key, bound in ((low, interval.low), (high, interval.high)) if bound is not None
            }
        if self.definition.words:
            schema = {"anyOf": [schema, {"enum": list(self.definition.words)}]}
        if self.default is not None:
            schema["default"] = self.default
        return schema


def as_text(value: object) -> str | None:
    """Write a plain value as `--set` would take it; None for lists, mappings and nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    return None


def _integer(
    name: str, title: str, default: int, low: int, high: int, text: str, *, advanced: bool = True
) -> Hyperparameter:
    interval = Interval(low=low, high=high)
    return Hyperparameter(name, Kind.INTEGER, title, text, str(default), interval=interval, advanced=advanced)


def _instance(section: str, name: str, title: str, default: str, text: str) -> Option:
    definition = Hyperparameter(name, Kind.TEXT, title, text, default)
    return Option(section, definition, pattern=_INSTANCE_TYPE, like=default)


def _count(section: str) -> Option:
    return Option(
        section,
        _integer(
            "instance_count", "Instances", 1, 1, 20, "How many instances share the work; each is billed."
        ),
    )


def _fraction(name: str, title: str, default: str, text: str) -> Option:
    interval = Interval(low=0, high=1, low_open=True, high_open=True)
    return Option("dataset", Hyperparameter(name, Kind.FLOAT, title, text, default, interval=interval))


STEP_NAMES = (
    "dataset",
    "preview",
    "prepare",
    "train",
    "deploy",
    "predict",
    "transform",
    "evaluate",
    "teardown",
)

STEP_OPTIONS: dict[str, tuple[Option, ...]] = {
    "dataset": (
        _fraction("train", "Training share", "0.6", "The share of the rows to train on."),
        _fraction(
            "validation", "Validation share", "0.2", "The share that picks the best model while training."
        ),
        _fraction("test", "Test share", "0.2", "The share that is kept back to judge the model at the end."),
        Option(
            "dataset",
            _integer("seed", "Seed", 0, 0, 2**31 - 1, "The same seed splits the rows the same way."),
        ),
        Option(
            "dataset",
            Hyperparameter(
                "stratified",
                Kind.BOOLEAN,
                "Stratified",
                "Give each split the same mix of labels.",
                "true",
                advanced=True,
            ),
        ),
    ),
    "preview": (
        Option("preview", _integer("rows", "Rows", 8, 1, 200, "How many rows to show.", advanced=False)),
    ),
    "prepare": (),
    "train": (
        _instance("train", "instance_type", "Instance type", "ml.m5.xlarge", "The machine that trains."),
        _count("train"),
        Option("train", _integer("volume_gb", "Volume", 10, 1, 1024, "Disk of the training instance in GB.")),
        Option(
            "train",
            _integer(
                "max_runtime_seconds",
                "Longest run",
                3600,
                60,
                432_000,
                "SageMaker stops the job after this time, so that it cannot cost more.",
            ),
        ),
    ),
    "deploy": (
        _instance("deploy", "instance_type", "Instance type", "ml.m5.large", "The machine that answers."),
        _count("deploy"),
    ),
    "predict": (
        Option(
            "predict",
            _integer(
                "row",
                "Row",
                1,
                1,
                10_000_000,
                "The row of the test split to predict first, from 1.",
                advanced=False,
            ),
        ),
        Option(
            "predict",
            _integer(
                "requests",
                "Requests",
                100,
                1,
                100_000,
                "How many requests share the test split.",
                advanced=False,
            ),
        ),
    ),
    "transform": (
        _instance(
            "transform", "instance_type", "Instance type", "ml.m5.large", "The machine that transforms."
        ),
        _count("transform"),
        Option(
            "transform",
            Hyperparameter(
                "strategy",
                Kind.CHOICE,
                "Batch strategy",
                "MultiRecord fills each request with as many rows as fit, SingleRecord sends one row each.",
                "MultiRecord",
                choices=("MultiRecord", "SingleRecord"),
            ),
        ),
        Option(
            "transform",
            _integer("max_payload_mb", "Largest request", 6, 1, 100, "In MB; fits the batch strategy."),
        ),
        Option(
            "transform",
            _integer(
                "max_runtime_seconds",
                "Longest run",
                3600,
                60,
                432_000,
                "The wait for the job ends after this time.",
            ),
        ),
    ),
    "evaluate": (
        Option(
            "evaluate",
            Hyperparameter(
                "source",
                Kind.CHOICE,
                "Predictions of",
                "Whose answers are judged: the endpoint's, the batch transform's, or (auto) what is there.",
                "auto",
                choices=("auto", "endpoint", "transform"),
            ),
        ),
    ),
    "teardown": (
        Option(
            "teardown",
            Hyperparameter(
                "delete_data",
                Kind.BOOLEAN,
                "Delete the data too",
                "Also delete the run's objects in the bucket: data, model artifact and transform output.",
                "false",
            ),
        ),
    ),
}

POSITIVE_LABEL = Option(
    "dataset",
    Hyperparameter(
        "positive_label",
        Kind.TEXT,
        "Positive label",
        "The label to tell from all others: it becomes 1, every other label becomes 0.",
    ),
)


def step_options(step: str) -> tuple[Option, ...]:
    """Return the options that a step of this name has, without the algorithm's hyperparameters."""
    return STEP_OPTIONS[step]


def hyperparameter_options(algorithm: Algorithm) -> tuple[Option, ...]:
    """Return the algorithm's hyperparameters as options of `train`."""
    return tuple(
        Option("train", entry, hyperparameter=True)
        for entry in algorithm.hyperparameters
        if not entry.internal
    )


def all_options(algorithm: Algorithm, steps: tuple[str, ...]) -> dict[str, Option]:
    """Return every option of a recipe by its path, in the order of its steps."""
    found: dict[str, Option] = {}
    for step in steps:
        options = list(step_options(step))
        options += [POSITIVE_LABEL] if step == "dataset" else []
        options += hyperparameter_options(algorithm) if step == "train" else []
        found.update({option.path: option for option in options})
    return found


def parse_assignments(options: Mapping[str, Option], assignments: Mapping[str, object]) -> dict[str, Value]:
    """Check settings such as `{"train.epochs": "5"}` and give each its type.

    Raises UsageError with the nearest path for an unknown one, and with the range for a value outside it.
    """
    parsed: dict[str, Value] = {}
    for path, value in assignments.items():
        option = options.get(path) or options.get(path.replace("-", "_"))
        if option is None:
            raise UsageError(
                f"There is nothing to set at {path!r}.", where=f"--set {path}", remedy=_nearest(path, options)
            )
        fault = option.fault(value)
        if fault is not None:
            raise UsageError(
                f"{option.path}: {fault}.", where=f"--set {path}", remedy=f"Write {option.allowed}."
            )
        parsed[option.path] = option.parse(value)
    return parsed


def _nearest(path: str, options: Mapping[str, Option]) -> str:
    near = get_close_matches(path, options, n=3, cutoff=0.6)
    if not near and "." not in path:
        near = [known for known in options if known.endswith(f".{path}")]
    if near:
        return f"Did you mean {' or '.join(near)}?"
    section = path.split(".")[0]
    known = [option.path for option in options.values() if option.section == section][:8]
    if known:
        return f"In this section there are, among others: {', '.join(known)}."
    sections = ", ".join(dict.fromkeys(option.section for option in options.values()))
    return f"Paths look like train.epochs; the sections are {sections}."
