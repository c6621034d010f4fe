"""The tags of everything that a run makes: which run, whose, and until when it may be needed."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "sagewizard:"
"""What the key of every tag of ours begins with, and of no other."""

LIFETIME_SECONDS: Final = 86_400.0
"""From the making to `sagewizard:expires`: longer than any shipped recipe takes."""

_LONGEST: Final = 256
_NOT_ALLOWED: Final = re.compile(r"[^\w .:/=+\-@]", re.ASCII)


def tags(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as every AWS API takes them; what a value may not hold becomes a hyphen."""
    return [
        {"Key": f"{PREFIX}{name}", "Value": _NOT_ALLOWED.sub("-", value)[:_LONGEST]}
        for name, value in values.items()
    ]


def expires(now: float) -> str:
    """Write the moment after which nobody should need it any more, in UTC, as 2026-11-22T05:00:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + LIFETIME_SECONDS))


def is_ours(tag: Mapping[str, str]) -> bool:
    """Whether a tag is one that this program sets."""
    return str(tag.get("Key", "")).startswith(PREFIX)
