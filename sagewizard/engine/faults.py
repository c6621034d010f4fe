"""Turns whatever a step raises into an error for a person; the details of our own faults stay in the run."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from sagewizard import boto_errors
from sagewizard.engine.steps import STEPS
from sagewizard.errors import SageWizardError

if TYPE_CHECKING:
    from pathlib import Path

    from sagewizard.engine.context import RunContext


def translate(raised: Exception, context: RunContext) -> SageWizardError:
    """Return the error to tell; one that is for a person already stays as it is."""
    if isinstance(raised, SageWizardError):
        return raised
    if boto_errors.is_boto(raised):
        target = context.target
        return boto_errors.translate(
            raised, doing=STEPS[context.step].doing if context.step else "",
            region=target.region, profile=target.profile, simulated=target.simulated,
        )  # fmt: skip
    if isinstance(raised, OSError):
        return SageWizardError(
            f"{raised.strerror or raised}.", where=str(raised.filename or ""),
            remedy="Check the disk space and the permissions, then resume the run.",
        )  # fmt: skip
    detail = "".join(traceback.format_exception(raised))
    place = _write_detail(detail, context)
    return SageWizardError(
        f"The program met a fault of its own: {type(raised).__name__}: {raised}.",
        remedy=f"The details are in {place}; resume the run, or tear it down." if place else detail,
    )


def _write_detail(detail: str, context: RunContext) -> Path | None:
    if not context.on_disk:
        return None
    path = context.folder / "fault.txt"
    try:
        path.write_text(detail, encoding="utf-8")
    except OSError:
        return None
    return path
