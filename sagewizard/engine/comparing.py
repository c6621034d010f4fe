"""Two runs side by side: the settings that differ, their metrics, times and costs; for every front end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewizard.engine.history import RunSummary

LOWER_IS_BETTER = frozenset(("rmse", "mae", "mape", "log_loss"))
SAME = 5e-5
"""Metrics closer than this are the same: they are shown with four digits."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure or setting of both runs; None where a run has none.

    `change` is the other's less the one's, for figures that both have; `better` says whether that is for the
    better, None where neither is or it is not known.
    """

    name: str
    one: Any
    other: Any
    change: float | None = None
    better: bool | None = None

    @property
    def same(self) -> bool:
        """Whether both are the same as far as it is shown."""
        return self.one == self.other or (self.change is not None and abs(self.change) < SAME)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs have in common and what they do not.

    `settings`: the options that were set for either run and differ, by their path. `seconds`: the time of
    each step that either has finished, then their sum as `all`.
    """

    one: RunSummary
    other: RunSummary
    settings: tuple[Change, ...]
    metrics: tuple[Change, ...]
    seconds: tuple[Change, ...]
    usd: Change

    @property
    def same_recipe(self) -> bool:
        """Whether both are runs of the same recipe, so that one can be called better than the other."""
        return self.one.recipe == self.other.recipe

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "runs": [
                {
                    "run": run.run_id, "recipe": run.recipe, "target": run.target, "state": run.status,
                    "created": run.created, "simulated": run.simulated, "labels": list(run.labels),
                    "confusion": [list(row) for row in run.confusion],
                }
                for run in (self.one, self.other)
            ],
            "settings": {row.name: {"values": [row.one, row.other]} for row in self.settings},
            "metrics": {
                row.name: {"values": [row.one, row.other], "change": row.change, "better": row.better}
                for row in self.metrics
            },
            "seconds": {
                row.name: {"values": [row.one, row.other], "change": row.change} for row in self.seconds
            },
            "usd": {"values": [self.usd.one, self.usd.other], "change": self.usd.change},
        }  # fmt: skip


def compare(one: RunSummary, other: RunSummary) -> Comparison:
    """Set two runs side by side."""
    return Comparison(
        one,
        other,
        tuple(
            Change(path, one.settings.get(path), other.settings.get(path))
            for path in dict.fromkeys([*one.settings, *other.settings])
            if str(one.settings.get(path)) != str(other.settings.get(path))
        ),
        tuple(
            figure(name, one.metrics.get(name), other.metrics.get(name), lower=name in LOWER_IS_BETTER)
            for name in dict.fromkeys([*one.metrics, *other.metrics])
        ),
        (
            *(
                figure(step, one.step_seconds.get(step), other.step_seconds.get(step))
                for step in dict.fromkeys([*one.step_seconds, *other.step_seconds])
            ),
            figure("all", one.seconds, other.seconds),
        ),
        figure("usd", one.usd, other.usd),
    )


def figure(name: str, one: float | None, other: float | None, *, lower: bool | None = None) -> Change:
    """Compare one figure; `lower` says whether less is better, None when neither is."""
    if one is None or other is None:
        return Change(name, one, other)
    change = other - one
    better = None if lower is None or abs(change) < SAME else (change < 0) == lower
    return Change(name, one, other, change, better)
