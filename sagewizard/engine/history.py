"""The history of runs for a person: one row a run, two side by side, and a file to take away."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagewizard.engine import journal
from sagewizard.engine import state as states
from sagewizard.engine.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sagewizard.settings import Settings


@dataclass(frozen=True)
class RunSummary:
    """One run: `seconds` its steps took together, `done` the finished steps, times since the epoch."""

    run_id: str
    recipe: str
    target: str
    simulated: bool
    status: str
    error: str
    created: float
    updated: float
    seconds: float
    done: tuple[str, ...]
    usd: float
    settings: dict[str, Any]
    metrics: dict[str, float]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    alive: int
    journal: str
    step_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> tuple[str, float] | None:
        """The one measure that tells runs apart: the first there is of F1, macro F1, accuracy, RMSE."""
        return next(
            (
                (name, self.metrics[name])
                for name in ("f1", "macro_f1", "accuracy", "rmse")
                if name in self.metrics
            ),
            None,
        )


def summaries(settings: Settings) -> list[RunSummary]:
    """Return all runs, newest first."""
    alive: dict[str, int] = {}
    for entry in Ledger(settings.ledger).alive():
        if entry.kind != "s3-prefix":
            alive[entry.run_id] = alive.get(entry.run_id, 0) + 1
    return [_summary(settings, state, alive.get(state.run_id, 0)) for state in states.all_runs(settings.runs)]


def _summary(settings: Settings, state: states.RunState, alive: int) -> RunSummary:
    outputs = state.outputs("evaluate")
    return RunSummary(
        run_id=state.run_id,
        recipe=state.recipe,
        target=state.target,
        simulated=state.simulated,
        status=state.status,
        error=state.error,
        created=state.created,
        updated=state.updated,
        seconds=sum(step.seconds for step in state.steps.values()),
        done=tuple(name for name, step in state.steps.items() if step.status == "finished"),
        usd=state.usd,
        settings=dict(state.overrides),
        metrics={name: float(value) for name, value in outputs.get("metrics", {}).items()},
        labels=tuple(str(label) for label in outputs.get("labels", ())),
        confusion=tuple(tuple(int(n) for n in row) for row in outputs.get("confusion", ())),
        alive=alive,
        journal=str(settings.runs / state.run_id / journal.NAME),
        step_seconds={name: step.seconds for name, step in state.steps.items() if step.status == "finished"},
    )


def export(settings: Settings, run_ids: Collection[str], *, now: float) -> tuple[Path, Path]:
    """Write the runs of these ids, newest first, to a JSON and a CSV file of the home's exports; return both.

    The CSV has one row a run and one column a metric and a setting; each row names the run's journal.
    """
    import orjson

    chosen = [summary for summary in summaries(settings) if summary.run_id in run_ids]
    folder = settings.home / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    stem = time.strftime("runs-%Y%m%d-%H%M%S", time.gmtime(now))
    rows = [_row(summary) for summary in chosen]
    json_path, csv_path = folder / f"{stem}.json", folder / f"{stem}.csv"
    states.write_atomically(json_path, orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    states.write_atomically(csv_path, _csv(rows).encode())
    return json_path, csv_path


def _row(summary: RunSummary) -> dict[str, Any]:
    return {
        "run": summary.run_id,
        "recipe": summary.recipe,
        "target": summary.target,
        "state": summary.status,
        "error": summary.error,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(summary.created)),
        "seconds": round(summary.seconds, 3),
        "usd": summary.usd,
        "simulated": summary.simulated,
        "metrics": summary.metrics,
        "labels": list(summary.labels),
        "confusion": [list(row) for row in summary.confusion],
        "settings": summary.settings,
        "journal": summary.journal,
    }


def _csv(rows: list[dict[str, Any]]) -> str:
    plain = ["run", "recipe", "target", "state", "error", "created", "seconds", "usd", "simulated", "journal"]
    metrics = sorted({name for row in rows for name in row["metrics"]})
    settings = sorted({name for row in rows for name in row["settings"]})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*plain, *metrics, *settings])
    for row in rows:
        writer.writerow(
            [
                *(_cell(row[name]) for name in plain),
                *(row["metrics"].get(name, "") for name in metrics),
                *(_cell(row["settings"].get(name, "")) for name in settings),
            ]
        )
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Keep a text from being taken for a formula by a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
