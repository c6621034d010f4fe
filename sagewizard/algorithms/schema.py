"""The shape of a catalogue entry: hyperparameters, channels, metrics, images of one algorithm.

Everything here is plain data: an algorithm is described once, and forms, prompts, recipe checks, the
sandbox and the documentation read that one description. Values are strings, as they are on the wire.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Kind(StrEnum):
    """What the text of a hyperparameter stands for."""

    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    TEXT = "text"


class Goal(StrEnum):
    """Which way a metric gets better, in the words of the tuning API."""

    MAXIMIZE = "Maximize"
    MINIMIZE = "Minimize"


class Scaling(StrEnum):
    """How a tuning job searches a range, in the words of the tuning API."""

    AUTO = "Auto"
    LINEAR = "Linear"
    LOGARITHMIC = "Logarithmic"
    REVERSE_LOGARITHMIC = "ReverseLogarithmic"


def _plain(value: float) -> str:
    """Write a bound as a person would: 1000, 0.5, 1e-07."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:g}"


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of numbers; a missing end is open to infinity, `*_open` leaves the end itself out."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def contains(self, value: float) -> bool:
        """Tell whether a number lies inside; NaN and infinities never do."""
        if not math.isfinite(value):
            return False
        if self.low is not None and (value <= self.low if self.low_open else value < self.low):
            return False
        return not (self.high is not None and (value >= self.high if self.high_open else value > self.high))

    @property
    def words(self) -> str:
        """The range as words: "above 0", "at least 0 and below 1", "from 3 to 1000000"."""
        if self.low is not None and self.high is not None and not self.low_open and not self.high_open:
            return f"from {_plain(self.low)} to {_plain(self.high)}"
        parts = []
        if self.low is not None:
            parts.append(f"{'above' if self.low_open else 'at least'} {_plain(self.low)}")
        if self.high is not None:
            parts.append(f"{'below' if self.high_open else 'at most'} {_plain(self.high)}")
        return " and ".join(parts) if parts else "any number"


@dataclass(frozen=True, slots=True)
class Tunable:
    """The range an automatic tuning job may search: numbers from `low` to `high`, or a list of `values`."""

    low: float | None = None
    high: float | None = None
    scaling: Scaling = Scaling.AUTO
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One hyperparameter: what may be written, what stands there otherwise, and what it does.

    `words` are accepted besides a number (`auto`, `balanced`). `only_when` maps other hyperparameters to
    the values under which this one has an effect; forms hide it otherwise. `advanced` ones are folded away
    in forms. `internal` ones are set by SageMaker itself and never offered. `versions` lists the image
    versions that know it; empty means all of them.
    """

    name: str
    kind: Kind
    title: str
    help: str
    default: str | None = None
    required: bool = False
    interval: Interval | None = None
    words: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    tunable: Tunable | None = None
    only_when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    advanced: bool = False
    internal: bool = False
    versions: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What may be written, in words for a person: "a whole number from 3 to 1000000, or auto"."""
        if self.kind is Kind.BOOLEAN:
            return _either((*self.words, "true", "false"))
        if self.kind is Kind.CHOICE:
            return _either(self.choices)
        if self.kind is Kind.TEXT:
            return "text"
        noun = "a whole number" if self.kind is Kind.INTEGER else "a number"
        limits = self.interval.words if self.interval else ""
        if limits and limits != "any number":
            noun = f"{noun} {'of ' if limits.startswith('at ') else ''}{limits}"
        return _either((noun, *self.words))

    def fault(self, value: str) -> str | None:
        """Say why `value` may not be written here, or None when it may."""
        if self.kind is Kind.TEXT or value in self.words:
            return None
        if self.kind in (Kind.BOOLEAN, Kind.CHOICE):
            accepted = ("true", "false") if self.kind is Kind.BOOLEAN else self.choices
            folded = value.lower() if self.kind is Kind.BOOLEAN else value
            return None if folded in accepted else f"'{value}' is not {self.allowed}"
        try:
            number = int(value) if self.kind is Kind.INTEGER else float(value)
        except ValueError:
            return f"'{value}' is not {self.allowed}"
        if "_" in value or not math.isfinite(number):
            return f"'{value}' is not {self.allowed}"
        if self.interval is not None and not self.interval.contains(number):
            return f"{value} is out of range: it must be {self.allowed}"
        return None


