"""Step teardown: deletes what the run has made, in order, until the target says that it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.teardown import teardown_of
from sagewizard.errors import BillableRemainsError

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext


def run(context: RunContext) -> StepResult:
    """Delete everything of the run; its data only when the recipe says so."""
    with_data = bool(context.option("delete_data"))
    entries = [
        entry
        for entry in context.ledger.alive(run_id=context.run_id)
        if with_data or entry.kind != "s3-prefix"
    ]
    report = teardown_of(context).delete(entries)
    context.cost_changed()
    if report.failed:
        named = "; ".join(
            f"{entry.kind} {entry.name} ({reason}"
            + (f", ${entry.hourly_usd:.3f} an hour" if entry.hourly_usd else "")
            + ")"
            for entry, reason in report.failed
        )
        raise BillableRemainsError(
            f"Not everything could be deleted: {named}.",
            remedy=f"Try again with `sagewizard teardown {context.run_id}`.",
        )
    kept = [entry for entry in context.ledger.alive(run_id=context.run_id) if entry.kind == "s3-prefix"]
    count = len(report.deleted)
    things = "1 resource" if count == 1 else f"{count} resources"
    summary = f"{things} deleted" if count else "There was nothing to delete"
    if kept:
        summary += f"; the data stays in {kept[0].name}"
    return StepResult(
        summary,
        {
            "deleted": [f"{entry.kind} {entry.name}" for entry in report.deleted],
            "kept": [e.name for e in kept],
        },
    )
