"""The search space of a tuning job: hyperparameter values as text, and as points the strategies work on.

A point has one coordinate in [0, 1] for a number and, for a categorical parameter, one coordinate a value
(1 for the value taken, 0 for the others).
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.tuning.parameters import (
    Categorical,
    Continuous,
    Integer,
    Parameter,
    RangeProblem,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Values = dict[str, str]


class SearchSpace:
    """The parameters of a search, in order; RangeProblem when two share a name."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        names = [parameter.name for parameter in parameters]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise RangeProblem(f"The hyperparameter [{twice}] has more than one range.")
        self._starts: list[int] = []
        width = 0
        for parameter in self.parameters:
            self._starts.append(width)
            width += len(parameter.values) if isinstance(parameter, Categorical) else 1
        self.width = width

    @classmethod
    def of_ranges(cls, ranges: Mapping[str, Any]) -> SearchSpace:
        """Read `ParameterRanges` of the API; RangeProblem says which range is wrong and why."""
        parameters: list[Parameter] = [
            Categorical(item["Name"], tuple(item["Values"]))
            for item in ranges.get("CategoricalParameterRanges") or []
        ]
        for item in ranges.get("ContinuousParameterRanges") or []:
            low, high = _number(item, "MinValue"), _number(item, "MaxValue")
            parameters.append(Continuous(item["Name"], low, high, item.get("ScalingType", "Auto")))
        for item in ranges.get("IntegerParameterRanges") or []:
            first, last = _whole(item, "MinValue"), _whole(item, "MaxValue")
            parameters.append(Integer(item["Name"], first, last, item.get("ScalingType", "Auto")))
        return cls(parameters)

    @property
    def size(self) -> float:
        """How many combinations there are; infinite with a continuous parameter."""
        return math.prod(parameter.size for parameter in self.parameters)

    def combinations(self) -> Iterator[Values]:
        """Every combination of a space without continuous parameters, the last parameter changing fastest."""
        choices: list[list[str]] = []
        for parameter in self.parameters:
            if isinstance(parameter, Continuous):
                raise RangeProblem(f"The hyperparameter [{parameter.name}] has no end of values.")
            if isinstance(parameter, Categorical):
                choices.append(list(parameter.values))
            else:
                choices.append([str(value) for value in range(parameter.low, parameter.high + 1)])
        names = [parameter.name for parameter in self.parameters]
        for combination in itertools.product(*choices):
            yield dict(zip(names, combination, strict=True))

    def draw(self, generator: np.random.Generator) -> Values:
        """Draw one combination, each parameter evenly over its scale."""
        return self.at([generator.random() for _ in self.parameters])

    def at(self, coordinates: Sequence[float]) -> Values:
        """Return the values at one coordinate in [0, 1] for each parameter, categorical ones included."""
        values: Values = {}
        for parameter, u in zip(self.parameters, coordinates, strict=True):
            if isinstance(parameter, Categorical):
                values[parameter.name] = parameter.values[
                    min(len(parameter.values) - 1, int(u * parameter.size))
                ]
            else:
                values[parameter.name] = parameter.write(u)
        return values

    def decode(self, point: Array) -> Values:
        """Return the values of a point; of a categorical parameter the value with the largest coordinate."""
        import numpy as np

        values: Values = {}
        for parameter, start in zip(self.parameters, self._starts, strict=True):
            if isinstance(parameter, Categorical):
                part = point[start : start + len(parameter.values)]
                values[parameter.name] = parameter.values[int(np.argmax(part))]
            else:
                values[parameter.name] = parameter.write(float(point[start]))
        return values

    def encode(self, values: Mapping[str, str]) -> Array | None:
        """Return the point of written values; None when one is missing or has no place in the space.

        Numbers outside their range lie outside the unit cube: a parent job with wider ranges still tells
        something about the space beside it.
        """
        import numpy as np

        point = np.zeros(self.width)
        for parameter, start in zip(self.parameters, self._starts, strict=True):
            text = values.get(parameter.name)
            if text is None:
                return None
            if isinstance(parameter, Categorical):
                if text not in parameter.values:
                    return None
                point[start + parameter.values.index(text)] = 1.0
                continue
            position = parameter.read(text)
            if position is None:
                return None
            point[start] = position
        return point

    def snap(self, points: Array) -> Array:
        """Move points (one a row) to what would really be tried: whole numbers, one category, in range."""
        import numpy as np

        snapped = np.clip(points, 0.0, 1.0)
        rows = np.arange(len(points))
        for parameter, start in zip(self.parameters, self._starts, strict=True):
            if isinstance(parameter, Categorical):
                part = slice(start, start + len(parameter.values))
                chosen = np.argmax(points[:, part], axis=1)
                snapped[:, part] = 0.0
                snapped[rows, start + chosen] = 1.0
            elif isinstance(parameter, Integer):
                column = snapped[:, start]
                unique, inverse = np.unique(column, return_inverse=True)
                snapped[:, start] = np.array([parameter.snap(u) for u in unique])[inverse]
        return snapped

    def spread(self, cube: Array) -> Array:
        """Turn rows with one coordinate a parameter into points, snapped."""
        import numpy as np

        points = np.zeros((len(cube), self.width))
        rows = np.arange(len(cube))
        for index, (parameter, start) in enumerate(zip(self.parameters, self._starts, strict=True)):
            if isinstance(parameter, Categorical):
                count = len(parameter.values)
                chosen = np.minimum(count - 1, (cube[:, index] * count).astype(int))
                points[rows, start + chosen] = 1.0
            else:
                points[:, start] = cube[:, index]
        return self.snap(points)

    @property
    def blocks(self) -> list[tuple[Parameter, slice]]:
        """Each parameter with the columns it has in a point."""
        ends = [*self._starts[1:], self.width]
        return [
            (parameter, slice(start, end))
            for parameter, start, end in zip(self.parameters, self._starts, ends, strict=True)
        ]


def _number(item: Mapping[str, Any], end: str) -> float:
    text = item[end]
    try:
        return float(_plain(text))
    except ValueError:
        raise RangeProblem(
            f"The {end} [{text}] of the hyperparameter [{item['Name']}] is not a number."
        ) from None


def _whole(item: Mapping[str, Any], end: str) -> int:
    text = item[end]
    try:
        number = float(_plain(text))
        if not number.is_integer() or abs(number) > 2**53:
            raise ValueError(text)
        return int(number)
    except (ValueError, OverflowError):
        raise RangeProblem(
            f"The {end} [{text}] of the hyperparameter [{item['Name']}] is not an integer."
        ) from None


def _plain(text: str) -> str:
    """Refuse what Python reads as a number and no other program does: `1_000`."""
    if "_" in text:
        raise ValueError(text)
    return text
