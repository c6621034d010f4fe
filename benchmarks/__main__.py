"""One table of all figures: ours, what they are compared with, the ratio, the aim, memory.

`python -m benchmarks [PART ...]` runs the parts named, or all. Ratios are theirs through ours: above 1 we are
the faster. Only figures of one run are compared; single seconds of a shared machine mean little. Exits 1
when an aim is missed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path
from typing import Any

PARTS = ("data_formats", "sandbox_jobs", "sandbox_storage", "tuning", "recipes", "replay", "app", "quitting")


def main() -> int:
    """Measure and print; the exit code says whether every aim was met."""
    there = [part for part in PARTS if (Path(__file__).parent / f"{part}.py").is_file()]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", choices=[*there, []], help=f"one or more of {', '.join(there)}")
    parser.add_argument(
        "--beside", nargs=2, action="append", default=[], metavar=("COMMAND", "TEXT"),
        help="for app: another program to time, and a text of its first frame",
    )  # fmt: skip
    options = parser.parse_args()
    chosen = options.part or there
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, {platform.platform(terse=True)}\n")
    print(f"{'':26} {'ours':>10} {'theirs':>10} {'ratio':>8}  {'aim':<14} {'our MB':>7} {'their MB':>8}")
    missed, texts = [], []
    for part in chosen:
        measured = importlib.import_module(f"benchmarks.{part}")
        for row in measured.rows(beside=options.beside) if part == "app" else measured.rows():
            verdict = _missed(row)
            missed += [row["name"]] if verdict else []
            texts.append(f"{row['name']}: {row['text']}." + (f" {row['note']}." if row.get("note") else ""))
            print(_line(row, verdict), flush=True)
    print()
    print("\n".join(texts))
    if missed:
        print(f"\nMissed: {', '.join(missed)}.")
    return bool(missed)


def _line(row: dict[str, Any], missed: bool) -> str:
    aim = (
        f"<= {_time(row['aim_seconds'])}"
        if row.get("aim_seconds")
        else f">= {row['aim']:g}x"
        if row["aim"]
        else "-"
    )
    ratio = f"{row['ratio']:.2f}x" if row["ratio"] is not None else "-"
    return (
        f"{row['name']:26} {_figure(row, 'ours'):>10} {_figure(row, 'theirs'):>10} {ratio:>8}  "
        f"{aim + (' missed' if missed else ''):<14} {_memory(row.get('ours_peak_mb')):>7} "
        f"{_memory(row.get('theirs_peak_mb')):>8}"
    )


def _missed(row: dict[str, Any]) -> bool:
    if "missed" in row:
        return bool(row["missed"])
    if row.get("aim_seconds"):
        return bool(row["ours"] > row["aim_seconds"])
    return bool(row["aim"] and row["ratio"] < row["aim"])


def _figure(row: dict[str, Any], side: str) -> str:
    """Write a figure in the row's own unit; seconds unless it names another."""
    if "unit" not in row or row[side] is None:
        return _time(row[side])
    return f"{row[side]:,.0f} {row['unit']}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1000:.1f} ms"


def _memory(megabytes: float | None) -> str:
    return "-" if megabytes is None else f"{megabytes:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
