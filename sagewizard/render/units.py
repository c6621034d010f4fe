"""Owns numbers as people read them: money, durations, byte sizes, counts, shares; plain ASCII throughout."""

from __future__ import annotations

import math
from typing import Final

MISSING: Final = "-"
"""Stands for a value that is not there or not a number."""


def money(usd: float | None, *, approximate: bool = False) -> str:
    """Return USD as `$0.02`, `~$0.02` if approximate, `<$0.01` for a fraction of a cent; `-` for none."""
    if usd is None or not math.isfinite(usd):
        return MISSING
    if usd < 0:
        return f"-{money(-usd, approximate=approximate)}"
    if 0 < usd < 0.005:
        return "<$0.01"
    return f"{'~' if approximate else ''}${usd:,.2f}"


def clock_time(moment: float) -> str:
    """Write a moment (seconds since the epoch) as a time of its day: `16:02:10 UTC`."""
    import time

    return time.strftime("%H:%M:%S UTC", time.gmtime(moment))


def hourly(usd: float | None) -> str:
    """Return USD per hour: `$1.20/h`, `$0.24/h`, `$0.115/h`, below ten cents `$0.0464/h`; `-` for none."""
    if usd is None or not math.isfinite(usd):
        return MISSING
    if 0 < usd < 0.1:
        return f"${usd:.4f}/h"
    if usd < 1:
        return f"${f'{usd:.3f}'.removesuffix('0')}/h"
    return f"${usd:,.2f}/h"


def duration(seconds: float | None) -> str:
    """Return seconds as `0.4 s`, `42 s`, `4 min 10 s`, `2 h 05 min` or `3 d 4 h`; `-` for none."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def size(count: float | None) -> str:
    """Return bytes in decimal units, as S3 bills them: `812 B`, `1.4 MB`, `159.2 MB`; `-` for none."""
    if count is None or not math.isfinite(count):
        return MISSING
    if count < 0:
        return f"-{size(-count)}"
    if count < 999.5:
        return f"{count:.0f} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95 or unit == "TB":
            break
    return f"{value:,.1f} {unit}"


def count(number: float | None) -> str:
    """Return a whole number with separators, as `9,020`; `-` for none."""
    if number is None or not math.isfinite(number):
        return MISSING
    return f"{round(number):,}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of 1 as `97.8 %`; never rounded to 100 or to 0 unless it is; `-` for none."""
    if share is None or not math.isfinite(share):
        return MISSING
    text = f"{share * 100:.{digits}f}"
    step = 10.0**-digits
    if 0 <= share < 1 and float(text) >= 100:
        text = f"{100 - step:.{digits}f}"
    if share > 0 and float(text) == 0:
        return f"<{step:.{digits}f} %"
    return f"{text} %"


def number(value: float | None, digits: int = 4) -> str:
    """Return a metric: a fixed number of decimals from 0.001 to 10,000, else four significant digits."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}f}"
    return f"{value:.4g}"
