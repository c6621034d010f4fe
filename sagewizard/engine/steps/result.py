"""What a step hands back: one line for a person, and what later steps use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StepResult:
    """`outputs` are plain JSON values; they are kept in the state of the run."""

    summary: str
    outputs: dict[str, Any] = field(default_factory=dict)
