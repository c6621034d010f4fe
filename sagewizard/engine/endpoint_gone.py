"""Owns what happens when an endpoint turns out to be gone while it is needed: told plainly, and resumable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.engine import ttl
from sagewizard.engine.api import error_code, error_message, is_missing
from sagewizard.errors import TargetError
from sagewizard.render.units import duration

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext


def says_gone(error: BaseException) -> bool:
    """Whether the target says that there is no such endpoint; the runtime has words of its own for it."""
    if is_missing(error):
        return True
    text = error_message(error)
    return error_code(error) == "ValidationError" and text.startswith("Endpoint ") and "not found" in text


def gone(context: RunContext, endpoint: str) -> TargetError:
    """Enter that an endpoint is not there any more, and return the error to raise.

    Its row and its meter end, and the run deploys the model again when it goes on.
    """
    now = context.clock.now()
    fired = ttl.fires_at(context, endpoint)
    by_itself = fired is not None and context.state.ttl is not None and fired <= now + 1.0
    for entry in context.ledger.alive(run_id=context.run_id):
        if entry.kind == "endpoint" and entry.name == endpoint:
            context.ledger.deleted(entry.id, now=now, note="deleted itself" if by_itself else "gone already")
    context.meter.stop("endpoint", endpoint, at=fired if by_itself else None)
    context.cost_changed()
    step = context.state.step("deploy")
    step.status, step.attempt, step.outputs = "pending", step.attempt + 1, {}
    context.save()
    if by_itself:
        why = f"has deleted itself, {duration(context.state.ttl)} after its last use, as --ttl asked for"
    else:
        why = "is not there any more: somebody else has deleted it"
    return TargetError(
        f"The endpoint {endpoint} {why}.",
        remedy=f"`sagewizard runs resume {context.run_id}` deploys the model again and goes on from there.",
    )
