"""The fixed part of a recipe file as pydantic models; options are checked from their own definitions.

Unknown keys are refused everywhere. Texts are keyed by language, English always among them.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from sagewizard.recipe.options import STEP_NAMES

FORMAT_VERSION = 1

NAME, LONGEST_NAME = r"[a-z0-9]+(-[a-z0-9]+)*", 60
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$", max_length=LONGEST_NAME)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Prose = Annotated[str, StringConstraints(max_length=4000, strip_whitespace=True)]
StepName = Literal[
    "dataset", "preview", "prepare", "train", "tune", "deploy", "predict", "transform", "evaluate",
    "teardown",
]  # fmt: skip
Scalar = str | int | float | bool


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StepTexts(_Strict):
    """What a learner reads at a step: its lesson, and a question to think about with its answer.

    `instructor` is a note for whoever teaches: only `--instructor` shows it.
    """

    title: Line
    what: Prose = ""
    why: Prose = ""
    expect: Prose = ""
    cost: Prose = ""
    question: Prose = ""
    answer: Prose = ""
    instructor: Prose = ""

    @model_validator(mode="after")
    def _both(self) -> StepTexts:
        if bool(self.question) != bool(self.answer):
            missing, there = ("answer", "question") if self.question else ("question", "answer")
            raise ValueError(f"there is a {there} without its {missing}")
        return self


def _english(texts: dict[str, Any]) -> dict[str, Any]:
    if "en" not in texts:
        raise ValueError("there is no English text: the key en is missing")
    return texts


class Split(_Strict):
    """How one dataset becomes three: shares, seed, stratified or not."""

    train: float | None = None
    validation: float | None = None
    test: float | None = None
    seed: int | None = None
    stratified: bool | None = None
    method: str | None = None


class DatasetSection(_Strict):
    """Which data: a known dataset's `name`, or the `path` of a CSV and its label column.

    With `own` the person names the file when the recipe is run: `--set dataset.path=...`. `encode` turns text
    columns into numbers, `task` says what the label is where its values leave that open.
    """

    name: Name | None = None
    own: bool = False
    path: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    label_column: str | int | None = None
    header: bool | None = None
    encode: bool = False
    task: Literal["binary_classifier", "multiclass_classifier", "regressor"] | None = None
    positive_label: str | int | None = None
    split: Split | None = None

    @model_validator(mode="after")
    def _one_source(self) -> DatasetSection:
        if (self.name is not None) + (self.path is not None) + self.own != 1:
            raise ValueError("give either the name of a dataset or the path of a file")
        if self.path is not None and self.label_column is None:
            raise ValueError("a file of one's own needs label_column, its name or its number from 1")
        if self.path is None and (self.label_column is not None or self.header is not None):
            raise ValueError("label_column and header go with path, not with name")
        return self


class AlgorithmSection(_Strict):
    """Which algorithm of the catalogue, in which version of its image, and its hyperparameters.

    In script mode `script` is the file beside the recipe that is run, `task` what it predicts, and `metrics`
    are the regular expressions that find its figures in the log, by name.
    """

    name: Name
    version: Annotated[str, StringConstraints(pattern=r"^[0-9a-z][0-9a-z.-]{0,30}$")] | None = None
    hyperparameters: dict[str, Scalar] = Field(default_factory=dict)
    script: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}\.py$")] | None = None
    task: Literal["binary_classifier", "multiclass_classifier", "regressor"] | None = None
    metrics: dict[str, Annotated[str, StringConstraints(min_length=1, max_length=500)]] = Field(
        default_factory=dict
    )


class RangeSection(_Strict):
    """What a tuning job may choose for one hyperparameter: from `min` to `max`, or one of `values`."""

    min: str | int | float | None = None
    max: str | int | float | None = None
    scaling: str | None = None
    values: list[Scalar] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> RangeSection:
        ends = self.min is not None and self.max is not None
        if (self.values is not None) == ends or (self.values is not None and self.scaling is not None):
            raise ValueError("a range has min and max, with scaling or without, or it has values")
        return self


class StepSection(_Strict):
    """One step: its options and its texts; `minutes` is how long it takes on AWS, for the estimate.

    Those of `tune` are one training job's; `ranges` are what it searches, by hyperparameter. `ask` names the
    options that a class is to decide: they come first in forms and in the guide.
    """

    step: StepName
    options: dict[str, Scalar] = Field(default_factory=dict)
    ask: Annotated[list[str], Field(max_length=20)] = Field(default_factory=list)
    ranges: dict[str, RangeSection] | None = None
    minutes: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    text: dict[Language, StepTexts]

    _text = field_validator("text")(_english)


class RecipeFile(_Strict):
    """A whole recipe file."""

    format_version: Literal[1]
    name: Name
    title: dict[Language, Line]
    summary: dict[Language, Prose]
    level: Literal["beginner", "intermediate", "advanced"] = "beginner"
    dataset: DatasetSection
    algorithm: AlgorithmSection
    steps: Annotated[list[StepSection], Field(min_length=1)]

    _title = field_validator("title", "summary")(_english)

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: list[StepSection]) -> list[StepSection]:
        names = [step.step for step in steps]
        for earlier, later in itertools.pairwise(names):
            if STEP_NAMES.index(later) <= STEP_NAMES.index(earlier):
                raise ValueError(
                    f"{later} cannot come after {earlier}: each step comes once, in the order"
                    f" {', '.join(STEP_NAMES)}"
                )
        for needed, by in (
            ("prepare", "train"),
            ("prepare", "tune"),
            ("train", "deploy"),
            ("train", "transform"),
            ("deploy", "predict"),
        ):
            trained = needed == "train" and "tune" in names
            if by in names and needed not in names and not trained:
                raise ValueError(f"the step {by} needs the step {needed} before it")
        if any(step.ranges is not None and step.step != "tune" for step in steps):
            raise ValueError("ranges belong to the step tune")
        if names[0] != "dataset":
            raise ValueError("the first step is dataset")
        if "deploy" in names and "teardown" not in names:
            raise ValueError(
                "a recipe that deploys an endpoint needs a teardown step, or it would cost for ever"
            )
        return steps
