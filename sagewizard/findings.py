"""One line of a doctor: what was looked at, how it is, and what to do when it is not well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`failed` would stop a run, `warning` may surprise one; each comes with its remedy."""

    name: str
    state: Literal["ok", "warning", "failed"]
    text: str
    remedy: str = ""
