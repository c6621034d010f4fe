"""Short ways to write the commonest hyperparameters and ranges in a catalogue module."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from sagewizard.algorithms.schema import Hyperparameter, Interval, Kind

if TYPE_CHECKING:
    from typing import Unpack

    from sagewizard.algorithms.schema import Tunable

POSITIVE = Interval(low=0, low_open=True)
NOT_NEGATIVE = Interval(low=0)
BELOW_ONE = Interval(low=0, high=1, high_open=True)
INSIDE_ONE = Interval(low=0, high=1, low_open=True, high_open=True)
COUNT = Interval(low=1)


class Extras(TypedDict, total=False):
    """The members of a hyperparameter that most have no use for."""

    words: tuple[str, ...]
    tunable: Tunable
    only_when: tuple[tuple[str, tuple[str, ...]], ...]
    advanced: bool
    internal: bool
    versions: tuple[str, ...]


def count(
    name: str, title: str, text: str, default: str | None = None, **extras: Unpack[Extras]
) -> Hyperparameter:
    """Describe a whole number from 1 on."""
    return Hyperparameter(name, Kind.INTEGER, title, text, default, interval=COUNT, **extras)


def number(
    name: str, title: str, text: str, default: str | None, interval: Interval, **extras: Unpack[Extras]
) -> Hyperparameter:
    """Describe a number inside an interval."""
    return Hyperparameter(name, Kind.FLOAT, title, text, default, interval=interval, **extras)


def switch(name: str, title: str, text: str, default: str, **extras: Unpack[Extras]) -> Hyperparameter:
    """Describe a choice between true and false."""
    return Hyperparameter(name, Kind.BOOLEAN, title, text, default, **extras)
