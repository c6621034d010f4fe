"""Step teardown: deletes what the run has made, in order, until the target says that it is gone.

The data in the bucket and the logs stay unless the recipe says otherwise, each by an option of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.engine import log_removal
from sagewizard.engine.inventory import reason
from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.teardown import teardown_of
from sagewizard.errors import BillableRemainsError, CancelledError, SageWizardError

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext


def run(context: RunContext) -> StepResult:
    """Delete everything of the run; its data and its logs only when the recipe says so."""
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
        billed = any(entry.hourly_usd for entry, _reason in report.failed)
        raise (BillableRemainsError if billed else SageWizardError)(
            f"Not everything could be deleted: {named}.",
            remedy=f"Try again with `sagewizard teardown {context.run_id}`.",
        )
    kept = [entry for entry in context.ledger.alive(run_id=context.run_id) if entry.kind == "s3-prefix"]
    count = len(report.deleted)
    things = "1 resource" if count == 1 else f"{count} resources"
    summary = f"{things} deleted" if count else "There was nothing to delete"
    if kept:
        summary += f"; the data stays in {kept[0].name}"
    logs = _logs(context) if context.option("delete_logs") else []
    if logs:
        summary += "; 1 log deleted" if len(logs) == 1 else f"; {len(logs)} logs deleted"
    return StepResult(
        summary,
        {
            "deleted": [f"{entry.kind} {entry.name}" for entry in report.deleted],
            "kept": [e.name for e in kept],
            **({"logs": logs} if logs else {}),
        },
    )


def _logs(context: RunContext) -> list[str]:
    """Delete the logs of the run's jobs and endpoints; they cost next to nothing, so trouble is a warning."""
    try:
        return log_removal.remove(context.api, context.ledger.of_run(context.run_id))
    except CancelledError:
        raise
    except Exception as error:
        context.warn(
            f"Not all logs could be deleted: {reason(error).rstrip('.')}. Try again with"
            f" `sagewizard teardown {context.run_id} --logs`, or leave them."
        )
        return []