def _either(options: Iterable[str]) -> str:
    """Join options for a sentence: "a", "a or b", "a, b or c"."""
    options = list(options)
    return options[0] if len(options) == 1 else f"{', '.join(options[:-1])} or {options[-1]}"


@dataclass(frozen=True, slots=True)
class Channel:
    """One input channel of a training job."""

    name: str
    required: bool
    content_types: tuple[str, ...]
    distributions: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A metric and the regular expression that finds it in the job's log; plain readings have no goal."""

    name: str
    regex: str
    goal: Goal | None = None
    help: str = ""
    tunable: bool = False

    def as_request(self) -> dict[str, str]:
        """Give the pair as CreateTrainingJob and DescribeTrainingJob write it."""
        return {"Name": self.name, "Regex": self.regex}


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where the image of an algorithm lives: repository, account by region, tag by version."""

    repository: str
    accounts: Mapping[str, str]
    tags: Mapping[str, str]
    default_version: str


@dataclass(frozen=True, slots=True)
class InstanceTypes:
    """Instance types a beginner gets when nothing else is asked for."""

    training: str
    hosting: str
    transform: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a set of hyperparameters, for recipes and forms.

    `key` is the name as written, `allowed` what may stand there, `nearest` the known name that was
    probably meant, `value` what was written ("" when it is missing).
    """

    key: str
    message: str
    allowed: str = ""
    nearest: str | None = None
    value: str = ""

    def __str__(self) -> str:
        hint = f" Did you mean '{self.nearest}'?" if self.nearest else ""
        return f"{self.key}: {self.message}.{hint}"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One built-in algorithm, whole.

    `rules` check what no single hyperparameter can know, such as a loss that does not go with the
    predictor type; they see only values that are right on their own. `image` holds the current versions,
    `earlier_images` versions that were published in another repository. With `script_mode` a script of the
    person's own runs: hyperparameters and channels of any name are its affair.
    """

    name: str
    title: str
    summary: str
    hyperparameters: tuple[Hyperparameter, ...]
    channels: tuple[Channel, ...]
    metric_definitions: tuple[MetricDefinition, ...]
    image: ImageSource
    inference_content_types: tuple[str, ...]
    inference_accepts: tuple[str, ...]
    instance_types: InstanceTypes
    supervised: bool = True
    input_modes: tuple[str, ...] = ("File",)
    max_instances: int | None = None
    rules: tuple[Callable[[Mapping[str, str]], Iterable[Problem]], ...] = ()
    earlier_images: tuple[ImageSource, ...] = ()
    script_mode: bool = False

    @property
    def images(self) -> tuple[ImageSource, ...]:
        """Every place its images live in, the current one first."""
        return (self.image, *self.earlier_images)

    @property
    def versions(self) -> tuple[str, ...]:
        """Every version an image of it can be asked for by."""
        return tuple(version for source in self.images for version in source.tags)

    def hyperparameter(self, name: str) -> Hyperparameter | None:
        """Find a hyperparameter by its exact name."""
        return next((entry for entry in self.hyperparameters if entry.name == name), None)

    def channel(self, name: str) -> Channel | None:
        """Find a channel by its exact name."""
        return next((entry for entry in self.channels if entry.name == name), None)

    def metric(self, name: str) -> MetricDefinition | None:
        """Find a metric definition by its exact name."""
        return next((entry for entry in self.metric_definitions if entry.name == name), None)

    @property
    def objectives(self) -> tuple[MetricDefinition, ...]:
        """The metrics a tuning job may aim at."""
        return tuple(entry for entry in self.metric_definitions if entry.tunable)
