"""What every operation of the control plane is given, and how operations are written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewizard.sandbox.control.compute import Compute
    from sagewizard.sandbox.control.hosting import Hosting
    from sagewizard.sandbox.control.jobs import JobQueue
    from sagewizard.sandbox.control.resources import Repository
    from sagewizard.sandbox.control.tuning_supervisor import Tuners
    from sagewizard.sandbox.services import Services


@dataclass(frozen=True, slots=True)
class Control:
    """The parts that operations work with."""

    services: Services
    repository: Repository
    compute: Compute
    jobs: JobQueue
    hosting: Hosting
    tuners: Tuners


# (control, region, validated input) -> output members, or None for an operation without output.
Operation = Callable[[Control, str, dict[str, Any]], dict[str, Any] | None]
STOPPED_WITH_SERVER = (
    "InternalServerError: The sandbox was stopped while this job was running. Start the job again."
)
MAX_FAILURE_REASON = 1024


def failure_reason(text: str | None) -> str:
    """Cut a reason to what the API carries, 1,024 characters."""
    return (text or "InternalServerError: The job ended without saying why.")[:MAX_FAILURE_REASON]
