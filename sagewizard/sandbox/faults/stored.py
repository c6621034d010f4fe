"""The plan of faults on disk, so that a server that is started again goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.sandbox.faults import plan

if TYPE_CHECKING:
    from pathlib import Path

NAME = "faults.yaml"


def write(folder: Path, text: bytes) -> None:
    """Keep the text of a plan, or forget it when empty. Raises FaultPlanError for one that is wrong."""
    path = folder / NAME
    if not text:
        path.unlink(missing_ok=True)
        return
    plan.read(text, NAME)
    temporary = path.with_name(f".{NAME}.new")
    temporary.write_bytes(text)
    temporary.replace(path)


def read(folder: Path) -> plan.Plan:
    """Return the plan that is kept; an empty one when there is none. Raises FaultPlanError."""
    path = folder / NAME
    return plan.read(path.read_bytes(), str(path)) if path.is_file() else plan.Plan()
