"""One hyperparameter of a search: its range, its scale, and its way to and from the unit interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

# From this ratio of the ends on, a range of positive numbers is searched on a logarithmic scale (Auto).
AUTO_RATIO = 100.0
LINEAR, LOGARITHMIC, REVERSE = "Linear", "Logarithmic", "ReverseLogarithmic"


class RangeProblem(ValueError):  # noqa: N818 (what a reader of a request calls it)
    """A range that cannot be searched; the text names the hyperparameter."""


@dataclass(frozen=True, slots=True)
class Continuous:
    """Real numbers from `low` to `high`, ends included; `scaling` is a ScalingType of the API."""

    name: str
    low: float
    high: float
    scaling: str = "Auto"
    scale: str = field(init=False)

    def __post_init__(self) -> None:
        _check(self.name, self.low, self.high, self.scaling)
        if self.scaling == REVERSE and not 0 <= self.low < self.high < 1:
            raise RangeProblem(
                f"ReverseLogarithmic scaling of the hyperparameter [{self.name}] needs a range within"
                f" 0 <= x < 1, not from {self.low} to {self.high}."
            )
        scale = self.scaling if self.scaling != "Auto" else _auto(self.low, self.high, reverse=True)
        object.__setattr__(self, "scale", scale)

    @property
    def size(self) -> float:
        """How many values there are."""
        return math.inf

    def position(self, value: float) -> float:
        """Return where a value lies, 0 at `low` and 1 at `high`; beyond that for values outside."""
        low, high = _bend(self.low, self.scale), _bend(self.high, self.scale)
        return (_bend(value, self.scale) - low) / (high - low)

    def read(self, text: str) -> float | None:
        """Return the position of a written value; None for what has no place on the scale."""
        try:
            position = self.position(float(text))
        except (ValueError, ZeroDivisionError):
            return None
        return position if math.isfinite(position) else None

    def value(self, position: float) -> float:
        """Return the value at a position of the unit interval, never outside the range."""
        low, high = _bend(self.low, self.scale), _bend(self.high, self.scale)
        value = _unbend(low + min(1.0, max(0.0, position)) * (high - low), self.scale)
        return min(self.high, max(self.low, value))

    def write(self, position: float) -> str:
        """Write the value at a position as the service writes hyperparameters: a decimal number as text."""
        return repr(float(self.value(position)))

    def snap(self, position: float) -> float:
        """Return the position of the value that would be tried."""
        return min(1.0, max(0.0, position))


@dataclass(frozen=True, slots=True)
class Integer:
    """Whole numbers from `low` to `high`, ends included; each is drawn from an equal share of its scale."""

    name: str
    low: int
    high: int
    scaling: str = "Auto"
    scale: str = field(init=False)

    def __post_init__(self) -> None:
        _check(self.name, self.low, self.high, self.scaling)
        if self.scaling == REVERSE:
            raise RangeProblem(
                f"ReverseLogarithmic scaling is for continuous ranges; the hyperparameter [{self.name}] has"
                " an integer range."
            )
        scale = self.scaling if self.scaling != "Auto" else _auto(self.low, self.high, reverse=False)
        object.__setattr__(self, "scale", scale)

    @property
    def size(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1

    def position(self, value: float) -> float:
        """Return where a value lies between half a step below `low` and half a step above `high`."""
        low, high = _bend(self.low - 0.5, self.scale), _bend(self.high + 0.5, self.scale)
        return (_bend(value, self.scale) - low) / (high - low)

    def read(self, text: str) -> float | None:
        """Return the position of a written value; None for what has no place on the scale."""
        try:
            position = self.position(float(text))
        except (ValueError, ZeroDivisionError):
            return None
        return position if math.isfinite(position) else None

    def value(self, position: float) -> int:
        """Return the nearest whole number, never outside the range."""
        low, high = _bend(self.low - 0.5, self.scale), _bend(self.high + 0.5, self.scale)
        value = _unbend(low + min(1.0, max(0.0, position)) * (high - low), self.scale)
        return min(self.high, max(self.low, math.floor(value + 0.5)))

    def write(self, position: float) -> str:
        """Write the whole number at a position."""
        return str(self.value(position))

    def snap(self, position: float) -> float:
        """Return the position of the whole number that would be tried."""
        return self.position(self.value(position))


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of a list of texts; in the model each is a coordinate of its own, 1 for the one chosen."""

    name: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise RangeProblem(f"The hyperparameter [{self.name}] has no values to choose from.")
        if len(set(self.values)) < len(self.values):
            raise RangeProblem(f"The hyperparameter [{self.name}] lists a value more than once.")

    @property
    def size(self) -> float:
        """How many values there are."""
        return len(self.values)


Parameter = Continuous | Integer | Categorical


def _check(name: str, low: float, high: float, scaling: str) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RangeProblem(f"The range of the hyperparameter [{name}] must have finite ends.")
    if low >= high:
        raise RangeProblem(
            f"The MinValue [{low}] of the hyperparameter [{name}] must be less than its MaxValue [{high}]."
        )
    if not math.isfinite(high - low):
        raise RangeProblem(f"The range of the hyperparameter [{name}] is too wide.")
    if scaling == LOGARITHMIC and low <= 0:
        raise RangeProblem(
            f"Logarithmic scaling of the hyperparameter [{name}] needs values greater than 0, and its"
            f" MinValue is {low}."
        )
    if scaling not in ("Auto", LINEAR, LOGARITHMIC, REVERSE):
        raise RangeProblem(f"There is no scaling type {scaling}.")


def _auto(low: float, high: float, *, reverse: bool) -> str:
    if low > 0 and high / low >= AUTO_RATIO:
        return LOGARITHMIC
    if reverse and low >= 0 and high < 1 and (1 - low) / (1 - high) >= AUTO_RATIO:
        return REVERSE
    return LINEAR


def _bend(value: float, scale: str) -> float:
    if scale == LOGARITHMIC:
        return math.log(value)
    if scale == REVERSE:
        return -math.log1p(-value)
    return float(value)


def _unbend(value: float, scale: str) -> float:
    if scale == LOGARITHMIC:
        return math.exp(value)
    if scale == REVERSE:
        return -math.expm1(-value)
    return value
