"""Owns small words and figures of the interface: durations, amounts, money, states as a glyph and a word."""

from __future__ import annotations

from typing import Final

STATES: Final = {
    "waiting": ("·", "waiting"),
    "running": ("▶", "running"),
    "done": ("✓", "done"),
    "skipped": ("-", "skipped"),
    "failed": ("✗", "failed"),
    "stopped": ("■", "stopped"),
    "stale": ("~", "changed"),
}
"""A glyph and a word for each state of a step, so that none is told by colour alone."""

WIDE: Final = 100
"""Columns of the terminal from which there is room for a word more."""

RUN_STATES: Final = {
    "running": ("■", "unfinished"), "finished": ("✓", "finished"), "partial": ("·", "partly done"),
    "failed": ("✗", "failed"), "cancelled": ("■", "stopped"),
}  # fmt: skip


def duration(seconds: float) -> str:
    """Write a duration: `0.3 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 days`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    if whole < 2 * 86400:
        hours, rest = divmod(whole // 60, 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{whole // 86400} days"


def ago(seconds: float) -> str:
    """Write how long ago something was, in its largest unit: `12 s ago`, `3 min ago`, `2 h ago`."""
    whole = max(0, int(seconds))
    for unit, size in (("days", 2 * 86400), ("h", 3600), ("min", 60)):
        if whole >= size:
            return f"{whole // (86400 if unit == 'days' else size)} {unit} ago"
    return f"{whole} s ago"


def amount(value: float, unit: str) -> str:
    """Write a quantity with its unit: `1.5 MB`, `360 rows`."""
    if unit != "bytes":
        return f"{value:,.0f} {unit}".rstrip()
    for name, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.1f} {name}"
    return f"{value:.0f} bytes"


def dollars(value: float | None) -> str:
    """Write a bill so that little can be told from nothing: `$0`, `<$0.0001`, `$0.0123`, `$1.20`."""
    if value is None:
        return "no price known"
    if value == 0:
        return "$0"
    if value < 0.0001:
        return "<$0.0001"
    return f"${value:.4f}" if value < 1 else f"${value:,.2f}"


def roughly(value: float) -> str:
    """Write a bill at a glance: `under $0.01` for what is less than a cent, else as `dollars`."""
    return "under $0.01" if 0 < value < 0.01 else dollars(value)


def per_hour(value: float | None) -> str:
    """Write a price per hour: `$0.115/h`; nothing for what costs nothing."""
    return f"${value:.3f}/h" if value else ""


def plural(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun: `1 job`, `2 jobs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
